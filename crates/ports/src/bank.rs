//! The bank of a payment provider without money.

use async_trait::async_trait;

use crate::gateway::{GatewayError, Payment};

/// What a buyer does at their bank's page, done by a call. No provider with money has it.
#[async_trait]
pub trait TestBank: Send + Sync + 'static {
    /// Ends the authentication that the payment with this client secret waits for, and answers with
    /// the payment in the state it has then. Where it does not wait for authentication nothing changes.
    /// `None` when no payment has this client secret.
    ///
    /// # Errors
    /// [`GatewayError`]; it says what happened.
    async fn authenticate(
        &self,
        client_secret: &str,
        succeed: bool,
    ) -> Result<Option<Payment>, GatewayError>;
}
