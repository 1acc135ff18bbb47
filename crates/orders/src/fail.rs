//! A charge failed for good: its order is cancelled.

use stubmart_contract::{ChargeId, Context, OrderId};
use stubmart_kernel::RepositoryError;

use crate::{order::Command, service::Orders};

impl Orders {
    /// The order is cancelled and its ticket free. An order that has ended, or awaits another charge,
    /// stays as it is.
    ///
    /// # Errors
    /// [`RepositoryError`]: the order may be cancelled.
    pub async fn fail(
        &self,
        context: &Context,
        id: OrderId,
        charge_id: ChargeId,
    ) -> Result<(), RepositoryError> {
        self.apply_if_possible(context, id, &Command::Fail(charge_id)).await
    }
}
