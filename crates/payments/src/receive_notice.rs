//! The provider's notices that something happened to a payment.

use stubmart_contract::{ChargeId, Context};
use stubmart_kernel::{RepositoryError, mutant};
use stubmart_ports::gateway::{BadNotice, GatewayError};

use crate::{
    charge::{Charge, Command},
    service::Payments,
    settle::SettleError,
};

/// Why a notice was not taken. The provider may send it again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoticeError {
    /// It is not the provider's, or not understood.
    #[error(transparent)]
    Bad(#[from] BadNotice),
    /// It is about no charge of ours.
    #[error("the notice is about no charge of ours")]
    Unknown,
    /// The provider did not say which charge it is about.
    #[error(transparent)]
    Provider(#[from] GatewayError),
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl Payments {
    /// Takes a notice. It is only a hint: the service acts on the present state of the payment, so a
    /// notice may come twice, late, and after later ones.
    pub(crate) async fn receive_notice(
        &self,
        context: &Context,
        signature: &str,
        body: &[u8],
    ) -> Result<(), NoticeError> {
        let notice = self.provider().notice(signature, body, self.host().now())?;
        let Some(payment_id) = notice.payment_id else { return Ok(()) };
        let charge_id = match notice.charge_id {
            Some(charge_id) => charge_id,
            None => self.charge_of(&payment_id).await?.ok_or(NoticeError::Unknown)?,
        };
        match self.settle_now(context, charge_id).await? {
            Some(_) => Ok(()),
            None if mutant!("200 for an unknown notice") => Ok(()),
            None => Err(NoticeError::Unknown),
        }
    }

    /// The charge that a payment was made for; `None` when there is no such payment.
    ///
    /// # Errors
    /// [`GatewayError`]: it is not known.
    pub(crate) async fn charge_of(
        &self,
        payment_id: &str,
    ) -> Result<Option<ChargeId>, GatewayError> {
        match self.provider().payment(payment_id).await {
            Ok(payment) => Ok(Some(payment.charge_id)),
            Err(GatewayError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Works on a charge at once, under a claim that is saved before: once this has answered, the charge
    /// is settled in any case. `None` when there is no such charge.
    ///
    /// # Errors
    /// [`RepositoryError`]: the charge may have been worked on.
    pub(crate) async fn settle_now(
        &self,
        context: &Context,
        charge_id: ChargeId,
    ) -> Result<Option<Charge>, RepositoryError> {
        let Some(charge) = self.charges().load(charge_id).await? else { return Ok(None) };
        let claimed = self.apply(context, charge, &Command::Claim).await?.charge;
        match self.settle(context, claimed.clone()).await {
            Ok(progress) => Ok(Some(progress.charge)),
            Err(SettleError::Repository(error)) => Err(error),
            Err(error) => {
                tracing::info!(charge.id = %charge_id, %error, "charge not settled, will try again");
                self.reconciler().wake();
                Ok(Some(claimed.state))
            }
        }
    }
}
