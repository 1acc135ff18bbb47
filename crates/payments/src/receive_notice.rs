//! The provider says that something happened to a payment.

use stubmart_contract::{ChargeId, Context};
use stubmart_kernel::{RepositoryError, mutant};
use stubmart_ports::gateway::{BadNotice, GatewayError};

use crate::{
    charge::{Charge, Command},
    service::Payments,
    settle::SettleError,
};

/// Why a notice was not taken. The provider may send it again.
#[derive(Debug)]
pub(crate) enum NoticeError {
    /// It is not the provider's, or not understood.
    Bad(BadNotice),
    /// It is about no charge of ours.
    Unknown,
    /// The provider does not say which charge it is about.
    Provider(GatewayError),
    /// The repository failed.
    Repository(RepositoryError),
}

impl From<RepositoryError> for NoticeError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

impl Payments {
    /// Takes a notice. It is only a hint: what is done follows from the present state of the payment, so
    /// a notice may come twice, late, and after later ones.
    pub(crate) async fn receive_notice(
        &self,
        context: &Context,
        signature: &str,
        body: &[u8],
    ) -> Result<(), NoticeError> {
        let read = self.provider().notice(signature, body, self.host().now());
        let notice = read.map_err(NoticeError::Bad)?;
        let Some(payment_id) = notice.payment_id else { return Ok(()) };
        let charge_id = match notice.charge_id {
            Some(charge_id) => charge_id,
            None => match self.charge_of(&payment_id).await.map_err(NoticeError::Provider)? {
                Some(charge_id) => charge_id,
                None => return Err(NoticeError::Unknown),
            },
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
    /// [`GatewayError`]: not known.
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

    /// Works on a charge at once. That it is to be worked on is saved before, so that it happens in any
    /// case once this has answered. `None` when there is no such charge.
    ///
    /// # Errors
    /// [`RepositoryError`]: it may be worked on.
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
