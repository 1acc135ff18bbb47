//! Use case: the seller has sent the ticket.

use stubmart_contract::{Context, OrderId, UserId};
use stubmart_kernel::{ApplyError, Versioned};

use crate::{
    delivery::{Command, Delivery, Refusal, Sent},
    service::Deliveries,
};

impl Deliveries {
    /// The seller has sent it, as they say; said again, it corrects what was said before.
    ///
    /// # Errors
    /// [`ApplyError`], which says what happened.
    pub async fn send(
        &self,
        context: &Context,
        id: OrderId,
        seller: UserId,
        sent: Sent,
    ) -> Result<Versioned<Delivery>, ApplyError<Refusal>> {
        Ok(self.apply(context, id, &Command::Send { by: seller, sent }).await?.after)
    }
}
