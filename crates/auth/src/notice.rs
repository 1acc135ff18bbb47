//! Security notices: mails that tell an account's owner what was done with it.
//!
//! A notice is saved with the change it tells of, in the user's own document, and stays there until
//! the mailer took it. So none is lost in a crash; one may be sent twice, with the same id. One that
//! the mailer does not take waits for its next try behind those whose time has come, so that it keeps
//! nobody else's waiting.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stubmart_contract::Timestamp;
use stubmart_kernel::worker::{Next, Wake, Worker};
use stubmart_ports::{
    Cause,
    key::Key,
    limits::Quota,
    mailer::{Mail, MailError},
    store::Scan,
};
use uuid::Uuid;

use crate::{
    Auth,
    email::Email,
    passwords::digest,
    user::{Command, USERS, User},
};

/// After this a notice is of no use any more, and its address is not kept for it.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a notice waits after the first try that failed; twice as long after each further one.
const RETRY_MIN: Duration = Duration::from_secs(60);

/// How long it waits at the most.
const RETRY_MAX: Duration = Duration::from_secs(3600);

/// How many notices of one kind an address is sent. What comes more often is told of later, and once:
/// no account can be used to fill somebody's mailbox.
const MAILS: Quota = Quota { burst: 5, every: Duration::from_secs(3600) };

/// How many users' notices are sent in one step.
const BATCH: usize = 100;

/// A mail that is to be sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Notice {
    pub(crate) id: Uuid,
    pub(crate) kind: NoticeKind,
    pub(crate) to: Email,
    /// When it happened.
    pub(crate) at: Timestamp,
    /// `None` until it had to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) later: Option<Later>,
}

/// A notice's next try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Later {
    pub(crate) due: Timestamp,
    /// How many tries failed.
    pub(crate) failures: u32,
}

/// What a notice tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoticeKind {
    EmailChanged,
    PasswordChanged,
    TokenCreated,
    AccountDeleted,
}

/// What became of a notice.
enum Tried {
    /// It need not be sent any more.
    Done,
    /// It is tried again.
    Later(Later),
    /// It is tried again, because the mailer failed.
    Failed(Later, Cause),
}

impl Notice {
    /// A notice to be sent at once.
    pub(crate) const fn new(id: Uuid, kind: NoticeKind, to: Email, at: Timestamp) -> Self {
        Self { id, kind, to, at, later: None }
    }

    /// When it is to be sent.
    pub(crate) fn due(&self) -> Timestamp {
        self.later.map_or(self.at, |later| later.due)
    }

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
            NoticeKind::TokenCreated => (
                "An access token was made for your Stubmart account",
                "an access token was made for your Stubmart account. \
                 Whoever has it can act for you until you revoke it.",
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
        let now = self.0.inner.host.now();
        let scan = Scan::prefix(&USERS, "notices", &Key::new()).limit(BATCH);
        let rows = self.0.inner.users.find(scan).await?;
        let mut failure = None;
        for row in &rows {
            if let Some(due) = row.doc.next_notice().filter(|due| *due > now) {
                return failure.map_or(Ok(Next::At(due)), Err);
            }
            // One address that the mailer does not take must not keep the others waiting.
            if let Err(cause) = self.send_due(&row.doc, now).await {
                failure = Some(cause);
            }
        }
        let next = if rows.is_empty() { Next::Idle } else { Next::Again };
        failure.map_or(Ok(next), Err)
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.inner.notices.clone())
    }
}

impl Notices {
    /// Sends a user's notices whose time has come and notes what became of them.
    async fn send_due(&self, user: &User, now: Timestamp) -> Result<(), Cause> {
        let (mut done, mut later, mut failure) = (Vec::new(), Vec::new(), None);
        for notice in user.notices.iter().filter(|notice| notice.due() <= now) {
            match self.send(notice, now).await? {
                Tried::Done => done.push(notice.id),
                Tried::Later(again) => later.push((notice.id, again)),
                Tried::Failed(again, cause) => {
                    later.push((notice.id, again));
                    failure = Some(cause);
                }
            }
        }
        let tried = Command::NoticesTried { done, later };
        let changed = self.0.change_user(user.id, &tried).await;
        changed.map_err(|error| format!("what became of notices not noted: {error:?}"))?;
        failure.map_or(Ok(()), Err)
    }

    async fn send(&self, notice: &Notice, now: Timestamp) -> Result<Tried, Cause> {
        let inner = &self.0.inner;
        let failures = notice.later.map_or(0, |later| later.failures);
        let is_old = now.since(notice.at) > GIVEN_UP_AFTER;
        let address = digest(&format!("{:?}:{}", notice.kind, notice.to.folded()));
        if let Some(wait) = inner.limits.take(&format!("auth.mails.{address}"), MAILS).await? {
            let later = Tried::Later(Later { due: now.after(wait), failures });
            return Ok(if is_old { Tried::Done } else { later });
        }
        match inner.mailer.send(notice.mail()).await {
            Ok(()) => Ok(Tried::Done),
            Err(error @ MailError::Refused(_)) => {
                tracing::warn!(notice.id = %notice.id, %error, "notice given up");
                Ok(Tried::Done)
            }
            Err(error) if is_old => {
                tracing::warn!(notice.id = %notice.id, %error, "notice given up");
                Ok(Tried::Done)
            }
            Err(error) => {
                let wait = RETRY_MIN.saturating_mul(1 << failures.min(10)).min(RETRY_MAX);
                let failures = failures.saturating_add(1);
                Ok(Tried::Failed(Later { due: now.after(wait), failures }, error.into()))
            }
        }
    }
}
