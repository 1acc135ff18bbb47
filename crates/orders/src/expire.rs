//! Ending a checkout whose time is up.

use stubmart_contract::{Context, OrderId, UserId, calls::ExpiredLock};
use stubmart_kernel::{ApplyError, RepositoryError, Versioned, mark, mutant};
use stubmart_ports::calls::CallError;

use crate::{
    order::{Command, Order},
    service::Orders,
};

/// Why a lock was not ended. It has to be tried again.
#[derive(Debug)]
pub enum ExpireError {
    /// The order may have expired.
    Repository(RepositoryError),
    /// The order has ended, and the ticket may still be locked for it.
    Call(CallError),
}

impl Orders {
    /// A lock's time is up. An order that is still Created is cancelled; one that was never saved gets a
    /// tombstone. The ticket of an order that ended before is released or sold again: its lock should be
    /// gone, so the first call and its event may have been lost.
    ///
    /// # Errors
    /// [`ExpireError`].
    pub async fn expire(&self, context: &Context, lock: ExpiredLock) -> Result<(), ExpireError> {
        let id = lock.order_id;
        let applied = match self.orders().apply(context, id, &Command::Expire(lock)).await {
            Ok(applied) => applied,
            Err(ApplyError::Repository(error)) => return Err(ExpireError::Repository(error)),
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => return Ok(()),
        };
        let order = &applied.after.state;
        if applied.changed && order.has_expired() {
            self.count_run_out(order.user_id).await;
        }
        if order.has_ended() && !applied.changed {
            if mutant!("the lock of an ended order is not ended again") {
                return Ok(());
            }
            mark!("the lock of an ended order was ended again");
        }
        self.end_lock(context, order).await.map_err(ExpireError::Call)
    }

    /// The order, if `buyer` has it. One whose time is up expires by the question, even if its timer is
    /// late: nobody is asked for money for it. Asking does not take a closed page back.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub async fn order_now(
        &self,
        context: &Context,
        id: OrderId,
        buyer: UserId,
    ) -> Result<Option<Versioned<Order>>, RepositoryError> {
        let found = self.orders().load(id).await?.filter(|it| it.state.user_id == buyer);
        let Some(order) = found else { return Ok(None) };
        if order.state.has_ended() || order.state.expires_at > self.host().now() {
            return Ok(Some(order));
        }
        match self.apply(context, id, &Command::ExpireWhenDue).await {
            Ok(applied) => Ok(Some(applied.after)),
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(Some(order)),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }
}
