//! Rules of events and the history of a service.

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
use uuid::Uuid;

use super::{ALIKE, Draft, OTHERS, key, numbers, published};
use crate::rules::at_once;

/// The events of a save are in the history once it is acknowledged, in its order and as they were given.
pub async fn events_leave_with_the_save_and_in_its_order(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    let kinds = [EventType::UserUpdated, EventType::UserDeleted, EventType::UserCreated];
    let draft =
        (1..).zip(kinds).fold(Draft::create(1), |it, (number, kind)| it.event_of(kind, number));
    let sent = draft.0.events.clone();
    draft.save(&*a).await;
    Draft::create(2).save(&*a).await;
    assert_eq!(b.history("suite", None, usize::MAX).await.unwrap(), sent);
}

/// The history goes by the documents' ids and, within a document, by the versions, over all collections
/// of the service and whatever the order of the saves.
pub async fn the_history_goes_by_document_and_version(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    Draft::create(2).event(5).event(6).save(&*a).await;
    let other = DocKey { collection: &OTHERS, id: key(3).id };
    Draft::new(other, Expect::Absent).event(9).save(&*b).await;
    Draft::create(4).event(10).save(&*a).await;
    Draft::create(1).event(1).save(&*b).await;
    // A version goes by its number: the tenth comes behind the ninth.
    Draft::change(2, 1).published(2).event(7).save(&*b).await;
    Draft::change(2, 2).published(3).event(8).save(&*a).await;
    let first = Draft::change(1, 1).published(1);
    first.event(2).event(3).event(4).save(&*a).await;
    for store in [&*a, &*b] {
        assert_eq!(published(store).await, (1..=10).collect::<Vec<_>>());
    }
    let mut long = Draft::create(5);
    for number in 11..=310 {
        long = long.event(number);
    }
    long.save(&*a).await;
    assert_eq!(published(&*b).await, (1..=310).collect::<Vec<_>>());
}

/// The history is read in pieces of any size, each behind the last event of the one before: nothing
/// twice, nothing left out. A point at which there is no event is as good a place to begin.
pub async fn the_history_is_read_from_any_point_on(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    for number in 1..=5 {
        Draft::create(number * 10).event(number * 2 - 1).event(number * 2).save(&*a).await;
    }
    for size in [1, 3, 10, 11] {
        let (mut read, mut after) = (Vec::new(), None);
        loop {
            let piece = b.history("suite", after, size).await.unwrap();
            assert!(piece.len() <= size);
            let Some(last) = piece.last() else { break };
            after = Some((last.aggregate_id, last.version));
            read.extend(numbers(&piece));
            assert!(read.len() <= 10, "pieces of {size} repeat themselves");
        }
        assert_eq!(read, (1..=10).collect::<Vec<_>>());
    }
    let points = [
        ((Uuid::nil(), 0), 1),
        ((key(10).id, 0), 1),
        ((key(10).id, 1), 2),
        ((key(10).id, 2), 3),
        ((key(10).id, 77), 3),
        ((key(11).id, 1), 3),
        ((key(49).id, u64::MAX), 9),
        ((key(50).id, 2), 11),
        ((Uuid::max(), u64::MAX), 11),
    ];
    for (after, first) in points {
        let rest = b.history("suite", Some(after), usize::MAX).await.unwrap();
        assert_eq!(numbers(&rest), (first..=10).collect::<Vec<_>>(), "behind {after:?}");
    }
    assert_eq!(b.history("suite", None, 0).await.unwrap(), []);
}

/// A service reads its own events and not those of one whose name is like its own.
pub async fn the_history_is_the_services_own(a: Arc<dyn Store>, b: Arc<dyn Store>) {
    for (number, collection) in (1..).zip(&ALIKE) {
        let key = DocKey { collection, id: key(number).id };
        Draft::new(key, Expect::Absent).event(number).save(&*a).await;
    }
    Draft::create(9).event(9).save(&*a).await;
    for (service, number) in [("suite", 9), ("suites", 1), ("suite_a", 2), ("suitexa", 3)] {
        let own = b.history(service, None, 10).await.unwrap();
        assert_eq!(numbers(&own), [number], "{service}");
    }
    for service in ["", "suit", "suite.item", "SUITE", "suite%", "other"] {
        assert_eq!(b.history(service, None, 10).await.unwrap(), [], "{service}");
    }
}

/// How many tasks save at once, and how many events each.
const WRITERS: u64 = 6;
const EACH: u64 = 30;

/// A reader that goes through the history in pieces, while others save, sees every event once that was
/// there when it began, and none twice.
pub async fn a_reader_of_the_history_misses_nothing_that_was_there(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
) {
    let left = Arc::new(AtomicUsize::new(0));
    let handles = [&a, &b].into_iter().cycle().map(Arc::clone);
    let writers = (0..WRITERS).zip(handles).map(|(writer, store)| {
        left.fetch_add(1, Ordering::SeqCst);
        let left = Arc::clone(&left);
        async move {
            for number in 1..=EACH {
                // Spread over the history, so that what is saved lies before and behind the reader.
                let number = number * 1000 + writer;
                Draft::create(number).event(number).save(&*store).await;
            }
            left.fetch_sub(1, Ordering::SeqCst);
        }
        .boxed()
    });
    let mut tasks: Vec<BoxFuture<'static, ()>> = writers.collect();
    tasks.push(
        async move {
            // The last round begins when all is written, so that there is one however fast the writers are.
            let mut is_last = false;
            while !is_last {
                is_last = left.load(Ordering::SeqCst) == 0;
                let there: BTreeSet<_> = published(&*b).await.into_iter().collect();
                let (mut after, mut seen) = (None, BTreeSet::new());
                loop {
                    let piece = b.history("suite", after, 16).await.unwrap();
                    let Some(last) = piece.last() else { break };
                    after = Some((last.aggregate_id, last.version));
                    for number in numbers(&piece) {
                        assert!(seen.insert(number), "{number} was read twice");
                    }
                }
                let missed: Vec<_> = there.difference(&seen).collect();
                assert!(missed.is_empty(), "{missed:?} were there and were not read");
                tokio::task::yield_now().await;
            }
        }
        .boxed(),
    );
    at_once(tasks).await;
}
