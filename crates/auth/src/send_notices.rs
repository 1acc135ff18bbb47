//! Sends security notices, with the text of each.
//!
//! A notice that the mailer does not take waits for its next try, so that it keeps no other waiting.

use std::time::Duration;

use async_trait::async_trait;
use stubmart_contract::{Context, Timestamp, UserId};
use stubmart_kernel::{
    ApplyError, Repository,
    due::{Due, DueError},
    worker::Wake,
};
use stubmart_ports::{
    Cause,
    limits::Quota,
    mailer::{Mail, MailError},
};

use crate::{
    notice::{Later, Notice, NoticeKind},
    passwords::digest,
    service::{Auth, SERVICE},
    user::{Command, NOTICES, User},
};

/// After this a notice is of no use any more, and its address is not kept for it.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a notice waits after the first try that failed; twice as long after each further one.
const RETRY_MIN: Duration = Duration::from_secs(60);

/// How long it waits at the most.
const RETRY_MAX: Duration = Duration::from_secs(3600);

/// How many notices of one kind an address gets. More frequent changes are reported later, in one notice:
/// no account can be used to fill somebody's mailbox.
const MAILS: Quota = Quota { burst: 5, every: Duration::from_secs(3600) };

/// The outcome of a try.
enum Tried {
    /// It need not be sent any more.
    Done,
    /// It is tried again.
    Later(Later),
    /// It is tried again, because the mailer failed.
    Failed(Later, Cause),
}

/// Sends the notices that are due.
#[derive(Debug)]
pub(crate) struct DueNotices(pub(crate) Auth);

#[async_trait]
impl Due for DueNotices {
    type Aggregate = User;

    fn name(&self) -> &'static str {
        "auth-notices"
    }

    fn repository(&self) -> &Repository<User> {
        &self.0.inner.users
    }

    fn index(&self) -> &'static str {
        NOTICES
    }

    async fn run(&self, id: UserId) -> Result<(), DueError> {
        let now = self.0.inner.host.now();
        let user = self.0.inner.users.load(id).await?;
        let (mut done, mut later, mut failure) = (Vec::new(), Vec::new(), None);
        let notices = user.map(|user| user.state.notices).unwrap_or_default();
        for notice in notices.iter().filter(|notice| notice.due() <= now) {
            match self.send(notice, now).await? {
                Tried::Done => done.push(notice.id),
                Tried::Later(again) => later.push((notice.id, again)),
                Tried::Failed(again, cause) => {
                    later.push((notice.id, again));
                    failure = Some(cause);
                }
            }
        }
        let settle = Command::SettleNotices { done, later };
        match self.0.change_user(&Context::work(SERVICE), id, &settle).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {}
            Err(ApplyError::Repository(error)) => return Err(error.into()),
        }
        failure.map_or(Ok(()), |cause| Err(DueError::Dependency(cause)))
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.inner.notices.clone())
    }
}

impl DueNotices {
    async fn send(&self, notice: &Notice, now: Timestamp) -> Result<Tried, DueError> {
        let inner = &self.0.inner;
        let failures = notice.later.map_or(0, |later| later.failures);
        let is_old = now.since(notice.at) > GIVEN_UP_AFTER;
        let address = digest(&format!("{:?}:{}", notice.kind, notice.to.folded()));
        let taken = inner.limits.take(&format!("auth.mails.{address}"), MAILS).await;
        if let Some(wait) = taken.map_err(|error| DueError::Dependency(error.into()))? {
            let later = Tried::Later(Later { due: now.after(wait), failures });
            return Ok(if is_old { Tried::Done } else { later });
        }
        match inner.mailer.send(mail(notice)).await {
            Ok(()) => Ok(Tried::Done),
            Err(error) if is_old || matches!(error, MailError::Refused(_)) => {
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

/// The mail of a notice.
fn mail(notice: &Notice) -> Mail {
    let (subject, what) = match notice.kind {
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
        notice.at
    );
    Mail { id: notice.id, to: notice.to.as_str().to_owned(), subject: subject.to_owned(), text }
}
