//! A mailer that keeps what it is given.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use stubmart_ports::mailer::{Mail, MailError, Mailer};

use crate::lock::lock;

/// Keeps each mail, once. Clones are handles on the same outbox.
#[derive(Debug, Clone, Default)]
pub struct MemoryMailer(Arc<Mutex<Vec<Mail>>>);

impl MemoryMailer {
    /// A mailer that was given nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What it was given, oldest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        lock(&self.0).clone()
    }
}

#[async_trait]
impl Mailer for MemoryMailer {
    async fn send(&self, mail: Mail) -> Result<(), MailError> {
        let mut mails = lock(&self.0);
        if mails.iter().all(|sent| sent.id != mail.id) {
            mails.push(mail);
        }
        Ok(())
    }
}
