//! Use cases: the buyer has the ticket, or decides on one that is late.

use stubmart_contract::{Context, OrderId, UserId, api::LateChoice};
use stubmart_kernel::{ApplyError, Versioned};

use crate::{
    delivery::{Command, Delivery, Refusal},
    service::Deliveries,
};

impl Deliveries {
    /// The buyer has it.
    ///
    /// # Errors
    /// [`ApplyError`], which says what happened.
    pub async fn accept(
        &self,
        context: &Context,
        id: OrderId,
        buyer: UserId,
    ) -> Result<Versioned<Delivery>, ApplyError<Refusal>> {
        Ok(self.apply(context, id, &Command::Accept(buyer)).await?.after)
    }

    /// The buyer of a late ticket waits for it, or takes the money back. Payments hears of that by the event
    /// of the delivery, and gives it back.
    ///
    /// # Errors
    /// [`ApplyError`], which says what happened.
    pub async fn choose(
        &self,
        context: &Context,
        id: OrderId,
        buyer: UserId,
        choice: LateChoice,
    ) -> Result<Versioned<Delivery>, ApplyError<Refusal>> {
        Ok(self.apply(context, id, &Command::Choose(buyer, choice)).await?.after)
    }
}
