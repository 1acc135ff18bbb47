//! A service that another one calls before it is there: tickets and catalogue call each other, and so do auth
//! and payments; one of them starts first.

use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use stubmart_contract::{
    Context, OrderId, TicketId, UserId,
    calls::{
        Listings, ListingsRequest, LockRefusal, LockRequest, Locked, OpenSales, OverdueLocks,
        OverdueLocksRequest,
    },
};
use stubmart_ports::calls::{CallError, Payments, Tickets};

/// A service of this process, from the moment it has started. It does not keep the service alive, which holds
/// on to its caller in turn.
pub(crate) struct Later<T: ?Sized>(OnceLock<Weak<T>>);

impl<T: ?Sized> Default for Later<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T: ?Sized> Later<T> {
    /// Calls go to `service` from now on.
    pub(crate) fn bind(&self, service: &Arc<T>) {
        // The first one stays: there is one in a process.
        self.0.get_or_init(|| Arc::downgrade(service));
    }

    fn get(&self) -> Result<Arc<T>, CallError> {
        let service = self.0.get().and_then(Weak::upgrade);
        service.ok_or_else(|| CallError("a service of this process does not run yet".into()))
    }
}

#[async_trait]
impl Payments for Later<dyn Payments> {
    async fn open_sales(&self, context: &Context, seller: UserId) -> Result<OpenSales, CallError> {
        self.get()?.open_sales(context, seller).await
    }
}

#[async_trait]
impl Tickets for Later<dyn Tickets> {
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
