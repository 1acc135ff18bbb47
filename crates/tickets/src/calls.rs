//! What tickets answers to other services.

use async_trait::async_trait;
use stubmart_contract::{Context, OrderId, TicketId, calls};
use stubmart_kernel::page::PageError;
use stubmart_ports::calls::{
    CallError, LockRefusal, LockRequest, LockTickets, Locked, Tickets as Calls,
};

use crate::service::{SERVICE, Tickets};

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

#[async_trait]
impl LockTickets for Tickets {
    async fn lock(&self, request: LockRequest) -> Result<Result<Locked, LockRefusal>, CallError> {
        let LockRequest { ticket_id, order_id, buyer_id, price, until } = request;
        let request = calls::LockRequest { ticket_id, order_id, buyer_id, price, until };
        let locked = Calls::lock(self, &Context::work(SERVICE), request).await?;
        Ok(match locked {
            Ok(calls::Locked { seller_id, price, currency, ticket, until }) => {
                Ok(Locked { seller_id, price, currency, ticket, until })
            }
            Err(calls::LockRefusal::NotFound) => Err(LockRefusal::NotFound),
            Err(calls::LockRefusal::Locked) => Err(LockRefusal::Locked),
            Err(calls::LockRefusal::Sold) => Err(LockRefusal::Sold),
            Err(calls::LockRefusal::OwnTicket) => Err(LockRefusal::OwnTicket),
            Err(calls::LockRefusal::PriceChanged) => Err(LockRefusal::PriceChanged),
        })
    }
}
