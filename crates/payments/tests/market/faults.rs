//! A provider and a store that fail, lose answers, answer late, or do things twice.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join;
use stubmart_contract::{
    Timestamp,
    api::{CancelReason, ChargeStatus, OrderStatus},
};
use stubmart_payments::{CHARGES, Config, charge::DUE};
use stubmart_ports::{
    bank::TestBank as _,
    key::Key,
    store::{DocKey, Expect, IndexEntry, Save, SaveId, Store as _},
};
use stubmart_suite::{
    fault::{Fault, FaultyGateway, FaultyOrders, FaultyStore, Injector, Op, Rates},
    host::Seeded,
};

use crate::support::{AUTHENTICATES, CARD, DECLINED, Ports, Service, Stop, World};

const FAULTS: [Fault; 4] = [Fault::Fail, Fault::LoseAnswer, Fault::Late, Fault::Twice];

const STEPS: [Op; 6] =
    [Op::Authorise, Op::Capture, Op::Void, Op::Refund, Op::Payment, Op::PaymentOf];

/// A service whose provider has `fault` at the first `times` calls of `op`.
fn troubled(world: &World, op: Op, fault: Fault, times: u64) -> (Service, Arc<Injector>) {
    let faults = Injector::new(
        move |it, number| {
            if it == op && number <= times { fault } else { Fault::None }
        },
    );
    let ports = world.ports();
    let gateway = FaultyGateway::new(ports.gateway, faults.clone());
    let ports = Ports { gateway: Arc::new(gateway), ..ports };
    (world.start_with(ports, Config::default()), faults)
}

/// Each fault, once, thrice and nine times in a row, at each step of each flow: all comes right, also
/// when what was late arrives in the end.
#[tokio::test]
async fn any_fault_of_the_provider_at_any_step_comes_right() {
    for (op, fault) in STEPS.into_iter().flat_map(|op| FAULTS.map(|fault| (op, fault))) {
        for times in [1, 3, 9] {
            let world = World::new(times);
            let (service, faults) = troubled(&world, op, fault, times);
            let [paid, declined, waits, left, undone] = [500; 5].map(|it| world.orders.place(it));
            service.pay(&undone, CARD).await;
            service.pay(&paid, CARD).await;
            service.pay(&declined, DECLINED).await;
            let waiting = service.pay(&waits, AUTHENTICATES).await;
            if let Some(secret) = waiting.secret() {
                service.authenticate(waits.0, &secret, true).await;
            }
            service.pay(&left, AUTHENTICATES).await;
            world.orders.cancel(left.1, CancelReason::Left);
            faults.release_all().await;
            world.drain(&service).await;
            world.orders.cancel_by_hand(undone.1);
            world.drain(&service).await;
            faults.release_all().await;
            world.drain(&service).await;
            world.check().await;
        }
    }
}

/// The provider cannot be reached: 503, nothing charged, no attempt used, the order stays payable; also
/// for the same request with the same key.
#[tokio::test]
async fn an_unreachable_provider_leaves_the_order_payable() {
    let world = World::new(1);
    let (service, _) = troubled(&world, Op::Authorise, Fault::Fail, 3);
    let order = world.orders.place(500);
    for _ in 0..3 {
        let answer = service.pay_as("k", &order, CARD).await;
        assert!(answer.is(503, "payment_provider_unavailable"), "{answer:?}");
        assert_eq!(world.orders.status(order.1), OrderStatus::Created);
    }
    assert_eq!(service.pay_as("k", &order, CARD).await.status, 201);
    assert_eq!(world.charges().await.len(), 1);
    world.drain(&service).await;
    world.check().await;
}

/// However often it was tried while the provider was down, an order can be paid for once it is back.
#[tokio::test]
async fn an_outage_does_not_use_up_the_tries() {
    let world = World::new(1);
    let (service, _) = troubled(&world, Op::Authorise, Fault::Fail, 30);
    let order = world.orders.place(500);
    for _ in 0..30 {
        let answer = service.pay(&order, CARD).await;
        assert!(answer.is(503, "payment_provider_unavailable"), "{answer:?}");
    }
    assert_eq!(service.pay(&order, CARD).await.status, 201);
    world.drain(&service).await;
    world.check().await;
}

/// An answer of the provider that was lost is not guessed: 202, and the reconciler finds out.
#[tokio::test]
async fn a_lost_answer_is_told_as_not_known_and_found_out() {
    for op in [Op::Authorise, Op::Capture] {
        for fault in [Fault::LoseAnswer, Fault::Late] {
            let world = World::new(1);
            let (service, _) = troubled(&world, op, fault, 1);
            let order = world.orders.place(500);
            let answer = service.pay(&order, CARD).await;
            assert_eq!(answer.status, 202, "{op:?} {answer:?}");
            assert_eq!(answer.body["status"], "created");
            assert_eq!(answer.body.get("nextAction"), None);
            assert!(service.pay(&order, CARD).await.is(409, "payment_in_progress"));
            world.drain(&service).await;
            world.check().await;
            assert_eq!(world.orders.status(order.1), OrderStatus::Completed, "{op:?} {fault:?}");
        }
    }
}

/// A service whose store fails from the `from`-th save on, until it is healed.
fn full_disk(world: &World, from: u64) -> (Service, Arc<Injector>) {
    let injector =
        Injector::new(
            move |op, number| {
                if op == Op::Save && number >= from { Fault::Fail } else { Fault::None }
            },
        );
    let ports = world.ports();
    let store = FaultyStore::new(ports.store, injector.clone());
    let ports = Ports { store: Arc::new(store), ..ports };
    (world.start_with(ports, Config::default()), injector)
}

/// Once there is a charge, a store that fails is answered as an unknown outcome, not as a failure:
/// the money may be taken all the same.
#[tokio::test]
async fn a_store_that_fails_after_the_charge_was_made_leaves_the_outcome_unknown() {
    for card in [CARD, AUTHENTICATES, DECLINED] {
        let world = World::new(1);
        let (service, injector) = full_disk(&world, 2);
        let order = world.orders.place(500);
        let answer = service.pay(&order, card).await;
        assert_eq!((answer.status.as_u16(), &answer.body["status"]), (202, &"created".into()));
        assert_eq!(answer.secret(), None);
        injector.heal();
        world.drain(&service).await;
        world.check().await;
        let completed = world.orders.status(order.1) == OrderStatus::Completed;
        assert_eq!(completed, card == CARD, "{card}");
    }
}

/// The same, for a payment that goes on after the buyer has authenticated.
#[tokio::test]
async fn a_store_that_fails_after_the_bank_agreed_leaves_the_outcome_unknown() {
    for from in 4..=5 {
        let world = World::new(1);
        let (service, injector) = full_disk(&world, from);
        let order = world.orders.place(500);
        let secret = service.pay(&order, AUTHENTICATES).await.client_secret();
        world.sandbox.authenticate(&secret, true).await.unwrap().unwrap();
        let answer = service.pay(&order, AUTHENTICATES).await;
        assert_eq!((answer.status.as_u16(), &answer.body["status"]), (202, &"created".into()));
        injector.heal();
        world.drain(&service).await;
        world.check().await;
        assert_eq!(world.orders.status(order.1), OrderStatus::Completed, "save {from}");
    }
}

/// A payment that needs nothing of its buyer is two saves of its charge, whichever way it goes: before the
/// provider is asked, and when it has ended.
#[tokio::test]
async fn a_payment_is_two_saves_of_its_charge() {
    for card in [CARD, DECLINED, "pm_card_nope"] {
        let world = World::new(1);
        let saves = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&saves);
        let count = Injector::new(move |op, _| {
            if op == Op::Save {
                counted.fetch_add(1, Ordering::SeqCst);
            }
            Fault::None
        });
        let ports = world.ports();
        let store = Arc::new(FaultyStore::new(ports.store, count));
        let service = world.start_with(Ports { store, ..ports }, Config::default());
        let order = world.orders.place(500);
        service.pay(&order, card).await;
        assert_eq!(saves.load(Ordering::SeqCst), 2, "{card}");
    }
}

/// Calls to orders that fail, lose their answers, come late or twice: the money comes right, and so does
/// the order, by the charge's event or by being asked again.
#[tokio::test]
async fn any_fault_of_a_call_to_orders_comes_right() {
    let steps = [Op::FindOrder, Op::SecureOrder, Op::CompleteOrder, Op::FailOrder];
    for (op, fault) in steps.into_iter().flat_map(|op| FAULTS.map(|fault| (op, fault))) {
        for times in [1, 3, 9] {
            let world = World::new(times);
            let faults =
                Injector::new(
                    move |it, number| {
                        if it == op && number <= times { fault } else { Fault::None }
                    },
                );
            let ports = world.ports();
            let orders = Arc::new(FaultyOrders::new(ports.orders, faults.clone()));
            let service = world.start_with(Ports { orders, ..ports }, Config::default());
            let [paid, declined, waits] = [500; 3].map(|it| world.orders.place(it));
            service.pay(&paid, CARD).await;
            service.pay(&declined, DECLINED).await;
            if let Some(secret) = service.pay(&waits, AUTHENTICATES).await.secret() {
                service.authenticate(waits.0, &secret, true).await;
            }
            faults.release_all().await;
            world.drain(&service).await;
            faults.release_all().await;
            world.drain(&service).await;
            world.check().await;
        }
    }
}

/// The same request with the same key goes on with the payment whose outcome was not known, and makes
/// no other.
#[tokio::test]
async fn the_same_request_goes_on_after_an_outcome_that_was_not_known() {
    for op in [Op::Authorise, Op::Capture] {
        for fault in [Fault::LoseAnswer, Fault::Late] {
            let world = World::new(1);
            let (service, _) = troubled(&world, op, fault, 1);
            let order = world.orders.place(500);
            let first = service.pay_as("k", &order, CARD).await;
            assert_eq!(first.status, 202, "{op:?} {first:?}");
            let second = service.pay_as("k", &order, CARD).await;
            assert_eq!((second.status.as_u16(), &second.body["id"]), (201, &first.body["id"]));
            world.drain(&service).await;
            world.check().await;
        }
    }
}

/// The same request with the same key, after another payment was in its way: it is answered with how the
/// order stands, and pays when nothing is in the way any more.
#[tokio::test]
async fn the_same_request_is_tried_again_after_a_payment_in_progress() {
    for ends_well in [true, false] {
        let world = World::new(1);
        let fault = if ends_well { Fault::LoseAnswer } else { Fault::Late };
        let (service, _) = troubled(&world, Op::Authorise, fault, 1);
        let order = world.orders.place(500);
        let card = if ends_well { CARD } else { "pm_card_nope" };
        assert_eq!(service.pay(&order, card).await.status, 202);
        let blocked = service.pay_as("k", &order, CARD).await;
        assert!(blocked.is(409, "payment_in_progress"), "{blocked:?}");
        world.clock.advance(Duration::from_secs(60));
        service.payments.workers()[0].step().await.unwrap();
        world.orders.hear().await;
        let again = service.pay_as("k", &order, CARD).await;
        if ends_well {
            assert!(again.is(409, "order_completed"), "{again:?}");
        } else {
            assert_eq!(again.status, 201, "{again:?}");
        }
        world.drain(&service).await;
        world.check().await;
    }
}

/// A charge that cannot be read keeps no other from being settled.
#[tokio::test]
async fn a_charge_that_can_not_be_read_keeps_no_other_waiting() {
    let world = World::new(1);
    let (service, _) = troubled(&world, Op::Capture, Fault::LoseAnswer, 1);
    let id = world.host.uuid();
    let garbled = Save {
        key: DocKey { collection: &CHARGES, id },
        expect: Expect::Absent,
        save_id: SaveId(world.host.uuid()),
        body: b"garbled".to_vec(),
        entries: vec![IndexEntry { index: DUE, key: Key::new().time(Timestamp::EPOCH).id(id) }],
        version: 0,
        events: Vec::new(),
    };
    world.store.save(Arc::new(garbled)).await.unwrap();
    let order = world.orders.place(500);
    assert_eq!(service.pay(&order, CARD).await.status, 202);
    world.drain(&service).await;
    world.check().await;
    assert_eq!(world.orders.status(order.1), OrderStatus::Completed);
}

/// A request that reaches the provider minutes after its order ended is found there, and undone.
#[tokio::test]
async fn a_request_that_reaches_the_provider_late_is_undone() {
    let world = World::new(1);
    let (service, faults) = troubled(&world, Op::Authorise, Fault::Late, u64::MAX);
    let order = world.orders.place(500);
    assert_eq!(service.pay(&order, CARD).await.status, 202);
    world.orders.cancel(order.1, CancelReason::Left);
    world.deliver(&service).await;
    for _ in 0..3 {
        service.payments.workers()[0].step().await.unwrap();
        world.clock.advance(Duration::from_secs(60));
    }
    assert_eq!(world.charges().await[0].status(), ChargeStatus::Failed);
    faults.release_all().await;
    assert_eq!(world.books().await[0].held, 500);
    world.drain(&service).await;
    world.check().await;
}

/// A provider that answers nothing at all is given ten seconds; what it was asked may have happened.
#[tokio::test]
async fn a_provider_that_hangs_is_not_waited_for() {
    for at in 1..=4 {
        let world = World::new(1);
        let stop = Stop::at(at);
        let stopping = world.ports().stopping(&stop).gateway;
        let ports = Ports { gateway: stopping, ..world.ports() };
        let service = world.start_with(ports, Config::default());
        let order = world.orders.place(500);
        let patience = async {
            stop.stopped().await;
            world.clock.advance(Duration::from_secs(10));
        };
        let (answer, ()) = join(service.pay(&order, CARD), pin!(patience)).await;
        assert_eq!(answer.status, 202, "place {at}: {answer:?}");
        stop.go_on();
        world.drain(&service).await;
        world.check().await;
        assert_eq!(world.orders.status(order.1), OrderStatus::Completed);
    }
}

/// Store and provider fail at random while buyers do all they can; when both are well again, all comes
/// right.
#[tokio::test]
async fn with_faults_everywhere_the_money_comes_right() {
    const CARDS: [&str; 4] = [CARD, DECLINED, AUTHENTICATES, "pm_card_nope"];
    for seed in 0..400 {
        let world = World::new(seed);
        let injector = Injector::seeded(seed, Rates::each(60));
        let ports = world.ports();
        let ports = Ports {
            store: Arc::new(FaultyStore::new(ports.store, injector.clone())),
            gateway: Arc::new(FaultyGateway::new(ports.gateway, injector.clone())),
            orders: Arc::new(FaultyOrders::new(ports.orders, injector.clone())),
        };
        let config = Config { max_payment_attempts: 2, ..Config::default() };
        let service = world.start_with(ports, config);
        let orders: Vec<_> = (1..=4).map(|it| world.orders.place(it * 500)).collect();
        let mut random = Seeded::new(seed);
        let mut secrets = Vec::new();
        for _ in 0..40 {
            let order = &orders[random.below(4) as usize];
            match random.below(10) {
                0..4 => {
                    let card = CARDS[random.below(4) as usize];
                    let answer = service.pay(order, card).await;
                    secrets.extend(answer.secret().map(|secret| (order.0, secret)));
                }
                4 => {
                    if let Some((user, secret)) = secrets.pop() {
                        service.authenticate(user, &secret, random.happens(800)).await;
                    }
                }
                5 => {
                    if let Some((_, secret)) = secrets.pop() {
                        drop(world.sandbox.authenticate(&secret, true).await);
                    }
                }
                6 if random.happens(300) => world.orders.cancel(order.1, CancelReason::Left),
                7 => drop(injector.release(0).await),
                8 => world.clock.advance(Duration::from_secs(random.below(60))),
                _ => drop(service.payments.workers()[0].step().await),
            }
        }
        injector.heal();
        injector.release_all().await;
        world.drain(&service).await;
        world.check().await;
    }
}
