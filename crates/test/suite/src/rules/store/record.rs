//! Rules of events: the record, and what waits for a relay.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::future::{BoxFuture, FutureExt as _};
use stubmart_contract::EventType;
use stubmart_ports::store::{DocKey, Expect, Store};

use super::{ALIKE, Draft, OTHERS, key, numbers, on_record};
use crate::rules::{at_once, event, events};

/// The events of a save are on record once it is acknowledged, in its order and as they were given.
pub async fn events_leave_with_the_save_and_in_its_order(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    let kinds = [EventType::UserUpdated, EventType::UserDeleted, EventType::UserCreated];
    let sent: Vec<_> = (1..).zip(kinds).map(|(number, kind)| event(kind, number)).collect();
    Draft::create(1).events(sent.clone()).save(&*a).await;
    Draft::create(2).save(&*a).await;
    let recorded = b.record("suite", 0, usize::MAX).await.unwrap();
    assert_eq!(recorded.into_iter().map(|it| it.event).collect::<Vec<_>>(), sent);
}

/// Positions grow in the order of the saves, over all documents and collections of the service.
pub async fn the_record_goes_by_the_order_of_saves(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).events(events([1, 2])).save(&*a).await;
    let other = DocKey { collection: &OTHERS, id: key(1).id };
    Draft::new(other, Expect::Absent).event(3).save(&*b).await;
    Draft::change(1, 1).events(events([4, 5])).save(&*b).await;
    Draft::create(2).event(6).save(&*a).await;
    for store in [&a, &b] {
        let recorded = store.record("suite", 0, usize::MAX).await.unwrap();
        assert_eq!(numbers(&recorded), [1, 2, 3, 4, 5, 6]);
        let positions: Vec<_> = recorded.iter().map(|it| it.position).collect();
        assert!(positions.first().is_some_and(|first| *first > 0));
        assert!(positions.windows(2).all(|pair| pair.first() < pair.last()), "{positions:?}");
    }
}

/// The record is read in pieces, each behind the last position of the one before: nothing twice,
/// nothing left out. Behind the end there is nothing.
pub async fn the_record_is_read_behind_a_position(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    for number in 1..=10 {
        Draft::create(number).event(number).save(&*a).await;
    }
    for size in [1, 3, 10, 11] {
        let (mut read, mut after) = (Vec::new(), 0);
        loop {
            let piece = b.record("suite", after, size).await.unwrap();
            assert!(piece.len() <= size);
            let Some(last) = piece.last() else { break };
            after = last.position;
            read.extend(numbers(&piece));
            assert!(read.len() <= 10, "pieces of {size} repeat themselves");
        }
        assert_eq!(read, (1..=10).collect::<Vec<_>>());
    }
    let far = u64::try_from(i64::MAX).unwrap();
    assert_eq!(b.record("suite", far, 5).await.unwrap(), []);
    assert_eq!(b.record("suite", 0, 0).await.unwrap(), []);
}

/// What a document published stays on record when it is deleted.
pub async fn the_record_keeps_the_events_of_deleted_documents(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
) {
    Draft::create(1).event(1).save(&*a).await;
    Draft::change(1, 1).event(2).save(&*a).await;
    b.delete(key(1), 2).await.unwrap();
    assert_eq!(on_record(&*a).await, [1, 2]);
    Draft::create(1).event(3).save(&*b).await;
    assert_eq!(on_record(&*a).await, [1, 2, 3]);
}

/// Saves an event in a collection of the suite's own service and in each of those named alike.
async fn save_alike(store: &dyn Store) {
    for (number, collection) in (1..).zip(&ALIKE) {
        let key = DocKey { collection, id: key(number).id };
        Draft::new(key, Expect::Absent).event(number).save(store).await;
    }
    Draft::create(9).event(9).save(store).await;
}

/// A service reads its own events and not those of one whose name is like its own.
pub async fn the_record_is_the_services_own(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    save_alike(&*a).await;
    let services = [("suite", 9), ("suites", 1), ("suite_a", 2), ("suitexa", 3)];
    for (service, number) in services {
        assert_eq!(numbers(&b.record(service, 0, 10).await.unwrap()), [number], "{service}");
    }
    for service in ["", "suit", "suite.item", "SUITE", "suite%", "other"] {
        assert_eq!(b.record(service, 0, 10).await.unwrap(), [], "{service}");
    }
}

/// How many tasks save at once, and how many events each.
const WRITERS: u64 = 6;
const EACH: u64 = 30;

/// Tasks that each create documents with one event, half of them through each handle; `left` counts
/// those that still run.
fn writers(
    a: &Arc<dyn Store>,
    b: &Arc<dyn Store>,
    left: &Arc<AtomicUsize>,
) -> Vec<BoxFuture<'static, ()>> {
    let handles = [a, b].into_iter().cycle().map(Arc::clone);
    let tasks = (0..WRITERS).zip(handles).map(|(writer, store)| {
        left.fetch_add(1, Ordering::SeqCst);
        let left = Arc::clone(left);
        async move {
            for number in 1..=EACH {
                let number = writer * 1000 + number;
                Draft::create(number).event(number).save(&*store).await;
            }
            left.fetch_sub(1, Ordering::SeqCst);
        }
        .boxed()
    });
    tasks.collect()
}

/// The numbers of all events that the writers save.
fn written() -> BTreeSet<u64> {
    (0..WRITERS).flat_map(|writer| (1..=EACH).map(move |number| writer * 1000 + number)).collect()
}

/// Whoever reads the record behind the last position it saw, while others save, misses no event: none
/// appears behind it later.
pub async fn a_follower_of_the_record_misses_nothing(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    let left = Arc::new(AtomicUsize::new(0));
    let mut tasks = writers(&a, &b, &left);
    tasks.push(
        async move {
            let (mut after, mut seen) = (0, BTreeSet::new());
            loop {
                let ended = left.load(Ordering::SeqCst) == 0;
                let piece = b.record("suite", after, 16).await.unwrap();
                match piece.last() {
                    Some(last) => after = last.position,
                    None if ended => break,
                    None => tokio::task::yield_now().await,
                }
                for number in numbers(&piece) {
                    assert!(seen.insert(number), "{number} was read twice");
                }
            }
            assert_eq!(seen, written());
        }
        .boxed(),
    );
    at_once(tasks).await;
}

/// Saved events are pending, oldest first, at most as many as asked for, the same at each asking.
pub async fn saved_events_are_pending_oldest_first(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(1).events(events([1, 2])).save(&*a).await;
    Draft::create(2).event(3).save(&*b).await;
    Draft::change(1, 1).event(4).save(&*a).await;
    for limit in [0, 1, 3, 4, 100, usize::MAX] {
        let pending = b.pending("suite", limit).await.unwrap();
        assert_eq!(numbers(&pending), (1..=4).take(limit).collect::<Vec<_>>());
        assert_eq!(pending, a.record("suite", 0, limit).await.unwrap());
    }
    b.delete(key(2), 1).await.unwrap();
    assert_eq!(numbers(&a.pending("suite", 10).await.unwrap()), [1, 2, 3, 4]);
}

/// A service has its own events pending and not those of one whose name is like its own.
pub async fn pending_events_are_the_services_own(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    save_alike(&*a).await;
    let services = [("suite", 9), ("suites", 1), ("suite_a", 2), ("suitexa", 3)];
    for (service, number) in services {
        assert_eq!(numbers(&b.pending(service, 10).await.unwrap()), [number], "{service}");
    }
    let own = a.pending("suite_a", 10).await.unwrap();
    a.published("suite_a", &own).await.unwrap();
    assert_eq!(b.pending("suite_a", 10).await.unwrap(), []);
    for service in ["suite", "suites", "suitexa"] {
        assert_eq!(b.pending(service, 10).await.unwrap().len(), 1, "{service}");
    }
}

/// What was told to be published is pending no more; everything else still is. To tell it twice does
/// no harm.
pub async fn published_events_are_pending_no_more_and_no_others(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
) {
    for number in 1..=6 {
        Draft::create(number).event(number).save(&*a).await;
    }
    let first = a.pending("suite", 2).await.unwrap();
    a.published("suite", &first).await.unwrap();
    assert_eq!(numbers(&b.pending("suite", 10).await.unwrap()), [3, 4, 5, 6]);
    b.published("suite", &first).await.unwrap();
    a.published("suite", &[]).await.unwrap();
    assert_eq!(numbers(&b.pending("suite", 10).await.unwrap()), [3, 4, 5, 6]);
    let rest = b.pending("suite", 10).await.unwrap();
    Draft::create(7).event(7).save(&*a).await;
    b.published("suite", &rest).await.unwrap();
    assert_eq!(numbers(&a.pending("suite", 10).await.unwrap()), [7]);
}

/// Published events stay on record.
pub async fn the_record_keeps_published_events(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    for number in 1..=4 {
        Draft::create(number).event(number).save(&*a).await;
    }
    let before = a.record("suite", 0, 10).await.unwrap();
    let pending = a.pending("suite", 3).await.unwrap();
    a.published("suite", &pending).await.unwrap();
    assert_eq!(b.record("suite", 0, 10).await.unwrap(), before);
}

/// Whoever takes what is pending and tells that it is published, while others save, gets every event,
/// each once.
pub async fn no_concurrently_saved_event_is_left_behind(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    let left = Arc::new(AtomicUsize::new(0));
    let mut tasks = writers(&a, &b, &left);
    tasks.push(
        async move {
            let mut relayed = BTreeSet::new();
            loop {
                let ended = left.load(Ordering::SeqCst) == 0;
                let pending = b.pending("suite", 16).await.unwrap();
                if pending.is_empty() {
                    if ended {
                        break;
                    }
                    tokio::task::yield_now().await;
                    continue;
                }
                for number in numbers(&pending) {
                    assert!(relayed.insert(number), "{number} is pending again");
                }
                b.published("suite", &pending).await.unwrap();
            }
            assert_eq!(relayed, written());
        }
        .boxed(),
    );
    at_once(tasks).await;
}
