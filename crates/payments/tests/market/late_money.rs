//! Money that is found where it must not be: held or captured for an order that has ended.

use stubmart_contract::api::{CancelReason, ChargeStatus};
use stubmart_ports::{bank::TestBank as _, gateway::PaymentGateway as _};

use crate::support::{AUTHENTICATES, CARD, World};

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
