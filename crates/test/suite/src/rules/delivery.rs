//! The rules of a store and a bus of one engine together: what is saved reaches every consumer. The
//! engine does its part by itself, whatever that is.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::future::{BoxFuture, FutureExt as _};
use stubmart_contract::EventType;
use stubmart_ports::{
    bus::{Bus, Consumer, Disposition, Subscription},
    store::{Collection, DocKey, Expect, Save, SaveId, Store, StoreError},
};
use stubmart_relay::refill;
use uuid::Uuid;

use super::{at_once, event_of, keeps_waiting, number_shown};

/// The service whose events are delivered.
pub const SERVICE: &str = "delivered";

static ITEMS: Collection = Collection { name: "delivered.item", indexes: &[] };

static READER: Consumer = Consumer { name: "suite.delivered", types: EventType::ALL };

/// A new document with one event, both of this number.
fn item(number: u64) -> Arc<Save> {
    let id = Uuid::from_u128(u128::from(number));
    Arc::new(Save {
        key: DocKey { collection: &ITEMS, id },
        expect: Expect::Absent,
        save_id: SaveId(id),
        body: Vec::new(),
        entries: Vec::new(),
        version: 1,
        events: vec![Arc::new(event_of(EventType::UserCreated, number, id, 1))],
    })
}

async fn save(store: &dyn Store, number: u64) {
    assert_eq!(store.save(item(number)).await.unwrap(), 1);
}

/// Takes and settles deliveries until all of `expected` were there, and answers how many came.
async fn take_all(reader: &mut dyn Subscription, mut expected: BTreeSet<u64>) -> usize {
    let mut count = 0;
    while !expected.is_empty() {
        let deliveries = reader.next(16).await.unwrap();
        count += deliveries.len();
        for delivery in &deliveries {
            expected.remove(&number_shown(&delivery.event));
        }
        let done = deliveries.into_iter().map(|it| (it.token, Disposition::Done));
        reader.settle(done.collect()).await.unwrap();
    }
    count
}

/// What is saved through either handle is delivered, once; what is refused is not.
pub async fn saved_events_reach_the_bus(a: Arc<dyn Store>, b: Arc<dyn Store>, bus: Arc<dyn Bus>) {
    let mut reader = bus.subscribe(&READER).await.unwrap();
    for number in (1..=40).step_by(2) {
        save(&*a, number).await;
        save(&*b, number + 1).await;
        let again = b.save(item(number)).await;
        assert!(matches!(again, Err(StoreError::Conflict)), "{again:?}");
    }
    assert_eq!(take_all(&mut *reader, (1..=40).collect()).await, 40);
    assert!(keeps_waiting(reader.next(1)).await, "an event was delivered twice");
}

/// Of many saves at once every event is delivered, once.
pub async fn of_saves_at_once_all_events_reach_the_bus(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
) {
    let mut reader = bus.subscribe(&READER).await.unwrap();
    let mut tasks: Vec<BoxFuture<'static, ()>> = Vec::new();
    for (first, store) in [(0, &a), (100, &b), (200, &a)] {
        let store = Arc::clone(store);
        tasks.push(
            async move {
                for number in 1..=60 {
                    save(&*store, first + number).await;
                }
            }
            .boxed(),
        );
    }
    tasks.push(
        async move {
            let all = (1..=60).chain(101..=160).chain(201..=260).collect();
            assert_eq!(take_all(&mut *reader, all).await, 180);
            assert!(keeps_waiting(reader.next(1)).await, "an event was delivered twice");
        }
        .boxed(),
    );
    at_once(tasks).await;
}

/// A consumer that joins late gets all that was saved before.
pub async fn a_consumer_that_joins_late_gets_everything(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
) {
    for number in 1..=20 {
        save(&*a, number).await;
    }
    let mut reader = bus.subscribe(&READER).await.unwrap();
    save(&*b, 21).await;
    assert_eq!(take_all(&mut *reader, (1..=21).collect()).await, 21);
}

/// A refill publishes the whole history again, and a bus that remembers it delivers nothing twice.
pub async fn a_refill_publishes_the_whole_history(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
) {
    let mut reader = bus.subscribe(&READER).await.unwrap();
    // More than a refill reads at once.
    for number in 1..=300 {
        save(&*a, number).await;
    }
    assert_eq!(refill(SERVICE, &*b, &*bus).await.unwrap(), 300);
    assert_eq!(take_all(&mut *reader, (1..=300).collect()).await, 300);
    assert!(keeps_waiting(reader.next(1)).await, "an event was delivered twice");
}

/// Makes a test of each rule of a store and a bus together. `$factory` is an
/// `fn() -> impl Future<Output = Subject<dyn Store, Arc<dyn Bus>>>`; what the engine has to do for
/// [`SERVICE`] in the background runs.
#[macro_export]
macro_rules! delivery_suite {
    ($factory:expr) => {
        $crate::rule_tests!(delivery, $factory, [], with [
            saved_events_reach_the_bus,
            of_saves_at_once_all_events_reach_the_bus,
            a_consumer_that_joins_late_gets_everything,
            a_refill_publishes_the_whole_history,
        ]);
    };
}
