//! The personal data of a user.

use serde::{Deserialize, Serialize};
use stubmart_contract::{Email, Role, SessionId};

/// The personal data of a user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Account {
    pub(crate) email: Email,
    /// Whether its owner has shown that mail to the address reaches them.
    #[serde(default)]
    pub(crate) email_verified: bool,
    /// What its owner may do beyond buying and selling.
    #[serde(default)]
    pub(crate) role: Role,
    pub(crate) name: String,
    /// Whether its owner chose the name to be shown: names of earlier versions were promised to stay private.
    #[serde(default)]
    pub(crate) is_name_shown: bool,
    pub(crate) password_hash: String,
    /// How many passwords there were. A session carries the number of the password that it was opened
    /// with and ends with it. It is a number and no time, because clocks differ, and because a login that
    /// is under way while the password changes must not survive either.
    pub(crate) password_number: u32,
    /// The session that set the present password, which lives on.
    pub(crate) kept_session: Option<SessionId>,
    /// How often the account was recovered by mail. An access token carries the number of its time and
    /// ends with the next recovery.
    #[serde(default)]
    pub(crate) recoveries: u32,
}

impl Account {
    /// Whether a session that was opened with password `password_number` still stands. A later password
    /// than this account's is one that was set since the account was loaded.
    pub(crate) fn admits(&self, session: SessionId, password_number: u32) -> bool {
        password_number >= self.password_number || self.kept_session == Some(session)
    }

    /// What mails call the owner. Whoever signs up with somebody else's address must not choose what
    /// stands in a mail to it.
    pub(crate) fn name_in_mails(&self) -> &str {
        if self.email_verified { &self.name } else { "" }
    }

    /// What everybody may read as the owner's name: what the owner chose, unless that is an address.
    pub(crate) fn shown_name(&self) -> Option<&str> {
        let name = Some(self.name.as_str()).filter(|_| self.is_name_shown);
        name.filter(|name| !name.is_empty() && !name.contains('@'))
    }
}
