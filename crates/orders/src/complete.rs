//! A charge took its money: its order is completed.

use stubmart_contract::{ChargeId, Context, OrderId};
use stubmart_kernel::RepositoryError;

use crate::{order::Command, service::Orders};

impl Orders {
    /// Awaiting Payment → Completed, and the ticket is sold. An order that does not await this charge
    /// stays as it is.
    ///
    /// # Errors
    /// [`RepositoryError`]: the order may be completed.
    pub async fn complete(
        &self,
        context: &Context,
        id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), RepositoryError> {
        self.apply_if_possible(context, id, &Command::Complete(charge_id)).await
    }
}
