//! Killed at any moment, asleep at any moment: after every single port call, before it and behind it.

use std::{pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use stubmart_contract::{
    Actor, Context, OrderId, UserId,
    api::{CancelReason, OrderStatus},
};
use stubmart_payments::Config;
use stubmart_ports::bank::TestBank as _;
use stubmart_suite::fault::{Fault, FaultyGateway, Injector, Op};

use crate::support::{AUTHENTICATES, CARD, DECLINED, Service, Stop, World};

/// More places than any play has.
const PLACES_MAX: u32 = 500;

/// What happens, until all is at rest.
#[derive(Debug, Clone, Copy)]
enum Play {
    Paid,
    PaidWithKey,
    Declined,
    UnknownCard,
    Authenticated,
    AuthenticatedByRoute,
    NotAuthenticated,
    LeftWhileWaiting,
    Replaced,
    LeftBeforePaying,
    CancelledByHand,
}

const PLAYS: [Play; 11] = [
    Play::Paid,
    Play::PaidWithKey,
    Play::Declined,
    Play::UnknownCard,
    Play::Authenticated,
    Play::AuthenticatedByRoute,
    Play::NotAuthenticated,
    Play::LeftWhileWaiting,
    Play::Replaced,
    Play::LeftBeforePaying,
    Play::CancelledByHand,
];

impl Play {
    async fn run(self, world: &World, service: &Service, order: &(UserId, OrderId)) {
        match self {
            Self::Paid => drop(service.pay(order, CARD).await),
            Self::PaidWithKey => drop(service.pay_as("k", order, CARD).await),
            Self::Declined => drop(service.pay(order, DECLINED).await),
            Self::UnknownCard => drop(service.pay(order, "pm_card_nope").await),
            Self::Authenticated => {
                let secret = service.pay(order, AUTHENTICATES).await.secret().unwrap_or_default();
                world.sandbox.authenticate(&secret, true).await.unwrap();
                service.pay(order, AUTHENTICATES).await;
            }
            Self::AuthenticatedByRoute | Self::NotAuthenticated => {
                let succeed = matches!(self, Self::AuthenticatedByRoute);
                let secret = service.pay(order, AUTHENTICATES).await.secret().unwrap_or_default();
                service.authenticate(order.0, &secret, succeed).await;
            }
            Self::LeftWhileWaiting => {
                service.pay(order, AUTHENTICATES).await;
                world.orders.cancel(order.1, CancelReason::Left);
            }
            Self::Replaced => {
                service.pay(order, AUTHENTICATES).await;
                service.pay(order, CARD).await;
            }
            Self::LeftBeforePaying => {
                world.orders.cancel(order.1, CancelReason::Left);
                service.pay(order, CARD).await;
            }
            Self::CancelledByHand => {
                service.pay(order, CARD).await;
                world.orders.cancel_by_hand(order.1);
            }
        }
        world.drain(service).await;
    }
}

/// A world with an order, and a service that stops at the `at`-th place.
fn stage(at: u32) -> (World, Service, Stop, (UserId, OrderId)) {
    let world = World::new(u64::from(at));
    let order = world.orders.place(500);
    let stop = Stop::at(at);
    let service = world.start_with(world.ports().stopping(&stop), Config::default());
    (world, service, stop, order)
}

/// Killed after every single port call of every play, started again: money and orders agree.
#[tokio::test]
async fn killed_at_any_moment_the_money_comes_right() {
    for play in PLAYS {
        let mut places = 0;
        for at in 1..PLACES_MAX {
            let (world, service, stop, order) = stage(at);
            let ended = {
                let played = pin!(play.run(&world, &service, &order));
                matches!(select(played, pin!(stop.stopped())).await, Either::Left(_))
            };
            world.recover_and_check().await;
            if ended {
                break;
            }
            places = at;
        }
        assert!((5..PLACES_MAX - 1).contains(&places), "{play:?} has {places} places");
    }
}

/// Killed, and killed again while it recovers, after every pair of port calls.
#[tokio::test]
async fn killed_twice_the_money_comes_right() {
    for play in [Play::Paid, Play::Declined, Play::LeftWhileWaiting, Play::CancelledByHand] {
        for at in 1..PLACES_MAX {
            let mut first_ended = false;
            for again in 1..PLACES_MAX {
                let (world, service, stop, order) = stage(at);
                {
                    let played = pin!(play.run(&world, &service, &order));
                    first_ended =
                        matches!(select(played, pin!(stop.stopped())).await, Either::Left(_));
                }
                let stop = Stop::at(again);
                let second = world.start_with(world.ports().stopping(&stop), Config::default());
                let second_ended = {
                    let drained = pin!(world.drain(&second));
                    matches!(select(drained, pin!(stop.stopped())).await, Either::Left(_))
                };
                world.recover_and_check().await;
                if first_ended || second_ended {
                    break;
                }
            }
            if first_ended {
                break;
            }
        }
    }
}

/// A request falls asleep at any moment, others bring everything to rest over hours, and then it wakes
/// up and goes on: it does no harm.
#[tokio::test]
async fn a_sleeper_that_wakes_up_hours_later_does_no_harm() {
    for play in PLAYS {
        for at in 1..PLACES_MAX {
            let (world, service, stop, order) = stage(at);
            let played = pin!(play.run(&world, &service, &order));
            let asleep = match select(played, pin!(stop.stopped())).await {
                Either::Left(_) => break,
                Either::Right((_, asleep)) => asleep,
            };
            let other = world.start();
            world.drain(&other).await;
            world.clock.advance(Duration::from_secs(3 * 3600));
            world.drain(&other).await;
            stop.go_on();
            asleep.await;
            world.recover_and_check().await;
        }
    }
}

/// A request falls asleep at any moment; the process that takes over is killed at any moment; and then the
/// sleeper goes on: with a provider that is well, and with one that the sleeper could not reach.
#[tokio::test]
async fn a_sleeper_and_a_kill_together_do_no_harm() {
    for (play, unreachable) in
        [(Play::Paid, false), (Play::Paid, true), (Play::Replaced, false), (Play::Declined, false)]
    {
        let mut place = 1;
        while sleeper_and_kills(play, unreachable, place).await {
            place += 1;
        }
        assert!(place > 5, "{play:?}");
    }
}

/// The sleeper sleeps at one place, the other is killed at each of its places. Whether the sleeper has
/// that many places.
async fn sleeper_and_kills(play: Play, unreachable: bool, place: u32) -> bool {
    for again in 1..PLACES_MAX {
        let world = World::new(u64::from(place));
        let order = world.orders.place(500);
        let stop = Stop::at(place);
        let mut ports = world.ports();
        if unreachable {
            ports.gateway = Arc::new(FaultyGateway::new(ports.gateway, fails_once()));
        }
        let service = world.start_with(ports.stopping(&stop), Config::default());
        let played = pin!(play.run(&world, &service, &order));
        let asleep = match select(played, pin!(stop.stopped())).await {
            Either::Left(_) => return false,
            Either::Right((_, asleep)) => asleep,
        };
        let other_stop = Stop::at(again);
        let other = world.start_with(world.ports().stopping(&other_stop), Config::default());
        let drained = {
            let drained = pin!(world.drain(&other));
            matches!(select(drained, pin!(other_stop.stopped())).await, Either::Left(_))
        };
        stop.go_on();
        asleep.await;
        world.recover_and_check().await;
        if drained {
            break;
        }
    }
    true
}

/// The buyer takes another card, or the bank's page, at any moment of a payment that goes on after its
/// authentication: one of them pays, or none, but the order is not left hanging between them.
#[tokio::test]
async fn another_card_at_any_moment_of_a_payment_does_no_harm() {
    for (card, hours) in [(CARD, 0), (CARD, 3), (DECLINED, 0), (DECLINED, 3), (AUTHENTICATES, 0)] {
        let mut answers = Vec::new();
        for at in 1..PLACES_MAX {
            let (world, service, stop, order) = stage(at);
            let played = pin!(Play::Authenticated.run(&world, &service, &order));
            let asleep = match select(played, pin!(stop.stopped())).await {
                Either::Left(_) => break,
                Either::Right((_, asleep)) => asleep,
            };
            let other = world.start();
            answers.push(other.pay(&order, card).await.status.as_u16());
            if hours > 0 {
                world.drain(&other).await;
                world.clock.advance(Duration::from_secs(hours * 3600));
            }
            stop.go_on();
            asleep.await;
            world.recover_and_check().await;
        }
        assert!(answers.contains(&409), "{card} never came too late: {answers:?}");
        let taken = if card == DECLINED { 402 } else { 201 };
        assert!(answers.contains(&taken), "{card} never came in time: {answers:?}");
    }
}

/// Two requests of one buyer fall asleep, each at any moment: one takes another card in place of the one
/// that waited for authentication, the other goes on with that one. The first wakes up first.
#[tokio::test]
async fn two_sleepers_who_want_different_cards_do_no_harm() {
    let mut places = (1, 1);
    while let Some(second_ended) = two_sleepers(places).await {
        places = if second_ended { (places.0 + 1, 1) } else { (places.0, places.1 + 1) };
    }
    assert!(places.0 > 10, "{places:?}");
}

/// Whether the second of the sleepers ended before its place; `None` when the first did.
async fn two_sleepers((first_at, second_at): (u32, u32)) -> Option<bool> {
    let world = World::new(u64::from(first_at));
    let order = world.orders.place(500);
    let secret = world.start().pay(&order, AUTHENTICATES).await.client_secret();
    world.sandbox.authenticate(&secret, true).await.unwrap();
    let stops = (Stop::at(first_at), Stop::at(second_at));
    let start = |stop: &Stop| world.start_with(world.ports().stopping(stop), Config::default());
    let (one, other) = (start(&stops.0), start(&stops.1));
    let first = pin!(one.pay(&order, CARD));
    let Either::Right((_, first)) = select(first, pin!(stops.0.stopped())).await else {
        return None;
    };
    let second = pin!(other.pay(&order, AUTHENTICATES));
    let second = match select(second, pin!(stops.1.stopped())).await {
        Either::Left(_) => None,
        Either::Right((_, second)) => Some(second),
    };
    stops.0.go_on();
    first.await;
    let ended = second.is_none();
    if let Some(second) = second {
        stops.1.go_on();
        second.await;
    }
    world.recover_and_check().await;
    Some(ended)
}

fn fails_once() -> Arc<Injector> {
    Injector::new(|op, number| match (op, number) {
        (Op::Authorise, 1) => Fault::Fail,
        _ => Fault::None,
    })
}

/// The order ends at any moment of a payment (the buyer leaves, the time runs out): either the payment
/// was first and the ticket is bought, or nothing is charged.
#[tokio::test]
async fn an_order_that_ends_at_any_moment_of_a_payment_is_bought_or_free() {
    for (card, reason) in [
        (CARD, CancelReason::Left),
        (CARD, CancelReason::Expired),
        (AUTHENTICATES, CancelReason::Left),
        (DECLINED, CancelReason::Expired),
    ] {
        let mut seen = Vec::new();
        for at in 1..PLACES_MAX {
            let (world, service, stop, order) = stage(at);
            let paid = pin!(service.pay(&order, card));
            let answer = match select(paid, pin!(stop.stopped())).await {
                Either::Left(_) => break,
                Either::Right((_, paid)) => {
                    world.orders.cancel(order.1, reason);
                    stop.go_on();
                    paid.await
                }
            };
            let completed = world.orders.status(order.1) == OrderStatus::Completed;
            assert_eq!(answer.status == 201, completed, "{answer:?}");
            seen.push((answer.status.as_u16(), answer.code().to_owned()));
            world.recover_and_check().await;
        }
        seen.sort_unstable();
        seen.dedup();
        let expected =
            if reason == CancelReason::Left { "order_cancelled" } else { "order_expired" };
        assert!(seen.contains(&(409, expected.to_owned())), "{card}: {seen:?}");
        if card == CARD {
            assert!(seen.contains(&(201, String::new())), "{seen:?}");
        }
    }
}

/// The client saw no answer because the service was killed, and sends the same request with the same
/// key again: one charge, one answer, the order paid once.
#[tokio::test]
async fn the_same_request_after_a_kill_pays_once() {
    for at in 1..PLACES_MAX {
        let (world, service, stop, order) = stage(at);
        {
            let paid = pin!(service.pay_as("k", &order, CARD));
            if let Either::Left(_) = select(paid, pin!(stop.stopped())).await {
                break;
            }
        }
        let service = world.start();
        world.clock.advance(Duration::from_secs(61));
        let answer = service.pay_as("k", &order, CARD).await;
        assert_eq!((answer.status.as_u16(), &answer.body["status"]), (201, &"completed".into()));
        assert_eq!(service.pay_as("k", &order, CARD).await, answer);
        assert_eq!(world.charges().await.len(), 1);
        world.recover_and_check().await;
        assert_eq!(world.orders.status(order.1), OrderStatus::Completed);
    }
}

/// A request is asleep after the provider held the money. The charge is brought to where the buyer has
/// to act by another, and replaced by one with a card that is declined; all of that has come to rest when
/// the sleeper wakes up, secures the order for the charge that was replaced long ago, and is killed. The
/// order ends when its time is over.
#[tokio::test]
async fn an_order_that_is_secured_for_a_charge_that_failed_ends() {
    for killed in [true, false] {
        let world = World::new(1);
        let order = world.orders.place(500);
        // Asleep before the provider hears of it; then, before orders hears that the money is held.
        let (asks, secures) = (Stop::at(1), Stop::at(3));
        let mut ports = world.ports();
        ports.gateway = world.ports().stopping(&asks).gateway;
        ports.orders = world.ports().stopping(&secures).orders;
        let config = Config { max_payment_attempts: 2, ..Config::default() };
        let slow = world.start_with(ports, config.clone());
        let paid = pin!(slow.pay(&order, AUTHENTICATES));
        let Either::Right((_, paid)) = select(paid, pin!(asks.stopped())).await else { panic!() };
        // The reconciler takes over, and the buyer authenticates.
        let other = world.start_with(world.ports(), config);
        world.clock.advance(Duration::from_secs(31));
        other.payments.workers()[0].step().await.unwrap();
        let listed = other.list(order.0, &format!("?orderId={}", order.1)).await;
        let secret = listed.body["items"][0]["nextAction"]["clientSecret"].as_str().unwrap();
        world.sandbox.authenticate(secret, true).await.unwrap().unwrap();
        // The sleeper sees the money held, and falls asleep again.
        asks.go_on();
        let Either::Right((_, paid)) = select(paid, pin!(secures.stopped())).await else {
            panic!()
        };
        assert!(other.pay(&order, DECLINED).await.is(402, "card_declined"));
        for _ in 0..9 {
            other.payments.workers()[0].step().await.unwrap();
            world.clock.advance(Duration::from_secs(2));
        }
        assert_eq!(world.orders.status(order.1), OrderStatus::Created);
        if killed {
            let first = world.charges().await[0].id;
            let context = Context::of(Actor::System);
            world.ports().orders.secure(&context, order.1, first).await.unwrap().unwrap();
        } else {
            secures.go_on();
            assert!(paid.await.is(409, "payment_in_progress"));
        }
        world.recover_and_check().await;
        assert_eq!(world.orders.status(order.1), OrderStatus::Cancelled);
    }
}

/// A request was cut off with its process at any moment: the next process goes on with it at once, and
/// nobody waits for the time at which a request is given up.
#[tokio::test]
async fn the_next_process_goes_on_with_a_payment_at_once() {
    let mut places = 0;
    for at in 1..PLACES_MAX {
        let (world, service, stop, order) = stage(at);
        {
            let paid = pin!(service.pay(&order, CARD));
            if let Either::Left(_) = select(paid, pin!(stop.stopped())).await {
                break;
            }
        }
        let killed_at = world.host.now();
        let service = world.start();
        let workers = service.payments.workers();
        workers[1].step().await.unwrap();
        workers[0].step().await.unwrap();
        // Of a charge that had ended, the order hears by its event.
        world.orders.hear().await;
        let is_saved = !world.charges().await.is_empty();
        let completed = world.orders.status(order.1) == OrderStatus::Completed;
        assert_eq!((completed, world.host.now()), (is_saved, killed_at), "place {at}");
        places = at;
    }
    assert!(places > 10, "{places}");
}
