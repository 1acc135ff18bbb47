//! What the routes take and give.

use serde_json::json;
use stubmart_contract::{ChargeId, UserId};

use crate::support::{CARD, DECLINED, Sent, Service, World, payment};

/// One's own charges come newest first, page by page; those of others never.
#[tokio::test]
async fn charges_are_listed_to_their_buyer_alone_newest_first() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    for _ in 0..5 {
        assert!(service.pay(&order, "pm_card_nope").await.is(400, "validation_failed"));
    }
    let stranger = world.orders.place(500);
    assert_eq!(service.pay(&stranger, CARD).await.status, 201);

    let all = service.list(order.0, "").await;
    let items = all.body["items"].as_array().unwrap();
    assert_eq!((items.len(), &all.body["nextCursor"]), (5, &json!(null)));
    let ids: Vec<ChargeId> =
        items.iter().map(|item| item["id"].as_str().unwrap().parse().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] > pair[1]), "{ids:?}");

    let (mut paged, mut query) = (Vec::new(), "?limit=2".to_owned());
    loop {
        let page = service.list(order.0, &query).await;
        paged.extend(page.body["items"].as_array().unwrap().clone());
        let Some(cursor) = page.body["nextCursor"].as_str() else { break };
        query = format!("?limit=2&cursor={cursor}");
    }
    assert_eq!(&paged, items);

    let foreign = service.list(order.0, &format!("?orderId={}", stranger.1)).await;
    assert_eq!((foreign.status.as_u16(), &foreign.body["items"]), (200, &json!([])));
    let own = service.list(stranger.0, &format!("?orderId={}", stranger.1)).await;
    assert_eq!(own.body["items"].as_array().unwrap().len(), 1);
    assert_eq!(own.body["items"][0].get("nextAction"), None);
}

/// A cursor of one list opens no other: it cannot be used to read somebody else's.
#[tokio::test]
async fn a_cursor_reads_nothing_of_others() {
    let world = World::new(1);
    let service = world.start();
    let (older, newer) = (world.orders.place(500), world.orders.place(500));
    for order in [&older, &newer] {
        for _ in 0..2 {
            service.pay(order, "pm_card_nope").await;
        }
    }
    for (mine, other) in [(&older, &newer), (&newer, &older)] {
        let page = service.list(other.0, "?limit=1").await;
        let cursor = page.body["nextCursor"].as_str().unwrap();
        let listed = service.list(mine.0, &format!("?cursor={cursor}")).await;
        assert!(listed.is(400, "validation_failed"), "{listed:?}");
    }
}

/// Every bad field is named at once, and unknown ones are refused.
#[tokio::test]
async fn bad_input_is_named_field_by_field() {
    let world = World::new(1);
    let service = world.start();
    let user = UserId(world.host.uuid());
    let bad = [
        (json!({}), vec!["orderId", "paymentMethod"]),
        (
            json!({"orderId": 7, "paymentMethod": "", "amount": 1}),
            vec!["amount", "orderId", "paymentMethod"],
        ),
        (
            json!({"orderId": null, "paymentMethod": "x".repeat(256)}),
            vec!["orderId", "paymentMethod"],
        ),
    ];
    for (body, fields) in bad {
        let answer = service.post(user, "/api/payments", body).await;
        assert!(answer.is(400, "validation_failed"), "{answer:?}");
        let errors = answer.body["errors"].as_array().unwrap();
        let mut named: Vec<_> = errors.iter().map(|it| it["field"].as_str().unwrap()).collect();
        named.sort_unstable();
        assert_eq!(named, fields);
    }
    for query in ["?limit=0", "?limit=201", "?orderId=x", "?cursor=%25", "?what=1"] {
        assert!(service.list(user, query).await.is(400, "validation_failed"), "{query}");
    }
}

/// Nobody who is not signed in gets anything but 401; the webhook has its signature instead.
#[tokio::test]
async fn every_route_but_the_webhook_is_for_the_signed_in() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    let secret = json!({"clientSecret": "pi_1_secret_2", "succeed": true});
    for request in [
        Sent::post("/api/payments", payment(order.1, CARD)),
        Sent::get("/api/payments"),
        Sent::post("/api/payments/intents", json!({"orderId": order.1})),
        Sent::post("/api/payments/sandbox/authenticate", secret),
    ] {
        assert!(service.send(None, request).await.is(401, "not_signed_in"));
    }
    let unsigned = service.send(None, Sent::post("/api/payments/webhook", json!({}))).await;
    assert!(unsigned.is(400, "bad_signature"), "{unsigned:?}");
}

/// The sandbox takes no payment in the browser, and says so.
#[tokio::test]
async fn the_sandbox_makes_no_intent_for_the_browser() {
    let world = World::new(1);
    let service = world.start();
    let order = world.orders.place(500);
    let answer = service.post(order.0, "/api/payments/intents", json!({"orderId": order.1})).await;
    assert!(answer.is(409, "sandbox"), "{answer:?}");
    assert!(world.charges().await.is_empty());
}

fn browser_world() -> World {
    World { browser: true, ..World::new(1) }
}

async fn browser_payment(
    service: &Service,
    order: &(UserId, stubmart_contract::OrderId),
) -> super::support::Answer {
    service.post(order.0, "/api/payments/intents", json!({"orderId": order.1})).await
}

fn webhook(body: serde_json::Value) -> Sent {
    Sent::post("/api/payments/webhook", body).header("Stripe-Signature", "good")
}

/// In the browser: the payment is made once; the provider's notice, in whatever number, completes it.
#[tokio::test]
async fn a_browser_payment_is_completed_by_the_webhook() {
    use stubmart_ports::bank::TestBank as _;
    let world = browser_world();
    let service = world.start();
    let order = world.orders.place(500);
    let first = browser_payment(&service, &order).await;
    assert_eq!((first.status.as_u16(), &first.body["publishableKey"]), (201, &json!("pk_test_1")));
    assert_eq!(browser_payment(&service, &order).await, first);

    let secret = first.body["clientSecret"].as_str().unwrap();
    world.sandbox.authenticate(secret, true).await.unwrap().unwrap();
    let payment_id = secret.split("_secret_").next().unwrap();
    let by_charge = json!({"paymentId": payment_id, "chargeId": first.body["chargeId"]});
    for body in [by_charge, json!({"paymentId": payment_id}), json!({"paymentId": payment_id})] {
        assert_eq!(service.send(None, webhook(body)).await.status, 200);
    }
    assert_eq!(service.list(order.0, "").await.body["items"][0]["status"], "completed");
    assert!(browser_payment(&service, &order).await.is(409, "order_completed"));
    world.drain(&service).await;
    world.check().await;
}

/// A notice about none of our payments, or about a charge that we do not have, is taken: an endpoint that
/// refuses is switched off by the provider after a while. One that nobody signed is refused.
#[tokio::test]
async fn a_notice_is_taken_by_its_signature_alone() {
    let world = browser_world();
    let service = world.start();
    assert_eq!(service.send(None, webhook(json!({}))).await.status, 200);
    let unknown =
        json!({"id": "evt_2", "paymentId": "pi_1", "chargeId": ChargeId(world.host.uuid())});
    for body in [unknown, json!({"id": "evt_3", "paymentId": "pi_1"})] {
        assert_eq!(service.send(None, webhook(body)).await.status, 200);
    }
    let forged = Sent::post("/api/payments/webhook", json!({})).header("Stripe-Signature", "bad");
    assert!(service.send(None, forged).await.is(400, "bad_signature"));
}

/// A card instead of the browser, and the browser instead of a card: the later choice counts.
#[tokio::test]
async fn browser_and_card_take_each_others_place() {
    let world = browser_world();
    let service = world.start();
    let order = world.orders.place(500);
    let first = browser_payment(&service, &order).await;
    assert_eq!(service.pay(&order, DECLINED).await.code(), "card_declined");
    let order = world.orders.place(500);
    let second = browser_payment(&service, &order).await;
    assert_eq!(service.pay(&order, CARD).await.status, 201);
    assert_ne!(first.body["chargeId"], second.body["chargeId"]);
    world.drain(&service).await;
    world.check().await;
}
