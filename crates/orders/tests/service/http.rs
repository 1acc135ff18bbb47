//! The routes: what each outcome is to a client.

use std::sync::Arc;

use async_trait::async_trait;
use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use stubmart_contract::{Context, OrderId, Role, SessionId, UserId, calls::Identity};
use stubmart_http_kit::SessionGate;
use stubmart_ports::calls::{Auth, CallError};
use tower::ServiceExt as _;

use crate::support::{Call, GRACE, HOLD, Hold, World, by, unknown_order};

/// Takes a user's id for their session token.
struct Tokens;

#[async_trait]
impl Auth for Tokens {
    async fn introspect(&self, _: &Context, token: &str) -> Result<Option<Identity>, CallError> {
        let user_id: Option<UserId> = token.parse().ok();
        let identity = |user_id: UserId| Identity {
            user_id,
            session_id: SessionId(user_id.0),
            role: Role::User,
        };
        Ok(user_id.map(identity))
    }
}

struct Answer {
    status: StatusCode,
    etag: Option<String>,
    body: Value,
}

impl Answer {
    /// Its status and, of a problem, the code.
    fn outcome(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or(""))
    }

    fn ids(&self) -> Vec<OrderId> {
        let items = self.body["items"].as_array().unwrap();
        items.iter().map(|it| it["id"].as_str().unwrap().parse().unwrap()).collect()
    }
}

struct Client {
    app: Router,
    user: UserId,
}

impl Client {
    fn of(world: &World, user: UserId) -> Self {
        let gate = SessionGate::new(Arc::new(Tokens), world.host.clone());
        let (app, _) = world.orders.router(gate).split_for_parts();
        Self { app, user }
    }

    async fn send(&self, request: axum::http::request::Builder, body: Body) -> Answer {
        let request = request.header("authorization", format!("Bearer {}", self.user));
        let request = request.header("content-type", "application/json").body(body).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let etag = response.headers().get("etag").map(|it| it.to_str().unwrap().to_owned());
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, etag, body: serde_json::from_slice(&bytes).unwrap_or_default() }
    }

    async fn call(&self, method: Method, path: &str) -> Answer {
        self.send(Request::builder().method(method).uri(path), Body::empty()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path).await
    }

    async fn place(&self, body: &Value, key: Option<&str>) -> Answer {
        let mut request = Request::builder().method(Method::POST).uri("/api/orders");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.send(request, Body::from(body.to_string())).await
    }
}

#[tokio::test]
async fn an_order_is_shown_to_its_buyer_with_its_version_and_to_nobody_else() {
    let world = World::new();
    let (buyer, ticket) = (Client::of(&world, world.user()), world.list());
    let placed = buyer.place(&json!({ "ticketId": ticket }), None).await;
    assert_eq!((placed.status, placed.etag.as_deref()), (StatusCode::CREATED, Some("\"1\"")));
    assert_eq!(placed.body["status"], "created");
    assert_eq!(placed.body["userId"], buyer.user.to_string());
    assert_eq!(placed.body["expiresAt"], world.host.now().after(HOLD).to_string());
    let path = format!("/api/orders/{}", placed.body["id"].as_str().unwrap());
    let seen = buyer.get(&path).await;
    assert_eq!((seen.status, seen.body), (StatusCode::OK, placed.body));
    let other = Client::of(&world, world.user());
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(other.call(method, &path).await.outcome(), (404, "not_found"));
    }
    let leave = format!("{path}/leave");
    assert_eq!(other.call(Method::POST, &leave).await.outcome(), (404, "not_found"));
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
    assert_eq!((again.status, &again.etag, &again.body), (first.status, &first.etag, &first.body));
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
    let delete = async |if_match: &str| {
        let request = Request::builder().method(Method::DELETE).uri(&path);
        client.send(request.header("if-match", if_match), Body::empty()).await
    };
    for wrong in ["\"2\"", "W/\"1\"", "\"x\"", "1"] {
        assert_eq!(delete(wrong).await.outcome(), (412, "version_mismatch"), "{wrong}");
    }
    assert_eq!(world.tickets.hold_of(order.ticket_id), Hold::Locked(order.id));
    let left = delete("\"7\", \"1\"").await;
    assert_eq!((left.status, left.etag.as_deref()), (StatusCode::OK, Some("\"2\"")));
    assert_eq!(
        (&left.body["status"], &left.body["cancelReason"]),
        (&json!("cancelled"), &json!("left"))
    );
    assert_eq!(world.tickets.take_calls(), [Call::Release(order.id)]);
    let again = client.call(Method::DELETE, &path).await;
    assert_eq!((again.status, again.body), (StatusCode::OK, left.body));
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
        assert_eq!(client.call(Method::DELETE, &path).await.outcome(), (409, code));
    }
}

#[tokio::test]
async fn a_beacon_is_accepted_and_a_look_at_the_order_takes_it_back() {
    let world = World::new();
    let order = world.checkout().await;
    let client = Client::of(&world, order.user_id);
    let path = format!("/api/orders/{}", order.id);
    let closed = client.call(Method::POST, &format!("{path}/leave")).await;
    assert_eq!(closed.status, StatusCode::ACCEPTED);
    let leaving_at = world.stored(order.id).await.unwrap().leaving_at;
    assert_eq!(leaving_at, Some(world.host.now().after(GRACE)));
    assert_eq!(client.get(&path).await.etag.as_deref(), Some("\"1\""));
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
    for filter in ["", "?status=completed", "?status=completed&limit=1", "?status="] {
        let path = format!("/api/orders{filter}");
        assert_eq!(stranger.get(&path).await.ids(), [], "{filter}");
        assert_eq!(buyer.get(&path).await.ids(), [sold[1].id], "{filter}");
    }
    for other in ["created", "cancelled", "awaiting_payment"] {
        assert_eq!(buyer.get(&format!("/api/orders?status={other}")).await.ids(), [], "{other}");
    }
    for wrong in [
        "status=sold",
        "limit=0",
        "limit=201",
        "cursor=!",
        "user=1",
        "status=created&status=completed",
    ] {
        let answer = buyer.get(&format!("/api/orders?{wrong}")).await;
        assert_eq!(answer.outcome(), (400, "validation_failed"), "{wrong}");
    }
    let nobody = Client { user: UserId(uuid::Uuid::nil()), ..Client::of(&world, world.user()) };
    let request = Request::builder().uri("/api/orders").body(Body::empty()).unwrap();
    let response = nobody.app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
}
