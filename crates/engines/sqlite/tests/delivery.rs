//! The bus over the log of saves: across restarts and processes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{path::Path, process::Command, time::Duration};

use common::{event, open, save, told};
use rusqlite::Connection;
use stubmart_contract::EventType;
use stubmart_ports::{
    bus::{Bus as _, Consumer, Delivery, Disposition, Subscription, TailFrom},
    store::Store as _,
};
use stubmart_sqlite::Database;
use tokio::time::timeout;

/// Who listens to what the tests save.
static LISTENER: Consumer = Consumer { name: "test.listener", types: &[EventType::UserUpdated] };

/// Who waits for what the tests do not save.
static STRANGER: Consumer = Consumer { name: "test.stranger", types: &[EventType::OrderCreated] };

/// Tells a run of this test binary to save to a file and end.
const OTHER_PROCESS: &str = "STUBMART_TEST_OTHER_PROCESS";

const PATIENCE: Duration = Duration::from_secs(60);

async fn next(reader: &mut dyn Subscription) -> Vec<Delivery> {
    timeout(PATIENCE, reader.next(100)).await.unwrap().unwrap()
}

fn numbers(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|it| told(it.event.as_ref().unwrap()).0).collect()
}

async fn save_items(db: &Database, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        db.store().save(save(number, 1)).await.unwrap();
    }
}

/// An event is on the bus by the commit that saved it: nobody has to publish it, and publishing it
/// changes nothing.
#[tokio::test]
async fn an_event_is_on_the_bus_by_the_save() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path());
    let bus = db.bus();
    let mut reader = bus.subscribe(&LISTENER).await.unwrap();
    let mut tail = bus.tail(LISTENER.types, TailFrom::Now).await.unwrap();
    save_items(&db, 1..=3).await;
    assert_eq!(numbers(&next(&mut *reader).await), [1, 2, 3]);
    assert_eq!(timeout(PATIENCE, tail.next(9)).await.unwrap().unwrap().len(), 3);
    bus.publish(&[event(2, 1)]).await.unwrap();
    assert_eq!(bus.position().await.unwrap(), 3);
}

/// After a restart without a close what was settled does not come again; what was not does, and what
/// was to be retried does with its attempts counted.
#[tokio::test]
async fn deliveries_survive_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    {
        let db = open(directory.path());
        let mut reader = db.bus().subscribe(&LISTENER).await.unwrap();
        save_items(&db, 1..=5).await;
        let taken = next(&mut *reader).await;
        assert_eq!(numbers(&taken), [1, 2, 3, 4, 5]);
        let [done, retried, rejected, ..] = &taken[..] else { panic!("{taken:?}") };
        let settled = vec![
            (done.token, Disposition::Done),
            (retried.token, Disposition::RetryAfter(Duration::ZERO)),
            (rejected.token, Disposition::Reject("it makes no sense".to_owned())),
        ];
        reader.settle(settled).await.unwrap();
    }
    let db = open(directory.path());
    let mut reader = db.bus().subscribe(&LISTENER).await.unwrap();
    let mut taken = next(&mut *reader).await;
    taken.sort_by_key(|it| it.token);
    assert_eq!(numbers(&taken), [2, 4, 5]);
    assert_eq!(taken.first().map(|it| it.attempt), Some(2));
    let settled = taken.iter().map(|it| (it.token, Disposition::Done)).collect();
    reader.settle(settled).await.unwrap();
    drop(reader);
    db.close().await.unwrap();

    let conn = Connection::open(directory.path().join("test.db")).unwrap();
    let count = |sql: &str| conn.query_row(sql, (), |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(count("SELECT count(*) FROM retry"), 0);
    assert_eq!(count("SELECT cursor FROM consumer"), 5);
    assert_eq!(
        count("SELECT count(*) FROM dead WHERE seq = 3 AND reason = 'it makes no sense'"),
        1
    );
}

/// A consumer that waits while others' events pile up comes past them on disk too, so that it does not
/// have to look at them all again after a restart.
#[tokio::test]
async fn a_waiting_consumer_comes_past_what_is_not_for_it() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path());
    let bus = db.bus();
    let conn = Connection::open(directory.path().join("test.db")).unwrap();
    let mut reader = bus.subscribe(&STRANGER).await.unwrap();
    let events: Vec<_> = (1..=3000).map(|version| event(1, version)).collect();
    bus.publish(&events).await.unwrap();
    let cursor_moves = async {
        loop {
            let cursor: i64 =
                conn.query_row("SELECT cursor FROM consumer", (), |row| row.get(0)).unwrap();
            if cursor >= 2000 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        taken = reader.next(1) => panic!("{taken:?}"),
        moved = timeout(PATIENCE, cursor_moves) => moved.unwrap(),
    }
}

/// Events that another process saves reach a reader and a follower that wait.
#[tokio::test]
async fn what_another_process_saves_is_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let db = open(directory.path());
    let mut reader = db.bus().subscribe(&LISTENER).await.unwrap();
    let mut tail = db.bus().tail(LISTENER.types, TailFrom::Now).await.unwrap();
    save_items(&db, [1]).await;
    assert_eq!(numbers(&next(&mut *reader).await), [1]);
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "saves_for_another_process"])
        .env(OTHER_PROCESS, directory.path())
        .spawn()
        .unwrap();
    assert_eq!(numbers(&next(&mut *reader).await), [2]);
    save_items(&db, [3]).await;
    assert_eq!(numbers(&next(&mut *reader).await), [3]);
    let mut seen = Vec::new();
    while seen.len() < 3 {
        seen.extend(timeout(PATIENCE, tail.next(9)).await.unwrap().unwrap());
    }
    let seen: Vec<_> = seen.iter().map(|it| told(it.event.as_ref().unwrap()).0).collect();
    assert_eq!(seen, [1, 2, 3]);
    assert!(child.wait().unwrap().success());
}

/// Not a test of its own: the other process of [`what_another_process_saves_is_delivered`]. Without
/// being asked it does nothing.
#[tokio::test]
async fn saves_for_another_process() {
    let Some(directory) = std::env::var_os(OTHER_PROCESS) else { return };
    let db = open(Path::new(&directory));
    save_items(&db, [2]).await;
    db.close().await.unwrap();
}
