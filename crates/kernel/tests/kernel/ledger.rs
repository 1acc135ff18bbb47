//! An aggregate to test with: it remembers every change that was made to it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    Actor, Context, DomainEvent, Envelope, Timestamp, UserId, event::UserState,
};
use stubmart_kernel::{
    Aggregate, Decision, Repository,
    aggregate::{Collection, Index, Key},
};
use stubmart_memory::MemoryStore;
use stubmart_ports::{
    host::Host,
    store::{DocKey, Expect, IndexEntry, Save, SaveId, Store},
};
use stubmart_suite::host::{self, ManualClock};
use uuid::Uuid;

pub(crate) const NAME: &str = "name";
pub(crate) const LENGTH: &str = "length";
pub(crate) const DUE: &str = "due";
pub(crate) const RETIRED: &str = "retired";

pub(crate) static LEDGERS: Collection = Collection {
    name: "test.ledger",
    indexes: &[
        Index { name: NAME, unique: true },
        Index { name: LENGTH, unique: false },
        Index { name: DUE, unique: false },
        Index { name: RETIRED, unique: false },
    ],
};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ledger {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) entries: Vec<u64>,
    pub(crate) due_at: Option<Timestamp>,
}

/// What can be asked of a ledger. One that is not there yet is made, unless it is to be kept.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// Appends a number that is not in it, with an event.
    Append { id: Uuid, name: String, entry: u64 },
    /// Makes it due, or due no more, without an event.
    Schedule { id: Uuid, at: Option<Timestamp> },
    /// Changes nothing.
    Keep,
    /// Is refused, with the number of its entries.
    Refuse,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal(pub(crate) usize);

impl Aggregate for Ledger {
    type Id = Uuid;
    type Command = Command;
    type Refusal = Refusal;

    fn id(&self) -> Uuid {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let length = u32::try_from(self.entries.len()).unwrap();
        let mut entries = vec![(LENGTH, Key::new().number(length))];
        entries.extend((!self.name.is_empty()).then(|| (NAME, Key::new().text(&self.name))));
        entries.extend(self.due_at.map(|at| (DUE, Key::new().time(at))));
        entries
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        _: Timestamp,
    ) -> Result<Decision<Self>, Refusal> {
        let made = |id, name: &str| {
            let empty = Self { id, name: name.to_owned(), entries: Vec::new(), due_at: None };
            current.cloned().unwrap_or(empty)
        };
        match command {
            Command::Append { entry, .. }
                if current.is_some_and(|it| it.entries.contains(entry)) =>
            {
                Ok(Decision::Unchanged)
            }
            Command::Append { id, name, entry } => {
                let mut ledger = made(*id, name);
                ledger.entries.push(*entry);
                let state = UserState { id: UserId(number(*entry)) };
                Ok(Decision::changed(ledger, DomainEvent::UserUpdated(state)))
            }
            Command::Schedule { id, at } => {
                Ok(Decision::silent(Self { due_at: *at, ..made(*id, "") }))
            }
            Command::Keep => Ok(Decision::Unchanged),
            Command::Refuse => Err(Refusal(current.map_or(0, |it| it.entries.len()))),
        }
    }
}

/// The id of this number.
pub(crate) fn number(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

/// Appends `entry` to the ledger of this id.
pub(crate) fn append(id: Uuid, name: &str, entry: u64) -> Command {
    Command::Append { id, name: name.to_owned(), entry }
}

/// The number that an event was made with.
pub(crate) fn entry_of(envelope: &Envelope) -> u64 {
    match &envelope.event {
        DomainEvent::UserUpdated(state) => u64::try_from(state.id.0.as_u128()).unwrap(),
        other => unreachable!("{other:?}"),
    }
}

pub(crate) const fn context() -> Context {
    Context::of(Actor::System)
}

/// A healthy store in memory and a clock that stands still.
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) host: Host,
    pub(crate) clock: ManualClock,
    pub(crate) ledgers: Repository<Ledger>,
}

impl World {
    pub(crate) fn new() -> Self {
        let (host, clock) = host::manual(1);
        let store = MemoryStore::new();
        let ledgers = Repository::new(&LEDGERS, Arc::new(store.clone()), host.clone());
        Self { store, host, clock, ledgers }
    }

    /// The ledgers over another store.
    pub(crate) fn over(&self, store: impl Store) -> Repository<Ledger> {
        Repository::new(&LEDGERS, Arc::new(store), self.host.clone())
    }

    /// Every event that was saved, by ledger and version.
    pub(crate) async fn events(&self) -> Vec<Arc<Envelope>> {
        self.store.history("test", None, 10_000).await.unwrap()
    }

    /// Makes a ledger due.
    pub(crate) async fn schedule(&self, id: u64, at: Timestamp) {
        let command = Command::Schedule { id: number(id), at: Some(at) };
        self.ledgers.apply(&context(), number(id), &command).await.unwrap();
    }

    /// Saves bytes as an earlier version, or another program, would have.
    pub(crate) async fn save_bytes(&self, id: u64, body: &[u8], index: &'static str, key: Key) {
        let save = Save {
            key: DocKey { collection: &LEDGERS, id: number(id) },
            expect: Expect::Absent,
            save_id: SaveId(self.host.uuid()),
            body: body.to_vec(),
            entries: vec![IndexEntry { index, key: key.id(number(id)) }],
            version: 0,
            events: Vec::new(),
        };
        self.store.save(Arc::new(save)).await.unwrap();
    }
}
