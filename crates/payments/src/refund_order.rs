//! Use case: an operator gives the money of a completed order back, all of it or a part.
//!
//! The decision is saved before the provider is asked, and the reconciler sees it through whatever becomes
//! of the process that asked. The order stays completed: its ticket was sold.

use stubmart_contract::{Context, OrderId, Price};
use stubmart_kernel::{RepositoryError, mark};

use crate::{
    charge::{Cause, Charge, Command, Refund, Refusal, Stage},
    service::Payments,
};

/// What an operator asks for.
#[derive(Debug, Clone, Copy)]
pub struct RefundOrder<'a> {
    /// The order.
    pub order_id: OrderId,
    /// How much, in minor units; `None` for all that is left.
    pub amount: Option<Price>,
    /// Why, in the operator's words.
    pub reason: &'a str,
    /// Names the request. Asked again with it, it is the same refund.
    pub key: Option<&'a str>,
}

/// What became of a refund that was asked for: its `status` tells. One that is pending is decided and saved,
/// and the reconciler sees it through.
#[derive(Debug)]
pub struct Refunded {
    /// The refund.
    pub refund: Refund,
    /// Its charge.
    pub charge: Charge,
}

/// Why no money is given back. Nothing happened.
#[derive(Debug, thiserror::Error)]
pub enum RefundOrderError {
    /// The order was never paid for.
    #[error("there is no payment for this order")]
    NotPaid,
    /// The charge does not take this refund.
    #[error(transparent)]
    Refused(Refusal),
    /// The repository failed. The refund may be saved; asking again with the same key asks once.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl Payments {
    /// Gives money that was paid for an order back to its buyer. Asked again with the same key, it answers
    /// what has become of it.
    ///
    /// # Errors
    /// [`RefundOrderError`], which says what happened.
    pub async fn refund_order(
        &self,
        context: &Context,
        request: &RefundOrder<'_>,
    ) -> Result<Refunded, RefundOrderError> {
        let RefundOrder { order_id, amount, reason, key } = *request;
        let charges = self.charges_of(order_id).await?;
        let paid = charges.into_iter().find(|it| it.state.stage == Stage::Completed);
        let paid = paid.ok_or(RefundOrderError::NotPaid)?;
        // A request without a key is one of its own.
        let own_key = format!("request {}", self.host().uuid());
        let key = key.map_or(own_key, ToOwned::to_owned);
        let cause = Cause::Operator { reason: reason.to_owned(), key: Some(key.clone()) };
        let asked = self.apply(context, paid, &Command::RequestRefund { amount, cause }).await?;
        if let Some(refusal) = asked.refused {
            return Err(RefundOrderError::Refused(refusal));
        }
        let found = |charge: &Charge| charge.refunds.iter().find(|it| it.has_key(&key)).cloned();
        let missing = || RepositoryError::Corrupt("a refund that was saved is gone".into());
        let refund = found(&asked.charge.state).ok_or_else(missing)?;
        if !refund.is_requested() {
            return Ok(Refunded { refund, charge: asked.charge.state });
        }
        mark!("an operator gave money back");
        self.reconciler().wake();
        let claimed = self.apply(context, asked.charge, &Command::Claim).await?.charge;
        let charge = match self.settle(context, claimed.clone()).await {
            Ok(progress) => progress.charge,
            Err(error) => {
                tracing::info!(charge.id = %claimed.state.id, %error, "refund not settled yet");
                let after = self.charges().load(claimed.state.id).await?;
                after.unwrap_or(claimed).state
            }
        };
        let refund = found(&charge).ok_or_else(missing)?;
        Ok(Refunded { refund, charge })
    }
}
