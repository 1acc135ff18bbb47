//! Sends notices.
//!
//! A notice that the mailer does not take waits for its next try, so that it keeps no other waiting.

use std::time::Duration;

use async_trait::async_trait;
use stubmart_contract::{Context, Timestamp, UserId};
use stubmart_kernel::{
    Applied, ApplyError, Repository,
    due::{Due, DueError},
    worker::Wake,
};
use stubmart_letters::{Letter, Message, Written};
use stubmart_ports::{
    Cause,
    limits::Quota,
    mailer::{Mail, MailError},
};

use crate::{
    link::{LinkToken, Purpose},
    notice::{Later, Notice, NoticeKind},
    passwords::digest,
    service::{Auth, SERVICE},
    user::{Account, Command, NOTICES, User},
};

/// After this a notice is of no use any more, and its address is not kept for it.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long sending them may take: a mailer that does not answer is given up long before. After it, notices whose
/// sending was cut off are sent again.
const SENDING_MAX: Duration = Duration::from_secs(300);

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
        let context = Context::work(SERVICE);
        // Several instances see that they are due. Who claims them sends them.
        let until = now.after(SENDING_MAX);
        let user = match self.0.change_user(&context, id, &Command::ClaimNotices { until }).await {
            Ok(Applied { after, changed: true, .. }) => after.state,
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => return Ok(()),
            Err(ApplyError::Repository(error)) => return Err(error.into()),
        };
        let (mut done, mut later, mut failure) = (Vec::new(), Vec::new(), None);
        for notice in user.notices.iter().filter(|notice| notice.due() == until) {
            match self.send(&user, notice, now).await? {
                Tried::Done => done.push(notice.id),
                Tried::Later(again) => later.push((notice.id, again)),
                Tried::Failed(again, cause) => {
                    later.push((notice.id, again));
                    failure = Some(cause);
                }
            }
        }
        let settle = Command::SettleNotices { done, later };
        match self.0.change_user(&context, id, &settle).await {
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
    async fn send(&self, user: &User, notice: &Notice, now: Timestamp) -> Result<Tried, DueError> {
        let inner = &self.0.inner;
        let failures = notice.failures();
        let is_old = now.since(notice.at) > GIVEN_UP_AFTER;
        let address = digest(&format!("{:?}:{}", notice.kind, notice.to.folded()));
        let taken = inner.limits.take(&format!("auth.mails.{address}"), MAILS).await;
        if let Some(wait) = taken.map_err(|error| DueError::Dependency(error.into()))? {
            let later = Tried::Later(Later { due: now.after(wait), failures });
            return Ok(if is_old { Tried::Done } else { later });
        }
        let Some(mail) = self.mail(user, notice).await? else { return Ok(Tried::Done) };
        match inner.mailer.send(mail).await {
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

    /// The mail of a notice; `None` where it is of no use any more. A link is made for it now, before it
    /// is sent: one that never arrives harms nobody.
    async fn mail(&self, user: &User, notice: &Notice) -> Result<Option<Mail>, DueError> {
        let at = notice.at;
        let message = match notice.kind {
            NoticeKind::EmailChanged => Message::EmailChanged { at },
            NoticeKind::PasswordChanged => Message::PasswordChanged { at },
            NoticeKind::TokenCreated => Message::TokenCreated { at },
            NoticeKind::AccountDeleted => Message::AccountDeleted { at },
            NoticeKind::NewDevice => Message::NewDevice { at },
            NoticeKind::SecondFactorOn => Message::SecondFactorOn { at },
            NoticeKind::SecondFactorOff => Message::SecondFactorOff { at },
            NoticeKind::VerifyEmail => match self.link(user, notice, Purpose::VerifyEmail).await? {
                Some(link) => Message::VerifyEmail { link },
                None => return Ok(None),
            },
            NoticeKind::ResetPassword => {
                match self.link(user, notice, Purpose::ResetPassword).await? {
                    Some(link) => Message::ResetPassword { link },
                    None => return Ok(None),
                }
            }
        };
        let name = user.account.as_ref().map_or("", Account::name_in_mails);
        let market = &self.0.inner.config.public_url;
        let letter = Letter { language: user.language, name, market, message };
        let Written { subject, text, html } = letter.write();
        let (id, to) = (notice.id, notice.to.as_str().to_owned());
        Ok(Some(Mail { html: Some(html), ..Mail::plain(id, to, subject, text) }))
    }

    /// The address of a page, with the token of a new link.
    async fn link(
        &self,
        user: &User,
        notice: &Notice,
        purpose: Purpose,
    ) -> Result<Option<String>, DueError> {
        let inner = &self.0.inner;
        let token = LinkToken::new(user.id, inner.host.ids.secret());
        let to = notice.to.clone();
        let command = Command::AddLink { purpose, to, token: token.hash() };
        match inner.users.apply(&Context::work(SERVICE), user.id, &command).await {
            Ok(_) => {
                let (market, path) = (&inner.config.public_url, purpose.path());
                Ok(Some(format!("{market}{path}?token={}", token.text)))
            }
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(None),
            Err(ApplyError::Repository(error)) => Err(error.into()),
        }
    }
}
