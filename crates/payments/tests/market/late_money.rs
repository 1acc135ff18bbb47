//! Money that is found where it must not be: held or captured for an order that has ended.

use std::pin::pin;

use futures_util::future::{Either, select};
use stubmart_contract::{
    Actor, Context, DomainEvent, OrderId,
    api::{CancelReason, ChargeStatus, OrderStatus},
};
use stubmart_payments::{
    SERVICE,
    refund_order::{RefundOrderError, Refunded},
};
use stubmart_ports::{bank::TestBank as _, gateway::PaymentGateway as _, store::Store as _};

use crate::support::{AUTHENTICATES, CARD, Stop, World};

/// A completed order is cancelled by a human's hand: the money goes back in full, once.
#[tokio::test]
async fn captured_money_of_a_cancelled_order_is_given_back_once() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    assert_eq!(service.pay(&order, CARD).await.status, 201);
    world.orders.cancel_by_hand(order.1);
    world.drain(&service).await;
    world.orders.cancel_by_hand(order.1);
    world.drain(&service).await;
    world.check().await;
    let [charge] = &world.charges().await[..] else { panic!("one charge") };
    assert_eq!(charge.status(), ChargeStatus::Completed);
    assert!(charge.refund_id.as_deref().unwrap().starts_with("re_"));
}

/// The buyer authenticates after the order has ended, and no request of ours is there to see it: the
/// hold is found and given up.
#[tokio::test]
async fn a_hold_that_comes_after_the_order_ended_is_given_up() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    let secret = service.pay(&order, AUTHENTICATES).await.client_secret();
    world.sandbox.authenticate(&secret, true).await.unwrap().unwrap();
    world.orders.cancel(order.1, CancelReason::Left);
    assert_eq!(world.books().await[0].held, 500);
    world.drain(&service).await;
    world.check().await;
}

/// A human captures at the provider's dashboard: where the order can still be secured it is sold, where
/// it has ended the money goes back.
#[tokio::test]
async fn money_captured_by_a_human_is_kept_only_if_the_order_agrees() {
    for (cancelled, kept) in [(false, 500), (true, 0)] {
        let world = World::new(1);
        let service = world.start();
        let order = world.orders.place(500);
        let secret = service.pay(&order, AUTHENTICATES).await.client_secret();
        let payment = world.sandbox.authenticate(&secret, true).await.unwrap().unwrap();
        world.sandbox.capture(payment.charge_id, &payment.id).await.unwrap();
        if cancelled {
            world.orders.cancel(order.1, CancelReason::Left);
        }
        world.drain(&service).await;
        world.check().await;
        assert_eq!(world.books().await[0].kept, kept);
    }
}

/// A human gives the money back at the dashboard, or voids the hold, before the payment went on: the
/// payment fails, and does not complete the order.
#[tokio::test]
async fn money_given_back_by_a_human_pays_for_nothing() {
    for capture in [true, false] {
        let world = World::new(1);
        let service = world.start();
        let order = world.orders.place(500);
        let secret = service.pay(&order, AUTHENTICATES).await.client_secret();
        let payment = world.sandbox.authenticate(&secret, true).await.unwrap().unwrap();
        if capture {
            world.sandbox.capture(payment.charge_id, &payment.id).await.unwrap();
            world.sandbox.refund(payment.charge_id, &payment.id).await.unwrap();
        } else {
            world.sandbox.void(payment.charge_id, &payment.id).await.unwrap();
        }
        world.drain(&service).await;
        world.check().await;
        assert_eq!(world.charges().await[0].status(), ChargeStatus::Failed);
    }
}

/// MONEY-1: what is captured and given back is booked, in whatever order the news come, and a market from
/// before there was a ledger gets its postings from the events that it kept.
#[tokio::test]
async fn every_movement_of_money_is_booked_once() {
    let world = World::new(1);
    let service = world.start();
    let [kept, given_back, open] = [12_550, 500, 700].map(|price| world.orders.place(price));
    for order in [&kept, &given_back] {
        assert_eq!(service.pay(order, CARD).await.status, 201);
    }
    service.pay(&open, AUTHENTICATES).await;
    world.orders.cancel_by_hand(given_back.1);
    world.drain(&service).await;
    assert_eq!(world.ledger().await, [], "nothing is booked before the events come");
    world.check().await;
    let facts: Vec<_> = world.ledger().await.iter().map(|it| it.fact).collect();
    assert_eq!(facts.len(), 3, "two captures and a refund: {facts:?}");
}

/// An operator gives the money of a sale back: once, however often it is asked for with one key, and the
/// order stays completed. With another key, or for an order that nobody paid, nothing happens.
#[tokio::test]
async fn an_operator_gives_the_money_of_a_sale_back_once() {
    let world = World::new(1);
    let service = world.start();
    let [order, unpaid] = [12_550, 500].map(|price| world.orders.place(price));
    assert_eq!(service.pay(&order, CARD).await.status, 201);
    let operator = Context::of(Actor::Operator("ada".to_owned()));
    let refund = async |order: OrderId, key: &str| {
        service.payments.refund_order(&operator, order, "cancelled", Some(key)).await
    };
    for _ in 0..2 {
        let refunded = refund(order.1, "k").await.unwrap();
        let Refunded::Done(charge) = refunded else { panic!("{refunded:?}") };
        assert!(charge.refund_id.is_some() && charge.due_at.is_none(), "{charge:?}");
    }
    assert!(matches!(refund(order.1, "other").await, Err(RefundOrderError::GivenBack)));
    assert!(matches!(refund(unpaid.1, "k").await, Err(RefundOrderError::NotPaid)));
    assert_eq!(world.books().await.iter().map(|it| it.kept).sum::<u64>(), 0);
    world.drain(&service).await;
    world.check().await;
    assert_eq!(world.orders.status(order.1), OrderStatus::Completed);
    let told = world.store.history(SERVICE, None, usize::MAX).await.unwrap();
    let refunds = told.iter().filter(|it| matches!(it.event, DomainEvent::ChargeRefunded(_)));
    let actors: Vec<_> = refunds.map(|it| it.actor.clone()).collect();
    assert_eq!(
        actors,
        [Actor::Operator("ada".to_owned())],
        "AUDIT-1: told once, with the operator"
    );
}

/// PAY-2: the decision is saved before the provider is asked. A process that is cut off in between leaves
/// a refund that the next one sees through.
#[tokio::test]
async fn a_refund_that_is_cut_off_is_seen_through() {
    for place in 1..=3 {
        let world = World::new(1);
        let order = world.orders.place(12_550);
        assert_eq!(world.start().pay(&order, CARD).await.status, 201);
        let stop = Stop::at(place);
        let config = stubmart_payments::Config::default();
        let cut_off = world.start_with(world.ports().stopping(&stop), config);
        let operator = Context::of(Actor::Operator("ada".to_owned()));
        let refund = pin!(cut_off.payments.refund_order(&operator, order.1, "cancelled", None));
        let Either::Right(_) = select(refund, pin!(stop.stopped())).await else {
            panic!("{place}")
        };
        let service = world.start();
        let again = service.payments.refund_order(&operator, order.1, "cancelled", None).await;
        again.unwrap();
        world.drain(&service).await;
        world.check().await;
        assert_eq!(world.books().await.iter().map(|it| it.kept).sum::<u64>(), 0, "{place}");
    }
}
