//! A mailer that fails.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::FutureExt as _;
use stubmart_ports::mailer::{Mail, MailError, Mailer};

use super::{
    call::{Errors, change},
    plan::{Call, Faults, Op},
};

const ERRORS: Errors<MailError> = (MailError::Failed, MailError::Failed);

/// A mailer with faults injected.
#[derive(Clone)]
pub struct FaultyMailer {
    inner: Arc<dyn Mailer>,
    faults: Arc<dyn Faults>,
}

impl std::fmt::Debug for FaultyMailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyMailer").finish_non_exhaustive()
    }
}

impl FaultyMailer {
    /// `inner` with these faults.
    #[must_use]
    pub fn new(inner: Arc<dyn Mailer>, faults: Arc<dyn Faults>) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
impl Mailer for FaultyMailer {
    async fn send(&self, mail: Mail) -> Result<(), MailError> {
        change(&self.faults, Call::about(Op::SendMail, mail.id), ERRORS, || {
            let (inner, mail) = (Arc::clone(&self.inner), mail.clone());
            async move { inner.send(mail).await }.boxed()
        })
        .await
    }
}
