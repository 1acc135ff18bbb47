//! The routes: what each outcome is to a client.

use serde_json::{Value, json};
use stubmart_contract::{OrderId, UserId};
use stubmart_testkit::{Answer, Api};

use crate::support::{Call, GRACE, HOLD, Hold, World, by, unknown_order};

/// What a buyer does through the routes.
struct Client {
    api: Api,
    user: UserId,
}

impl Client {
    fn of(world: &World, user: UserId) -> Self {
        let api = Api::of_service(&world.host, |gate| world.orders.router(gate));
        Self { api: api.with_token(user.to_string()), user }
    }

    async fn call(&self, method: &str, path: &str) -> Answer {
        self.api.call(method, path).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.api.get(path).await
    }

    async fn place(&self, body: &Value, key: Option<&str>) -> Answer {
        let request = self.api.post("/api/orders").json(body);
        match key {
            Some(key) => request.key(key).await,
            None => request.await,
        }
    }
}

/// The ids of a list.
fn ids(answer: &Answer) -> Vec<OrderId> {
    let items = answer.body["items"].as_array().unwrap();
    items.iter().map(|it| it["id"].as_str().unwrap().parse().unwrap()).collect()
}

#[tokio::test]
async fn an_order_is_shown_to_its_buyer_with_its_version_and_to_nobody_else() {
    let world = World::new();
    let (buyer, ticket) = (Client::of(&world, world.user()), world.list());
    let placed = buyer.place(&json!({ "ticketId": ticket }), None).await;
    assert_eq!((placed.status, placed.header("etag")), (201, "\"1\""));
    assert_eq!(placed.body["status"], "created");
    let money = json!({
        "price": 5000, "buyerFee": 500, "sellerFee": 250, "tax": 0, "total": 5500, "sellerNet": 4750,
    });
    assert_eq!((&placed.body["breakdown"], &placed.body["total"]), (&money, &json!(5500)));
    let [id] = [&placed.body["id"]].map(|it| it.as_str().unwrap().parse::<OrderId>().unwrap());
    assert_eq!(placed.body["number"], id.number());
    assert_eq!(placed.body["userId"], buyer.user.to_string());
    assert_eq!(placed.body["expiresAt"], world.host.now().after(HOLD).to_string());
    let path = format!("/api/orders/{}", placed.body["id"].as_str().unwrap());
    let seen = buyer.get(&path).await;
    assert_eq!((seen.status, seen.body), (200, placed.body));
    let other = Client::of(&world, world.user());
    for method in ["GET", "DELETE"] {
        assert_eq!(other.call(method, &path).await.outcome(), (404, "not_found"));
    }
    let leave = format!("{path}/leave");
    assert_eq!(other.call("POST", &leave).await.outcome(), (404, "not_found"));
    assert_eq!(buyer.get("/api/orders/7").await.outcome(), (404, "not_found"));
    assert_eq!(
        buyer.get(&format!("/api/orders/{}", unknown_order())).await.outcome(),
        (404, "not_found")
    );
}

#[tokio::test]
async fn every_reason_not_to_sell_has_its_code() {
    let world = World::new();
    let client = Client::of(&world, world.user());
    let (locked, sold) = (world.checkout().await, world.secured().await);
    world.orders.complete(&by(sold.0.user_id), sold.0.id, sold.1).await.unwrap();
    let seller = Client::of(&world, locked.seller_id);
    let place = async |who: &Client, body: Value| {
        let answer = who.place(&body, None).await;
        let (status, code) = answer.outcome();
        (status, code.to_owned())
    };
    let refused = |status, code: &str| (status, code.to_owned());
    let locked = locked.ticket_id;
    assert_eq!(place(&client, json!({ "ticketId": locked })).await, refused(409, "ticket_locked"));
    let sold = sold.0.ticket_id;
    assert_eq!(place(&client, json!({ "ticketId": sold })).await, refused(409, "ticket_sold"));
    assert_eq!(place(&seller, json!({ "ticketId": locked })).await, refused(409, "own_ticket"));
    let unknown = json!({ "ticketId": world.host.uuid() });
    assert_eq!(place(&client, unknown).await, refused(404, "not_found"));
    let dearer = json!({ "ticketId": world.list(), "price": 4999 });
    assert_eq!(place(&client, dearer).await, refused(409, "price_changed"));
    for wrong in [json!({}), json!({ "ticketId": 7 }), json!({ "ticketId": locked, "price": -1 })] {
        assert_eq!(place(&client, wrong).await, refused(400, "validation_failed"));
    }
}

#[tokio::test]
async fn a_request_that_is_sent_again_under_its_key_is_answered_as_the_first_time() {
    let world = World::new();
    let client = Client::of(&world, world.user());
    let body = json!({ "ticketId": world.list() });
    let first = client.place(&body, Some("one")).await;
    let again = client.place(&body, Some("one")).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_eq!(again.header("etag"), first.header("etag"));
    assert_eq!(world.tickets.take_calls().len(), 1);
    let other = client.place(&json!({ "ticketId": world.list() }), Some("one")).await;
    assert_eq!(other.outcome(), (422, "idempotency_key_reused"));
    // Another buyer's key of the same name is another key.
    let neighbour = Client::of(&world, world.user());
    assert_eq!(neighbour.place(&body, Some("one")).await.outcome(), (409, "ticket_locked"));
}

#[tokio::test]
async fn an_order_is_cancelled_by_the_version_that_is_meant() {
    let world = World::new();
    let order = world.checkout().await;
    let client = Client::of(&world, order.user_id);
    let path = format!("/api/orders/{}", order.id);
    let delete = async |if_match: &str| client.api.delete(&path).header("if-match", if_match).await;
    for wrong in ["\"2\"", "W/\"1\"", "\"x\"", "1"] {
        assert_eq!(delete(wrong).await.outcome(), (412, "version_mismatch"), "{wrong}");
    }
    assert_eq!(world.tickets.hold_of(order.ticket_id), Hold::Locked(order.id));
    let left = delete("\"7\", \"1\"").await;
    assert_eq!((left.status, left.header("etag")), (200, "\"2\""));
    assert_eq!(
        (&left.body["status"], &left.body["cancelReason"]),
        (&json!("cancelled"), &json!("left"))
    );
    assert_eq!(world.tickets.take_calls(), [Call::Release(order.id)]);
    let again = client.call("DELETE", &path).await;
    assert_eq!((again.status, again.body), (200, left.body));
    for (order, charge, code) in [
        {
            let (order, charge) = world.secured().await;
            (order, charge, "payment_in_progress")
        },
        {
            let (order, charge) = world.secured().await;
            (order, charge, "order_completed")
        },
    ] {
        if code == "order_completed" {
            world.orders.complete(&by(order.user_id), order.id, charge).await.unwrap();
        }
        let client = Client::of(&world, order.user_id);
        let path = format!("/api/orders/{}", order.id);
        assert_eq!(client.call("DELETE", &path).await.outcome(), (409, code));
    }
}

#[tokio::test]
async fn a_beacon_is_accepted_and_a_look_at_the_order_takes_it_back() {
    let world = World::new();
    let order = world.checkout().await;
    let client = Client::of(&world, order.user_id);
    let path = format!("/api/orders/{}", order.id);
    let closed = client.call("POST", &format!("{path}/leave")).await;
    assert_eq!(closed.status, 202);
    let leaving_at = world.stored(order.id).await.unwrap().leaving_at;
    assert_eq!(leaving_at, Some(world.host.now().after(GRACE)));
    assert_eq!(client.get(&path).await.header("etag"), "\"1\"");
    assert_eq!(world.stored(order.id).await.unwrap().leaving_at, None);
}

/// FOUND O: `?status=completed` listed everybody's orders.
#[tokio::test]
async fn a_list_holds_the_callers_orders_alone_whatever_the_filter() {
    let world = World::new();
    let mut sold = Vec::new();
    for _ in 0..3 {
        let (order, charge) = world.secured().await;
        world.orders.complete(&by(order.user_id), order.id, charge).await.unwrap();
        sold.push(order);
    }
    let stranger = Client::of(&world, world.user());
    let buyer = Client::of(&world, sold[1].user_id);
    for filter in [
        "",
        "?status=completed",
        "?status=completed&limit=1",
        "?status=",
        "?status=created&status=completed",
    ] {
        let path = format!("/api/orders{filter}");
        assert_eq!(ids(&stranger.get(&path).await), [], "{filter}");
        assert_eq!(ids(&buyer.get(&path).await), [sold[1].id], "{filter}");
    }
    for other in ["created", "cancelled", "awaiting_payment"] {
        let found = buyer.get(&format!("/api/orders?status={other}")).await;
        assert_eq!(ids(&found), [], "{other}");
    }
    for wrong in
        ["status=sold", "limit=0", "limit=201", "cursor=!", "user=1", "status=created&status=sold"]
    {
        let answer = buyer.get(&format!("/api/orders?{wrong}")).await;
        assert_eq!(answer.outcome(), (400, "validation_failed"), "{wrong}");
    }
    assert_eq!(stranger.api.anonymous().get("/api/orders").await.status, 401);
}
