//! What the tests of this engine have in common.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(dead_code, unreachable_pub, reason = "each test uses its part")]

use std::{path::Path, sync::Arc};

use stubmart_contract::{
    Actor, DomainEvent, Envelope, MessageId, Timestamp, UserId, event::UserState,
};
use stubmart_ports::{
    host::Host,
    key::Key,
    store::{Collection, DocKey, Expect, Index, IndexEntry, Save, SaveId},
};
use stubmart_sqlite::{Database, Options};
use tokio::runtime::Handle;
use uuid::Uuid;

/// What the tests save: an item with a unique name, a group it belongs to, and an event for each save.
pub static ITEMS: Collection = Collection {
    name: "test.item",
    indexes: &[Index { name: "name", unique: true }, Index { name: "group", unique: false }],
};

/// The service of [`ITEMS`].
pub const SERVICE: &str = "test";

/// The machine.
pub fn host() -> Host {
    stubmart_os::host(Handle::current()).0
}

/// Opens the database in a directory with these options.
pub fn open_with(directory: &Path, options: Options) -> Database {
    Database::open(&directory.join("test.db"), options, host()).unwrap()
}

/// Opens the database in a directory.
pub fn open(directory: &Path) -> Database {
    open_with(directory, Options::default())
}

/// The id of the `number`th item.
pub fn id(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number))
}

pub fn key(number: u64) -> DocKey {
    DocKey { collection: &ITEMS, id: id(number) }
}

/// An event of the `number`th item at a version.
pub fn event(number: u64, version: u64) -> Arc<Envelope> {
    let event_id = MessageId(Uuid::from_u128(u128::from(number) << 64 | u128::from(version)));
    Arc::new(Envelope {
        id: event_id,
        aggregate_id: id(number),
        version,
        at: Timestamp::EPOCH,
        causation_id: event_id,
        correlation_id: event_id,
        actor: Actor::System,
        request_id: None,
        event: DomainEvent::UserUpdated(UserState { id: UserId(id(number)) }),
    })
}

/// The save that brings the `number`th item to `version`, with its event.
pub fn save(number: u64, version: u64) -> Arc<Save> {
    let expect = if version == 1 { Expect::Absent } else { Expect::Revision(version - 1) };
    let group = Key::new().number(u32::try_from(version % 3).unwrap()).id(id(number));
    Arc::new(Save {
        key: key(number),
        expect,
        save_id: SaveId(Uuid::from_u128(u128::from(version))),
        body: format!("item {number} at {version}").into_bytes(),
        entries: vec![
            IndexEntry { index: "name", key: Key::new().text(&format!("name {number}")) },
            IndexEntry { index: "group", key: group },
        ],
        version,
        events: vec![event(number, version)],
    })
}

/// The save that brings the `number`th item to `version`, changed.
pub fn save_with(number: u64, version: u64, change: impl FnOnce(&mut Save)) -> Arc<Save> {
    let mut save = save(number, version);
    change(Arc::make_mut(&mut save));
    save
}

/// The item and the version that an event tells of.
pub fn told(event: &Envelope) -> (u64, u64) {
    (u64::try_from(event.aggregate_id.as_u128()).unwrap(), event.version)
}
