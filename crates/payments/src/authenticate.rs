//! What a buyer does at their bank's page, where the provider is one without money.

use stubmart_contract::{Context, UserId};
use stubmart_kernel::RepositoryError;
use stubmart_ports::{bank::TestBank, gateway::GatewayError};

use crate::{charge::Charge, service::Payments};

/// Why nothing was authenticated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthenticateError {
    /// The buyer has no payment with this client secret.
    #[error("no such payment")]
    NotFound,
    /// The provider did not answer; the bank may have.
    #[error(transparent)]
    Provider(#[from] GatewayError),
    /// The repository failed; the bank may have answered.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl Payments {
    /// Satisfies the bank, or fails to, and goes on with the charge. The answer is the charge after
    /// that.
    pub(crate) async fn authenticate(
        &self,
        context: &Context,
        bank: &dyn TestBank,
        buyer: UserId,
        client_secret: &str,
        succeed: bool,
    ) -> Result<Charge, AuthenticateError> {
        let payment_id = client_secret.split("_secret_").next().unwrap_or_default();
        let charge_id = self.charge_of(payment_id).await?.ok_or(AuthenticateError::NotFound)?;
        let charge = self.charges().load(charge_id).await?;
        if charge.is_none_or(|charge| charge.state.user_id != buyer) {
            return Err(AuthenticateError::NotFound);
        }
        let payment = bank.authenticate(client_secret, succeed).await?;
        payment.ok_or(AuthenticateError::NotFound)?;
        self.settle_now(context, charge_id).await?.ok_or(AuthenticateError::NotFound)
    }
}
