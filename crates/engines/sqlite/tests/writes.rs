//! Saves under load and under trouble: what is acknowledged is there, what is refused is not.

mod common;

use std::{collections::BTreeMap, fs, sync::Arc, time::Duration};

use common::{ITEMS, SERVICE, key, open, open_with, save, save_with, told};
use rusqlite::Connection;
use stubmart_ports::{
    key::Key,
    store::{Scan, Store as _, StoreError},
};
use stubmart_sqlite::Options;

/// Of 64 tasks that save the same few items at once, each revision is written by exactly one; every
/// other one gets a conflict, and every save has left its event.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_saves_at_once_each_revision_has_one_winner() {
    const ITEM_COUNT: u64 = 4;
    const EACH: usize = 50;
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store();
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let (mut won, mut lost) = (0_u64, 0_u64);
                for round in 0..EACH {
                    let number = u64::try_from(task + round).unwrap() % ITEM_COUNT;
                    let before = store.load(key(number)).await.unwrap();
                    let version = before.map_or(0, |it| it.version) + 1;
                    match store.save(save(number, version)).await {
                        Ok(saved) => {
                            assert_eq!(saved, version);
                            won += 1;
                        }
                        Err(StoreError::Conflict) => lost += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
                (won, lost)
            })
        })
        .collect();
    let (mut won, mut lost) = (0, 0);
    for task in tasks {
        let result = task.await.unwrap();
        won += result.0;
        lost += result.1;
    }
    assert!(lost > 0, "nobody met a conflict");
    let mut versions = BTreeMap::new();
    for number in 0..ITEM_COUNT {
        let stored = store.load(key(number)).await.unwrap().unwrap();
        assert_eq!(stored.body, save(number, stored.version).body);
        versions.insert(number, stored.version);
    }
    assert_eq!(versions.values().sum::<u64>(), won);
    let events = store.history(SERVICE, None, usize::MAX).await.unwrap();
    let told: Vec<_> = events.iter().map(|event| told(event)).collect();
    let expected =
        versions.iter().flat_map(|(&number, &last)| (1..=last).map(move |it| (number, it)));
    assert_eq!(told, expected.collect::<Vec<_>>());
}

/// A read that begins after a save was acknowledged sees it, on whatever connection it runs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_read_sees_what_was_acknowledged_before() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store();
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for version in 1..=40 {
                    store.save(save(number, version)).await.unwrap();
                    let stored = store.load(key(number)).await.unwrap().unwrap();
                    assert_eq!(stored.version, version);
                    let name = Key::new().text(&format!("name {number}"));
                    let scan = Scan::prefix(&ITEMS, "name", &name);
                    assert_eq!(store.find(scan).await.unwrap().first().unwrap().doc, stored);
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// A save that the database itself refuses (its event's id is another's) writes nothing, and does not
/// take those with it that are committed in the same group.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_save_that_fails_fails_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store();
    store.save(save(0, 1)).await.unwrap();
    let tasks: Vec<_> = (1..=100)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let it = save_with(number, 1, |it| {
                    if number % 10 == 0 {
                        it.events = save(0, 1).events.clone();
                    }
                });
                (number, store.save(it).await)
            })
        })
        .collect();
    for task in tasks {
        let (number, result) = task.await.unwrap();
        let stored = store.load(key(number)).await.unwrap();
        if number % 10 == 0 {
            assert!(matches!(result, Err(StoreError::Unavailable(_))), "{result:?}");
            assert_eq!(stored, None);
            store.save(save(number, 1)).await.unwrap();
        } else {
            assert_eq!((result.unwrap(), stored.unwrap().version), (1, 1));
        }
    }
    assert_eq!(store.history(SERVICE, None, usize::MAX).await.unwrap().len(), 101);
}

/// While another process holds the write lock, saves wait; when the queue is full for too long the
/// next ones are refused with nothing written. Reads go on. Those that waited are done in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn when_the_queue_is_full_saves_are_refused_and_reads_go_on() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        queue_max: 1,
        group_max: 1,
        queue_wait: Duration::from_millis(50),
        ..Options::default()
    };
    let store = open_with(directory.path(), options).store();
    store.save(save(0, 1)).await.unwrap();
    let other = Connection::open(directory.path().join("test.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut waiting: Vec<_> = (1..=6)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { (number, store.save(save(number, 1)).await) })
        })
        .collect();
    let mut refused = Vec::new();
    let mut done = Vec::new();
    // One is with the writer and one in the queue; the others are refused meanwhile.
    let four_are_refused = async {
        while waiting.iter().filter(|task| task.is_finished()).count() < 4 {
            assert_eq!(store.load(key(0)).await.unwrap().unwrap().version, 1);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), four_are_refused).await.unwrap();
    other.execute_batch("ROLLBACK").unwrap();
    for task in waiting.drain(..) {
        match task.await.unwrap() {
            (number, Err(StoreError::Unavailable(_))) => refused.push(number),
            (number, result) => done.push((number, result.unwrap())),
        }
    }
    assert_eq!((refused.len(), done.len()), (4, 2));
    for number in refused {
        assert_eq!(store.load(key(number)).await.unwrap(), None);
    }
    for (number, version) in done {
        assert_eq!(store.load(key(number)).await.unwrap().unwrap().version, version);
    }
}

/// When the answer takes too long the save is not said to be refused, since it may be done still.
#[tokio::test]
async fn an_answer_that_takes_too_long_is_left_open() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { answer_wait: Duration::from_millis(20), ..Options::default() };
    let db = open_with(directory.path(), options);
    let slow = db.store();
    let patient = open(directory.path()).store();
    patient.save(save(0, 1)).await.unwrap();
    // So that its collection has a number already.
    assert!(slow.load(key(0)).await.unwrap().is_some());
    let other = Connection::open(directory.path().join("test.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let lost = slow.save(save(1, 1)).await;
    assert!(matches!(lost, Err(StoreError::Indeterminate(_))), "{lost:?}");
    other.execute_batch("ROLLBACK").unwrap();
    db.close().await.unwrap();
    assert_eq!(patient.load(key(1)).await.unwrap().unwrap().version, 1, "it was done all the same");
}

/// On a full disk saves are refused with nothing half-written, reads go on, and when there is room
/// again so do saves.
#[tokio::test]
async fn a_full_disk_refuses_saves_and_writes_nothing_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { pages_max: Some(60), ..Options::default() };
    let db = open_with(directory.path(), options);
    let store = db.store();
    let large = |number| save_with(number, 1, |it| it.body.resize(3000, b'x'));
    let mut saved = 0;
    let refused = loop {
        match store.save(large(saved)).await {
            Ok(_) => saved += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(saved > 5);
    assert_eq!(store.load(key(saved)).await.unwrap(), None);
    assert_eq!(store.load(key(0)).await.unwrap().unwrap().body, large(0).body);
    let all = || Scan::prefix(&ITEMS, "name", &Key::new());
    let count = usize::try_from(saved).unwrap();
    assert_eq!(store.keys(all()).await.unwrap().len(), count);
    assert_eq!(store.history(SERVICE, None, usize::MAX).await.unwrap().len(), count);

    db.close().await.unwrap();
    let store = open(directory.path()).store();
    assert_eq!(store.keys(all()).await.unwrap().len(), count);
    store.save(large(saved)).await.unwrap();
}

/// However much is written, the write-ahead log is copied away and started again, so that it stays
/// short.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_stays_short() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { checkpoint_pages: 32, log_pages: 128, ..Options::default() };
    let store = open_with(directory.path(), options).store();
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for version in 1..=300 {
                    store.save(save(number, version)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let log = fs::metadata(directory.path().join("test.db-wal")).unwrap().len();
    let written = fs::metadata(directory.path().join("test.db")).unwrap().len();
    assert!(written > 1_000_000, "the file has only {written} bytes");
    assert!(log < 4_000_000, "the log has {log} bytes");
}

/// Closing does what was asked for before, and refuses what comes after with nothing written.
#[tokio::test]
async fn closing_does_what_was_asked_before_and_refuses_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path());
    let store = db.store();
    store.save(save(0, 1)).await.unwrap();
    let before: Vec<_> = (1..=50).map(|number| store.save(save(number, 1))).collect();
    let closed = async {
        db.close().await.unwrap();
        store.save(save(60, 1)).await
    };
    let (before, after) = tokio::join!(futures_util::future::join_all(before), closed);
    assert!(before.iter().all(Result::is_ok));
    assert!(matches!(after, Err(StoreError::Unavailable(_))), "{after:?}");
    db.close().await.unwrap();
    let log = fs::metadata(directory.path().join("test.db-wal")).map_or(0, |it| it.len());
    assert_eq!(log, 0, "the log was not emptied");
    let store = open(directory.path()).store();
    assert!(store.load(key(50)).await.unwrap().is_some());
    assert!(store.load(key(60)).await.unwrap().is_none());
}

/// A save that takes back what it wrote, since a key of an index that is not unique is another's,
/// changes nothing.
#[tokio::test]
async fn a_key_that_is_taken_where_none_should_be_refuses_the_whole_save() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store();
    store.save(save(1, 1)).await.unwrap();
    let it = save_with(2, 1, |it| {
        it.entries.pop();
        it.entries.extend(save(1, 1).entries.last().cloned());
    });
    let refused = store.save(it).await;
    assert!(matches!(refused, Err(StoreError::Taken { index: "group" })), "{refused:?}");
    assert_eq!(store.load(key(2)).await.unwrap(), None);
    assert_eq!(store.history(SERVICE, None, usize::MAX).await.unwrap().len(), 1);
}
