//! What a buyer does at their bank's page, where the provider is one without money.

use stubmart_contract::{Context, UserId};
use stubmart_kernel::RepositoryError;
use stubmart_ports::{bank::TestBank, gateway::GatewayError};

use crate::{charge::Charge, service::Payments};

/// Why nothing was authenticated.
#[derive(Debug)]
pub(crate) enum AuthenticateError {
    /// The buyer has no payment with this client secret.
    NotFound,
    /// The provider does not answer; the bank may have.
    Provider(GatewayError),
    /// The repository failed; the bank may have answered.
    Repository(RepositoryError),
}

impl From<GatewayError> for AuthenticateError {
    fn from(error: GatewayError) -> Self {
        Self::Provider(error)
    }
}

impl From<RepositoryError> for AuthenticateError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
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
