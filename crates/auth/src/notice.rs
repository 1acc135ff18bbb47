//! Notices: mails to an account's owner, which report changes or carry a link.
//!
//! A notice is saved with the change that it reports, in the user's own document, and stays there until
//! the mailer took it. So a crash loses none; one may be sent twice, with the same id.

use serde::{Deserialize, Serialize};
use stubmart_contract::{Email, Timestamp};
use uuid::Uuid;

use crate::link::Purpose;

/// A mail that is to be sent.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Notice {
    pub(crate) id: Uuid,
    pub(crate) kind: NoticeKind,
    pub(crate) to: Email,
    /// When it happened.
    pub(crate) at: Timestamp,
    /// The next try, of a notice that had to wait.
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

/// The change that a notice reports, or the link that it carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoticeKind {
    EmailChanged,
    PasswordChanged,
    TokenCreated,
    AccountDeleted,
    VerifyEmail,
    ResetPassword,
    SecondFactorOn,
    SecondFactorOff,
    NewDevice,
}

impl NoticeKind {
    /// What its link does, if it carries one.
    pub(crate) const fn link(self) -> Option<Purpose> {
        match self {
            Self::VerifyEmail => Some(Purpose::VerifyEmail),
            Self::ResetPassword => Some(Purpose::ResetPassword),
            Self::EmailChanged
            | Self::PasswordChanged
            | Self::TokenCreated
            | Self::AccountDeleted
            | Self::SecondFactorOn
            | Self::SecondFactorOff
            | Self::NewDevice => None,
        }
    }
}

impl Notice {
    /// A notice to be sent at once.
    pub(crate) const fn new(id: Uuid, kind: NoticeKind, to: Email, at: Timestamp) -> Self {
        Self { id, kind, to, at, later: None }
    }

    /// How many tries failed.
    pub(crate) fn failures(&self) -> u32 {
        self.later.map_or(0, |later| later.failures)
    }

    /// When it is to be sent.
    pub(crate) fn due(&self) -> Timestamp {
        self.later.map_or(self.at, |later| later.due)
    }
}
