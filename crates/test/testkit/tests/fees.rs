//! Fees in the market: what is shown, what is agreed at the lock, and what is charged are one amount.

use serde_json::{Value, json};
use stubmart_contract::fees::{Fee, FeeSchedule};
use stubmart_node::Config;
use stubmart_testkit::{Process, User, World, merge, text};

type Market = Process<stubmart_node::Market>;

/// A market in memory whose operator takes these shares, in basis points.
async fn market(world: &World, buyer: u32, seller: u32) -> Market {
    let (buyer, seller) = (Fee::share(buyer), Fee::share(seller));
    let fees = FeeSchedule { buyer, seller, ..FeeSchedule::default() };
    let mut config = Config::default();
    config.tickets.fees = fees;
    Process::market_on(world, &world.engines(), &config).await
}

/// A lot of three for 100.00.
fn lot() -> Value {
    json!({"title": "Stalls", "price": 10_000, "quantity": 3})
}

async fn list(market: &Market, seller: &User) -> Value {
    let listed = market.post("/api/tickets").by(seller).json(&lot()).await;
    assert_eq!(listed.status, 201, "{listed:?}");
    listed.body
}

fn totals(ticket: &Value) -> [&Value; 3] {
    ["total", "pricePerTicket", "totalPerTicket"].map(|name| &ticket[name])
}

/// PRICE-1: preview, listing, list, order and charge tell the same total; per ticket it is rounded up, so
/// that nobody pays more than what is shown.
#[tokio::test]
async fn one_total_is_shown_everywhere_and_charged() {
    let world = World::new(1);
    let market = market(&world, 1_000, 500).await;
    let (ann, bob) = (market.sign_up("ann").await, market.sign_up("bob").await);
    let preview = market.post("/api/tickets/preview").json(&lot()).await;
    let expected = json!({
        "price": 10_000, "buyerFee": 1_000, "sellerFee": 500, "total": 11_000, "sellerNet": 9_500,
        "pricePerTicket": 3_334, "totalPerTicket": 3_667, "payoutOn": null,
        "maxPrice": preview.body["maxPrice"], "warnings": preview.body["warnings"],
    });
    assert_eq!((preview.status, &preview.body), (200, &expected));
    let ticket = list(&market, &ann).await;
    assert_eq!(totals(&ticket), totals(&preview.body));
    let order = market.order(&bob, &ticket).await;
    assert_eq!((&order["price"], &order["total"]), (&json!(10_000), &json!(11_000)));
    assert_eq!(order["breakdown"]["sellerNet"], json!(9_500));
    let paid = market.pay(&bob, &order, "pm_card_visa").await;
    assert_eq!((paid.status, &paid.body["amount"]), (201, &json!(11_000)), "{paid:?}");
}

/// Fees that the operator changes apply to every listing after the next start, and to no checkout that
/// has begun.
#[tokio::test]
async fn changed_fees_apply_to_listings_and_not_to_orders() {
    let world = World::new(1);
    let (ann, bob, ticket, order) = {
        let market = market(&world, 0, 0).await;
        let (ann, bob) = (market.sign_up("ann").await, market.sign_up("bob").await);
        let ticket = list(&market, &ann).await;
        let order = market.order(&bob, &list(&market, &ann).await).await;
        (ann, bob, ticket, order)
    };
    let market = market(&world, 1_000, 500).await;
    market.work().await;
    let path = format!("/api/tickets/{}", text(&ticket, "id"));
    let after = market.read(&path, &ann).await;
    assert_eq!((&after["total"], &after["version"]), (&json!(11_000), &json!(2)));
    let order = market.read(&format!("/api/orders/{}", text(&order, "id")), &bob).await;
    assert_eq!(order["total"], json!(10_000));
    let paid = market.pay(&bob, &order, "pm_card_visa").await;
    assert_eq!((paid.status, &paid.body["amount"]), (201, &json!(10_000)));
}

/// A preview is checked as a listing is, and saves nothing.
#[tokio::test]
async fn a_preview_is_refused_as_the_listing_would_be() {
    let world = World::new(1);
    let market = market(&world, 1_000, 0).await;
    let ann = market.sign_up("ann").await;
    for (change, field) in [
        (json!({"price": 0}), "price"),
        (json!({"price": 100_000_000}), "price"),
        (json!({"seats": ["1", "2"]}), "seats"),
        (json!({"eventId": ann.id}), "eventId"),
    ] {
        let mut body = lot();
        merge(&mut body, change);
        for path in ["/api/tickets/preview", "/api/tickets"] {
            let answer = market.post(path).by(&ann).json(&body).await;
            assert_eq!(
                (answer.status, answer.bad_fields()),
                (400, vec![field.to_owned()]),
                "{path}"
            );
        }
    }
    let max = market.post("/api/tickets/preview").json(&lot()).await.body["maxPrice"].clone();
    let mut highest = lot();
    highest["price"] = max;
    assert_eq!(market.post("/api/tickets/preview").json(&highest).await.status, 200);
    assert_eq!(market.read("/api/tickets?sellerId=me", &ann).await["items"], json!([]));
}
