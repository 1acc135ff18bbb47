//! The rules of a store and a bus together: what is saved reaches those who want to know.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::future::{BoxFuture, FutureExt as _};
use stubmart_contract::EventType;
use stubmart_kernel::{
    outbox::Relay,
    worker::{Next, Wake, Worker as _},
};
use stubmart_ports::{
    bus::{Bus, Consumer, Disposition, Subscription},
    store::{Collection, DocKey, Expect, Save, SaveId, Store},
};
use uuid::Uuid;

use super::{at_once, events, keeps_waiting, number_of};

static ITEMS: Collection = Collection { name: "relayed.item", indexes: &[] };

static READER: Consumer = Consumer { name: "suite.relayed", types: EventType::ALL };

/// Saves a document with one event, both of this number.
async fn save(store: &dyn Store, number: u64) {
    let id = Uuid::from_u128(u128::from(number));
    let save = Save {
        key: DocKey { collection: &ITEMS, id },
        expect: Expect::Absent,
        save_id: SaveId(id),
        body: Vec::new(),
        entries: Vec::new(),
        event_count: 1,
        events: events([number]),
    };
    assert_eq!(store.save(save).await.unwrap(), 1);
}

/// Relays until nothing is pending.
async fn relay(store: Arc<dyn Store>, bus: Arc<dyn Bus>) {
    let relay = Relay::new("relayed", store, bus, Wake::default());
    while relay.step().await.unwrap() == Next::Again {}
}

/// Takes and settles deliveries until all of `expected` were there, and says how many came.
async fn take_all(reader: &mut dyn Subscription, mut expected: BTreeSet<u64>) -> usize {
    let mut count = 0;
    while !expected.is_empty() {
        let deliveries = reader.next(16).await.unwrap();
        count += deliveries.len();
        for delivery in &deliveries {
            expected.remove(&number_of(&delivery.body));
        }
        let done = deliveries.into_iter().map(|it| (it.token, Disposition::Done));
        reader.settle(done.collect()).await.unwrap();
    }
    count
}

/// What is saved through either handle is delivered, once, after the relay has run; and then nothing
/// is pending.
pub async fn saved_events_reach_the_bus(a: Arc<dyn Store>, b: Arc<dyn Store>, bus: Arc<dyn Bus>) {
    let mut reader = bus.subscribe(&READER).await.unwrap();
    for number in (1..=40).step_by(2) {
        save(&*a, number).await;
        save(&*b, number + 1).await;
    }
    relay(Arc::clone(&a), Arc::clone(&bus)).await;
    assert_eq!(take_all(&mut *reader, (1..=40).collect()).await, 40);
    assert!(keeps_waiting(reader.next(1)).await, "an event was delivered twice");
    assert_eq!(b.pending("relayed", 10).await.unwrap(), []);
}

/// Relays that run at once, while others save, lose nothing.
pub async fn relays_at_once_lose_nothing(a: Arc<dyn Store>, b: Arc<dyn Store>, bus: Arc<dyn Bus>) {
    let mut reader = bus.subscribe(&READER).await.unwrap();
    let mut tasks: Vec<BoxFuture<'static, ()>> = Vec::new();
    for (first, store) in [(0, &a), (100, &b)] {
        let saving = Arc::clone(store);
        tasks.push(
            async move {
                for number in 1..=60 {
                    save(&*saving, first + number).await;
                }
            }
            .boxed(),
        );
        let (relaying, bus) = (Arc::clone(store), Arc::clone(&bus));
        tasks.push(
            async move {
                for _ in 0..30 {
                    relay(Arc::clone(&relaying), Arc::clone(&bus)).await;
                    tokio::task::yield_now().await;
                }
            }
            .boxed(),
        );
    }
    at_once(tasks).await;
    relay(a, Arc::clone(&bus)).await;
    take_all(&mut *reader, (1..=60).chain(101..=160).collect()).await;
}

/// A replay publishes the whole record again, published or not, and a bus that remembers it delivers
/// nothing twice.
pub async fn a_replay_publishes_the_whole_record(
    a: Arc<dyn Store>,
    b: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
) {
    let mut reader = bus.subscribe(&READER).await.unwrap();
    // More than a replay reads at once.
    for number in 1..=300 {
        save(&*a, number).await;
    }
    relay(Arc::clone(&a), Arc::clone(&bus)).await;
    save(&*b, 301).await;
    let relay = Relay::new("relayed", b, Arc::clone(&bus), Wake::default());
    assert_eq!(relay.replay().await.unwrap(), 301);
    assert_eq!(take_all(&mut *reader, (1..=301).collect()).await, 301);
    assert!(keeps_waiting(reader.next(1)).await, "an event was delivered twice");
}

/// Makes a test of each rule of a store and a bus together. `$factory` is an
/// `fn() -> impl Future<Output = Subject<dyn Store, Arc<dyn Bus>>>`.
#[macro_export]
macro_rules! outbox_suite {
    ($factory:expr) => {
        $crate::rule_tests!(outbox, $factory, [], with [
            saved_events_reach_the_bus,
            relays_at_once_lose_nothing,
            a_replay_publishes_the_whole_record,
        ]);
    };
}
