//! Mail to users.

use async_trait::async_trait;

use crate::Cause;

/// A mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Names the mail; a mailer that can drops one it has sent already.
    pub id: uuid::Uuid,
    /// The address it goes to.
    pub to: String,
    /// Its subject line.
    pub subject: String,
    /// Its text, plain.
    pub text: String,
}

/// Why a mail was not taken.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// It can never be taken: there is something wrong with the mail itself, such as its address.
    /// Nothing was sent.
    #[error("the mail was refused: {0}")]
    Refused(Cause),
    /// The mailer failed; send it again. It may have been taken.
    #[error("the mail was not taken: {0}")]
    Failed(Cause),
}

/// Sends mail.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Takes a mail for delivery, durably.
    ///
    /// # Errors
    /// [`MailError`].
    async fn send(&self, mail: Mail) -> Result<(), MailError>;
}
