//! Security notices: mails that tell an account's owner what was done with it.
//!
//! A notice is saved with the change it tells of, in the user's own document, and stays there until
//! the mailer took it. So none is lost in a crash; one may be sent twice, with the same id.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stubmart_contract::Timestamp;
use stubmart_ports::{
    Cause,
    key::Key,
    mailer::Mail,
    repo::Row,
    store::Scan,
    worker::{Next, Wake, Worker},
};
use uuid::Uuid;

use crate::{
    Auth,
    email::Email,
    user::{Command, USERS, User},
};

/// After this a notice is of no use any more, and its address is not kept for it.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// How many users' notices are sent in one step.
const BATCH: usize = 100;

/// A mail that is to be sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Notice {
    pub(crate) id: Uuid,
    pub(crate) kind: NoticeKind,
    pub(crate) to: Email,
    pub(crate) at: Timestamp,
}

/// What a notice tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoticeKind {
    EmailChanged,
    PasswordChanged,
    AccountDeleted,
}

impl Notice {
    /// The mail.
    pub(crate) fn mail(&self) -> Mail {
        let (subject, what) = match self.kind {
            NoticeKind::EmailChanged => (
                "The email address of your Stubmart account was changed",
                "the email address of your Stubmart account was changed. \
                 From now on mail goes to the new address, and you sign in with it.",
            ),
            NoticeKind::PasswordChanged => (
                "The password of your Stubmart account was changed",
                "the password of your Stubmart account was changed. \
                 Every other browser that was signed in is signed out; access tokens still work.",
            ),
            NoticeKind::AccountDeleted => (
                "Your Stubmart account was deleted",
                "your Stubmart account was deleted. Your listings are withdrawn, your open orders \
                 are cancelled, and what was known of you is erased.",
            ),
        };
        let text = format!(
            "On {}, {what}\n\nIf this was not you, tell the people who run this marketplace at once.\n",
            self.at
        );
        Mail { id: self.id, to: self.to.as_str().to_owned(), subject: subject.to_owned(), text }
    }
}

/// Sends notices.
#[derive(Debug)]
pub(crate) struct Notices(pub(crate) Auth);

#[async_trait]
impl Worker for Notices {
    fn name(&self) -> &'static str {
        "auth-notices"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let scan = Scan::prefix(&USERS, "notices", &Key::new()).limit(BATCH);
        let rows = self.0.inner.users.find(scan).await?;
        if rows.is_empty() {
            return Ok(Next::Idle);
        }
        // One address that the mailer does not take must not keep the others waiting.
        let mut failure = None;
        for row in rows {
            if let Err(cause) = self.send(&row).await {
                failure = Some(cause);
            }
        }
        failure.map_or(Ok(Next::Again), Err)
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.inner.notices.clone())
    }
}

impl Notices {
    /// Sends a user's notices and strikes those off that were taken or have grown old.
    async fn send(&self, row: &Row<User>) -> Result<(), Cause> {
        let inner = &self.0.inner;
        let now = inner.host.now();
        let (mut done, mut failure) = (Vec::new(), None);
        for notice in &row.doc.notices {
            match inner.mailer.send(notice.mail()).await {
                Ok(()) => done.push(notice.id),
                Err(error) if now.since(notice.at) > GIVEN_UP_AFTER => {
                    tracing::warn!(user.id = %row.doc.id, %error, "notice given up");
                    done.push(notice.id);
                }
                Err(error) => failure = Some(error),
            }
        }
        if !done.is_empty() {
            let changed = self.0.change_user(row.doc.id, &Command::DropNotices(done)).await;
            changed.map_err(|error| format!("notices not struck off: {error:?}"))?;
        }
        failure.map_or(Ok(()), |error| Err(error.into()))
    }
}
