//! Aggregates: the state that a service owns, as pure state machines.

use serde::{Serialize, de::DeserializeOwned};
use stubmart_contract::{DomainEvent, Timestamp};
use uuid::Uuid;

pub use stubmart_ports::{
    key::{Key, KeyReader},
    store::{Collection, Index},
};

/// A ticket, an order, a charge: state with an id that changes by commands alone. [`Self::decide`] holds
/// all its rules; it does no I/O, reads no clock and knows neither a store nor HTTP.
pub trait Aggregate: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// Its id's type.
    type Id: Copy + Into<Uuid> + Send + Sync + 'static;
    /// Its commands, creation included.
    type Command: Send + Sync;
    /// Why a command was refused.
    type Refusal: Send;

    /// Its id.
    fn id(&self) -> Self::Id;

    /// Its index entries, by the index's name, at most one in each index. The repository adds the id
    /// to keys of indexes that are not unique.
    fn index_entries(&self) -> Vec<(&'static str, Key)>;

    /// Decides `command` at `now`; `current` is `None` where nothing is stored yet.
    ///
    /// The same command may be decided more than once, because another change came first or an answer
    /// was lost: a command whose effect is there already is [`Decision::Unchanged`].
    ///
    /// # Errors
    /// The refusal. Nothing changes.
    fn decide(
        current: Option<&Self>,
        command: &Self::Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Self::Refusal>;
}

/// The outcome of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart at once and never kept")]
pub enum Decision<A> {
    /// It stays as it is. Only for what exists: a command for nothing is refused, or creates it.
    Unchanged,
    /// It becomes `state`, and `event` is published with it. A change without an event is internal to the
    /// service, and the aggregate's version stays the same.
    Changed {
        /// The aggregate after the change.
        state: A,
        /// The event, if other services learn of the change.
        event: Option<DomainEvent>,
    },
}

impl<A> Decision<A> {
    /// A change that is published.
    pub const fn changed(state: A, event: DomainEvent) -> Self {
        Self::Changed { state, event: Some(event) }
    }

    /// A change that is internal to the service.
    pub const fn silent(state: A) -> Self {
        Self::Changed { state, event: None }
    }
}

/// The versions that a change is meant for: those that the client has seen (RFC 9110, 13.1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Any version.
    #[default]
    None,
    /// One of these versions. An empty list holds for none.
    OneOf(Vec<u64>),
}

impl Precondition {
    /// Whether the change is meant for `version`.
    #[must_use]
    pub fn holds_for(&self, version: u64) -> bool {
        match self {
            Self::None => true,
            Self::OneOf(versions) => versions.contains(&version),
        }
    }
}
