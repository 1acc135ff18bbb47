//! What an older version of the program wrote is opened, read and written on.
//!
//! `old/schema-N.sql` holds a small market as a release with that schema wrote it. Such a file is never
//! edited or removed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{path::Path, sync::Arc, time::Duration};

use common::host;
use rusqlite::Connection;
use stubmart_contract::{Envelope, EventType};
use stubmart_ports::{
    bus::{Bus as _, Consumer, Delivery, Disposition},
    store::{Collection, DocKey, Expect, Index, Save, SaveId, Store as _, StoreError},
};
use stubmart_sqlite::{Database, OpenError, Options, snapshot::Snapshot};
use tempfile::TempDir;
use tokio::time::timeout;
use uuid::Uuid;

static ORDERS: Collection = Collection {
    name: "orders.order",
    indexes: &[
        Index { name: "live_ticket", unique: true },
        Index { name: "buyer", unique: false },
        Index { name: "buyer_open", unique: false },
        Index { name: "leaving", unique: false },
    ],
};

/// A file that a release with this schema wrote.
fn written_by(schema: u32) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let dump = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/old/schema-{schema}.sql"));
    let dump = std::fs::read_to_string(dump).unwrap();
    Connection::open(directory.path().join("test.db")).unwrap().execute_batch(&dump).unwrap();
    directory
}

fn open(directory: &TempDir) -> Database {
    Database::open(&directory.path().join("test.db"), Options::default(), host()).unwrap()
}

fn told(events: &[Arc<Envelope>]) -> Vec<(&'static str, u64)> {
    events.iter().map(|it| (it.event.event_type().as_str(), it.version)).collect()
}

/// Every event is in its service's history, under its own version; one that came over the bus is not.
#[tokio::test]
async fn the_histories_are_there() {
    let store = open(&written_by(1)).store();
    let history = async |service| told(&store.history(service, None, 99).await.unwrap());
    assert_eq!(history("auth").await, [("USER_CREATED", 1), ("USER_CREATED", 1)]);
    let tickets = [("TICKET_CREATED", 1), ("TICKET_UPDATED", 2), ("TICKET_UPDATED", 3)];
    assert_eq!(history("tickets").await, tickets);
    let orders = [("ORDER_CREATED", 1), ("ORDER_AWAITING_PAYMENT", 2), ("ORDER_COMPLETED", 3)];
    assert_eq!(history("orders").await, orders);
    assert_eq!(history("payments").await, [("CHARGE_CREATED", 1), ("CHARGE_COMPLETED", 2)]);
    assert_eq!(history("expiration").await, []);
}

/// A document is at its revision and version, keeps its unique key, and is saved on, with its next event.
#[tokio::test]
async fn documents_are_saved_on() {
    let directory = written_by(1);
    let store = open(&directory).store();
    let events = store.history("orders", None, 99).await.unwrap();
    let last = events.last().unwrap();
    let key = DocKey { collection: &ORDERS, id: last.aggregate_id };
    let stored = store.load(key).await.unwrap().unwrap();
    assert_eq!((stored.revision, stored.version), (3, 3));
    let next = Envelope {
        id: stubmart_contract::MessageId(Uuid::from_u128(1)),
        version: 4,
        ..Envelope::clone(last)
    };
    let save = Save {
        key,
        expect: Expect::Revision(3),
        save_id: SaveId(Uuid::from_u128(2)),
        body: b"{}".to_vec(),
        entries: Vec::new(),
        version: 4,
        events: vec![Arc::new(next)],
    };
    let stale = Arc::new(Save { expect: Expect::Revision(2), ..save.clone() });
    assert!(matches!(store.save(stale).await, Err(StoreError::Conflict)));
    assert_eq!(store.save(Arc::new(save)).await.unwrap(), 4);
    let cursor = Some((last.aggregate_id, 3));
    let told = told(&store.history("orders", cursor, 9).await.unwrap());
    assert_eq!(told, [("ORDER_COMPLETED", 4)]);
}

/// What was on its way to a consumer is delivered: what it had not read, and what it is to try again.
#[tokio::test]
async fn deliveries_go_on() {
    static READ_ON: Consumer =
        Consumer { name: "tickets.orders", types: &[EventType::OrderCompleted] };
    static RETRIED: Consumer = Consumer { name: "orders.locks", types: &[EventType::OrderExpired] };
    let directory = written_by(1);
    let bus = open(&directory).bus();
    for (consumer, attempt) in [(&READ_ON, 1), (&RETRIED, 3)] {
        let mut reader = bus.subscribe(consumer).await.unwrap();
        let taken = timeout(Duration::from_secs(60), reader.next(9)).await.unwrap().unwrap();
        let [Delivery { token, attempt: it, event }] = &taken[..] else { panic!("{taken:?}") };
        let kind = event.as_ref().unwrap().event.event_type();
        assert_eq!((kind, *it), (consumer.types[0], attempt));
        reader.settle(vec![(*token, Disposition::Done)]).await.unwrap();
    }
}

/// An audit does not change a file: one of an older schema has to be served first.
#[tokio::test]
async fn an_audit_leaves_an_old_file_as_it_is() {
    let directory = written_by(1);
    let path = directory.path().join("test.db");
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(Snapshot::take(&path), Err(OpenError::Older)));
    assert_eq!(std::fs::read(&path).unwrap(), before);
    open(&directory).close().await.unwrap();
    let snapshot = Snapshot::take(&path).unwrap();
    let mut count = 0;
    snapshot.record(|_, event| count += usize::from(event.is_ok())).unwrap();
    assert_eq!((count, snapshot.documents().unwrap().len()), (10, 9));
}
