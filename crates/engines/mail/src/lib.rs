//! Mail: over SMTP, or as files in a directory for a mail system or a developer to pick up.

mod file;
mod message;
mod smtp;

pub use file::FileMailer;
pub use message::is_sender;
pub use smtp::{SmtpMailer, SmtpServer};
