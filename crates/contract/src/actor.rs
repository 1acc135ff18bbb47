//! Who causes a change, and for which request.

use std::{borrow::Cow, fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{ids::UserId, text};

/// What a user may do beyond buying and selling.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Buys and sells.
    #[default]
    User,
    /// Helps buyers and sellers.
    Support,
    /// Looks after money.
    Finance,
    /// Looks after events and venues.
    Catalogue,
    /// Everything.
    Admin,
}

impl Role {
    const ALL: [(Self, &'static str); 5] = [
        (Self::User, "user"),
        (Self::Support, "support"),
        (Self::Finance, "finance"),
        (Self::Catalogue, "catalogue"),
        (Self::Admin, "admin"),
    ];

    /// The role with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, word)| *word == name).map(|(role, _)| *role)
    }

    /// Every role's name.
    #[must_use]
    pub fn names() -> [&'static str; 5] {
        Self::ALL.map(|(_, word)| word)
    }

    /// The role's name on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(role, _)| *role == self).map_or("user", |(_, word)| word)
    }
}

/// Who causes a change.
///
/// Its wire form is one short string, because every event carries it: `user:ID`, `user:ID:admin`,
/// `service:orders`, `operator:ada`, `system` or `unrecorded`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A signed-in user.
    User {
        /// The user.
        id: UserId,
        /// The role the user had at the time.
        role: Role,
    },
    /// A service on its own account: a timer that ran out, a sweep.
    Service(Cow<'static, str>),
    /// A person who runs the market, at its command line.
    Operator(String),
    /// The market as a whole, and a visitor who is not signed in.
    System,
    /// Nobody wrote it down: the event is older than actors in events.
    #[default]
    Unrecorded,
}

/// A text that names no actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an actor")]
pub struct InvalidActor;

impl Actor {
    /// The user, if it is one.
    #[must_use]
    pub const fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User { id, .. } => Some(*id),
            Self::Service(_) | Self::Operator(_) | Self::System | Self::Unrecorded => None,
        }
    }

    /// Whether the event is older than actors in events.
    #[must_use]
    pub const fn is_unrecorded(&self) -> bool {
        matches!(self, Self::Unrecorded)
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User { id, role: Role::User } => write!(f, "user:{id}"),
            Self::User { id, role } => write!(f, "user:{id}:{}", role.as_str()),
            Self::Service(name) => write!(f, "service:{name}"),
            Self::Operator(name) => write!(f, "operator:{name}"),
            Self::System => f.write_str("system"),
            Self::Unrecorded => f.write_str("unrecorded"),
        }
    }
}

impl FromStr for Actor {
    type Err = InvalidActor;

    fn from_str(text: &str) -> Result<Self, InvalidActor> {
        match text.split_once(':') {
            Some(("user", rest)) => {
                let (id, role) = rest.split_once(':').unwrap_or((rest, "user"));
                let role = Role::ALL.iter().find(|(_, word)| *word == role);
                let (role, _) = role.ok_or(InvalidActor)?;
                Ok(Self::User { id: id.parse().map_err(|_| InvalidActor)?, role: *role })
            }
            Some(("service", name)) => Ok(Self::Service(Cow::Owned(name.to_owned()))),
            Some(("operator", name)) => Ok(Self::Operator(name.to_owned())),
            None if text == "system" => Ok(Self::System),
            None if text == "unrecorded" => Ok(Self::Unrecorded),
            Some(_) | None => Err(InvalidActor),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parse(deserializer)
    }
}

/// The id of an HTTP request, as its answer names it in `X-Request-Id`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The longest id that is taken from a client, in bytes.
    pub const MAX: usize = 64;

    /// The id, if it is 1 to [`Self::MAX`] ASCII letters, digits, `-` or `_`: harmless in a log.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let is_harmless = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let fits = (1..=Self::MAX).contains(&text.len()) && text.bytes().all(is_harmless);
        fits.then(|| Self(text.into()))
    }

    /// The id as a text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Uuid> for RequestId {
    fn from(id: Uuid) -> Self {
        Self(id.to_string().into())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for RequestId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <Cow<'_, str>>::deserialize(deserializer)?;
        Self::new(&text).ok_or_else(|| D::Error::custom("not a request id"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_reads_back_what_it_writes_and_refuses_other_texts() {
        let id = UserId(Uuid::from_u128(7));
        for actor in [
            Actor::User { id, role: Role::User },
            Actor::User { id, role: Role::Finance },
            Actor::Service("orders".into()),
            Actor::Operator("ada".to_owned()),
            Actor::System,
            Actor::Unrecorded,
        ] {
            assert_eq!(actor.to_string().parse(), Ok(actor));
        }
        for wrong in ["", "user", "user:7", "user:7:admin", "robot:1", "System"] {
            assert_eq!(wrong.parse::<Actor>(), Err(InvalidActor), "{wrong:?}");
        }
    }

    #[test]
    fn a_request_id_is_short_and_harmless_in_a_log() {
        assert!(RequestId::new("aB-9_z").is_some());
        for wrong in ["", "a b", "a\n", "ä", &"a".repeat(65)] {
            assert!(RequestId::new(wrong).is_none(), "{wrong:?}");
        }
    }
}
