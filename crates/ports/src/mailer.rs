//! Mail to users.

use std::fmt;

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

/// The mail was not taken; send it again.
#[derive(Debug)]
pub struct MailError(pub Cause);

impl fmt::Display for MailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the mail was not taken: {}", self.0)
    }
}

impl std::error::Error for MailError {}

/// Sends mail.
#[async_trait]
pub trait Mailer: Send + Sync + 'static {
    /// Takes a mail for delivery, durably.
    ///
    /// # Errors
    /// [`MailError`]: it may have been taken.
    async fn send(&self, mail: Mail) -> Result<(), MailError>;
}
