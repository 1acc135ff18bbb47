//! Money that is found where it must not be: held or captured for an order that has ended.

use std::pin::pin;

use futures_util::future::{Either, select};
use serde_json::json;
use stubmart_contract::{
    Actor, Context, DomainEvent, OrderId, Price, RefundId,
    api::{CancelReason, ChargeStatus, OrderStatus, RefundStatus},
};
use stubmart_payments::{
    SERVICE,
    charge::{Cause, Refusal},
    ledger::sum,
    refund_order::{RefundOrder, RefundOrderError, Refunded},
};
use stubmart_ports::{
    bank::TestBank as _,
    gateway::{PaymentGateway as _, RefundRequest},
    store::Store as _,
};

use crate::support::{AUTHENTICATES, CARD, Sent, Stop, World};

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
    assert!(charge.last_refund_id().unwrap().starts_with("re_"));
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
            let all = RefundRequest {
                charge_id: payment.charge_id,
                payment_id: payment.id,
                refund_id: RefundId(payment.order_id.0),
                amount: payment.amount,
            };
            world.sandbox.refund(&all).await.unwrap();
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

/// A request of an operator.
fn refund<'a>(order_id: OrderId, amount: Option<i64>, key: Option<&'a str>) -> RefundOrder<'a> {
    let amount = amount.map(|amount| Price::try_from(amount).unwrap());
    RefundOrder { order_id, amount, reason: "cancelled", key }
}

fn operator() -> Context {
    Context::of(Actor::Operator("ada".to_owned()))
}

/// An operator gives the money of a sale back: once, however often it is asked for with one key, and the
/// order stays completed. With another key, or for an order that nobody paid, nothing happens.
#[tokio::test]
async fn an_operator_gives_the_money_of_a_sale_back_once() {
    let world = World::new(1);
    let service = world.start();
    let [order, unpaid] = [12_550, 500].map(|price| world.orders.place(price));
    assert_eq!(service.pay(&order, CARD).await.status, 201);
    let ask = async |order, key| {
        service.payments.refund_order(&operator(), &refund(order, None, Some(key))).await
    };
    for _ in 0..2 {
        let Refunded { refund, charge } = ask(order.1, "k").await.unwrap();
        assert_eq!((refund.status(), refund.amount.minor()), (RefundStatus::Succeeded, 12_550));
        assert!(charge.last_refund_id().is_some() && charge.due_at.is_none(), "{charge:?}");
    }
    let again = ask(order.1, "other").await;
    assert!(matches!(again, Err(RefundOrderError::Refused(Refusal::GivenBack))), "{again:?}");
    assert!(matches!(ask(unpaid.1, "k").await, Err(RefundOrderError::NotPaid)));
    assert_eq!(world.kept().await, 0);
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

/// Money is given back in parts, each once by its key, and never more than was paid. The ledger takes from
/// everybody their share, and all parts come to one refund in full.
#[tokio::test]
async fn an_operator_gives_money_back_in_parts() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(12_550);
    assert_eq!(service.pay(&order, CARD).await.status, 201);
    let ask = async |amount, key| {
        let asked = refund(order.1, amount, Some(key));
        service.payments.refund_order(&operator(), &asked).await
    };
    for (amount, key, kept) in
        [(Some(5_000), "a", 7_550), (Some(5_000), "a", 7_550), (Some(50), "b", 7_500)]
    {
        let Refunded { refund, charge } = ask(amount, key).await.unwrap();
        assert_eq!((refund.status(), world.kept().await), (RefundStatus::Succeeded, kept), "{key}");
        assert!(charge.last_refund_id().is_none(), "not all is given back: {charge:?}");
        world.drain(&service).await;
        world.check().await;
    }
    for (amount, key, refusal) in [
        (Some(4_000), "a", Refusal::KeyReused),
        (Some(7_501), "c", Refusal::TooMuch { left: 7_500 }),
    ] {
        match ask(amount, key).await {
            Err(RefundOrderError::Refused(refused)) => assert_eq!(refused, refusal),
            other => panic!("{other:?}"),
        }
    }
    let Refunded { refund, charge } = ask(None, "rest").await.unwrap();
    assert_eq!((refund.amount.minor(), world.kept().await), (7_500, 0));
    assert!(charge.last_refund_id().is_some() && charge.was_given_back());
    world.drain(&service).await;
    world.check().await;
    assert!(world.ledger().await.iter().all(|it| sum(&it.lines) == 0));
}

/// What the bank takes time for is pending, and what it sends back is there again: both are shown as they
/// are and booked as they are, and what failed can be tried again.
#[tokio::test]
async fn a_refund_that_is_pending_succeeds_or_fails_later() {
    for (card, status, kept) in [
        ("pm_card_pendingRefund", RefundStatus::Succeeded, 7_550),
        ("pm_card_refundFail", RefundStatus::Failed, 12_550),
    ] {
        let world = World::new(1);
        let service = world.start();
        let order = world.orders.place(12_550);
        assert_eq!(service.pay(&order, card).await.status, 201);
        let asked = refund(order.1, Some(5_000), Some("k"));
        let refunded = service.payments.refund_order(&operator(), &asked).await.unwrap();
        assert_eq!((refunded.refund.status(), world.kept().await), (RefundStatus::Pending, 7_550));
        world.drain(&service).await;
        world.check().await;
        let [charge] = &world.charges().await[..] else { panic!("one charge") };
        let statuses: Vec<_> = charge.refunds.iter().map(|it| it.status()).collect();
        assert_eq!((statuses, world.kept().await), (vec![status], kept), "{card}");
        let read = service.charges(&order).await;
        assert_eq!(read["items"][0]["refunds"][0]["status"], json!(status), "{read}");
        assert_eq!(charge.left(), kept, "{card}: what failed can be given back again");
    }
}

/// Somebody gives a part back at the dashboard: it is noted when it is seen, and booked.
#[tokio::test]
async fn a_part_given_back_at_the_dashboard_is_booked() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(12_550);
    assert_eq!(service.pay(&order, CARD).await.status, 201);
    let [charge] = &world.charges().await[..] else { panic!("one charge") };
    let part = RefundRequest {
        charge_id: charge.id,
        payment_id: charge.payment_id.clone().unwrap(),
        refund_id: RefundId(order.1.0),
        amount: Price::try_from(550).unwrap(),
    };
    world.sandbox.refund(&part).await.unwrap();
    let body = json!({ "paymentId": charge.payment_id });
    let noticed = Sent::post("/api/payments/webhook", body).header("Stripe-Signature", "good");
    assert_eq!(service.send(None, noticed).await.status, 200);
    world.drain(&service).await;
    world.check().await;
    let [charge] = &world.charges().await[..] else { panic!("one charge") };
    let causes: Vec<_> = charge.refunds.iter().map(|it| it.cause.clone()).collect();
    assert_eq!((causes, charge.kept()), (vec![Cause::Dashboard], 12_000));
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
        let (operator, asked) = (operator(), refund(order.1, None, Some("k")));
        let refund = pin!(cut_off.payments.refund_order(&operator, &asked));
        let Either::Right(_) = select(refund, pin!(stop.stopped())).await else {
            panic!("{place}")
        };
        let service = world.start();
        service.payments.refund_order(&operator, &asked).await.unwrap();
        world.drain(&service).await;
        world.check().await;
        assert_eq!(world.kept().await, 0, "{place}");
    }
}

/// A refund is decided while another looks at the charge and is asleep at any moment of it, having seen nothing
/// left to do. The charge does not come to rest before the bank has sent the money, or sent it back.
#[tokio::test]
async fn a_refund_beside_a_sleeper_is_followed_to_its_end() {
    for (card, kept) in [("pm_card_pendingRefund", 7_550), ("pm_card_refundFail", 12_550)] {
        let mut places = 0;
        for place in 1.. {
            let world = World::new(1);
            let service = world.start();
            let order = world.orders.place(12_550);
            assert_eq!(service.pay(&order, card).await.status, 201);
            world.drain(&service).await;
            let [charge] = &world.charges().await[..] else { panic!("one charge") };
            let body = json!({ "paymentId": charge.payment_id });
            let notice =
                Sent::post("/api/payments/webhook", body).header("Stripe-Signature", "good");
            let stop = Stop::at(place);
            let config = stubmart_payments::Config::default();
            let slow = world.start_with(world.ports().stopping(&stop), config);
            let noticed = pin!(slow.send(None, notice));
            let asleep = match select(noticed, pin!(stop.stopped())).await {
                Either::Left(_) => break,
                Either::Right((_, asleep)) => asleep,
            };
            let asked = refund(order.1, Some(5_000), Some("k"));
            service.payments.refund_order(&operator(), &asked).await.unwrap();
            stop.go_on();
            assert_eq!(asleep.await.status, 200, "{card} at {place}");
            world.drain(&service).await;
            world.check().await;
            assert_eq!(world.kept().await, kept, "{card} at {place}");
            places = place;
        }
        assert!(places > 5, "{card} has {places} places");
    }
}
