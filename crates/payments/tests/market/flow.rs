//! The ways a payment goes when nothing fails.

use std::time::Duration;

use serde_json::json;
use stubmart_contract::{
    Actor, ChargeId, Context, OrderId, UserId,
    api::{CancelReason, OrderStatus},
};
use stubmart_payments::Config;

use crate::support::{AUTHENTICATES, CARD, DECLINED, HOLD, World};

/// A good card: the charge is completed, the order too, and the price is taken, no more.
#[tokio::test]
async fn a_good_card_completes_charge_and_order() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(12_550);
    let answer = service.pay(&order, CARD).await;
    assert_eq!(answer.status, 201, "{answer:?}");
    assert_eq!(answer.body["status"], "completed");
    assert_eq!(answer.body["amount"], 12_550);
    assert_eq!(answer.body["currency"], "usd");
    assert!(answer.body["stripeId"].as_str().unwrap().starts_with("pi_"));
    assert_eq!(world.orders.status(order.1), OrderStatus::Completed);
    world.drain(&service).await;
    world.check().await;
    let books = world.books().await;
    assert_eq!(books.iter().map(|payment| payment.kept).sum::<u64>(), 12_550);
}

/// A declined card: 402 with the bank's reason, nothing held, and the order ends.
#[tokio::test]
async fn a_declined_card_fails_the_charge_and_ends_the_order() {
    for (card, code, reason) in [
        (DECLINED, "card_declined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
    ] {
        let world = World::new(1);
        let service = world.start();
        let order = world.orders.place(500);
        let answer = service.pay(&order, card).await;
        assert!(answer.is(402, "card_declined"), "{answer:?}");
        assert_eq!(answer.body["declineCode"], reason);
        assert_eq!(world.orders.status(order.1), OrderStatus::Cancelled);
        let charges = service.list(order.0, "").await;
        assert_eq!(charges.body["items"][0]["failureCode"], code);
        assert_eq!(charges.body["items"][0]["status"], "failed");
        world.drain(&service).await;
        world.check().await;
    }
}

/// Three cards may be declined: each answer says how many tries are left, and the last one ends the order.
/// A card that no retry can cure counts like any other, as at Stripe: the buyer may have another one.
#[tokio::test]
async fn declines_end_the_order_only_when_the_attempts_are_used_up() {
    let world = World::new(1);
    let service = world.start_with(world.ports(), Config::default());
    let order = world.orders.place(500);
    for (card, left) in [(DECLINED, 2), ("pm_card_visa_chargeDeclinedStolenCard", 1)] {
        let answer = service.pay(&order, card).await;
        assert!(answer.is(402, "card_declined"));
        assert_eq!(answer.body["attemptsLeft"], left);
        assert_eq!(world.orders.status(order.1), OrderStatus::Created);
    }
    let paid = world.orders.place(500);
    assert!(service.pay(&paid, DECLINED).await.is(402, "card_declined"));
    assert_eq!(service.pay(&paid, CARD).await.status, 201);

    let last = service.pay(&order, DECLINED).await;
    assert!(last.is(402, "card_declined"));
    assert_eq!(last.body["attemptsLeft"], 0);
    assert_eq!(world.orders.status(order.1), OrderStatus::Cancelled);
    assert!(service.pay(&order, CARD).await.is(409, "order_cancelled"));
    world.drain(&service).await;
    world.check().await;
}

/// An order that cannot be paid for is refused with its state, and the provider is not asked.
#[tokio::test]
async fn an_order_that_is_not_payable_is_refused_before_the_provider_hears_of_it() {
    let world = World::new(1);
    let service = world.start();
    let expired = world.orders.place(500);
    world.orders.cancel(expired.1, CancelReason::Expired);
    let left = world.orders.place(500);
    world.orders.cancel(left.1, CancelReason::Left);
    let foreign = (UserId(world.host.uuid()), world.orders.place(500).1);
    let unknown = (UserId(world.host.uuid()), OrderId(world.host.uuid()));
    let awaiting = world.orders.place(500);
    let other = ChargeId(world.host.uuid());
    let context = Context::of(Actor::System);
    world.ports().orders.secure(&context, awaiting.1, other).await.unwrap().unwrap();
    for (order, status, code) in [
        (&expired, 409, "order_expired"),
        (&left, 409, "order_cancelled"),
        (&awaiting, 409, "payment_in_progress"),
        (&foreign, 404, "not_found"),
        (&unknown, 404, "not_found"),
    ] {
        let answer = service.pay(order, CARD).await;
        assert!(answer.is(status, code), "{answer:?}");
    }
    assert!(world.charges().await.is_empty());
    assert!(world.books().await.is_empty());

    let paid = world.orders.place(500);
    assert_eq!(service.pay(&paid, CARD).await.status, 201);
    assert!(service.pay(&paid, CARD).await.is(409, "order_completed"));
}

/// An order whose time is over is refused as expired: the provider is not asked.
#[tokio::test]
async fn an_order_whose_time_is_over_is_refused_before_the_provider_hears_of_it() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    world.clock.advance(HOLD);
    let answer = service.pay(&order, CARD).await;
    assert!(answer.is(409, "order_expired"), "{answer:?}");
    assert!(world.charges().await.is_empty());
    assert!(world.books().await.is_empty());
}

/// An order is not tried without end: after twenty charges that do not count it takes no more.
#[tokio::test]
async fn an_order_has_no_more_than_twenty_charges() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    for _ in 0..20 {
        assert!(service.pay(&order, "pm_card_nope").await.is(400, "validation_failed"));
    }
    for card in ["pm_card_nope", CARD] {
        let answer = service.pay(&order, card).await;
        assert!(answer.is(429, "too_many_requests"), "{answer:?}");
    }
    assert_eq!(world.charges().await.len(), 20);
    world.drain(&service).await;
    world.check().await;
}

/// The last of the twenty can still be gone on with, by who asks for the same again.
#[tokio::test]
async fn a_payment_that_waits_is_no_further_charge() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    for _ in 0..19 {
        assert!(service.pay(&order, "pm_card_nope").await.is(400, "validation_failed"));
    }
    let asked = service.pay(&order, AUTHENTICATES).await;
    let again = service.pay(&order, AUTHENTICATES).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    assert_eq!(again.status, 202, "{again:?}");
    assert_eq!(asked.body["id"], again.body["id"]);
    assert!(again.body["nextAction"].is_object(), "{again:?}");
    assert!(service.pay(&order, CARD).await.is(429, "too_many_requests"));
}

/// A payment that the provider ended is like a declined card: 402, and the order ends with it.
#[tokio::test]
async fn a_payment_that_the_provider_ended_ends_the_order() {
    use stubmart_ports::gateway::PaymentGateway as _;
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    service.pay(&order, AUTHENTICATES).await;
    let payment = &world.books().await[0];
    world.sandbox.void(payment.charge_id, &payment.id).await.unwrap();
    let answer = service.pay(&order, AUTHENTICATES).await;
    assert!(answer.is(402, "card_declined"), "{answer:?}");
    assert_eq!(world.orders.status(order.1), OrderStatus::Cancelled);
    world.drain(&service).await;
    world.check().await;
}

/// A payment method that the provider does not know is the client's mistake: 400 on the field, nothing
/// charged, no attempt used.
#[tokio::test]
async fn an_unknown_payment_method_is_a_bad_field_and_no_attempt() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    let answer = service.pay(&order, "pm_card_nope").await;
    assert!(answer.is(400, "validation_failed"), "{answer:?}");
    assert_eq!(
        answer.body["errors"],
        json!([{"field": "paymentMethod", "message": "No such PaymentMethod: 'pm_card_nope'"}])
    );
    assert_eq!(service.pay(&order, CARD).await.status, 201);
    world.drain(&service).await;
    world.check().await;
}

/// A card that wants authentication: 202 with the client secret; after the buyer has authenticated the
/// payment goes on by itself.
#[tokio::test]
async fn authentication_completes_the_payment_or_declines_it() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    let answer = service.pay(&order, AUTHENTICATES).await;
    assert_eq!((answer.status.as_u16(), &answer.body["status"]), (202, &json!("created")));
    assert_eq!(world.orders.status(order.1), OrderStatus::Created);
    let done = service.authenticate(order.0, &answer.client_secret(), true).await;
    assert_eq!((done.status.as_u16(), &done.body["status"]), (200, &json!("completed")));
    // It was answered when the order had followed.
    assert_eq!(world.orders.status(order.1), OrderStatus::Completed);

    let order = world.orders.place(500);
    let answer = service.pay(&order, AUTHENTICATES).await;
    let done = service.authenticate(order.0, &answer.client_secret(), false).await;
    assert_eq!((done.status.as_u16(), &done.body["status"]), (200, &json!("failed")));
    assert_eq!(done.body["failureCode"], "payment_intent_authentication_failure");
    world.drain(&service).await;
    assert_eq!(world.orders.status(order.1), OrderStatus::Cancelled);
    world.check().await;
}

/// Somebody else's payment cannot be authenticated, and the answer does not reveal it.
#[tokio::test]
async fn only_its_buyer_can_authenticate_a_payment() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    let secret = service.pay(&order, AUTHENTICATES).await.client_secret();
    let stranger = UserId(world.host.uuid());
    assert!(service.authenticate(stranger, &secret, true).await.is(404, "not_found"));
    for wrong in ["pi_1_secret_2", secret.split("_secret_").next().unwrap()] {
        assert!(service.authenticate(order.0, wrong, true).await.is(404, "not_found"), "{wrong}");
    }
    assert_eq!(world.books().await[0].held, 0);
}

/// While a payment waits for its buyer, the same request gives the same one, and after the bank is
/// satisfied it goes on with it.
#[tokio::test]
async fn asking_again_goes_on_with_the_payment_that_waits() {
    use stubmart_ports::bank::TestBank as _;
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    let first = service.pay(&order, AUTHENTICATES).await;
    let second = service.pay(&order, AUTHENTICATES).await;
    assert_eq!(first.body["id"], second.body["id"]);
    assert_eq!(first.client_secret(), second.client_secret());
    world.sandbox.authenticate(&first.client_secret(), true).await.unwrap().unwrap();
    let third = service.pay(&order, AUTHENTICATES).await;
    assert_eq!((third.status.as_u16(), &third.body["id"]), (201, &first.body["id"]));
    world.drain(&service).await;
    world.check().await;
}

/// Another card takes the place of one that waits for its buyer, which cannot be used any more.
#[tokio::test]
async fn another_card_takes_the_place_of_one_that_waits() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    let first = service.pay(&order, AUTHENTICATES).await;
    let second = service.pay(&order, CARD).await;
    assert_eq!(second.status, 201, "{second:?}");
    assert_ne!(first.body["id"], second.body["id"]);
    world.drain(&service).await;
    let late = service.authenticate(order.0, &first.client_secret(), true).await;
    assert_eq!(late.body["status"], "failed");
    assert_eq!(late.body["failureCode"], "replaced");
    world.drain(&service).await;
    world.check().await;
}

/// A payment that waits for its buyer ends with its order: the payment is voided and cannot be used.
#[tokio::test]
async fn a_payment_that_waits_ends_with_its_order() {
    for reason in [CancelReason::Left, CancelReason::Expired] {
        let world = World::new(1);
        let service = world.start();
        let order = world.orders.place(500);
        let answer = service.pay(&order, AUTHENTICATES).await;
        world.orders.cancel(order.1, reason);
        world.drain(&service).await;
        let charges = service.list(order.0, "").await;
        let expected =
            if reason == CancelReason::Left { "order_cancelled" } else { "order_expired" };
        assert_eq!(charges.body["items"][0]["failureCode"], expected);
        let late = service.authenticate(order.0, &answer.client_secret(), true).await;
        assert_eq!(late.body["status"], "failed");
        world.drain(&service).await;
        world.check().await;
    }
}

/// Nobody tells payments that the order ended: it finds out by looking.
#[tokio::test]
async fn a_payment_that_waits_ends_with_its_order_even_if_the_event_never_comes() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    service.pay(&order, AUTHENTICATES).await;
    world.orders.cancel(order.1, CancelReason::Left);
    world.orders.lose_events();
    world.drain(&service).await;
    world.check().await;
}

/// The same key and body are answered as the first time, with one charge.
#[tokio::test]
async fn an_idempotency_key_pays_once() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    let first = service.pay_as("k", &order, CARD).await;
    let second = service.pay_as("k", &order, CARD).await;
    assert_eq!((first.status.as_u16(), &first), (201, &second));
    assert!(service.pay_as("k", &order, DECLINED).await.is(422, "idempotency_key_reused"));
    assert_eq!(world.charges().await.len(), 1);
    world.clock.advance(Duration::from_secs(1));
    world.drain(&service).await;
    world.check().await;
}
