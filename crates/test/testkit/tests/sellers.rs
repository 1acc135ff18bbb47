//! Who sells: the same at every door, and never an email address.

#![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::time::Duration;

use serde_json::{Value, json};
use stubmart_contract::{Actor, Context};
use stubmart_node::Config;
use stubmart_payments::refund_order::RefundOrder;
use stubmart_testkit::{Api, PASSWORD, Process, User, World, text};

async fn seller(market: &Api, ticket: &Value, viewer: &User) -> Value {
    let found = market.read(&format!("/api/tickets/{}", text(ticket, "id")), viewer).await;
    found["seller"].clone()
}

/// The events arrive, and what was read before them is shown no more.
async fn learn<S>(world: &World, market: &Process<S>) {
    market.work().await;
    world.pass(Duration::from_secs(1));
}

#[tokio::test]
async fn a_seller_is_shown_alike_wherever_a_listing_is() {
    let world = World::new(1);
    let market = Process::market_on(&world, &world.engines(), &Config::default()).await;
    let (ann, bob) = (market.sign_up("ann").await, market.sign_up("bob").await);
    let event = market.event(&ann, "Hamlet").await;
    let first = market.ticket_with(&ann, json!({"eventId": event})).await;
    let shown = first["seller"].clone();
    assert_eq!(
        (&shown["name"], &shown["sold"], &shown["level"]),
        (&json!("ann"), &json!(0), &json!("new"))
    );
    assert!(shown["since"].is_string());
    assert_eq!(seller(&market, &first, &bob).await, shown);
    let list = market.get(&format!("/api/tickets?eventId={event}")).await.json();
    assert_eq!(list["items"][0]["seller"], shown);
    let edit = json!({"price": 9_900});
    let edited =
        market.patch(&format!("/api/tickets/{}", text(&first, "id"))).by(&ann).json(&edit).await;
    assert_eq!(edited.body["seller"], shown);

    let second = market.ticket_with(&ann, json!({"eventId": event})).await;
    let order = market.buy(&bob, &first).await;
    learn(&world, &market).await;
    assert_eq!(seller(&market, &second, &bob).await["sold"], 1);
    let rename = json!({"name": "Countess", "currentPassword": PASSWORD});
    let renamed = market.patch("/api/auth/currentuser").by(&ann).json(&rename).await;
    assert_eq!(renamed.status, 200, "{renamed:?}");
    learn(&world, &market).await;
    assert_eq!(seller(&market, &second, &bob).await["name"], "Countess");

    // Her account stays while the sale is open; all of its money goes back.
    let back = RefundOrder {
        order_id: text(&order, "id").parse().unwrap(),
        amount: None,
        reason: "the event is off",
        key: None,
    };
    market.service.payments.refund_order(&Context::of(Actor::System), &back).await.unwrap();
    learn(&world, &market).await;
    let right = json!({"currentPassword": PASSWORD});
    assert_eq!(market.delete("/api/auth/currentuser").by(&ann).json(&right).await.status, 204);
    learn(&world, &market).await;
    let gone = json!({"name": null, "since": null, "sold": 1, "level": "closed"});
    assert_eq!(seller(&market, &first, &bob).await, gone, "her buyer still sees what was bought");
}

/// Personal data: who types an address for a name, or none, is shown without one.
#[tokio::test]
async fn an_address_is_never_shown() {
    let world = World::new(1);
    let market = Process::market_on(&world, &world.engines(), &Config::default()).await;
    for (email, name) in [("ann@example.com", "ann@example.com"), ("bob@example.com", "")] {
        let user = market.sign_up_as(email, PASSWORD, name).await;
        let listed = market.ticket(&user).await;
        assert_eq!(listed["seller"]["name"], Value::Null, "{name:?}");
        assert!(!listed.to_string().contains('@'), "{listed}");
    }
}
