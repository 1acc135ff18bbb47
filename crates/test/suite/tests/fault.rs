//! The fault-injecting wrappers do what their table says, and nothing else goes wrong.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use stubmart_contract::{
    DomainEvent, Envelope, EventType, MessageId, Timestamp, UserId, event::UserState,
};
use stubmart_kernel::{
    consumer::{self, HandleError, Handler},
    outbox::Relay,
    worker::{self, ShutdownTrigger, Wake},
};
use stubmart_ports::{
    bus::{Bus, BusError, Consumer, Delivery, Disposition, Subscription, TailFrom},
    store::{Collection, DocKey, Expect, Outgoing, Save, SaveId, Store, StoreError},
    timers::{Claim, Timer, TimerError, Timers},
};
use stubmart_suite::{
    fault::{Call, Fault, FaultyBus, FaultyStore, FaultyTimers, Injector, Op, Rates},
    host::{self, ManualClock},
    mem::{MemBus, MemStore, MemTimers},
};
use uuid::Uuid;

static ITEMS: Collection = Collection { name: "test.item", indexes: &[] };

static READER: Consumer = Consumer { name: "test.reader", types: EventType::ALL };

/// The `fault` at the first call of `op`, and none else.
fn first(op: Op, fault: Fault) -> Arc<Injector> {
    Injector::new(move |call| if call == (Call { op, number: 1 }) { fault } else { Fault::None })
}

fn key() -> DocKey {
    DocKey { collection: &ITEMS, id: Uuid::from_u128(1) }
}

fn event(number: u64) -> Outgoing {
    let id = Uuid::from_u128(u128::from(number));
    let envelope = Envelope {
        id: MessageId(id),
        aggregate_id: id,
        version: 1,
        at: Timestamp::EPOCH,
        causation_id: MessageId(id),
        correlation_id: MessageId(id),
        actor: stubmart_contract::Actor::System,
        request_id: None,
        event: DomainEvent::UserCreated(UserState { id: UserId(id) }),
    };
    let body = envelope.encode().unwrap();
    Outgoing { id: MessageId(id), event_type: EventType::UserCreated, body }
}

fn number_of(body: &[u8]) -> u64 {
    u64::try_from(Envelope::decode(body).unwrap().id.0.as_u128()).unwrap()
}

fn numbers(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|delivery| number_of(&delivery.body)).collect()
}

/// A save of a document, with as many events as it says.
fn save(id: Uuid, expect: Expect, events: Vec<Outgoing>) -> Save {
    Save {
        key: DocKey { collection: &ITEMS, id },
        expect,
        save_id: SaveId(id),
        body: Vec::new(),
        entries: Vec::new(),
        event_count: u64::try_from(events.len()).unwrap(),
        events,
    }
}

fn create() -> Save {
    save(key().id, Expect::Absent, vec![event(1)])
}

/// A store with one fault at the first call of `op`, and the store behind it.
fn store(op: Op, fault: Fault) -> (FaultyStore, MemStore) {
    let mem = MemStore::new();
    (FaultyStore::new(Arc::new(mem.clone()), first(op, fault)), mem)
}

/// A save that fails has written nothing and says so.
#[tokio::test]
async fn a_save_that_fails_writes_nothing() {
    let (faulty, mem) = store(Op::Save, Fault::Fail);
    assert!(matches!(faulty.save(create()).await, Err(StoreError::Unavailable(_))));
    assert_eq!(mem.load(key()).await.unwrap(), None);
    assert_eq!(faulty.save(create()).await.unwrap(), 1);
}

/// A save whose answer is lost has written.
#[tokio::test]
async fn a_save_that_loses_its_answer_has_written() {
    let (faulty, mem) = store(Op::Save, Fault::LoseAnswer);
    assert!(matches!(faulty.save(create()).await, Err(StoreError::Indeterminate(_))));
    assert_eq!(mem.load(key()).await.unwrap().unwrap().version, 1);
    assert_eq!(mem.record("test", 0, 9).await.unwrap().len(), 1);
}

/// A late save writes when it is released: in the order the test wants, checked then and not before.
#[tokio::test]
async fn a_late_save_writes_when_it_is_released() {
    let mem = MemStore::new();
    let injector = Injector::new(|call| {
        if call.op == Op::Save && call.number <= 2 { Fault::Late } else { Fault::None }
    });
    let faulty = FaultyStore::new(Arc::new(mem.clone()), injector);
    let other = Save { save_id: SaveId(Uuid::from_u128(2)), ..create() };
    for late in [create(), other.clone()] {
        assert!(matches!(faulty.save(late).await, Err(StoreError::Indeterminate(_))));
    }
    assert_eq!((faulty.late(), mem.load(key()).await.unwrap()), (2, None));
    assert!(faulty.release(1).await);
    assert_eq!(mem.load(key()).await.unwrap().unwrap().save_id, other.save_id);
    // The other one lands on what is there by now, and is refused without anybody to tell.
    faulty.release_all().await;
    assert_eq!(mem.load(key()).await.unwrap().unwrap().save_id, other.save_id);
    assert_eq!((faulty.late(), faulty.release(0).await), (0, false));
}

/// A delete and a note of what was published fail, lose their answers and are late like a save.
#[tokio::test]
async fn every_write_of_a_store_can_fail() {
    for (fault, deleted) in [
        (Fault::Fail, false),
        (Fault::LoseAnswer, true),
        (Fault::Late, false),
        (Fault::Twice, true),
    ] {
        let (faulty, mem) = store(Op::Delete, fault);
        mem.save(create()).await.unwrap();
        assert_eq!(faulty.delete(key(), 1).await.is_ok(), fault == Fault::Twice);
        assert_eq!(mem.load(key()).await.unwrap().is_none(), deleted, "{fault:?}");
        faulty.release_all().await;
        assert_eq!(mem.load(key()).await.unwrap().is_none(), fault != Fault::Fail, "{fault:?}");

        let (faulty, mem) = store(Op::Published, fault);
        mem.save(create()).await.unwrap();
        let pending = faulty.pending("test", 9).await.unwrap();
        assert_eq!(faulty.published("test", &pending).await.is_ok(), fault == Fault::Twice);
        assert_eq!(mem.pending("test", 9).await.unwrap().is_empty(), deleted, "{fault:?}");
        faulty.release_all().await;
        let published = mem.pending("test", 9).await.unwrap().is_empty();
        assert_eq!(published, fault != Fault::Fail, "{fault:?}");
    }
}

/// A failed read says so; what changes nothing can not be done by halves.
#[tokio::test]
async fn a_read_fails_or_does_not() {
    for (fault, fails) in [(Fault::Fail, true), (Fault::LoseAnswer, true), (Fault::Twice, false)] {
        let (faulty, mem) = store(Op::Load, fault);
        mem.save(create()).await.unwrap();
        assert_eq!(faulty.load(key()).await.is_err(), fails);
        assert_eq!(faulty.load(key()).await.unwrap().unwrap().version, 1);
    }
}

/// A healed injector injects nothing, until it hurts again; it counts what it did.
#[tokio::test]
async fn a_healed_injector_injects_nothing() {
    let injector = Injector::new(|_| Fault::Fail);
    let faulty = FaultyStore::new(Arc::new(MemStore::new()), Arc::clone(&injector));
    assert!(faulty.ready().await.is_err());
    injector.heal();
    assert!(faulty.ready().await.is_ok());
    injector.hurt();
    assert!(faulty.ready().await.is_err());
    let injected: Vec<_> = injector.injected().into_iter().collect();
    assert_eq!(injected, [((Op::StoreReady, Fault::Fail), 2)]);
}

/// A seed gives the same faults at the same calls, about as often as it was told.
#[tokio::test]
async fn a_seed_gives_the_same_faults() {
    async fn faults(seed: u64) -> (Vec<bool>, u64) {
        let injector = Injector::seeded(seed, Rates::each(100));
        let faulty = FaultyStore::new(Arc::new(MemStore::new()), Arc::clone(&injector));
        let mut failed = Vec::new();
        for number in 0..1000 {
            let saved =
                faulty.save(save(Uuid::from_u128(number), Expect::Absent, Vec::new())).await;
            failed.push(saved.is_err());
        }
        (failed, injector.injected().values().sum())
    }
    assert_eq!(faults(7).await, faults(7).await);
    assert_ne!(faults(7).await.0, faults(8).await.0);
    let (_, injected) = faults(7).await;
    assert!((300..500).contains(&injected), "{injected} of 1000 at 400 in a thousand");
}

/// A bus with one fault at the first call of `op`, and the bus behind it.
fn bus(op: Op, fault: Fault) -> (FaultyBus, MemBus) {
    let (host, _) = host::manual(1);
    let mem = MemBus::new(host);
    (FaultyBus::new(Arc::new(mem.clone()), first(op, fault)), mem)
}

/// What is published fails, loses its answer, is late or comes twice; a bus that remembers shows it
/// once.
#[tokio::test]
async fn a_publish_can_fail() {
    let cases =
        [(Fault::Fail, 0, 0), (Fault::LoseAnswer, 1, 1), (Fault::Late, 0, 1), (Fault::Twice, 1, 1)];
    for (fault, before, after) in cases {
        let (faulty, mem) = bus(Op::Publish, fault);
        let published = faulty.publish(&[event(1)]).await;
        assert_eq!(published.is_ok(), fault == Fault::Twice);
        assert_eq!(mem.position().await.unwrap(), before, "{fault:?}");
        faulty.release_all().await;
        assert_eq!(mem.position().await.unwrap(), after, "{fault:?}");
    }
}

/// What failed on the way from the bus was not taken; what was lost on the way was, and comes again
/// when its reader is gone.
#[tokio::test]
async fn deliveries_that_are_lost_come_again() {
    for (fault, attempt) in [(Fault::Fail, 1), (Fault::LoseAnswer, 2)] {
        let (faulty, _) = bus(Op::Next, fault);
        faulty.publish(&[event(1)]).await.unwrap();
        let mut reader = faulty.subscribe(&READER).await.unwrap();
        assert!(matches!(reader.next(9).await, Err(BusError::Unavailable(_))));
        drop(reader);
        let mut reader = faulty.subscribe(&READER).await.unwrap();
        let again = reader.next(9).await.unwrap();
        assert_eq!(again.first().unwrap().attempt, attempt, "{fault:?}");
    }
}

/// Deliveries that are late come behind later ones, and at once when there are no others.
#[tokio::test]
async fn late_deliveries_come_behind_later_ones() {
    let (faulty, _) = bus(Op::Next, Fault::Late);
    faulty.publish(&[event(1), event(2), event(3)]).await.unwrap();
    let mut reader = faulty.subscribe(&READER).await.unwrap();
    let deliveries = reader.next(2).await.unwrap();
    let mut came = numbers(&deliveries);
    assert!(came.contains(&3), "{came:?}");
    settle_done(&mut *reader, deliveries).await;
    while came.len() < 3 {
        let deliveries = reader.next(2).await.unwrap();
        came.extend(numbers(&deliveries));
        settle_done(&mut *reader, deliveries).await;
    }
    came.sort_unstable();
    assert_eq!(came, [1, 2, 3]);

    let (faulty, _) = bus(Op::Next, Fault::Late);
    faulty.publish(&[event(1)]).await.unwrap();
    let mut reader = faulty.subscribe(&READER).await.unwrap();
    assert_eq!(numbers(&reader.next(9).await.unwrap()), [1]);
}

async fn settle_done(reader: &mut dyn Subscription, deliveries: Vec<Delivery>) {
    let done = deliveries.into_iter().map(|it| (it.token, Disposition::Done));
    reader.settle(done.collect()).await.unwrap();
}

/// A delivery that comes twice comes under two tokens, as a further attempt, and both can be settled.
#[tokio::test]
async fn a_delivery_can_come_twice() {
    let (faulty, mem) = bus(Op::Next, Fault::Twice);
    faulty.publish(&[event(1)]).await.unwrap();
    let mut reader = faulty.subscribe(&READER).await.unwrap();
    let once = reader.next(9).await.unwrap();
    let again = reader.next(9).await.unwrap();
    assert_eq!((numbers(&once), numbers(&again)), (vec![1], vec![1]));
    let (first, second) = (once.first().unwrap(), again.first().unwrap());
    assert!(first.token != second.token && second.attempt == 2);
    settle_done(&mut *reader, again).await;
    settle_done(&mut *reader, once).await;
    assert!(reader.next(9).now_or_never().is_none());
    assert_eq!(mem.backlog(), 0);
}

/// A settle that is lost lets the delivery come again; one whose answer is lost does not.
#[tokio::test]
async fn a_settle_can_be_lost() {
    for (fault, left) in [(Fault::Fail, 1), (Fault::LoseAnswer, 0)] {
        let (faulty, mem) = bus(Op::Settle, fault);
        faulty.publish(&[event(1)]).await.unwrap();
        let mut reader = faulty.subscribe(&READER).await.unwrap();
        let delivery = reader.next(9).await.unwrap().remove(0);
        assert!(reader.settle(vec![(delivery.token, Disposition::Done)]).await.is_err());
        drop(reader);
        assert_eq!(mem.backlog(), left, "{fault:?}");
    }
}

/// A batch is shuffled: nothing may depend on the order in which the bus delivers.
#[tokio::test]
async fn a_batch_is_shuffled() {
    let (faulty, _) = bus(Op::BusReady, Fault::Fail);
    let events: Vec<_> = (1..=50).map(event).collect();
    faulty.publish(&events).await.unwrap();
    let mut came = numbers(&faulty.subscribe(&READER).await.unwrap().next(50).await.unwrap());
    assert!(!came.is_sorted());
    came.sort_unstable();
    assert_eq!(came, (1..=50).collect::<Vec<_>>());
}

/// A wiped bus has lost its events, and its readers and followers are told to join again.
#[tokio::test]
async fn a_wiped_bus_tells_its_readers() {
    let (host, _) = host::manual(1);
    let bus = MemBus::new(host);
    let mut reader = bus.subscribe(&READER).await.unwrap();
    let mut tail = bus.tail(EventType::ALL, TailFrom::Now).await.unwrap();
    bus.publish(&[event(1)]).await.unwrap();
    bus.wipe();
    assert!(reader.next(1).await.is_err() && tail.next(1).await.is_err());
    assert_eq!(bus.position().await.unwrap(), 0);
    drop(reader);
    bus.publish(&[event(1)]).await.unwrap();
    let mut reader = bus.subscribe(&READER).await.unwrap();
    assert_eq!(numbers(&reader.next(9).await.unwrap()), [1]);
}

fn timer(number: u64) -> Timer {
    Timer { key: Uuid::from_u128(number.into()), due_at: Timestamp::EPOCH, body: Vec::new() }
}

const LEASE: Duration = Duration::from_secs(1);

async fn claim(timers: &dyn Timers) -> Result<Vec<Claim>, TimerError> {
    timers.claim(Timestamp::EPOCH, 9, LEASE).await
}

/// Changes and finishes of timers fail, lose their answers, are late and are done twice.
#[tokio::test]
async fn every_change_of_timers_can_fail() {
    let cases =
        [(Fault::Fail, 0, 0), (Fault::LoseAnswer, 1, 1), (Fault::Late, 0, 1), (Fault::Twice, 1, 1)];
    for (fault, before, after) in cases {
        let mem = MemTimers::new();
        let faulty = FaultyTimers::new(Arc::new(mem.clone()), first(Op::Change, fault));
        let changed = faulty.change(vec![timer(1)], Vec::new()).await;
        assert_eq!((changed.is_ok(), mem.count()), (fault == Fault::Twice, before), "{fault:?}");
        faulty.release_all().await;
        assert_eq!(mem.count(), after, "{fault:?}");

        let mem = MemTimers::new();
        mem.change(vec![timer(1)], Vec::new()).await.unwrap();
        let faulty = FaultyTimers::new(Arc::new(mem.clone()), first(Op::Finish, fault));
        let claims = claim(&faulty).await.unwrap();
        assert_eq!(faulty.finish(claims).await.is_ok(), fault == Fault::Twice);
        assert_eq!(mem.count(), 1 - before, "{fault:?}");
        faulty.release_all().await;
        assert_eq!(mem.count(), 1 - after, "{fault:?}");
    }
}

/// A claim that fails claims nothing; one whose answer is lost claims until the lease ends; one that
/// comes twice is answered again by the next.
#[tokio::test]
async fn a_claim_can_fail() {
    for (fault, first_time, second_time) in [
        (Fault::Fail, None, 1),
        (Fault::LoseAnswer, None, 0),
        (Fault::Late, None, 0),
        (Fault::Twice, Some(1), 1),
    ] {
        let mem = MemTimers::new();
        mem.change(vec![timer(1)], Vec::new()).await.unwrap();
        let faulty = FaultyTimers::new(Arc::new(mem.clone()), first(Op::Claim, fault));
        assert_eq!(claim(&faulty).await.ok().map(|it| it.len()), first_time, "{fault:?}");
        assert_eq!(claim(&faulty).await.unwrap().len(), second_time, "{fault:?}");
        let later = Timestamp::EPOCH.after(LEASE);
        assert_eq!(mem.claim(later, 9, LEASE).await.unwrap().len(), 1, "{fault:?}");
    }
}

/// Wiped timers are gone.
#[tokio::test]
async fn wiped_timers_are_gone() {
    let mem = MemTimers::new();
    mem.change(vec![timer(1), timer(2)], Vec::new()).await.unwrap();
    assert_eq!(mem.count(), 2);
    mem.wipe();
    assert_eq!((mem.count(), mem.next_due().await.unwrap()), (0, None));
}

/// Keeps the numbers of the events it has handled; now and then it fails.
struct Keeping {
    handled: Mutex<BTreeSet<u64>>,
    faults: Arc<Injector>,
    timers: FaultyTimers,
}

#[async_trait]
impl Handler for Keeping {
    fn consumer(&self) -> &'static Consumer {
        &READER
    }

    async fn handle(
        &self,
        _: &stubmart_contract::Context,
        envelope: &Envelope,
    ) -> Result<(), HandleError> {
        // The handler has a dependency of its own, which fails too.
        self.timers.next_due().await?;
        self.handled.lock().unwrap().insert(u64::try_from(envelope.id.0.as_u128()).unwrap());
        Ok(())
    }
}

/// Lets the tasks of this thread run until all of them wait for time, then moves the clock.
async fn run_until(clock: &ManualClock, done: impl Fn() -> bool) {
    for _ in 0..200_000 {
        if done() {
            return;
        }
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        clock.advance(clock.next_wake().unwrap_or(Duration::from_millis(1)));
    }
    unreachable!("it does not come to an end");
}

/// Through a store and a bus with every fault, the relay and the consumer loop bring every saved event
/// to its handler, and when all heals everything is settled; after a wipe of the bus a replay does.
#[tokio::test]
async fn every_saved_event_is_handled_whatever_fails() {
    const COUNT: u64 = 300;
    let mut injected = BTreeSet::new();
    for seed in 1..=20 {
        let (host, clock) = host::manual(seed);
        let faults = Injector::seeded(seed, Rates::each(80));
        let (store, bus) = (MemStore::new(), MemBus::new(host.clone()));
        let faulty_store = Arc::new(FaultyStore::new(Arc::new(store.clone()), Arc::clone(&faults)));
        let faulty_bus = Arc::new(FaultyBus::new(Arc::new(bus.clone()), Arc::clone(&faults)));
        let timers = FaultyTimers::new(Arc::new(MemTimers::new()), Arc::clone(&faults));
        let handled = Mutex::default();
        let handler = Arc::new(Keeping { handled, faults: Arc::clone(&faults), timers });
        let wake = Wake::default();
        let relay = Relay::new("test", faulty_store.clone(), faulty_bus.clone(), wake.clone());
        let (trigger, shutdown) = ShutdownTrigger::new();
        tokio::spawn(worker::run(host.clone(), Arc::new(relay.clone()), shutdown.clone()));
        tokio::spawn(consumer::run(host, faulty_bus.clone(), handler.clone(), shutdown));
        for number in 1..=COUNT {
            let id = Uuid::from_u128(number.into());
            store.save(save(id, Expect::Absent, vec![event(number)])).await.unwrap();
            wake.wake();
            tokio::task::yield_now().await;
            clock.advance(Duration::from_millis(100));
        }
        let all = |handler: &Keeping| {
            handler.handled.lock().unwrap().len() == usize::try_from(COUNT).unwrap()
        };
        run_until(&clock, || all(&handler)).await;
        injected.extend(handler.faults.injected().into_keys());

        bus.wipe();
        handler.handled.lock().unwrap().clear();
        faults.heal();
        faulty_bus.release_all().await;
        assert_eq!(relay.replay().await.unwrap(), COUNT);
        run_until(&clock, || all(&handler) && bus.backlog() == 0).await;
        run_until(&clock, || store.pending("test", 1).now_or_never().unwrap().unwrap().is_empty())
            .await;
        trigger.shut_down();
    }
    // Every fault of publish, next, settle, pending, published, subscribe and the handler's own.
    assert!(injected.len() >= 28, "{injected:?}");
}
