//! The user: one document, and the rules of what may become of it.
//!
//! Everything personal is in [`Account`], so that deleting the account erases it in the one save that
//! ends it. What is left is a tombstone with the id, which is never given to anybody else.

use serde::{Deserialize, Serialize};
use stubmart_contract::{DomainEvent, SessionId, Timestamp, UserId, api, event::UserState};
use stubmart_ports::{
    key::Key,
    repo::Document,
    store::{Collection, Index},
};
use uuid::Uuid;

use crate::{
    email::Email,
    notice::{Notice, NoticeKind},
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
        let notices = self.notices.first().map(|first| ("notices", Key::new().time(first.at)));
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
    Delete { proof: String, notice_id: Uuid },
    /// These mails need not be sent any more.
    DropNotices(Vec<Uuid>),
}

/// What is to change; `None` stays.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Update {
    /// The hash that the present password was checked against: while it is the account's, the check
    /// holds.
    pub(crate) proof: String,
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
        (None, Command::Update(_) | Command::Delete { .. }) => Err(Refusal::Gone),
        (None, Command::DropNotices(_)) => Ok(Change::Keep),
        (Some(user), Command::Update(update)) => updated(user, update, now),
        (Some(user), Command::Delete { proof, notice_id }) => deleted(user, proof, *notice_id, now),
        (Some(user), Command::DropNotices(ids)) => {
            let left: Vec<_> =
                user.notices.iter().filter(|notice| !ids.contains(&notice.id)).cloned().collect();
            Ok(if left.len() == user.notices.len() {
                Change::Keep
            } else {
                Change::Save(User { notices: left, ..user.clone() }, Vec::new())
            })
        }
    }
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
    let mut account = before.clone();
    let mut notices = user.notices.clone();
    let [email_notice, password_notice] = update.notice_ids;
    // Both notices go to the address before the change: who takes an account over changes that too.
    let to = before.email.clone();
    if let Some(email) = update.email.as_ref().filter(|email| **email != before.email) {
        account.email = email.clone();
        let kind = NoticeKind::EmailChanged;
        notices.push(Notice { id: email_notice, kind, to: to.clone(), at: now });
    }
    if let Some(name) = &update.name {
        account.name.clone_from(name);
    }
    if let Some(password_hash) = &update.password_hash {
        account.password_hash.clone_from(password_hash);
        account.password_number = before.password_number.saturating_add(1);
        account.kept_session = Some(update.session);
        let kind = NoticeKind::PasswordChanged;
        notices.push(Notice { id: password_notice, kind, to, at: now });
    }
    if account == *before {
        return Ok(Change::Keep);
    }
    let event = DomainEvent::UserUpdated(UserState { id: user.id });
    Ok(Change::Save(User { account: Some(account), notices, ..user.clone() }, vec![event]))
}

fn deleted(user: &User, proof: &str, notice_id: Uuid, now: Timestamp) -> Result<Change, Refusal> {
    let Some(account) = &user.account else { return Ok(Change::Keep) };
    if account.password_hash != proof {
        return Err(Refusal::StaleProof);
    }
    let mut notices = user.notices.clone();
    let kind = NoticeKind::AccountDeleted;
    notices.push(Notice { id: notice_id, kind, to: account.email.clone(), at: now });
    let event = DomainEvent::UserDeleted(UserState { id: user.id });
    Ok(Change::Save(User { account: None, notices, ..user.clone() }, vec![event]))
}

impl User {
    /// The account as its owner sees it; `None` once it is deleted.
    pub(crate) fn view(&self) -> Option<api::User> {
        self.account.as_ref().map(|account| api::User {
            id: self.id,
            email: account.email.as_str().to_owned(),
            name: account.name.clone(),
            created_at: self.created_at,
        })
    }
}

#[cfg(test)]
#[path = "user_tests.rs"]
mod tests;
