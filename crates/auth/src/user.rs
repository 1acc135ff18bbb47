//! The user: one document, and the rules of what may become of it.
//!
//! Everything personal is in [`Account`], so that deleting the account erases it in the one save that
//! ends it. What is left is a tombstone with the id, which is never given to anybody else.

use serde::{Deserialize, Serialize};
use stubmart_contract::{DomainEvent, SessionId, Timestamp, UserId, api, event::UserState};
use stubmart_http_kit::IfMatch;
use stubmart_kernel::repo::Document;
use stubmart_ports::{
    key::Key,
    store::{Collection, Index},
};
use uuid::Uuid;

use crate::{
    email::Email,
    notice::{Later, Notice, NoticeKind},
};

/// The users.
pub static USERS: Collection = Collection {
    name: "auth.user",
    indexes: &[Index { name: "email", unique: true }, Index { name: "notices", unique: false }],
};

/// Somebody who signed up.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct User {
    pub(crate) id: UserId,
    pub(crate) created_at: Timestamp,
    /// `None` once it is deleted.
    pub(crate) account: Option<Account>,
    /// Mails that are still to be sent.
    pub(crate) notices: Vec<Notice>,
}

/// What is known of a user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Account {
    /// Grows by one with every change of what is below, and with nothing else: sending a notice saves
    /// the document too, and its owner must not take that for a change.
    #[serde(default = "first_version")]
    pub(crate) version: u64,
    pub(crate) email: Email,
    pub(crate) name: String,
    pub(crate) password_hash: String,
    /// How many passwords there were. A session carries the number of the password it was opened
    /// with and ends with it. A number and no time: clocks differ, and a login that is under way while
    /// the password changes must not survive either.
    pub(crate) password_number: u32,
    /// The session that set the present password, which lives on.
    pub(crate) kept_session: Option<SessionId>,
}

/// The version of an account as it was opened.
pub(crate) const fn first_version() -> u64 {
    1
}

impl Account {
    /// Whether a session that was opened with password `password_number` still stands.
    pub(crate) fn admits(&self, session: SessionId, password_number: u32) -> bool {
        self.password_number == password_number || self.kept_session == Some(session)
    }
}

impl Document for User {
    const COLLECTION: &'static Collection = &USERS;

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn entries(&self) -> Vec<(&'static str, Key)> {
        let email = self.account.as_ref().map(|account| ("email", account.email.key()));
        let notices = self.next_notice().map(|due| ("notices", Key::new().time(due)));
        email.into_iter().chain(notices).collect()
    }
}

/// What is asked of a user document.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Command {
    /// Open the account.
    SignUp { id: UserId, email: Email, name: String, password_hash: String },
    /// Change some of it.
    Update(Update),
    /// Delete the account and all that is known of its owner.
    Delete { proof: String, if_match: IfMatch, notice_id: Uuid },
    /// Tell the owner that an access token is made.
    TellOfToken { notice_id: Uuid },
    /// Sending was tried: of these mails some need not be sent any more, others are tried again later.
    NoticesTried { done: Vec<Uuid>, later: Vec<(Uuid, Later)> },
}

/// What is to change; `None` stays.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Update {
    /// The hash that the present password was checked against: while it is the account's, the check
    /// holds.
    pub(crate) proof: String,
    /// The versions of the account that the change is meant for.
    pub(crate) if_match: IfMatch,
    /// The session that asks.
    pub(crate) session: SessionId,
    pub(crate) email: Option<Email>,
    pub(crate) name: Option<String>,
    pub(crate) password_hash: Option<String>,
    /// Ids for the mails this may lead to.
    pub(crate) notice_ids: [Uuid; 2],
}

/// What becomes of a user document.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Change {
    /// It is as the command wants it.
    Keep,
    /// It becomes this, and the events leave.
    Save(User, Vec<DomainEvent>),
}

/// Why a command is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A user with this id exists, or did.
    Exists,
    /// There is no account, or no longer.
    Gone,
    /// The password was changed since it was checked.
    StaleProof,
    /// The account is at another version than the change is meant for.
    OtherVersion,
}

/// Decides what becomes of a user document.
pub(crate) fn decide(
    user: Option<&User>,
    command: &Command,
    now: Timestamp,
) -> Result<Change, Refusal> {
    match (user, command) {
        (None, Command::SignUp { id, email, name, password_hash }) => {
            let account = Account {
                version: first_version(),
                email: email.clone(),
                name: name.clone(),
                password_hash: password_hash.clone(),
                password_number: 1,
                kept_session: None,
            };
            let user =
                User { id: *id, created_at: now, account: Some(account), notices: Vec::new() };
            Ok(Change::Save(user, vec![DomainEvent::UserCreated(UserState { id: *id })]))
        }
        (Some(_), Command::SignUp { .. }) => Err(Refusal::Exists),
        (None, Command::Update(_) | Command::Delete { .. } | Command::TellOfToken { .. }) => {
            Err(Refusal::Gone)
        }
        (None, Command::NoticesTried { .. }) => Ok(Change::Keep),
        (Some(user), Command::Update(update)) => updated(user, update, now),
        (Some(user), Command::Delete { proof, if_match, notice_id }) => {
            deleted(user, proof, if_match, *notice_id, now)
        }
        (Some(user), Command::TellOfToken { notice_id }) => told_of_token(user, *notice_id, now),
        (Some(user), Command::NoticesTried { done, later }) => {
            let left = user.notices.iter().filter(|notice| !done.contains(&notice.id));
            let left = left.map(|notice| {
                let later = later.iter().find(|(id, _)| *id == notice.id).map(|(_, later)| *later);
                Notice { later: later.or(notice.later), ..notice.clone() }
            });
            Ok(with_notices(user, left.collect()))
        }
    }
}

/// The user with these notices, which are nobody else's concern.
fn with_notices(user: &User, notices: Vec<Notice>) -> Change {
    if notices == user.notices {
        return Change::Keep;
    }
    Change::Save(User { notices, ..user.clone() }, Vec::new())
}

/// Adds a notice. One of the same kind to the same address that still waits to be sent gives it its
/// place: the owner is told once, of the last time it happened.
fn add(notices: &mut Vec<Notice>, notice: Notice) {
    let to = notice.to.folded();
    match notices.iter_mut().find(|it| it.kind == notice.kind && it.to.folded() == to) {
        Some(waiting) => *waiting = Notice { later: waiting.later, ..notice },
        None => notices.push(notice),
    }
}

fn told_of_token(user: &User, notice_id: Uuid, now: Timestamp) -> Result<Change, Refusal> {
    let account = user.account.as_ref().ok_or(Refusal::Gone)?;
    let mut notices = user.notices.clone();
    if notices.iter().all(|notice| notice.id != notice_id) {
        let kind = NoticeKind::TokenCreated;
        add(&mut notices, Notice::new(notice_id, kind, account.email.clone(), now));
    }
    Ok(with_notices(user, notices))
}

fn updated(user: &User, update: &Update, now: Timestamp) -> Result<Change, Refusal> {
    let before = user.account.as_ref().ok_or(Refusal::Gone)?;
    if update.password_hash.as_ref() == Some(&before.password_hash) {
        // A hash is salted, so it was this very update that wrote it.
        return Ok(Change::Keep);
    }
    if before.password_hash != update.proof {
        return Err(Refusal::StaleProof);
    }
    update.if_match.check(before.version).map_err(|_| Refusal::OtherVersion)?;
    let mut account = before.clone();
    let mut notices = user.notices.clone();
    let [email_notice, password_notice] = update.notice_ids;
    // Both notices go to the address before the change: who takes an account over changes that too.
    let to = before.email.clone();
    if let Some(email) = update.email.as_ref().filter(|email| **email != before.email) {
        account.email = email.clone();
        let kind = NoticeKind::EmailChanged;
        add(&mut notices, Notice::new(email_notice, kind, to.clone(), now));
    }
    if let Some(name) = &update.name {
        account.name.clone_from(name);
    }
    if let Some(password_hash) = &update.password_hash {
        account.password_hash.clone_from(password_hash);
        account.password_number = before.password_number.saturating_add(1);
        account.kept_session = Some(update.session);
        let kind = NoticeKind::PasswordChanged;
        add(&mut notices, Notice::new(password_notice, kind, to, now));
    }
    if account == *before {
        return Ok(Change::Keep);
    }
    account.version = before.version.saturating_add(1);
    let event = DomainEvent::UserUpdated(UserState { id: user.id });
    Ok(Change::Save(User { account: Some(account), notices, ..user.clone() }, vec![event]))
}

fn deleted(
    user: &User,
    proof: &str,
    if_match: &IfMatch,
    notice_id: Uuid,
    now: Timestamp,
) -> Result<Change, Refusal> {
    let Some(account) = &user.account else { return Ok(Change::Keep) };
    if account.password_hash != proof {
        return Err(Refusal::StaleProof);
    }
    if_match.check(account.version).map_err(|_| Refusal::OtherVersion)?;
    let mut notices = user.notices.clone();
    let kind = NoticeKind::AccountDeleted;
    add(&mut notices, Notice::new(notice_id, kind, account.email.clone(), now));
    let event = DomainEvent::UserDeleted(UserState { id: user.id });
    Ok(Change::Save(User { account: None, notices, ..user.clone() }, vec![event]))
}

/// An account as its owner sees it.
#[derive(Debug, Clone)]
pub(crate) struct AccountView {
    /// The account's own version: notices of the same document do not count.
    pub(crate) version: u64,
    pub(crate) user: api::User,
}

impl User {
    /// The account as its owner sees it; `None` once it is deleted.
    pub(crate) fn view(&self) -> Option<AccountView> {
        self.account.as_ref().map(|account| {
            let user = api::User {
                id: self.id,
                email: account.email.as_str().to_owned(),
                name: account.name.clone(),
                created_at: self.created_at,
            };
            AccountView { version: account.version, user }
        })
    }

    /// When the next of its notices is to be sent.
    pub(crate) fn next_notice(&self) -> Option<Timestamp> {
        self.notices.iter().map(Notice::due).min()
    }
}

#[cfg(test)]
#[path = "user_tests.rs"]
mod tests;
