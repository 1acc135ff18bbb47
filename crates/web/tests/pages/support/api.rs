//! The routes of the API in memory.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{Path, Query, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use serde_json::{Value, json};
use stubmart_contract::{
    Currency, EventId, LocalTime, OrderId, TimeZone, UserId,
    api::{Event, EventStatus, Order, OrderStatus, Ticket, TicketStatus},
};
use uuid::Uuid;

use super::{Market, NOW, SESSION, Taken, id, order_of};

type Shared = State<Arc<Mutex<Market>>>;

pub(super) fn routes(market: Arc<Mutex<Market>>) -> Router {
    let account = Router::new()
        .route("/api/auth/signup", post(enter))
        .route("/api/auth/login", post(enter))
        .route(
            "/api/auth/logout",
            post(async || ([(header::SET_COOKIE, "stubmart_session=; Max-Age=0")], "{}")),
        )
        .route(
            "/api/auth/currentuser",
            get(current).patch(async || Json(ada())).delete(async || StatusCode::NO_CONTENT),
        )
        .route("/api/auth/sessions", get(sessions))
        .route("/api/auth/sessions/{id}", delete(async || StatusCode::NO_CONTENT))
        .route(
            "/api/auth/totp",
            get(async || Json(totp(false)))
                .post(set_up_totp)
                .delete(async || StatusCode::NO_CONTENT),
        )
        .route("/api/auth/tokens", get(async || Json(json!({ "items": [] }))).post(token))
        .route("/api/auth/tokens/{id}", delete(async || StatusCode::NO_CONTENT));
    let shop = Router::new()
        .route("/api/events", get(events).post(create_event))
        .route("/api/events/{id}", get(event))
        .route("/api/events/{id}/prices", get(prices))
        .route("/api/events/{id}/facets", get(event_facets))
        .route("/api/facets", get(facets))
        .route("/api/tickets", get(tickets).post(create_ticket))
        .route("/api/tickets/preview", post(preview))
        .route(
            "/api/tickets/{id}",
            get(ticket).patch(ticket).delete(async || StatusCode::NO_CONTENT),
        )
        .route("/api/orders", get(orders).post(create_order))
        .route("/api/orders/{id}", get(order).delete(leave))
        .route("/api/orders/{id}/delivery", get(delivery))
        .route("/api/orders/{id}/delivery/send", post(delivery))
        .route("/api/orders/{id}/delivery/accept", post(delivery))
        .route("/api/orders/{id}/delivery/late", post(delivery))
        .route("/api/orders/{id}/files/{n}", get(page))
        .route("/api/tickets/{id}/files", get(files).put(files))
        .route("/api/orders/{id}/claims", get(claims).post(claim))
        .route("/api/orders/{id}/claims/answer", post(claim))
        .route("/api/payments", get(charges).post(pay))
        .route("/api/sales", get(sales))
        .route("/api/payouts", get(payouts))
        .route("/api/payouts/balance", get(balance))
        .route(
            "/api/payments/sandbox/authenticate",
            post(async || Json(charge("completed", None))),
        );
    account.merge(shop).layer(from_fn_with_state(Arc::clone(&market), observe)).with_state(market)
}

async fn observe(State(market): Shared, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let line = format!("{} {}", head.method, head.uri.path());
    let refusal = {
        let mut market = market.lock().unwrap();
        market.calls.push(Taken {
            line: line.clone(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            body: serde_json::from_slice(&body).unwrap_or(Value::Null),
            headers: head.headers.clone(),
        });
        if market.broken {
            return (StatusCode::BAD_GATEWAY, "nobody is here").into_response();
        }
        match market.refusals.get_mut(&line) {
            Some((0, problem)) => Some(problem.clone()),
            Some((first, _)) => {
                *first -= 1;
                None
            }
            None => None,
        }
    };
    if let Some(problem) = refusal {
        let status = u16::try_from(problem["status"].as_u64().unwrap()).unwrap();
        let wait = [(header::RETRY_AFTER, "7")];
        return (StatusCode::from_u16(status).unwrap(), wait, Json(problem)).into_response();
    }
    let needs_session = line.starts_with("GET /api/orders")
        || line.contains("/api/payments")
        || line.contains("/api/sales")
        || line.contains("/api/payouts")
        || line.contains("/sessions")
        || line.contains("/tokens")
        || line.contains("/totp")
        || (head.method != Method::GET && !line.contains("/login") && !line.contains("/signup"));
    if needs_session && !signed_in(&head.headers) {
        let problem = json!({
            "type": "about:blank", "title": "t", "status": 401, "detail": "d",
            "code": "not_signed_in", "requestId": "r",
        });
        return (StatusCode::UNAUTHORIZED, Json(problem)).into_response();
    }
    next.run(Request::from_parts(head, Body::from(body))).await
}

fn signed_in(headers: &HeaderMap) -> bool {
    let expected = format!("stubmart_session={SESSION}");
    headers.get(header::COOKIE).is_some_and(|value| value.as_bytes() == expected.as_bytes())
}

fn ada() -> Value {
    json!({
        "id": id(1), "email": "ada@example.com", "emailVerified": true, "name": "Ada", "role": "user",
        "createdAt": NOW,
    })
}

fn totp(enabled: bool) -> Value {
    json!({
        "enabled": enabled, "recoveryCodesLeft": 0, "secret": null, "uri": null, "recoveryCodes": null,
    })
}

async fn set_up_totp(Json(body): Json<Value>) -> Json<Value> {
    let mut answer = totp(body.get("code").is_some());
    if body.get("code").is_some() {
        answer["recoveryCodes"] = json!(["aaaa-bbbb", "cccc-dddd"]);
    } else {
        answer["uri"] = json!("otpauth://totp/Stubmart:ada?secret=GEZDGNBV&issuer=Stubmart");
    }
    Json(answer)
}

async fn enter() -> impl IntoResponse {
    let cookie = format!("stubmart_session={SESSION}; Path=/; HttpOnly");
    ([(header::SET_COOKIE, cookie)], Json(ada()))
}

async fn current(headers: HeaderMap) -> Json<Value> {
    Json(json!({ "currentUser": signed_in(&headers).then(ada) }))
}

async fn sessions() -> Json<Value> {
    let session = |number: u128, current: bool, agent: &str| json!({ "id": id(number), "createdAt": NOW, "lastSeenAt": NOW, "userAgent": agent, "current": current });
    let items = [session(51, true, "Firefox/1 Linux"), session(52, false, "<b>evil</b>")];
    Json(json!({ "items": items }))
}

async fn token(Json(request): Json<Value>) -> Json<Value> {
    Json(json!({
        "id": id(61), "name": request["name"], "createdAt": NOW, "lastSeenAt": NOW,
        "expiresAt": null, "scope": "full", "token": "the-secret-token",
    }))
}

fn listed<T: serde::Serialize>(items: &[T]) -> Json<Value> {
    Json(json!({ "items": items, "nextCursor": null }))
}

fn not_found() -> Response {
    let problem = json!({
        "type": "about:blank", "title": "t", "status": 404, "detail": "d", "code": "not_found",
        "requestId": "r",
    });
    (StatusCode::NOT_FOUND, Json(problem)).into_response()
}

async fn events(
    State(market): Shared,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let market = market.lock().unwrap();
    let wanted = query.get("q").map(|q| q.to_lowercase()).unwrap_or_default();
    let slug = |name: &str| name.to_lowercase().replace(' ', "-");
    let is = |field: &str, names: &[&String]| {
        let asked = query.get(field).map(|asked| slug(asked));
        asked.is_none_or(|asked| names.iter().any(|name| slug(name) == asked))
    };
    let is_past = query.contains_key("from");
    let found: Vec<_> = market
        .events
        .iter()
        .filter(|it| it.name.to_lowercase().contains(&wanted))
        .filter(|it| is("city", &[&it.venue.city]) && is("venue", &[&it.venue.name]))
        .filter(|it| is("performer", &it.performers.iter().chain([&it.name]).collect::<Vec<_>>()))
        .filter(|it| is_past || it.status != EventStatus::Over)
        .collect();
    Json(json!({ "items": found, "nextCursor": market.next_cursor }))
}

async fn create_event(State(market): Shared, Json(body): Json<Value>) -> Json<Event> {
    let local_start: LocalTime = serde_json::from_value(body["localStart"].clone()).unwrap();
    let starts_at = TimeZone::UTC.instant(local_start);
    let event = Event {
        id: EventId(id(500)),
        name: body["name"].as_str().unwrap().to_owned(),
        category: body["category"].as_str().unwrap().to_owned(),
        venue: serde_json::from_value(body["venue"].clone()).unwrap(),
        performers: Vec::new(),
        starts_at,
        local_start,
        ends_at: starts_at.after(Duration::from_secs(3 * 3600)),
        start_time_known: true,
        status: EventStatus::Scheduled,
        currency: Currency::USD,
        available: 0,
        min_price: None,
        url: "/events".to_owned(),
    };
    market.lock().unwrap().events.push(event.clone());
    Json(event)
}

async fn event(State(market): Shared, Path(event): Path<Uuid>) -> Response {
    let market = market.lock().unwrap();
    let found = market.events.iter().find(|it| it.id.0 == event);
    found.map_or_else(not_found, |it| Json(it).into_response())
}

/// The prices per seat, of lots in one currency.
async fn prices(State(market): Shared, Path(event): Path<Uuid>) -> Json<Value> {
    let market = market.lock().unwrap();
    let on_sale =
        |it: &&Ticket| it.event_id == Some(EventId(event)) && it.status == TicketStatus::Available;
    let mut prices: Vec<u32> =
        market.tickets.iter().filter(on_sale).map(|it| it.price.minor() / it.quantity).collect();
    prices.sort_unstable();
    let [min, median, max] =
        [prices.first(), prices.get(prices.len().saturating_sub(1) / 2), prices.last()];
    let currency = min.map(|_| Currency::USD);
    let step = json!({ "from": min, "to": max, "count": prices.len() });
    Json(json!({
        "currency": currency,
        "onSale": { "count": prices.len(), "min": min, "p25": min, "median": median, "p75": max, "max": max },
        "sold": { "count": 0, "median": null },
        "histogram": min.map_or_else(Vec::new, |_| vec![step]),
    }))
}

async fn facets(State(market): Shared) -> Json<Value> {
    let market = market.lock().unwrap();
    let names = |name: fn(&Event) -> &str| {
        let names: std::collections::BTreeSet<_> = market.events.iter().map(name).collect();
        let facets = names.into_iter().map(|name| json!({ "name": name, "count": 1 }));
        facets.collect::<Vec<_>>()
    };
    let (categories, cities) = (names(|it| &it.category), names(|it| &it.venue.city));
    Json(json!({ "categories": categories, "cities": cities }))
}

/// Every section with every quantity there is.
async fn event_facets(State(market): Shared) -> Json<Value> {
    let market = market.lock().unwrap();
    let set = |of: fn(&Ticket) -> Value| {
        let all: std::collections::BTreeSet<_> =
            market.tickets.iter().map(|it| of(it).to_string()).collect();
        all.into_iter().map(|it| serde_json::from_str(&it).unwrap()).collect::<Vec<Value>>()
    };
    let quantity = |it: Value| json!({ "quantity": it, "count": 1, "minPrice": 4500 });
    let quantities: Vec<_> = set(|it| json!(it.quantity)).into_iter().map(quantity).collect();
    let section = |it: Value| json!({ "section": it, "count": 1, "minPrice": 4500, "quantities": quantities });
    let sections: Vec<_> = set(|it| json!(it.section)).into_iter().map(section).collect();
    Json(json!({
        "currency": "usd", "count": market.tickets.len(), "minPrice": 4500,
        "sections": sections, "quantities": quantities,
    }))
}

async fn tickets(
    State(market): Shared,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let market = market.lock().unwrap();
    let is = |name: &str, value: String| query.get(name).is_none_or(|it| *it == value);
    let mut found: Vec<&Ticket> = market
        .tickets
        .iter()
        .filter(|it| is("eventId", it.event_id.map(|id| id.to_string()).unwrap_or_default()))
        .filter(|it| is("quantity", it.quantity.to_string()))
        .filter(|it| is("section", it.section.clone().unwrap_or_default()))
        .filter(|it| {
            let each = it.total_per_ticket.minor();
            query.get("maxPrice").is_none_or(|max| each <= max.parse().unwrap())
        })
        .filter(|it| query.get("sellerId").is_none_or(|_| it.user_id == UserId(id(1))))
        .collect();
    found.sort_by_key(|it| it.total_per_ticket);
    listed(&found)
}

async fn create_ticket(State(market): Shared, Json(body): Json<Value>) -> Json<Value> {
    let market = market.lock().unwrap();
    let mut ticket = serde_json::to_value(&market.tickets[0]).unwrap();
    ticket["title"] = body["title"].clone();
    Json(ticket)
}

/// Without fees.
async fn preview(Json(body): Json<Value>) -> Json<Value> {
    let price = body["price"].as_u64().unwrap();
    let each = price / body["quantity"].as_u64().unwrap();
    Json(json!({
        "price": price, "buyerFee": 0, "sellerFee": 0, "total": price, "sellerNet": price,
        "pricePerTicket": each, "totalPerTicket": each, "payoutOn": "2026-12-01T19:30:00Z",
        "maxPrice": 99_999_999, "warnings": [],
    }))
}

async fn ticket(State(market): Shared, Path(ticket): Path<Uuid>) -> Response {
    let market = market.lock().unwrap();
    let found = market.tickets.iter().find(|it| it.id.0 == ticket);
    found.map_or_else(not_found, |it| Json(it).into_response())
}

async fn orders(
    State(market): Shared,
    Query(query): Query<HashMap<String, String>>,
) -> Json<Value> {
    let market = market.lock().unwrap();
    let status = |it: &Order| serde_json::to_value(it.status).unwrap();
    let is = |it: &&Order| query.get("status").is_none_or(|wanted| status(it) == **wanted);
    listed(&market.orders.iter().filter(is).collect::<Vec<_>>())
}

async fn create_order(
    State(market): Shared,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let mut market = market.lock().unwrap();
    // The same key replays the same order.
    let key = headers["idempotency-key"].as_bytes();
    let order = Uuid::from_bytes(std::array::from_fn(|at| {
        key.get(key.len() - 1 - at).copied().unwrap_or(0)
    }));
    if let Some(order) = market.orders.iter().find(|it| it.id.0 == order) {
        return Json(order).into_response();
    }
    let ticket = body["ticketId"].as_str().unwrap();
    let Some(ticket) = market.tickets.iter().find(|it| it.id.to_string() == ticket) else {
        return not_found();
    };
    let order = order_of(OrderId(order), ticket);
    market.orders.push(order.clone());
    (StatusCode::CREATED, Json(order)).into_response()
}

async fn order(State(market): Shared, Path(order): Path<Uuid>) -> Response {
    let market = market.lock().unwrap();
    let found = market.orders.iter().find(|it| it.id.0 == order);
    found.map_or_else(not_found, |it| Json(it).into_response())
}

async fn leave(State(market): Shared, Path(order): Path<Uuid>) -> Response {
    let mut market = market.lock().unwrap();
    let Some(order) = market.orders.iter_mut().find(|it| it.id.0 == order) else {
        return not_found();
    };
    order.status = OrderStatus::Cancelled;
    Json(&*order).into_response()
}

async fn charges(State(market): Shared) -> Json<Value> {
    listed(&market.lock().unwrap().charges)
}

async fn delivery(State(market): Shared) -> Response {
    let market = market.lock().unwrap();
    market.delivery.clone().map_or_else(not_found, |it| Json(it).into_response())
}

async fn files(State(market): Shared) -> Response {
    let market = market.lock().unwrap();
    market.files.clone().map_or_else(not_found, |it| Json(it).into_response())
}

async fn page() -> Response {
    let headers = [
        (header::CONTENT_TYPE, "image/png"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"ticket-1.png\""),
        (header::CACHE_CONTROL, "private, no-store"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox"),
    ];
    (headers, "a picture").into_response()
}

async fn sales(State(market): Shared) -> Json<Value> {
    listed(&market.lock().unwrap().sales)
}

async fn payouts(State(market): Shared) -> Json<Value> {
    listed(&market.lock().unwrap().payouts)
}

async fn balance(State(market): Shared) -> Json<Value> {
    listed(&market.lock().unwrap().balance)
}

async fn claims(State(market): Shared) -> Json<Value> {
    listed(&market.lock().unwrap().claims)
}

async fn claim(State(market): Shared) -> Json<Value> {
    Json(market.lock().unwrap().claims.first().cloned().unwrap_or_else(|| claimed("open")))
}

/// A claim as the API tells of it.
pub(crate) fn claimed(status: &str) -> Value {
    json!({
        "id": id(90), "orderId": id(70), "kind": "invalid", "status": status,
        "text": "The gate was red.", "answerBy": "2026-11-22T12:00:00Z", "answer": null,
        "outcome": null, "reason": null, "createdAt": NOW, "updatedAt": NOW,
    })
}

/// A delivery as the API tells of it, to one side of the sale.
pub(crate) fn delivered(side: &str, kind: &str, status: &str) -> Value {
    json!({
        "orderId": id(70), "number": "3F7K-9QWM-2XTB", "ticketId": id(20), "side": side,
        "ticket": {
            "title": "The Paper Lanterns", "eventId": null, "section": "102", "row": "B",
            "seats": ["12", "13"], "quantity": 2,
        },
        "kind": kind, "status": status, "deliverBy": "2026-11-27T07:30:00Z", "isAwaited": false,
        "cancelReason": null, "transferTo": null, "link": null, "reference": null,
        "pages": 0, "fileKind": null,
        "steps": [{ "at": NOW, "what": "sold" }],
    })
}

/// A charge as the API tells of it.
pub(crate) fn charge(status: &str, failure: Option<&str>) -> Value {
    json!({
        "id": id(80), "orderId": id(70), "status": status, "amount": 9000, "currency": "usd",
        "stripeId": "pi_test", "stripeRefundId": null, "failureCode": failure,
        "createdAt": NOW, "updatedAt": NOW,
    })
}

async fn pay(State(market): Shared, Json(body): Json<Value>) -> Response {
    let mut market = market.lock().unwrap();
    if body["paymentMethod"] == "pm_card_threeDSecure2Required" {
        let mut waiting = charge("created", None);
        waiting["nextAction"] = json!({ "clientSecret": "pi_test_secret_x" });
        market.charges = vec![waiting.clone()];
        return (StatusCode::ACCEPTED, Json(waiting)).into_response();
    }
    for order in &mut market.orders {
        order.status = OrderStatus::Completed;
    }
    let paid = charge("completed", None);
    market.charges.push(paid.clone());
    (StatusCode::CREATED, Json(paid)).into_response()
}
