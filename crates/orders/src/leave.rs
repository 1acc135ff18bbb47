//! Leaving a checkout by its cancel button.

use stubmart_contract::{Context, OrderId, UserId};
use stubmart_kernel::{ApplyError, Precondition, Versioned};

use crate::{
    order::{Command, Order, Refusal},
    service::Orders,
};

impl Orders {
    /// The buyer leaves the checkout, if the order is at a version that is meant: it is cancelled, and
    /// its ticket is free before this answers (unless tickets is down). Again is fine.
    ///
    /// # Errors
    /// [`ApplyError::Refused`] and [`ApplyError::Stale`]: nothing happened. [`ApplyError::Repository`]:
    /// the checkout may be left.
    pub async fn leave(
        &self,
        context: &Context,
        id: OrderId,
        buyer: UserId,
        precondition: &Precondition,
    ) -> Result<Versioned<Order>, ApplyError<Refusal>> {
        let order = self.own(id, buyer).await?;
        let left = self.orders().apply_to(context, order, precondition, &Command::Leave).await?;
        // Also for an order that was cancelled before: the first try may have been cut off here.
        self.follow(context, &left.after.state).await;
        Ok(left.after)
    }

    /// The order, if it is this buyer's.
    pub(crate) async fn own(
        &self,
        id: OrderId,
        buyer: UserId,
    ) -> Result<Versioned<Order>, ApplyError<Refusal>> {
        let found = self.orders().load(id).await?;
        found
            .filter(|it| it.state.user_id == buyer)
            .ok_or(ApplyError::Refused { refusal: Refusal::NotFound, version: None })
    }
}
