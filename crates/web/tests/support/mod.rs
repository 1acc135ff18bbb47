//! A small public API in memory, for the pages to talk to: it keeps what it is given, tells what it was
//! asked, and refuses what a test tells it to refuse.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes, to_bytes},
    extract::{Path, Query, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use stubmart_client::Client;
use stubmart_contract::{
    Code, Currency, EventId, OrderId, TicketId, Timestamp, UserId,
    api::{Event, Order, OrderStatus, OrderTicket, Ticket, TicketStatus, Venue},
};
use stubmart_ports::host::{Clock, Host, Ids, Spawner};
use stubmart_web::{Web, WebConfig};
use tower::ServiceExt as _;
use uuid::Uuid;

/// The session that is signed in as Ada.
pub const SESSION: &str = "adas-session";
/// The time that the machine tells.
pub const NOW: &str = "2026-11-20T12:00:00Z";

pub fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 + number)
}

/// One call of the API.
#[derive(Debug, Clone)]
pub struct Call {
    pub line: String,
    pub query: String,
    pub body: Value,
    pub headers: HeaderMap,
}

#[derive(Default)]
pub struct Market {
    pub events: Vec<Event>,
    pub tickets: Vec<Ticket>,
    pub orders: Vec<Order>,
    pub charges: Vec<Value>,
    pub calls: Vec<Call>,
    /// What to refuse: `POST /api/orders`, how many to let through before, and the answer.
    pub refusals: HashMap<String, (usize, Value)>,
    /// The lists of events end with this cursor.
    pub next_cursor: Option<String>,
    /// The API does not answer at all.
    pub broken: bool,
}

/// The fake API and the pages over it.
#[derive(Clone)]
pub struct Fake {
    pub market: Arc<Mutex<Market>>,
    pub pages: Router,
}

struct StoppedClock(Timestamp);

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::pending())
    }
}

struct CountingIds(std::sync::atomic::AtomicU64);

impl Ids for CountingIds {
    fn uuid(&self) -> Uuid {
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        id(1_000_000 + u128::from(number))
    }

    fn secret(&self) -> [u8; 32] {
        [7; 32]
    }
}

struct NoSpawner;

impl Spawner for NoSpawner {
    fn spawn(&self, name: &'static str, _: BoxFuture<'static, ()>) {
        panic!("pages spawn no task, and yet: {name}");
    }

    fn blocking(&self, _: Box<dyn FnOnce() + Send>) {
        panic!("pages block nothing");
    }
}

pub fn host() -> Host {
    Host {
        clock: Arc::new(StoppedClock(NOW.parse().unwrap())),
        ids: Arc::new(CountingIds(0.into())),
        spawner: Arc::new(NoSpawner),
    }
}

impl Fake {
    pub fn new() -> Self {
        Self::with(WebConfig::default())
    }

    pub fn with(config: WebConfig) -> Self {
        let market = Arc::new(Mutex::new(Market::default()));
        let api = Client::in_process(api(Arc::clone(&market)));
        Self { pages: stubmart_web::router(Web { api, config, host: host() }), market }
    }

    /// Adds an event that is a week away.
    pub fn event(&self, number: u128, name: &str) -> EventId {
        let event = Event {
            id: EventId(id(number)),
            name: name.to_owned(),
            category: "Pop".to_owned(),
            venue: Venue {
                name: "The Cellar".to_owned(),
                city: "Boston".to_owned(),
                region: Some("MA".to_owned()),
            },
            starts_at: "2026-11-28T19:30:00Z".parse().unwrap(),
            available: 0,
            min_price: None,
        };
        self.market.lock().unwrap().events.push(event);
        EventId(id(number))
    }

    /// Adds a ticket of somebody else's.
    pub fn ticket(
        &self,
        number: u128,
        event: EventId,
        change: impl FnOnce(&mut Ticket),
    ) -> TicketId {
        let mut market = self.market.lock().unwrap();
        let show = market.events.iter_mut().find(|it| it.id == event).unwrap();
        let mut ticket = Ticket {
            id: TicketId(id(number)),
            version: 3,
            title: show.name.clone(),
            price: 9000.try_into().unwrap(),
            currency: Currency::USD,
            user_id: UserId(id(99)),
            order_id: None,
            status: TicketStatus::Available,
            event_id: Some(event),
            section: Some("102".to_owned()),
            row: Some("B".to_owned()),
            seats: vec!["12".to_owned(), "13".to_owned()],
            quantity: 2,
            locked_until: None,
            created_at: NOW.parse().unwrap(),
            updated_at: NOW.parse().unwrap(),
        };
        change(&mut ticket);
        if ticket.status == TicketStatus::Available {
            show.available += 1;
            show.min_price = show.min_price.into_iter().chain([ticket.price]).min();
        }
        market.tickets.push(ticket);
        TicketId(id(number))
    }

    /// Adds an order of Ada's for a ticket that is there.
    pub fn order(
        &self,
        number: u128,
        ticket: TicketId,
        change: impl FnOnce(&mut Order),
    ) -> OrderId {
        let mut market = self.market.lock().unwrap();
        let ticket = market.tickets.iter().find(|it| it.id == ticket).unwrap();
        let mut order = order_of(OrderId(id(number)), ticket);
        change(&mut order);
        market.orders.push(order);
        OrderId(id(number))
    }

    pub fn refuse(&self, line: &str, code: Code, errors: &[(&str, &str)]) {
        self.refuse_after(0, line, code, errors);
    }

    /// Refuses all but the first calls of a route.
    pub fn refuse_after(&self, first: usize, line: &str, code: Code, errors: &[(&str, &str)]) {
        let errors: Vec<Value> = errors
            .iter()
            .map(|(field, message)| json!({ "field": field, "message": message }))
            .collect();
        let problem = json!({
            "type": "about:blank", "title": code.title(), "status": code.status(),
            "detail": code.title(), "code": code.word(), "errors": errors, "requestId": "r",
        });
        self.market.lock().unwrap().refusals.insert(line.to_owned(), (first, problem));
    }

    /// The calls of one route, in order.
    pub fn calls(&self, line: &str) -> Vec<Call> {
        let market = self.market.lock().unwrap();
        market.calls.iter().filter(|call| call.line == line).cloned().collect()
    }

    pub async fn send(&self, request: Request<Body>) -> Page {
        let (head, body) = self.pages.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Page { status: head.status, headers: head.headers, body }
    }

    pub async fn get(&self, path: &str) -> Page {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// As Ada.
    pub async fn get_as_ada(&self, path: &str) -> Page {
        let request = Request::get(path).header(header::COOKIE, cookie());
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// A form, as a browser sends it from a page of ours; as Ada.
    pub async fn post_as_ada(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.send(
            form(path, fields).header(header::COOKIE, cookie()).body(encoded(fields)).unwrap(),
        )
        .await
    }

    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.send(form(path, fields).body(encoded(fields)).unwrap()).await
    }
}

pub fn cookie() -> String {
    format!("theme=x; stubmart_session={SESSION}")
}

fn form(path: &str, _: &[(&str, &str)]) -> axum::http::request::Builder {
    Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", "same-origin")
}

fn encoded(fields: &[(&str, &str)]) -> Body {
    Body::from(serde_urlencoded::to_string(fields).unwrap())
}

/// What a visitor gets.
#[derive(Debug)]
pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Page {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn location(&self) -> &str {
        assert_eq!(self.status, StatusCode::SEE_OTHER, "{}", self.text());
        self.header("location")
    }

    pub fn cookies(&self) -> Vec<&str> {
        self.headers.get_all(header::SET_COOKIE).iter().map(|it| it.to_str().unwrap()).collect()
    }

    #[track_caller]
    pub fn has(&self, part: &str) {
        assert!(self.text().contains(part), "no {part:?} in {}", self.text());
    }

    #[track_caller]
    pub fn lacks(&self, part: &str) {
        assert!(!self.text().contains(part), "{part:?} in {}", self.text());
    }
}

fn order_of(id: OrderId, ticket: &Ticket) -> Order {
    let now: Timestamp = NOW.parse().unwrap();
    Order {
        id,
        user_id: UserId(self::id(1)),
        status: OrderStatus::Created,
        ticket_id: ticket.id,
        price: ticket.price,
        currency: ticket.currency,
        expires_at: now.after(Duration::from_secs(600)),
        server_time: now,
        cancel_reason: None,
        ticket: OrderTicket {
            title: ticket.title.clone(),
            event_id: ticket.event_id,
            section: ticket.section.clone(),
            row: ticket.row.clone(),
            seats: ticket.seats.clone(),
            quantity: ticket.quantity,
        },
        created_at: now,
        updated_at: now,
    }
}

type Shared = State<Arc<Mutex<Market>>>;

fn api(market: Arc<Mutex<Market>>) -> Router {
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
        .route("/api/auth/tokens", get(async || Json(json!({ "items": [] }))).post(token))
        .route("/api/auth/tokens/{id}", delete(async || StatusCode::NO_CONTENT));
    let shop = Router::new()
        .route("/api/events", get(events).post(create_event))
        .route("/api/events/{id}", get(event))
        .route("/api/events/{id}/prices", get(prices))
        .route("/api/facets", get(facets))
        .route("/api/tickets", get(tickets).post(create_ticket))
        .route(
            "/api/tickets/{id}",
            get(ticket).patch(ticket).delete(async || StatusCode::NO_CONTENT),
        )
        .route("/api/orders", get(orders).post(create_order))
        .route("/api/orders/{id}", get(order).delete(leave))
        .route("/api/payments", get(charges).post(pay))
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
        market.calls.push(Call {
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
        || line.contains("/sessions")
        || line.contains("/tokens")
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
    json!({ "id": id(1), "email": "ada@example.com", "name": "Ada", "createdAt": NOW })
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
        "token": "the-secret-token",
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
    let found: Vec<_> =
        market.events.iter().filter(|it| it.name.to_lowercase().contains(&wanted)).collect();
    Json(json!({ "items": found, "nextCursor": market.next_cursor }))
}

async fn create_event(State(market): Shared, Json(body): Json<Value>) -> Json<Event> {
    let event = Event {
        id: EventId(id(500)),
        name: body["name"].as_str().unwrap().to_owned(),
        category: body["category"].as_str().unwrap().to_owned(),
        venue: serde_json::from_value(body["venue"].clone()).unwrap(),
        starts_at: serde_json::from_value(body["startsAt"].clone()).unwrap(),
        available: 0,
        min_price: None,
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
        .filter(|it| {
            query.get("maxPrice").is_none_or(|max| it.price.minor() <= max.parse().unwrap())
        })
        .filter(|it| query.get("sellerId").is_none_or(|_| it.user_id == UserId(id(1))))
        .collect();
    found.sort_by_key(|it| it.price);
    listed(&found)
}

async fn create_ticket(State(market): Shared, Json(body): Json<Value>) -> Json<Value> {
    let market = market.lock().unwrap();
    let mut ticket = serde_json::to_value(&market.tickets[0]).unwrap();
    ticket["title"] = body["title"].clone();
    Json(ticket)
}

async fn ticket(State(market): Shared, Path(ticket): Path<Uuid>) -> Response {
    let market = market.lock().unwrap();
    let found = market.tickets.iter().find(|it| it.id.0 == ticket);
    found.map_or_else(not_found, |it| Json(it).into_response())
}

async fn orders(State(market): Shared) -> Json<Value> {
    listed(&market.lock().unwrap().orders)
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

/// A charge as the API tells of it.
pub fn charge(status: &str, failure: Option<&str>) -> Value {
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
