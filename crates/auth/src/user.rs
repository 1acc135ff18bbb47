//! The user: one document, and the rules of its changes.
//!
//! Everything personal is in [`Account`] and in notices that are still to be sent, so that the one save
//! that deletes the account erases it. A tombstone is left with the id, which is never given to
//! another user.

use serde::{Deserialize, Serialize};
use stubmart_contract::{DomainEvent, Email, SessionId, Timestamp, UserId, api, event::UserState};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};
use uuid::Uuid;

use crate::notice::{Later, Notice, NoticeKind};

/// The users.
pub static USERS: Collection = Collection {
    name: "auth.user",
    indexes: &[Index { name: EMAIL, unique: true }, Index { name: NOTICES, unique: false }],
};

/// The index of accounts by their address.
pub(crate) const EMAIL: &str = "email";

/// The index of users by when their next notice is due.
pub(crate) const NOTICES: &str = "notices";

/// A user.
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

/// The personal data of a user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Account {
    pub(crate) email: Email,
    pub(crate) name: String,
    pub(crate) password_hash: String,
    /// How many passwords there were. A session carries the number of the password that it was opened
    /// with and ends with it. It is a number and no time, because clocks differ, and because a login that
    /// is under way while the password changes must not survive either.
    pub(crate) password_number: u32,
    /// The session that set the present password, which lives on.
    pub(crate) kept_session: Option<SessionId>,
}

impl Account {
    /// Whether a session that was opened with password `password_number` still stands. A later password
    /// than this account's is one that was set since the account was loaded.
    pub(crate) fn admits(&self, session: SessionId, password_number: u32) -> bool {
        password_number >= self.password_number || self.kept_session == Some(session)
    }
}

/// The key of an address in its index.
pub(crate) fn email_key(email: &Email) -> Key {
    Key::new().text(&email.folded())
}

/// A command to a user.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Command {
    /// Open the account.
    SignUp { id: UserId, email: Email, name: String, password_hash: String },
    /// Change some of it.
    Update(Update),
    /// Delete the account and all that is known of its owner.
    Delete { proof: String, notice_id: Uuid },
    /// Tell the owner that an access token is made.
    ReportToken { notice_id: Uuid },
    /// Sending was tried: of these notices some need not be sent any more, others are tried again later.
    SettleNotices { done: Vec<Uuid>, later: Vec<(Uuid, Later)> },
}

/// A change of the account; `None` stays.
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
    /// Ids for the notices that this may lead to.
    pub(crate) notice_ids: [Uuid; 2],
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

type Decided = Result<Decision<User>, Refusal>;

impl Aggregate for User {
    type Id = UserId;
    type Command = Command;
    type Refusal = Refusal;

    fn id(&self) -> UserId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let email = self.account.as_ref().map(|account| (EMAIL, email_key(&account.email)));
        let notices = self.next_notice().map(|due| (NOTICES, Key::new().time(due)));
        email.into_iter().chain(notices).collect()
    }

    fn decide(current: Option<&Self>, command: &Command, now: Timestamp) -> Decided {
        match (current, command) {
            (None, Command::SignUp { id, email, name, password_hash }) => {
                let account = Account {
                    email: email.clone(),
                    name: name.clone(),
                    password_hash: password_hash.clone(),
                    password_number: 1,
                    kept_session: None,
                };
                let account = Some(account);
                let user = Self { id: *id, created_at: now, account, notices: Vec::new() };
                Ok(Decision::changed(user, DomainEvent::UserCreated(UserState { id: *id })))
            }
            (Some(_), Command::SignUp { .. }) => Err(Refusal::Exists),
            (None, _) => Err(Refusal::Gone),
            (Some(user), Command::Update(update)) => user.updated(update, now),
            (Some(user), Command::Delete { proof, notice_id }) => {
                user.deleted(proof, *notice_id, now)
            }
            (Some(user), Command::ReportToken { notice_id }) => user.reported(*notice_id, now),
            (Some(user), Command::SettleNotices { done, later }) => Ok(user.settled(done, later)),
        }
    }
}

impl User {
    fn updated(&self, update: &Update, now: Timestamp) -> Decided {
        let before = self.account.as_ref().ok_or(Refusal::Gone)?;
        if update.password_hash.as_ref() == Some(&before.password_hash) {
            // A hash is salted, so it was this very update that wrote it.
            return Ok(Decision::Unchanged);
        }
        if before.password_hash != update.proof {
            return Err(Refusal::StaleProof);
        }
        let mut account = before.clone();
        let mut notices = self.notices.clone();
        let [email_notice, password_notice] = update.notice_ids;
        // Both notices go to the address before the change: a thief of an account changes that too.
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
            return Ok(Decision::Unchanged);
        }
        let user = Self { account: Some(account), notices, ..self.clone() };
        Ok(Decision::changed(user, DomainEvent::UserUpdated(UserState { id: self.id })))
    }

    fn deleted(&self, proof: &str, notice_id: Uuid, now: Timestamp) -> Decided {
        let Some(account) = &self.account else { return Ok(Decision::Unchanged) };
        if account.password_hash != proof {
            return Err(Refusal::StaleProof);
        }
        let mut notices = self.notices.clone();
        let kind = NoticeKind::AccountDeleted;
        add(&mut notices, Notice::new(notice_id, kind, account.email.clone(), now));
        let user = Self { account: None, notices, ..self.clone() };
        Ok(Decision::changed(user, DomainEvent::UserDeleted(UserState { id: self.id })))
    }

    fn reported(&self, notice_id: Uuid, now: Timestamp) -> Decided {
        let account = self.account.as_ref().ok_or(Refusal::Gone)?;
        let mut notices = self.notices.clone();
        if notices.iter().all(|notice| notice.id != notice_id) {
            let kind = NoticeKind::TokenCreated;
            add(&mut notices, Notice::new(notice_id, kind, account.email.clone(), now));
        }
        Ok(self.with_notices(notices))
    }

    fn settled(&self, done: &[Uuid], later: &[(Uuid, Later)]) -> Decision<Self> {
        let left = self.notices.iter().filter(|notice| !done.contains(&notice.id));
        let left = left.map(|notice| {
            let later = later.iter().find(|(id, _)| *id == notice.id).map(|(_, later)| *later);
            Notice { later: later.or(notice.later), ..notice.clone() }
        });
        self.with_notices(left.collect())
    }

    /// The user with these notices, which no other service needs to know of.
    fn with_notices(&self, notices: Vec<Notice>) -> Decision<Self> {
        if notices == self.notices {
            return Decision::Unchanged;
        }
        Decision::silent(Self { notices, ..self.clone() })
    }

    /// The account as its owner sees it; `None` once it is deleted.
    pub(crate) fn profile(&self) -> Option<api::User> {
        self.account.as_ref().map(|account| api::User {
            id: self.id,
            email: account.email.as_str().to_owned(),
            name: account.name.clone(),
            created_at: self.created_at,
        })
    }

    /// When the next of its notices is to be sent.
    pub(crate) fn next_notice(&self) -> Option<Timestamp> {
        self.notices.iter().map(Notice::due).min()
    }
}

/// Adds a notice. It takes the turn of one of the same kind to the same address that still waits: the
/// owner learns once, of the last time that it happened.
fn add(notices: &mut Vec<Notice>, notice: Notice) {
    let to = notice.to.folded();
    match notices.iter_mut().find(|it| it.kind == notice.kind && it.to.folded() == to) {
        Some(waiting) => *waiting = Notice { later: waiting.later, ..notice },
        None => notices.push(notice),
    }
}

#[cfg(test)]
#[path = "user_tests.rs"]
mod tests;
