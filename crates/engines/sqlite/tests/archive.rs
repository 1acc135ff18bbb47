//! Old events move into the archive and are read from there as before.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use common::{SERVICE, event, open_with, save_with, told};
use rusqlite::Connection;
use stubmart_contract::{Envelope, EventType, Timestamp};
use stubmart_ports::{
    bus::{Bus as _, TailFrom},
    store::Store as _,
};
use stubmart_sqlite::{Database, Options, snapshot::Snapshot};
use tempfile::TempDir;

/// When the `number`th event is from.
fn at(number: u64) -> Timestamp {
    Timestamp::EPOCH.after(Duration::from_secs(number))
}

fn open(directory: &Path) -> Database {
    open_with(directory, Options { archive: true, ..Options::default() })
}

/// A file with `count` items of two events each, the first events of all before the second ones.
async fn filled(count: u64) -> (TempDir, Database) {
    let directory = tempfile::tempdir().unwrap();
    let database = open(directory.path());
    for version in 1..=2 {
        for number in 0..count {
            let dated = |it: &Arc<Envelope>| {
                Arc::new(Envelope { at: at((version - 1) * count + number), ..Envelope::clone(it) })
            };
            let save = save_with(number, version, |save| {
                save.events = save.events.iter().map(dated).collect();
            });
            database.store().save(save).await.unwrap();
        }
    }
    (directory, database)
}

async fn archive_all(database: &Database, before: Timestamp) {
    while database.archive_events(before).await.unwrap() {}
}

/// The whole history, read in pages.
async fn history(database: &Database) -> Vec<(u64, u64)> {
    let (store, mut all, mut after) = (database.store(), Vec::new(), None);
    loop {
        let page = store.history(SERVICE, after, 700).await.unwrap();
        let Some(last) = page.last() else { return all };
        after = Some((last.aggregate_id, last.version));
        all.extend(page.iter().map(|event| told(event)));
    }
}

fn whole(count: u64) -> Vec<(u64, u64)> {
    (0..count).flat_map(|number| [(number, 1), (number, 2)]).collect()
}

/// How many events the file itself has.
fn left(directory: &TempDir) -> i64 {
    let conn = Connection::open(directory.path().join("test.db")).unwrap();
    conn.query_row("SELECT count(*) FROM event", (), |row| row.get(0)).unwrap()
}

/// What is older moves, more than a batch of it, and everybody who reads events finds all of them, in order: the
/// history, a follower of the bus that begins at the beginning, an audit, and a second publication.
#[tokio::test]
async fn archived_events_are_read_as_before() {
    let (directory, database) = filled(1500).await;
    archive_all(&database, at(1500)).await;
    assert_eq!(left(&directory), 1500);
    assert_eq!(history(&database).await, whole(1500));

    let bus = database.bus();
    let mut read = Vec::new();
    let mut tail = bus.tail(EventType::ALL, TailFrom::Behind(0)).await.unwrap();
    while read.len() < 3000 {
        let seen = tail.next(500).await.unwrap();
        read.extend(seen.iter().map(|it| told(it.event.as_ref().unwrap())));
    }
    let in_order: Vec<_> =
        [1, 2].into_iter().flat_map(|version| (0..1500).map(move |it| (it, version))).collect();
    assert_eq!(read, in_order);

    bus.publish(&[event(7, 1)]).await.unwrap();
    assert_eq!(left(&directory), 1500, "an archived event was put on the bus a second time");

    let mut audited = 0;
    Snapshot::take(&directory.path().join("test.db")).unwrap().record(|_, _| audited += 1).unwrap();
    assert_eq!(audited, 3000);
}

/// The newest event stays, however old, and the next one is numbered behind it.
#[tokio::test]
async fn the_newest_event_stays() {
    let (directory, database) = filled(3).await;
    archive_all(&database, at(1_000_000)).await;
    assert_eq!(left(&directory), 1);
    database.close().await.unwrap();
    drop(database);

    let database = open(directory.path());
    database.store().save(common::save(9, 1)).await.unwrap();
    let all: Vec<_> = whole(3).into_iter().chain([(9, 1)]).collect();
    assert_eq!(history(&database).await, all);
    assert_eq!(database.bus().position().await.unwrap(), 7);
}

/// An event that was moved and not yet deleted, since a crash came between, is shown once, and deleted next.
#[tokio::test]
async fn a_move_that_was_cut_off_goes_on() {
    let (directory, database) = filled(50).await;
    let archive = Connection::open(directory.path().join("test.archive.db")).unwrap();
    archive.execute("ATTACH ?1 AS hot", (directory.path().join("test.db").to_str(),)).unwrap();
    archive.execute("INSERT INTO event SELECT * FROM hot.event WHERE seq <= 30", ()).unwrap();
    assert_eq!(history(&database).await, whole(50));

    archive_all(&database, at(10)).await;
    assert_eq!(left(&directory), 70, "what the archive has already is deleted");
    assert_eq!(history(&database).await, whole(50));
}

/// A reader misses no event and sees none twice while events move, some at a time, dozens of times.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_every_event_once_while_events_move() {
    let (_directory, database) = filled(300).await;
    let (moving, moved) = (database.clone(), Arc::new(AtomicBool::new(false)));
    let all_moved = Arc::clone(&moved);
    let archiving = tokio::spawn(async move {
        for upto in (0..600).step_by(5) {
            archive_all(&moving, at(upto)).await;
        }
        all_moved.store(true, Ordering::Release);
    });
    while !moved.load(Ordering::Acquire) {
        assert_eq!(history(&database).await, whole(300));
    }
    archiving.await.unwrap();
}
