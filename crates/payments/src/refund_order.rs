//! Use case: an operator gives the money of a completed order back.
//!
//! The decision is saved before the provider is asked, and the reconciler sees it through whatever becomes
//! of the process that asked. The order stays completed: its ticket was sold.

use stubmart_contract::{Context, OrderId};
use stubmart_kernel::{RepositoryError, mark};

use crate::{
    charge::{Charge, Command, Stage},
    service::Payments,
};

/// What became of a refund that was asked for.
#[derive(Debug)]
pub enum Refunded {
    /// The buyer has the money back.
    Done(Charge),
    /// It is decided and saved, and the provider has not answered yet: the reconciler sees it through.
    Pending(Charge),
}

/// Why no money is given back. Nothing happened.
#[derive(Debug, thiserror::Error)]
pub enum RefundOrderError {
    /// The order was never paid for.
    #[error("there is no payment for this order")]
    NotPaid,
    /// It was given back before, for another request.
    #[error("the money for this order was given back already")]
    GivenBack,
    /// The repository failed. The refund may be saved; asking again with the same key asks once.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl Payments {
    /// Gives everything that was paid for an order back to its buyer. Asked again with the same key, it
    /// answers what has become of it.
    ///
    /// # Errors
    /// [`RefundOrderError`], which says what happened.
    pub async fn refund_order(
        &self,
        context: &Context,
        order_id: OrderId,
        reason: &str,
        key: Option<&str>,
    ) -> Result<Refunded, RefundOrderError> {
        let charges = self.charges_of(order_id).await?;
        let paid = charges.into_iter().find(|it| it.state.stage == Stage::Completed);
        let paid = paid.ok_or(RefundOrderError::NotPaid)?;
        let (reason, key) = (reason.to_owned(), key.map(str::to_owned));
        let asked = self.apply(context, paid, &Command::RequestRefund { reason, key }).await?;
        if asked.refused.is_some() {
            return Err(RefundOrderError::GivenBack);
        }
        if asked.charge.state.refund_id.is_some() {
            return Ok(Refunded::Done(asked.charge.state));
        }
        mark!("an operator gave money back");
        self.reconciler().wake();
        let claimed = self.apply(context, asked.charge, &Command::Claim).await?.charge;
        let charge = claimed.state.clone();
        match self.settle(context, claimed).await {
            Ok(progress) if progress.charge.refund_id.is_some() => {
                Ok(Refunded::Done(progress.charge))
            }
            Ok(progress) => Ok(Refunded::Pending(progress.charge)),
            Err(error) => {
                tracing::info!(charge.id = %charge.id, %error, "refund not settled yet");
                Ok(Refunded::Pending(charge))
            }
        }
    }
}
