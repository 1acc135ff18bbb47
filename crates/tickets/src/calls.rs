//! The calls that tickets answers to other services.

use async_trait::async_trait;
use stubmart_contract::{Context, OrderId, TicketId, calls};
use stubmart_kernel::page::PageError;
use stubmart_ports::calls::{CallError, Tickets as Calls};

use crate::service::Tickets;

#[async_trait]
impl Calls for Tickets {
    async fn lock(
        &self,
        context: &Context,
        request: calls::LockRequest,
    ) -> Result<Result<calls::Locked, calls::LockRefusal>, CallError> {
        self.lock_ticket(context, request).await.map_err(|error| CallError(error.into()))
    }

    async fn release(
        &self,
        context: &Context,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(), CallError> {
        let released = self.release_ticket(context, ticket_id, order_id).await;
        released.map_err(|error| CallError(error.into()))
    }

    async fn sell(
        &self,
        context: &Context,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(), CallError> {
        let sold = self.sell_ticket(context, ticket_id, order_id).await;
        sold.map_err(|error| CallError(error.into()))
    }

    async fn listings(
        &self,
        _: &Context,
        request: calls::ListingsRequest,
    ) -> Result<calls::Listings, CallError> {
        self.find_listings(&request).await.map_err(|error| match error {
            PageError::ForeignCursor => CallError("the cursor is of another list".into()),
            PageError::Repository(error) => CallError(error.into()),
        })
    }

    async fn overdue_locks(
        &self,
        _: &Context,
        request: calls::OverdueLocksRequest,
    ) -> Result<calls::OverdueLocks, CallError> {
        self.find_overdue_locks(&request).await.map_err(|error| CallError(error.into()))
    }
}
