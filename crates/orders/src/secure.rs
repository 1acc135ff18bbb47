//! Holding an order for a charge whose money is authorised.

use stubmart_contract::{ChargeId, Context, OrderId};
use stubmart_kernel::{ApplyError, mark};

use crate::{
    order::{Command, Refusal},
    service::Orders,
};

impl Orders {
    /// Created → Awaiting Payment for this charge. A checkout whose time is up expires instead, even if
    /// its timer is late: a payment that is refused for that finds the order expired.
    ///
    /// # Errors
    /// [`ApplyError::Refused`]: the order is not held for the charge. [`ApplyError::Repository`]: it may
    /// be.
    pub async fn secure(
        &self,
        context: &Context,
        id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), ApplyError<Refusal>> {
        let secured = self.apply(context, id, &Command::Secure(charge_id)).await?;
        if secured.after.state.has_expired() {
            mark!("a payment lost to expiry");
            let version = Some(secured.after.version);
            return Err(ApplyError::Refused { refusal: Refusal::Expired, version });
        }
        Ok(())
    }
}
