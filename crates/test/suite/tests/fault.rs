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
    Actor, Context, DomainEvent, Envelope, EventType, MessageId, Timestamp, UserId,
    event::UserState,
};
use stubmart_kernel::{
    consumer::{self, HandleError, Handler},
    worker::{self, ShutdownTrigger},
};
use stubmart_memory::{MemoryBus, MemoryStore, MemoryTimers};
use stubmart_ports::{
    bus::{Bus, BusError, Consumer, Delivery, Disposition, Subscription, TailFrom},
    store::{Collection, DocKey, Expect, Save, SaveId, Store, StoreError},
    timers::{Claim, Timer, TimerError, Timers},
};
use stubmart_relay::{Outbox as _, Relay, refill};
use stubmart_suite::{
    fault::{Fault, FaultyBus, FaultyOutbox, FaultyStore, FaultyTimers, Injector, Op, Rates},
    host::{self, ManualClock},
};
use uuid::Uuid;

static ITEMS: Collection = Collection { name: "test.item", indexes: &[] };

static READER: Consumer = Consumer { name: "test.reader", types: EventType::ALL };

/// The `fault` at the first call of `op`, and none else.
fn first(op: Op, fault: Fault) -> Arc<Injector> {
    Injector::new(move |it, number| if (it, number) == (op, 1) { fault } else { Fault::None })
}

fn key() -> DocKey {
    DocKey { collection: &ITEMS, id: Uuid::from_u128(1) }
}

fn event(number: u64) -> Arc<Envelope> {
    let id = Uuid::from_u128(u128::from(number));
    Arc::new(Envelope {
        id: MessageId(id),
        aggregate_id: id,
        version: 1,
        at: Timestamp::EPOCH,
        causation_id: MessageId(id),
        correlation_id: MessageId(id),
        actor: Actor::System,
        request_id: None,
        event: DomainEvent::UserCreated(UserState { id: UserId(id) }),
    })
}

fn number_of(event: &Envelope) -> u64 {
    u64::try_from(event.id.0.as_u128()).unwrap()
}

fn numbers(deliveries: &[Delivery]) -> Vec<u64> {
    deliveries.iter().map(|delivery| number_of(delivery.event.as_ref().unwrap())).collect()
}

/// A save of a new document with these events.
fn save(id: Uuid, save_id: u128, events: Vec<Arc<Envelope>>) -> Arc<Save> {
    Arc::new(Save {
        key: DocKey { collection: &ITEMS, id },
        expect: Expect::Absent,
        save_id: SaveId(Uuid::from_u128(save_id)),
        body: Vec::new(),
        entries: Vec::new(),
        version: u64::try_from(events.len()).unwrap(),
        events,
    })
}

fn create() -> Arc<Save> {
    save(key().id, 1, vec![event(1)])
}

/// A store with one fault at the first call of `op`, the store behind it, and the fault.
fn store(op: Op, fault: Fault) -> (FaultyStore, MemoryStore, Arc<Injector>) {
    let (inner, faults) = (MemoryStore::new(), first(op, fault));
    (FaultyStore::new(Arc::new(inner.clone()), faults.clone()), inner, faults)
}

/// A save that fails has written nothing and says so.
#[tokio::test]
async fn a_save_that_fails_writes_nothing() {
    let (faulty, mem, _) = store(Op::Save, Fault::Fail);
    assert!(matches!(faulty.save(create()).await, Err(StoreError::Unavailable(_))));
    assert_eq!(mem.load(key()).await.unwrap(), None);
    assert_eq!(faulty.save(create()).await.unwrap(), 1);
}

/// A save whose answer is lost has written.
#[tokio::test]
async fn a_save_that_loses_its_answer_has_written() {
    let (faulty, mem, _) = store(Op::Save, Fault::LoseAnswer);
    assert!(matches!(faulty.save(create()).await, Err(StoreError::Indeterminate(_))));
    assert_eq!(mem.load(key()).await.unwrap().unwrap().revision, 1);
    assert_eq!(mem.history("test", None, 9).await.unwrap().len(), 1);
}

/// A late save writes when it is released: in the order the test wants, checked then and not before.
#[tokio::test]
async fn a_late_save_writes_when_it_is_released() {
    let mem = MemoryStore::new();
    let faults =
        Injector::new(
            |op, number| {
                if op == Op::Save && number <= 2 { Fault::Late } else { Fault::None }
            },
        );
    let faulty = FaultyStore::new(Arc::new(mem.clone()), faults.clone());
    let other = save(key().id, 2, vec![event(1)]);
    for late in [create(), other.clone()] {
        assert!(matches!(faulty.save(late).await, Err(StoreError::Indeterminate(_))));
    }
    assert_eq!((faults.late(), mem.load(key()).await.unwrap()), (2, None));
    assert!(faults.release(1).await);
    assert_eq!(mem.load(key()).await.unwrap().unwrap().save_id, other.save_id);
    // The other one lands on what is there by now, and is refused without anybody to tell.
    faults.release_all().await;
    assert_eq!(mem.load(key()).await.unwrap().unwrap().save_id, other.save_id);
    assert_eq!((faults.late(), faults.release(0).await), (0, false));
}

/// A delete, and striking off what was published, fail, lose their answers and are late like a save.
#[tokio::test]
async fn every_write_of_a_store_can_fail() {
    for (fault, deleted) in [
        (Fault::Fail, false),
        (Fault::LoseAnswer, true),
        (Fault::Late, false),
        (Fault::Twice, true),
    ] {
        let (faulty, mem, faults) = store(Op::Delete, fault);
        mem.save(save(key().id, 1, Vec::new())).await.unwrap();
        assert_eq!(faulty.delete(key(), 1).await.is_ok(), fault == Fault::Twice);
        assert_eq!(mem.load(key()).await.unwrap().is_none(), deleted, "{fault:?}");
        faults.release_all().await;
        assert_eq!(mem.load(key()).await.unwrap().is_none(), fault != Fault::Fail, "{fault:?}");

        let (mem, faults) = (MemoryStore::new(), first(Op::Published, fault));
        let (outbox, faulty) = (mem.outbox("test"), mem.outbox("test"));
        let faulty = FaultyOutbox::new(faulty, faults.clone());
        mem.save(create()).await.unwrap();
        let pending = faulty.pending(9).await.unwrap();
        assert_eq!(faulty.published(&pending).await.is_ok(), fault == Fault::Twice);
        assert_eq!(outbox.pending(9).await.unwrap().is_empty(), deleted, "{fault:?}");
        faults.release_all().await;
        let published = outbox.pending(9).await.unwrap().is_empty();
        assert_eq!(published, fault != Fault::Fail, "{fault:?}");
    }
}

/// A failed read says so; a call that changes nothing cannot be done by halves.
#[tokio::test]
async fn a_read_fails_or_does_not() {
    for (fault, fails) in [(Fault::Fail, true), (Fault::LoseAnswer, true), (Fault::Twice, false)] {
        let (faulty, mem, _) = store(Op::Load, fault);
        mem.save(create()).await.unwrap();
        assert_eq!(faulty.load(key()).await.is_err(), fails);
        assert_eq!(faulty.load(key()).await.unwrap().unwrap().revision, 1);
    }
}

/// A healed injector injects nothing, until it hurts again; it counts what it did.
#[tokio::test]
async fn a_healed_injector_injects_nothing() {
    let injector = Injector::new(|_, _| Fault::Fail);
    let faulty = FaultyStore::new(Arc::new(MemoryStore::new()), injector.clone());
    assert!(faulty.ready().await.is_err());
    injector.heal();
    assert!(faulty.ready().await.is_ok());
    injector.hurt();
    assert!(faulty.ready().await.is_err());
    let injected: Vec<_> = injector.injected().into_iter().collect();
    assert_eq!(injected, [((Op::StoreReady, Fault::Fail), 2)]);
}

/// A seed gives the same faults at the same calls, about as often as its rates say.
#[tokio::test]
async fn a_seed_gives_the_same_faults() {
    async fn faults(seed: u64) -> (Vec<bool>, u64) {
        let injector = Injector::seeded(seed, Rates::each(100));
        let faulty = FaultyStore::new(Arc::new(MemoryStore::new()), injector.clone());
        let mut failed = Vec::new();
        for number in 0..1000 {
            let saved = faulty.save(save(Uuid::from_u128(number), number, Vec::new())).await;
            failed.push(saved.is_err());
        }
        (failed, injector.injected().values().sum())
    }
    assert_eq!(faults(7).await, faults(7).await);
    assert_ne!(faults(7).await.0, faults(8).await.0);
    let (_, injected) = faults(7).await;
    assert!((300..500).contains(&injected), "{injected} of 1000 at 400 in a thousand");
}

/// A bus with one fault at the first call of `op`, the bus behind it, the fault, and the clock.
struct Wrapped {
    faulty: FaultyBus,
    inner: MemoryBus,
    faults: Arc<Injector>,
    clock: ManualClock,
}

fn bus(op: Op, fault: Fault) -> Wrapped {
    let (host, clock) = host::manual(1);
    let (inner, faults) = (MemoryBus::new(host), first(op, fault));
    let faulty = FaultyBus::new(Arc::new(inner.clone()), faults.clone());
    Wrapped { faulty, inner, faults, clock }
}

/// Longer than any delivery is late.
const LATER: Duration = Duration::from_secs(1);

/// What is published fails, loses its answer, is late or comes twice; a bus that remembers shows it
/// once.
#[tokio::test]
async fn a_publish_can_fail() {
    let cases =
        [(Fault::Fail, 0, 0), (Fault::LoseAnswer, 1, 1), (Fault::Late, 0, 1), (Fault::Twice, 1, 1)];
    for (fault, before, after) in cases {
        let Wrapped { faulty, inner, faults, .. } = bus(Op::Publish, fault);
        let published = faulty.publish(&[event(1)]).await;
        assert_eq!(published.is_ok(), fault == Fault::Twice);
        assert_eq!(inner.position().await.unwrap(), before, "{fault:?}");
        faults.release_all().await;
        assert_eq!(inner.position().await.unwrap(), after, "{fault:?}");
    }
}

/// Deliveries that failed on the way are given by the next call; those that were lost on the way come
/// again when their reader is gone.
#[tokio::test]
async fn deliveries_that_are_lost_come_again() {
    for fault in [Fault::Fail, Fault::LoseAnswer] {
        let Wrapped { faulty, .. } = bus(Op::Next, fault);
        faulty.publish(&[event(1)]).await.unwrap();
        let mut reader = faulty.subscribe(&READER).await.unwrap();
        assert!(matches!(reader.next(9).await, Err(BusError::Unavailable(_))));
        let next = reader.next(9).now_or_never();
        assert_eq!(next.is_some(), fault == Fault::Fail, "{fault:?}");
        drop(reader);
        let mut reader = faulty.subscribe(&READER).await.unwrap();
        let again = reader.next(9).await.unwrap();
        assert_eq!(again.first().unwrap().attempt, 2, "{fault:?}");
    }
}

/// A delivery that is late comes behind later ones, as a further attempt.
#[tokio::test]
async fn a_late_delivery_comes_behind_later_ones() {
    let Wrapped { faulty, inner, clock, .. } = bus(Op::Deliver, Fault::Late);
    faulty.publish(&[event(1), event(2), event(3)]).await.unwrap();
    let mut reader = faulty.subscribe(&READER).await.unwrap();
    let deliveries = reader.next(9).await.unwrap();
    let mut came = numbers(&deliveries);
    came.sort_unstable();
    assert_eq!(came, [2, 3]);
    settle_done(&mut *reader, deliveries).await;
    assert!(reader.next(9).now_or_never().is_none());
    clock.advance(LATER);
    let late = reader.next(9).await.unwrap();
    assert_eq!((numbers(&late), late.first().unwrap().attempt), (vec![1], 2));
    settle_done(&mut *reader, late).await;
    assert_eq!(inner.backlog(), [("test.reader", 0)].into());
}

async fn settle_done(reader: &mut dyn Subscription, deliveries: Vec<Delivery>) {
    let done = deliveries.into_iter().map(|it| (it.token, Disposition::Done));
    reader.settle(done.collect()).await.unwrap();
}

/// A delivery that comes twice comes under two tokens, as a further attempt, whatever became of the
/// first, and both can be settled.
#[tokio::test]
async fn a_delivery_can_come_twice() {
    let Wrapped { faulty, inner, clock, .. } = bus(Op::Deliver, Fault::Twice);
    faulty.publish(&[event(1)]).await.unwrap();
    let mut reader = faulty.subscribe(&READER).await.unwrap();
    let once = reader.next(9).await.unwrap();
    let first = once.first().unwrap().token;
    settle_done(&mut *reader, once).await;
    clock.advance(LATER);
    let again = reader.next(9).await.unwrap();
    let second = again.first().unwrap();
    assert_eq!((numbers(&again), second.attempt), (vec![1], 2));
    assert_ne!(first, second.token);
    settle_done(&mut *reader, again).await;
    assert!(reader.next(9).now_or_never().is_none());
    assert_eq!(inner.backlog(), [("test.reader", 0)].into());
}

/// A settle that is lost lets the delivery come again; one whose answer is lost does not.
#[tokio::test]
async fn a_settle_can_be_lost() {
    for (fault, left) in [(Fault::Fail, 1), (Fault::LoseAnswer, 0)] {
        let Wrapped { faulty, inner, .. } = bus(Op::Settle, fault);
        faulty.publish(&[event(1)]).await.unwrap();
        let mut reader = faulty.subscribe(&READER).await.unwrap();
        let delivery = reader.next(9).await.unwrap().remove(0);
        assert!(reader.settle(vec![(delivery.token, Disposition::Done)]).await.is_err());
        drop(reader);
        assert_eq!(inner.backlog(), [("test.reader", left)].into(), "{fault:?}");
    }
}

/// A batch is shuffled: nothing may depend on the order in which the bus delivers.
#[tokio::test]
async fn a_batch_is_shuffled() {
    let Wrapped { faulty, .. } = bus(Op::BusReady, Fault::Fail);
    let events: Vec<_> = (1..=50).map(event).collect();
    faulty.publish(&events).await.unwrap();
    let mut came = numbers(&faulty.subscribe(&READER).await.unwrap().next(50).await.unwrap());
    assert!(!came.is_sorted());
    came.sort_unstable();
    assert_eq!(came, (1..=50).collect::<Vec<_>>());
}

/// A bus with a lease gives to another reader what a reader does not settle in time, and what that one
/// settles later changes nothing.
#[tokio::test]
async fn a_delivery_that_is_not_settled_in_time_goes_to_another_reader() {
    let (host, clock) = host::manual(1);
    let bus = MemoryBus::new(host).lease(Duration::from_secs(30));
    let (mut slow, mut other) =
        (bus.subscribe(&READER).await.unwrap(), bus.subscribe(&READER).await.unwrap());
    bus.publish(&[event(1)]).await.unwrap();
    let asleep = slow.next(9).await.unwrap();
    assert!(other.next(9).now_or_never().is_none());
    clock.advance(Duration::from_secs(30));
    let again = other.next(9).await.unwrap();
    assert_eq!((numbers(&again), again.first().unwrap().attempt), (vec![1], 2));
    settle_done(&mut *slow, asleep).await;
    drop(other);
    assert_eq!(numbers(&slow.next(9).await.unwrap()), [1]);
}

/// Everything on a bus can be delivered again, in any order.
#[tokio::test]
async fn a_bus_can_repeat_everything() {
    let (host, _) = host::manual(1);
    let bus = MemoryBus::new(host);
    bus.publish(&[event(1), event(2), event(3)]).await.unwrap();
    let mut reader = bus.subscribe(&READER).await.unwrap();
    let deliveries = reader.next(9).await.unwrap();
    settle_done(&mut *reader, deliveries).await;
    bus.repeat(|positions| positions.reverse());
    let again = reader.next(9).await.unwrap();
    assert_eq!(numbers(&again), [3, 2, 1]);
    assert!(again.iter().all(|delivery| delivery.attempt == 2));
}

/// A wiped bus has lost its events, and its readers and followers have to join again.
#[tokio::test]
async fn readers_of_a_wiped_bus_have_to_join_again() {
    let (host, _) = host::manual(1);
    let bus = MemoryBus::new(host);
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
        let (mem, faults) = (MemoryTimers::new(), first(Op::Change, fault));
        let faulty = FaultyTimers::new(Arc::new(mem.clone()), faults.clone());
        let changed = faulty.change(vec![timer(1)], Vec::new()).await;
        assert_eq!((changed.is_ok(), mem.count()), (fault == Fault::Twice, before), "{fault:?}");
        faults.release_all().await;
        assert_eq!(mem.count(), after, "{fault:?}");

        let (mem, faults) = (MemoryTimers::new(), first(Op::Finish, fault));
        mem.change(vec![timer(1)], Vec::new()).await.unwrap();
        let faulty = FaultyTimers::new(Arc::new(mem.clone()), faults.clone());
        let claims = claim(&faulty).await.unwrap();
        assert_eq!(faulty.finish(claims).await.is_ok(), fault == Fault::Twice);
        assert_eq!(mem.count(), 1 - before, "{fault:?}");
        faults.release_all().await;
        assert_eq!(mem.count(), 1 - after, "{fault:?}");
    }
}

/// A change of timers that is forgotten is acknowledged and not done.
#[tokio::test]
async fn a_change_of_timers_can_be_forgotten() {
    let mem = MemoryTimers::new();
    let faulty = FaultyTimers::new(Arc::new(mem.clone()), first(Op::Change, Fault::Forget));
    faulty.change(vec![timer(1)], Vec::new()).await.unwrap();
    assert_eq!(mem.count(), 0);
    faulty.change(vec![timer(1)], Vec::new()).await.unwrap();
    assert_eq!(mem.count(), 1);
}

/// A claim that fails claims nothing; one whose answer is lost claims until the lease ends; one that is
/// late finds nothing due; one that comes twice is answered again by the next.
#[tokio::test]
async fn a_claim_can_fail() {
    for (fault, first_time, second_time) in [
        (Fault::Fail, None, 1),
        (Fault::LoseAnswer, None, 0),
        (Fault::Late, Some(0), 1),
        (Fault::Twice, Some(1), 1),
    ] {
        let mem = MemoryTimers::new();
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
    let mem = MemoryTimers::new();
    mem.change(vec![timer(1), timer(2)], Vec::new()).await.unwrap();
    assert_eq!(mem.count(), 2);
    mem.wipe();
    assert_eq!((mem.count(), mem.next_due().await.unwrap()), (0, None));
}

/// Keeps the numbers of the events it has handled; now and then it fails.
struct Keeping {
    handled: Mutex<BTreeSet<u64>>,
    timers: FaultyTimers,
}

#[async_trait]
impl Handler for Keeping {
    fn consumer(&self) -> &'static Consumer {
        &READER
    }

    async fn handle(&self, _: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        // The handler has a dependency of its own, which fails too.
        self.timers.next_due().await?;
        self.handled.lock().unwrap().insert(number_of(envelope));
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

/// Through an outbox and a bus with every fault, the relay and the consumer loop bring every saved event
/// to its handler, and when all heals everything is settled; after a wipe of the bus a refill does.
#[tokio::test]
async fn every_saved_event_is_handled_whatever_fails() {
    const COUNT: u64 = 300;
    let mut injected = BTreeSet::new();
    for seed in 1..=20 {
        let (host, clock) = host::manual(seed);
        let faults = Injector::seeded(seed, Rates::each(80));
        let (store, bus) = (MemoryStore::new(), MemoryBus::new(host.clone()));
        let outbox = Arc::new(FaultyOutbox::new(store.outbox("test"), faults.clone()));
        let faulty_bus = Arc::new(FaultyBus::new(Arc::new(bus.clone()), faults.clone()));
        let timers = FaultyTimers::new(Arc::new(MemoryTimers::new()), faults.clone());
        let handler = Arc::new(Keeping { handled: Mutex::default(), timers });
        let relay = Relay::new(outbox, faulty_bus.clone());
        let (trigger, shutdown) = ShutdownTrigger::new();
        tokio::spawn(worker::run(host.clone(), Arc::new(relay), shutdown.clone()));
        tokio::spawn(consumer::run(host, faulty_bus.clone(), handler.clone(), shutdown));
        for number in 1..=COUNT {
            let id = Uuid::from_u128(number.into());
            store.save(save(id, number.into(), vec![event(number)])).await.unwrap();
            tokio::task::yield_now().await;
            clock.advance(Duration::from_millis(100));
        }
        let all = |handler: &Keeping| {
            handler.handled.lock().unwrap().len() == usize::try_from(COUNT).unwrap()
        };
        run_until(&clock, || all(&handler)).await;
        injected.extend(faults.injected().into_keys());

        bus.wipe();
        handler.handled.lock().unwrap().clear();
        faults.heal();
        faults.release_all().await;
        assert_eq!(refill("test", &store, &*faulty_bus).await.unwrap(), COUNT);
        let settled = || bus.backlog().values().all(|left| *left == 0);
        run_until(&clock, || all(&handler) && settled()).await;
        let outbox = store.outbox("test");
        run_until(&clock, || outbox.pending(1).now_or_never().unwrap().unwrap().is_empty()).await;
        trigger.shut_down();
    }
    // Every fault of publish, next, deliver, settle, pending, published, subscribe and the handler's own.
    assert!(injected.len() >= 32, "{injected:?}");
}
