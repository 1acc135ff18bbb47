//! A service that another one calls before it is there: tickets and catalogue call each other, and one of
//! them starts first.

use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use stubmart_contract::{
    Context, OrderId, TicketId,
    calls::{
        Listings, ListingsRequest, LockRefusal, LockRequest, Locked, OverdueLocks,
        OverdueLocksRequest,
    },
};
use stubmart_ports::calls::{CallError, Tickets};

/// The tickets service of this process, from the moment it has started. It does not keep the service
/// alive, which holds on to its caller in turn.
#[derive(Default)]
pub(crate) struct LaterTickets(OnceLock<Weak<dyn Tickets>>);

impl LaterTickets {
    /// Calls go to `tickets` from now on.
    pub(crate) fn bind(&self, tickets: &Arc<dyn Tickets>) {
        // The first one stays: there is one in a process.
        self.0.get_or_init(|| Arc::downgrade(tickets));
    }

    fn get(&self) -> Result<Arc<dyn Tickets>, CallError> {
        let tickets = self.0.get().and_then(Weak::upgrade);
        tickets.ok_or_else(|| CallError("tickets does not run in this process".into()))
    }
}

#[async_trait]
impl Tickets for LaterTickets {
    async fn lock(
        &self,
        context: &Context,
        request: LockRequest,
    ) -> Result<Result<Locked, LockRefusal>, CallError> {
        self.get()?.lock(context, request).await
    }

    async fn release(
        &self,
        context: &Context,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(), CallError> {
        self.get()?.release(context, ticket_id, order_id).await
    }

    async fn sell(
        &self,
        context: &Context,
        ticket_id: TicketId,
        order_id: OrderId,
    ) -> Result<(), CallError> {
        self.get()?.sell(context, ticket_id, order_id).await
    }

    async fn listings(
        &self,
        context: &Context,
        request: ListingsRequest,
    ) -> Result<Listings, CallError> {
        self.get()?.listings(context, request).await
    }

    async fn overdue_locks(
        &self,
        context: &Context,
        request: OverdueLocksRequest,
    ) -> Result<OverdueLocks, CallError> {
        self.get()?.overdue_locks(context, request).await
    }
}
