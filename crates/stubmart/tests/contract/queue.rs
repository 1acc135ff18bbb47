//! The line for a ticket in checkout, and the price that waits for its end.

use serde_json::{Value, json};

use crate::support::{Server, text};

/// Who is first in line gets the ticket alone when it is freed; to everybody else it stays locked, with a code that
/// says why. Leaving passes the turn on; a sale ends the line.
#[tokio::test]
async fn the_first_in_line_has_the_ticket_alone() {
    let server = Server::start();
    let mut users = Vec::new();
    for name in ["seller", "holder", "first", "second", "passer"] {
        users.push(server.sign_up(name).await);
    }
    let [seller, holder, first, second, passer] = users.as_slice() else { unreachable!() };
    let ticket = server.ticket(seller).await;
    let id = text(&ticket, "id");
    let queue = format!("/api/tickets/{id}/queue");
    server.post(&queue).by(first).await.is(409, "ticket_available");
    let order = server.order(holder, &ticket).await;
    server.post(&queue).by(holder).await.is(409, "own_checkout");
    for (place, user) in [(1, first), (2, second), (2, second)] {
        let joined = server.post(&queue).by(user).await;
        assert_eq!((joined.status, &joined.json()["position"]), (201, &json!(place)));
    }
    let seen = server.get(&queue).await.json();
    assert_eq!(seen, json!({"length": 2, "position": null, "turnUntil": null}));

    server.delete(&format!("/api/orders/{}", text(&order, "id"))).by(holder).await;
    let buy = async |user| server.post("/api/orders").by(user).json(&json!({"ticketId": id})).await;
    for other in [second, passer, holder] {
        buy(other).await.is(409, "ticket_reserved");
    }
    let path = format!("/api/tickets/{id}");
    let turn = server.read(&queue, first).await;
    assert_eq!(turn["position"], 1);
    assert_eq!(server.read(&path, first).await["status"], "available");
    for viewer in [seller, second, passer] {
        let shown = server.read(&path, viewer).await;
        assert_eq!(
            (&shown["status"], &shown["lockedUntil"]),
            (&json!("locked"), &turn["turnUntil"])
        );
    }
    let locked = server.get("/api/tickets?status=locked&limit=200").await.json();
    let is_it = |it: &Value| it["id"] == ticket["id"];
    assert!(locked["items"].as_array().unwrap().iter().any(is_it));
    server.patch(&path).by(seller).json(&json!({"price": 700})).await.is(409, "ticket_locked");

    assert_eq!(server.delete(&queue).by(first).await.status, 204);
    buy(first).await.is(409, "ticket_reserved");
    let order = buy(second).await;
    assert_eq!(order.status, 201);
    server.post(&queue).by(passer).await;
    server.pay(second, &order.json(), "pm_card_visa").await;
    server.post(&queue).by(passer).await.is(409, "ticket_sold");
    assert_eq!(server.get(&queue).await.json()["length"], 0);
}

/// A price that waits is its seller's business alone, and counts when the checkout has ended.
#[tokio::test]
async fn a_price_waits_until_the_ticket_is_free() {
    let server = Server::start();
    let (seller, buyer) = (server.sign_up("seller").await, server.sign_up("buyer").await);
    let ticket = server.ticket(&seller).await;
    let path = format!("/api/tickets/{}", text(&ticket, "id"));
    let order = server.order(&buyer, &ticket).await;
    let edit = async |body| server.patch(&path).by(&seller).json(&body).await;
    edit(json!({"price": 700})).await.is(409, "ticket_locked");
    assert_eq!(edit(json!({"title": "B", "whenFree": true})).await.bad_fields(), ["whenFree"]);
    let waits = edit(json!({"price": 700, "whenFree": true})).await;
    assert_eq!((waits.status, &waits.json()["pendingPrice"]), (202, &json!(700)));
    assert_eq!(server.read(&path, &seller).await["price"], ticket["price"]);
    assert_eq!(server.read(&path, &buyer).await["pendingPrice"], Value::Null);
    server.delete(&format!("/api/orders/{}", text(&order, "id"))).by(&buyer).await;
    let free = server.read(&path, &seller).await;
    assert_eq!((&free["price"], &free["pendingPrice"]), (&json!(700), &Value::Null));
    let now = edit(json!({"price": 800, "whenFree": true})).await;
    assert_eq!((now.status, &now.json()["price"]), (200, &json!(800)));
}

/// The pages without a script: an alert is asked for on an event's page, a place in line on that of a ticket in checkout;
/// who is not signed in does that first.
#[tokio::test]
async fn people_wait_on_pages_too() {
    let server = Server::start();
    let mut users = Vec::new();
    for name in ["seller", "holder", "fan"] {
        users.push(server.sign_up(name).await);
    }
    let [seller, holder, fan] = users.as_slice() else { unreachable!() };
    let event = server.event(seller, "Hamlet").await;
    let page = server.get(&format!("/events/{event}")).await;
    page.has("No tickets right now");
    page.has("/alerts/new?event=");
    let asked = [("event", event.as_str()), ("quantity", "2"), ("max", "50")];
    let signed_out = server.post("/alerts").form(&asked).await;
    assert_eq!(signed_out.status, 303, "{signed_out:?}");
    let bad = fan.post("/alerts").form(&[("event", event.as_str()), ("max", "x")]).await;
    assert_eq!(bad.status, 400);
    assert_eq!(fan.post("/alerts").form(&asked).await.status, 303);
    let listed = fan.get("/account/alerts").await;
    listed.has("2 tickets · up to $50.00 per ticket with fees");
    assert_eq!(server.read("/api/alerts", fan).await["items"][0]["maxTotal"], 5000);

    let ticket = server.ticket(seller).await;
    let order = server.order(holder, &ticket).await;
    let path = format!("/tickets/{}", text(&ticket, "id"));
    let page = fan.get(&path).await;
    page.has("Nobody is in line yet");
    page.has("Get in line");
    assert_eq!(fan.post(&format!("{path}/line")).await.status, 303);
    let page = fan.get(&path).await;
    page.has("You’re 1st in line");
    server.delete(&format!("/api/orders/{}", text(&order, "id"))).by(holder).await;
    let page = fan.get(&path).await;
    page.has("It’s your turn");
    page.has("Buy for");
    assert_eq!(fan.post(&format!("{path}/line/leave")).await.status, 303);
    assert_eq!(server.get(&format!("/api{path}/queue")).await.json()["length"], 0);
}
