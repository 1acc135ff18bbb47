//! The rules of an outbox: what waits inside a store for the relay.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use futures_util::future::{BoxFuture, FutureExt as _};
use stubmart_contract::{Envelope, EventType};
use stubmart_ports::store::{Collection, DocKey, Expect, Save, SaveId, Store, StoreError};
use stubmart_relay::Outbox;
use uuid::Uuid;

use super::{at_once, event_of, number_of};

/// Makes a handle on the outbox that a service has in the store under test.
pub type Outboxes = Arc<dyn Fn(&'static str) -> Arc<dyn Outbox> + Send + Sync>;

static ITEMS: Collection = Collection { name: "suite.item", indexes: &[] };

/// Collections of services whose names are like `suite` to a pattern or a careless prefix.
static ALIKE: [Collection; 3] = [
    Collection { name: "suites.item", indexes: &[] },
    Collection { name: "suite_a.item", indexes: &[] },
    Collection { name: "suitexa.item", indexes: &[] },
];

/// The next save of a document that has published `version` events, with these events.
fn save(
    collection: &'static Collection,
    document: u64,
    version: u64,
    events: impl IntoIterator<Item = u64>,
) -> Arc<Save> {
    let id = Uuid::from_u128(u128::from(document));
    let mut save = Save {
        key: DocKey { collection, id },
        expect: if version == 0 { Expect::Absent } else { Expect::Revision(version) },
        save_id: SaveId(Uuid::from_u128(u128::from(document) << 64 | u128::from(version))),
        body: Vec::new(),
        entries: Vec::new(),
        version,
        events: Vec::new(),
    };
    for number in events {
        save.version += 1;
        let event = event_of(EventType::UserCreated, number, id, save.version);
        save.events.push(Arc::new(event));
    }
    Arc::new(save)
}

fn numbers(events: &[Arc<Envelope>]) -> Vec<u64> {
    events.iter().map(|event| number_of(event)).collect()
}

async fn pending(outbox: &dyn Outbox, limit: usize) -> Vec<u64> {
    numbers(&outbox.pending(limit).await.unwrap())
}

/// Saved events are pending, those of one document in the order of their versions, at most as many as
/// asked for, the same at each asking. Those of a refused save are not.
pub async fn saved_events_are_pending(a: Arc<dyn Store>, b: Arc<dyn Store>, outboxes: Outboxes) {
    a.save(save(&ITEMS, 1, 0, [1])).await.unwrap();
    b.save(save(&ITEMS, 1, 1, [2])).await.unwrap();
    a.save(save(&ITEMS, 1, 2, [3, 4])).await.unwrap();
    let refused = b.save(save(&ITEMS, 1, 1, [5])).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    let outbox = outboxes("suite");
    for limit in [0, 1, 3, 4, 100, usize::MAX] {
        assert_eq!(pending(&*outbox, limit).await, (1..=4).take(limit).collect::<Vec<_>>());
    }
    let events = outbox.pending(9).await.unwrap();
    assert_eq!(events, a.history("suite", None, 9).await.unwrap());
}

/// A service has its own events pending and not those of one whose name is like its own.
pub async fn pending_events_are_the_services_own(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
    outboxes: Outboxes,
) {
    for (number, collection) in (1..).zip(&ALIKE) {
        a.save(save(collection, number, 0, [number])).await.unwrap();
    }
    b.save(save(&ITEMS, 9, 0, [9])).await.unwrap();
    for (service, number) in [("suite", 9), ("suites", 1), ("suite_a", 2), ("suitexa", 3)] {
        assert_eq!(pending(&*outboxes(service), 10).await, [number], "{service}");
    }
    let own = outboxes("suite_a");
    own.published(&own.pending(10).await.unwrap()).await.unwrap();
    assert_eq!(pending(&*own, 10).await, [0; 0]);
    for service in ["suite", "suites", "suitexa"] {
        assert_eq!(pending(&*outboxes(service), 10).await.len(), 1, "{service}");
    }
}

/// An event that is struck off is pending no more; every other one still is. To strike it off twice does
/// no harm.
pub async fn published_events_are_pending_no_more_and_no_others(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
    outboxes: Outboxes,
) {
    for number in 1..=6 {
        a.save(save(&ITEMS, number, 0, [number])).await.unwrap();
    }
    let (one, other) = (outboxes("suite"), outboxes("suite"));
    let first = one.pending(2).await.unwrap();
    one.published(&first).await.unwrap();
    assert_eq!(pending(&*other, 10).await, [3, 4, 5, 6]);
    other.published(&first).await.unwrap();
    one.published(&[]).await.unwrap();
    assert_eq!(pending(&*other, 10).await, [3, 4, 5, 6]);
    let rest = other.pending(10).await.unwrap();
    b.save(save(&ITEMS, 7, 0, [7])).await.unwrap();
    other.published(&rest).await.unwrap();
    assert_eq!(pending(&*one, 10).await, [7]);
}

/// Published events stay in the history.
pub async fn the_history_keeps_published_events(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
    outboxes: Outboxes,
) {
    for number in 1..=4 {
        a.save(save(&ITEMS, number, 0, [number])).await.unwrap();
    }
    let before = a.history("suite", None, 10).await.unwrap();
    let outbox = outboxes("suite");
    outbox.published(&outbox.pending(3).await.unwrap()).await.unwrap();
    assert_eq!(b.history("suite", None, 10).await.unwrap(), before);
}

/// Each save with an event wakes the relay, also one that was made before the relay waits.
pub async fn a_save_wakes_the_relay(a: Arc<dyn Store>, b: Arc<dyn Store>, outboxes: Outboxes) {
    let outbox = outboxes("suite");
    for (number, store) in [(1, a), (2, b)] {
        store.save(save(&ITEMS, number, 0, [number])).await.unwrap();
        outbox.saved().woken().await;
    }
}

/// How many tasks save at once, and how many events each.
const WRITERS: u64 = 6;
const EACH: u64 = 30;

/// A relay that takes what is pending and strikes it off, while others save, gets every event, each once.
pub async fn no_concurrently_saved_event_is_left_behind(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
    outboxes: Outboxes,
) {
    let left = Arc::new(AtomicUsize::new(0));
    let handles = [&a, &b].into_iter().cycle().map(Arc::clone);
    let writers = (0..WRITERS).zip(handles).map(|(writer, store)| {
        left.fetch_add(1, Ordering::SeqCst);
        let left = Arc::clone(&left);
        async move {
            for number in 1..=EACH {
                let number = writer * 1000 + number;
                store.save(save(&ITEMS, number, 0, [number])).await.unwrap();
            }
            left.fetch_sub(1, Ordering::SeqCst);
        }
        .boxed()
    });
    let mut tasks: Vec<BoxFuture<'static, ()>> = writers.collect();
    tasks.push(
        async move {
            let (outbox, mut relayed) = (outboxes("suite"), BTreeSet::new());
            loop {
                let ended = left.load(Ordering::SeqCst) == 0;
                let pending = outbox.pending(16).await.unwrap();
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
                outbox.published(&pending).await.unwrap();
            }
            let writers = 0..WRITERS;
            let saved = writers.flat_map(|writer| (1..=EACH).map(move |it| writer * 1000 + it));
            assert_eq!(relayed, saved.collect());
        }
        .boxed(),
    );
    at_once(tasks).await;
}

/// Makes a test of each rule of an [`Outbox`]. `$factory` is an
/// `fn() -> impl Future<Output = Subject<dyn Store, Outboxes>>`.
#[macro_export]
macro_rules! outbox_suite {
    ($factory:expr) => {
        $crate::rule_tests!(outbox, $factory, [], with [
            saved_events_are_pending,
            pending_events_are_the_services_own,
            published_events_are_pending_no_more_and_no_others,
            the_history_keeps_published_events,
            a_save_wakes_the_relay,
            no_concurrently_saved_event_is_left_behind,
        ]);
    };
}
