//! Orders: starting a checkout and leaving it.

use serde_json::{Value, json};

use crate::support::{Server, text};

#[tokio::test]
async fn a_checkout_locks_the_ticket_for_its_buyer() {
    let server = Server::start();
    let (ann, bob, eve) =
        (server.sign_up("ann").await, server.sign_up("bob").await, server.sign_up("eve").await);
    let ticket = server.ticket_with(&ann, json!({"section": "B", "seats": ["1", "2"]})).await;
    let order = server.order(&bob, &ticket).await;
    let mut fields: Vec<_> = order.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    let expected = [
        "breakdown",
        "cancelReason",
        "createdAt",
        "currency",
        "expiresAt",
        "id",
        "number",
        "price",
        "serverTime",
        "status",
        "ticket",
        "ticketId",
        "total",
        "updatedAt",
        "userId",
    ];
    assert_eq!(fields, expected);
    assert_eq!((&order["status"], &order["userId"]), (&json!("created"), &json!(bob.id)));
    assert_eq!((&order["price"], &order["currency"]), (&json!(12550), &json!("usd")));
    assert_eq!((&order["ticketId"], &order["cancelReason"]), (&ticket["id"], &Value::Null));
    for field in ["title", "eventId", "section", "row", "seats", "quantity"] {
        assert_eq!(order["ticket"][field], ticket[field], "{field}");
    }
    let body = json!({"ticketId": ticket["id"]});
    server.post("/api/orders").by(&eve).json(&body).await.is(409, "ticket_locked");
    let path = format!("/api/orders/{}", text(&order, "id"));
    server.get(&path).by(&eve).await.is(404, "not_found");
    server.get(&path).by(&ann).await.is(404, "not_found");
    server.delete(&path).by(&eve).await.is(404, "not_found");
    server.post(&format!("{path}/leave")).by(&eve).await.is(404, "not_found");
    assert_eq!(server.read(&path, &bob).await["id"], order["id"]);
}

#[tokio::test]
async fn an_impossible_order_is_refused_with_the_reason() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let ticket = server.ticket(&ann).await;
    let order = async |user, body: Value| server.post("/api/orders").by(user).json(&body).await;
    order(&ann, json!({"ticketId": ticket["id"]})).await.is(409, "own_ticket");
    order(&bob, json!({"ticketId": ann.id})).await.is(404, "not_found");
    assert_eq!(
        order(&bob, json!({"ticketId": "x", "price": 0})).await.bad_fields(),
        ["price", "ticketId"]
    );
    let other = order(&bob, json!({"ticketId": ticket["id"], "price": 12551})).await;
    other.is(409, "price_changed");
    let path = format!("/api/tickets/{}", text(&ticket, "id"));
    assert_eq!(server.read(&path, &bob).await["status"], "available", "nothing was locked");
    let same = order(&bob, json!({"ticketId": ticket["id"], "price": 12550})).await;
    assert_eq!(same.status, 201, "{same:?}");
    assert_eq!(server.pay(&bob, &same.json(), "pm_card_visa").await.status, 201);
    order(&bob, json!({"ticketId": ticket["id"]})).await.is(409, "ticket_sold");
}

/// Of many buyers at once one gets the ticket, and all others learn that it is locked.
#[tokio::test]
async fn one_of_many_buyers_gets_the_ticket() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let mut buyers = Vec::new();
    for number in 0..20 {
        buyers.push(server.sign_up(&format!("buyer{number}")).await);
    }
    for _ in 0..10 {
        let body = json!({"ticketId": server.ticket(&ann).await["id"]});
        let calls = buyers.iter().map(|it| server.post("/api/orders").by(it).json(&body).send());
        let answers = futures_util::future::join_all(calls).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|it| it.status == 201);
        assert_eq!(won.len(), 1);
        lost.iter().for_each(|it| it.is(409, "ticket_locked"));
    }
}

#[tokio::test]
async fn leaving_cancels_the_order_and_frees_the_ticket_and_again_is_fine() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let ticket = server.ticket(&ann).await;
    let order = server.order(&bob, &ticket).await;
    let path = format!("/api/orders/{}", text(&order, "id"));
    for _ in 0..2 {
        let left = server.delete(&path).by(&bob).await;
        assert_eq!(left.status, 200, "{left:?}");
        let left = left.json();
        assert_eq!((&left["status"], &left["cancelReason"]), (&json!("cancelled"), &json!("left")));
    }
    let ticket = server.read(&format!("/api/tickets/{}", text(&ticket, "id")), &ann).await;
    assert_eq!((&ticket["status"], &ticket["orderId"]), (&json!("available"), &Value::Null));
    server.pay(&bob, &order, "pm_card_visa").await.is(409, "order_cancelled");
}

#[tokio::test]
async fn an_order_that_is_paid_or_being_paid_cannot_be_left() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let order = server.buy(&bob, &server.ticket(&ann).await).await;
    let path = format!("/api/orders/{}", text(&order, "id"));
    server.delete(&path).by(&bob).await.is(409, "order_completed");
    let beacon = server.post(&format!("{path}/leave")).by(&bob).await;
    assert_eq!(beacon.status, 202, "a beacon learns nothing else");
    assert_eq!(server.read(&path, &bob).await["status"], "completed");
}

#[tokio::test]
async fn orders_are_listed_newest_first_and_by_status() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let open = server.order(&bob, &server.ticket(&ann).await).await;
    let paid = server.buy(&bob, &server.ticket(&ann).await).await;
    let left = server.order(&bob, &server.ticket(&ann).await).await;
    server.delete(&format!("/api/orders/{}", text(&left, "id"))).by(&bob).await;
    let find = async |query: &str| {
        let list = server.read(&format!("/api/orders{query}"), &bob).await;
        list["items"].as_array().unwrap().iter().map(|it| text(it, "id")).collect::<Vec<_>>()
    };
    let [open, paid, left] = [open, paid, left].map(|it| text(&it, "id"));
    assert_eq!(find("").await, [left.clone(), paid.clone(), open.clone()]);
    assert_eq!(find("?status=created").await, [open]);
    assert_eq!(find("?status=completed").await, std::slice::from_ref(&paid));
    assert_eq!(find("?status=cancelled").await, std::slice::from_ref(&left));
    assert_eq!(find("?status=awaiting_payment").await, Vec::<String>::new());
    for several in ["?status=completed,cancelled", "?status=cancelled&status=completed"] {
        assert_eq!(find(several).await, [left.clone(), paid.clone()], "{several}");
        let first = server.read(&format!("/api/orders{several}&limit=1"), &bob).await;
        let next = text(&first, "nextCursor");
        assert_eq!(
            find(&format!("{several}&limit=1&cursor={next}")).await,
            std::slice::from_ref(&paid)
        );
    }
    let bad = server.get("/api/orders?status=done&limit=x").by(&bob).await;
    assert_eq!(bad.bad_fields(), ["limit", "status"]);
    assert_eq!(server.read("/api/orders", &ann).await["items"], json!([]), "only one's own");
}

/// One buyer is in so many checkouts at once, however many are begun at one moment; what ends makes room, and
/// nobody else is held up.
#[tokio::test]
async fn a_buyer_holds_three_tickets_at_once() {
    let server = Server::with(&[("STUBMART_RATE_LIMITS", "on")]);
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let eve = server.sign_up("eve").await;
    let mut tickets = Vec::new();
    for _ in 0..8 {
        tickets.push(server.ticket(&ann).await);
    }
    let place = |ticket: &Value, user| {
        server.post("/api/orders").by(user).json(&json!({"ticketId": ticket["id"]})).send()
    };
    let at_once = futures_util::future::join_all(tickets.iter().map(|it| place(it, &bob))).await;
    let (placed, refused): (Vec<_>, Vec<_>) = at_once.into_iter().partition(|it| it.status == 201);
    assert_eq!(placed.len(), 3, "{placed:?}");
    for answer in refused {
        answer.is(429, "too_many_holds");
        assert!(answer.header("retry-after").parse::<u64>().unwrap() <= 15 * 60, "{answer:?}");
    }
    let free = async || {
        let page = server.read("/api/tickets?status=available", &bob).await;
        page["items"].as_array().unwrap().clone()
    };
    assert_eq!(free().await.len(), 5, "nothing is locked for a checkout that did not begin");
    assert_eq!(place(&free().await[0], &eve).await.status, 201);
    let left = format!("/api/orders/{}", text(&placed[0].json(), "id"));
    assert_eq!(server.delete(&left).by(&bob).await.status, 200);
    assert_eq!(place(&free().await[0], &bob).await.status, 201);
    place(&free().await[0], &bob).await.is(429, "too_many_holds");
}
