//! The session: a browser that is signed in, or an access token of a script.

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stubmart_contract::{SessionId, Timestamp, UserId};
use stubmart_kernel::repo::Document;
use stubmart_ports::{
    key::Key,
    store::{Collection, Index},
};
use uuid::Uuid;

use crate::user::User;

/// The sessions and access tokens.
pub static SESSIONS: Collection = Collection {
    name: "auth.session",
    indexes: &[
        Index { name: "token", unique: true },
        Index { name: "user", unique: false },
        Index { name: "purge", unique: false },
    ],
};

/// How exactly a session knows when it was last used.
const SEEN_EVERY: Duration = Duration::from_secs(60);

/// What a token is stored and looked up as: its hash. Whoever reads the store can not sign in with it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct TokenHash(String);

impl TokenHash {
    /// The hash of a token. Plain SHA-256 is enough: a token is 256 random bits, not a password.
    pub(crate) fn of(token: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes())))
    }

    /// The key in the unique index.
    pub(crate) fn key(&self) -> Key {
        Key::new().text(&self.0)
    }
}

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
    /// A browser; ends when it is not used for long, or with the password it was opened with.
    Browser {
        user_agent: String,
        /// The number of that password.
        password_number: u32,
        expires_at: Timestamp,
    },
    /// A personal access token; ends when it is revoked or its account is deleted.
    Token { name: String },
    /// One that was ended. The document stays until then, because a save of it whose answer was lost
    /// may still be on its way and must not find the place empty.
    Ended { purge_at: Timestamp },
}

/// Which of a user's sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Browsers,
    Tokens,
}

impl Which {
    /// What the keys of these sessions in the index by user begin with.
    pub(crate) fn prefix(self, user_id: UserId) -> Key {
        Key::new().id(user_id.0).number(match self {
            Self::Browsers => 0,
            Self::Tokens => 1,
        })
    }
}

impl Document for Session {
    const COLLECTION: &'static Collection = &SESSIONS;

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn entries(&self) -> Vec<(&'static str, Key)> {
        let living = self.which().map(|which| {
            let by_user = which.prefix(self.user_id).time(self.created_at);
            [("token", self.token_hash.key()), ("user", by_user)]
        });
        let purge_at = match self.kind {
            Kind::Browser { expires_at, .. } => Some(expires_at),
            Kind::Token { .. } => None,
            Kind::Ended { purge_at } => Some(purge_at),
        };
        let purge = purge_at.map(|at| ("purge", Key::new().time(at)));
        living.into_iter().flatten().chain(purge).collect()
    }
}

impl Session {
    /// Of which kind it is, unless it was ended.
    pub(crate) const fn which(&self) -> Option<Which> {
        match self.kind {
            Kind::Browser { .. } => Some(Which::Browsers),
            Kind::Token { .. } => Some(Which::Tokens),
            Kind::Ended { .. } => None,
        }
    }

    /// Whether its token still opens anything; `user` is its user as stored now.
    pub(crate) fn is_alive(&self, user: Option<&User>, now: Timestamp) -> bool {
        let account = user.and_then(|user| user.account.as_ref());
        account.is_some_and(|account| match self.kind {
            Kind::Browser { password_number, expires_at, .. } => {
                now < expires_at && account.admits(self.id, password_number)
            }
            Kind::Token { .. } => true,
            Kind::Ended { .. } => false,
        })
    }

    /// Whether it is time to note that it is in use.
    pub(crate) fn is_seen_anew(&self, now: Timestamp) -> bool {
        now.since(self.last_seen_at) >= SEEN_EVERY
    }
}

/// What is asked of a session document. `life` is how long a browser may stay away.
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

/// What becomes of a session document: this, or nothing new. No command is ever refused: what has
/// begun stays as it began, and what ended stays ended.
pub(crate) fn decide(
    session: Option<&Session>,
    command: &Command,
    now: Timestamp,
) -> Option<Session> {
    match (session, command) {
        (None, Command::Begin(session)) => Some(session.clone()),
        (Some(_), Command::Begin(_)) | (None, Command::Use { .. } | Command::End { .. }) => None,
        (Some(session), Command::Use { life }) => used(session, *life, now),
        (Some(session), Command::End { life }) => {
            let purge_at = match session.kind {
                // From then on it is dead by itself, should the save that began it land again.
                Kind::Browser { expires_at, .. } => expires_at,
                Kind::Token { .. } => now.after(*life),
                Kind::Ended { .. } => return None,
            };
            Some(Session { kind: Kind::Ended { purge_at }, ..session.clone() })
        }
    }
}

fn used(session: &Session, life: Duration, now: Timestamp) -> Option<Session> {
    if !session.is_seen_anew(now) {
        return None;
    }
    let kind = match &session.kind {
        Kind::Browser { expires_at, .. } if *expires_at <= now => return None,
        Kind::Ended { .. } => return None,
        Kind::Token { name } => Kind::Token { name: name.clone() },
        Kind::Browser { user_agent, password_number, .. } => Kind::Browser {
            user_agent: user_agent.clone(),
            password_number: *password_number,
            expires_at: now.after(life),
        },
    };
    Some(Session { last_seen_at: now, kind, ..session.clone() })
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
