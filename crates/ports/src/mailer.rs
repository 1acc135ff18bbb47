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
    /// The same as HTML, for readers that show it.
    pub html: Option<String>,
    /// The files that come with it.
    pub attachments: Vec<Attachment>,
    /// Where one click ends mails of this kind (RFC 8058): an address that takes a `POST` without a session,
    /// and shows a person who opens it what to press.
    pub unsubscribe: Option<String>,
}

/// A file that comes with a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub name: String,
    /// Its media type, such as `text/calendar; charset=utf-8`.
    pub media_type: String,
    /// Its content.
    pub content: Vec<u8>,
}

impl Mail {
    /// A mail of text alone.
    #[must_use]
    pub const fn plain(id: uuid::Uuid, to: String, subject: String, text: String) -> Self {
        Self { id, to, subject, text, html: None, attachments: Vec::new(), unsubscribe: None }
    }
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
