//! The session: a browser that is signed in, or an access token of a script.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stubmart_contract::{SessionId, Timestamp, UserId, api::TokenScope};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};

use crate::{token_hash::TokenHash, user::User};

/// The sessions and access tokens.
pub static SESSIONS: Collection = Collection {
    name: "auth.session",
    indexes: &[
        Index { name: TOKEN, unique: true },
        Index { name: USER, unique: false },
        Index { name: PURGE, unique: false },
    ],
};

/// The index of living sessions by their token.
pub(crate) const TOKEN: &str = "token";

/// The index of living sessions by their user, kind and age.
pub(crate) const USER: &str = "user";

/// The index of sessions by when their document is to be deleted.
pub(crate) const PURGE: &str = "purge";

/// How exactly a session knows when it was last used.
const SEEN_EVERY: Duration = Duration::from_secs(60);

/// A session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) user_id: UserId,
    pub(crate) token_hash: TokenHash,
    pub(crate) created_at: Timestamp,
    /// When it was last used, to the minute.
    pub(crate) last_seen_at: Timestamp,
    pub(crate) kind: Kind,
}

/// The two kinds of sessions.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Kind {
    /// A browser; it ends when it is not used for long, or with the password that it was opened with.
    Browser {
        user_agent: String,
        /// The number of that password.
        password_number: u32,
        expires_at: Timestamp,
    },
    /// A personal access token; it ends at its time, when it is revoked, or its account is recovered by mail or
    /// deleted.
    Token {
        name: String,
        /// How often the account had been recovered when it was made.
        #[serde(default)]
        recoveries: u32,
        /// When it ends by itself, if it does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
        #[serde(default)]
        scope: TokenScope,
    },
    /// A session that was ended. The document stays until then, because a save of it whose answer was lost
    /// may still be on its way and must not find the id unused.
    Ended { purge_at: Timestamp },
}

/// Which of a user's sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Browsers,
    Tokens,
}

impl Which {
    /// The beginning of these sessions' keys in the index by user.
    pub(crate) fn prefix(self, user_id: UserId) -> Key {
        Key::new().id(user_id.0).number(match self {
            Self::Browsers => 0,
            Self::Tokens => 1,
        })
    }
}

/// A command to a session. `life` is how long a browser may stay away.
#[derive(Clone)]
#[cfg_attr(test, derive(Debug))]
pub(crate) enum Command {
    /// Begin.
    Begin(Session),
    /// Note that it is in use.
    Use { life: Duration },
    /// End.
    End { life: Duration },
}

/// There is no such session, or its document has been deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

impl Aggregate for Session {
    type Id = SessionId;
    type Command = Command;
    type Refusal = Gone;

    fn id(&self) -> SessionId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let living = self.which().map(|which| {
            let by_user = which.prefix(self.user_id).time(self.created_at);
            [(TOKEN, self.token_hash.key()), (USER, by_user)]
        });
        let purge = self.purge_at().map(|at| (PURGE, Key::new().time(at)));
        living.into_iter().flatten().chain(purge).collect()
    }

    /// A session that has begun stays as it began, and one that has ended stays ended.
    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Gone> {
        let changed = match (current, command) {
            (None, Command::Begin(session)) => Some(session.clone()),
            (None, Command::Use { .. } | Command::End { .. }) => return Err(Gone),
            (Some(_), Command::Begin(_)) => None,
            (Some(session), Command::Use { life }) => session.used(*life, now),
            (Some(session), Command::End { life }) => session.ended(*life, now),
        };
        Ok(changed.map_or(Decision::Unchanged, Decision::silent))
    }
}

impl Session {
    /// Its kind, unless it was ended.
    pub(crate) const fn which(&self) -> Option<Which> {
        match self.kind {
            Kind::Browser { .. } => Some(Which::Browsers),
            Kind::Token { .. } => Some(Which::Tokens),
            Kind::Ended { .. } => None,
        }
    }

    /// When its document is to be deleted, if nothing lengthens its life.
    pub(crate) const fn purge_at(&self) -> Option<Timestamp> {
        match self.kind {
            Kind::Browser { expires_at, .. } => Some(expires_at),
            Kind::Token { expires_at, .. } => expires_at,
            Kind::Ended { purge_at } => Some(purge_at),
        }
    }

    /// Whether its token still opens anything; `user` is its user as stored now or a moment ago.
    pub(crate) fn is_alive(&self, user: Option<&User>, now: Timestamp) -> bool {
        let account = user.and_then(|user| user.account.as_ref());
        account.is_some_and(|account| match self.kind {
            Kind::Browser { password_number, expires_at, .. } => {
                now < expires_at && account.admits(self.id, password_number)
            }
            Kind::Token { recoveries, expires_at, .. } => {
                recoveries >= account.recoveries && expires_at.is_none_or(|end| now < end)
            }
            Kind::Ended { .. } => false,
        })
    }

    /// Whether it may only look.
    pub(crate) const fn is_read_only(&self) -> bool {
        matches!(self.kind, Kind::Token { scope: TokenScope::Read, .. })
    }

    /// Whether it is time to note that it is in use.
    pub(crate) fn is_use_to_be_noted(&self, now: Timestamp) -> bool {
        now.since(self.last_seen_at) >= SEEN_EVERY
    }

    fn used(&self, life: Duration, now: Timestamp) -> Option<Self> {
        if !self.is_use_to_be_noted(now) {
            return None;
        }
        let mut used = Self { last_seen_at: now, ..self.clone() };
        match &mut used.kind {
            Kind::Browser { expires_at, .. } if *expires_at <= now => return None,
            Kind::Ended { .. } => return None,
            Kind::Browser { expires_at, .. } => *expires_at = now.after(life),
            Kind::Token { .. } => {}
        }
        Some(used)
    }

    fn ended(&self, life: Duration, now: Timestamp) -> Option<Self> {
        let purge_at = match self.kind {
            // From then on it is dead by itself, should the save that began it land again.
            Kind::Browser { expires_at, .. } => expires_at,
            Kind::Token { expires_at, .. } => expires_at.unwrap_or_else(|| now.after(life)),
            Kind::Ended { .. } => return None,
        };
        Some(Self { kind: Kind::Ended { purge_at }, ..self.clone() })
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
