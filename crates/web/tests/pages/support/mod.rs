//! The pages over a small public API in memory, which keeps what it is given, records what it is asked, and
//! refuses what a test wants it to refuse.

mod api;

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex},
    time::Duration,
};

pub(crate) use api::{charge, claimed, delivered};
use axum::http::HeaderMap;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use stubmart_client::Client;
use stubmart_contract::{
    Code, Currency, EventId, OrderId, TicketId, Timestamp, UserId,
    api::{
        Event, EventStatus, Order, OrderStatus, OrderTicket, Seller, SellerLevel, Ticket,
        TicketStatus, Venue,
    },
    fees::{Breakdown, SaleFees},
};
use stubmart_ports::host::{Host, Spawner};
use stubmart_testkit::{Api, Call};
use stubmart_web::{Web, WebConfig};
use uuid::Uuid;

/// What a browser sends a form as.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
/// The session that is signed in as Ada.
pub(crate) const SESSION: &str = "adas-session";
/// The time that the machine tells.
pub(crate) const NOW: &str = "2026-11-20T12:00:00Z";

pub(crate) fn id(number: u128) -> Uuid {
    Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0000 + number)
}

/// A call that the API took.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) line: String,
    pub(crate) query: String,
    pub(crate) body: Value,
    pub(crate) headers: HeaderMap,
}

#[derive(Default)]
pub(crate) struct Market {
    pub(crate) events: Vec<Event>,
    pub(crate) tickets: Vec<Ticket>,
    pub(crate) orders: Vec<Order>,
    pub(crate) charges: Vec<Value>,
    /// The delivery of every order, and what was claimed.
    pub(crate) delivery: Option<Value>,
    pub(crate) claims: Vec<Value>,
    /// The file of every ticket.
    pub(crate) files: Option<Value>,
    /// What Ada gets for what she sold.
    pub(crate) sales: Vec<Value>,
    pub(crate) payouts: Vec<Value>,
    pub(crate) balance: Vec<Value>,
    pub(crate) calls: Vec<Taken>,
    /// What to refuse: `POST /api/orders`, how many to let through before, and the answer.
    pub(crate) refusals: HashMap<String, (usize, Value)>,
    /// The lists of events end with this cursor.
    pub(crate) next_cursor: Option<String>,
    /// The API does not answer at all.
    pub(crate) broken: bool,
}

/// The fake API and the pages over it.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) market: Arc<Mutex<Market>>,
    pages: Api,
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

fn host() -> Host {
    let (host, clock) = stubmart_suite::host::manual(1);
    clock.jump_to(NOW.parse().unwrap());
    Host { spawner: Arc::new(NoSpawner), ..host }
}

impl Deref for Fake {
    type Target = Api;

    /// The pages, as a browser asks for them.
    fn deref(&self) -> &Api {
        &self.pages
    }
}

impl Fake {
    pub(crate) fn new() -> Self {
        Self::with(WebConfig::default())
    }

    pub(crate) fn with(config: WebConfig) -> Self {
        let market = Arc::new(Mutex::new(Market::default()));
        let api = Client::in_process(api::routes(Arc::clone(&market)));
        let pages = stubmart_web::router(Web { api, config, host: host() });
        Self { pages: Api::in_process(pages), market }
    }

    /// Adds an event that is a week away.
    pub(crate) fn event(&self, number: u128, name: &str) -> EventId {
        let event = Event {
            id: EventId(id(number)),
            name: name.to_owned(),
            category: "Pop".to_owned(),
            performers: Vec::new(),
            venue: Venue {
                region: Some("MA".to_owned()),
                time_zone: "America/New_York".parse().ok(),
                ..Venue::new("The Cellar", "Boston")
            },
            starts_at: "2026-11-28T19:30:00Z".parse().unwrap(),
            local_start: "2026-11-28T14:30".parse().unwrap(),
            ends_at: "2026-11-28T22:30:00Z".parse().unwrap(),
            start_time_known: true,
            status: EventStatus::Scheduled,
            currency: Currency::USD,
            available: 0,
            min_price: None,
            url: format!("/events/{}", EventId(id(number))),
        };
        self.market.lock().unwrap().events.push(event);
        EventId(id(number))
    }

    /// Adds a ticket of somebody else's.
    pub(crate) fn ticket(
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
            pending_price: None,
            currency: Currency::USD,
            total: 9000.try_into().unwrap(),
            price_per_ticket: 4500.try_into().unwrap(),
            total_per_ticket: 4500.try_into().unwrap(),
            user_id: UserId(id(99)),
            seller: Some(Seller {
                name: Some("Grace".to_owned()),
                since: Some("2025-03-01T00:00:00Z".parse().unwrap()),
                sold: 12,
                level: SellerLevel::Trusted,
            }),
            order_id: None,
            status: TicketStatus::Available,
            event_id: Some(event),
            section: Some("102".to_owned()),
            row: Some("B".to_owned()),
            seats: vec!["12".to_owned(), "13".to_owned()],
            quantity: 2,
            delivery_kind: Default::default(),
            external_id: None,
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
    pub(crate) fn order(
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

    pub(crate) fn refuse(&self, line: &str, code: Code, errors: &[(&str, &str)]) {
        self.refuse_after(0, line, code, errors);
    }

    /// Refuses all but the first calls of a route.
    pub(crate) fn refuse_after(
        &self,
        first: usize,
        line: &str,
        code: Code,
        errors: &[(&str, &str)],
    ) {
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
    pub(crate) fn calls(&self, line: &str) -> Vec<Taken> {
        let market = self.market.lock().unwrap();
        market.calls.iter().filter(|call| call.line == line).cloned().collect()
    }

    /// As Ada.
    pub(crate) fn get_as_ada(&self, path: &str) -> Call {
        self.get(path).header("cookie", &cookie())
    }

    /// A form, as a browser sends it from a page of ours.
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Call {
        self.pages.post(path).header("sec-fetch-site", "same-origin").form(fields)
    }

    /// As Ada.
    pub(crate) fn post_as_ada(&self, path: &str, fields: &[(&str, &str)]) -> Call {
        self.post(path, fields).header("cookie", &cookie())
    }
}

pub(crate) fn cookie() -> String {
    format!("theme=x; stubmart_session={SESSION}")
}

fn order_of(id: OrderId, ticket: &Ticket) -> Order {
    let now: Timestamp = NOW.parse().unwrap();
    Order {
        id,
        user_id: UserId(self::id(1)),
        status: OrderStatus::Created,
        ticket_id: ticket.id,
        number: "3F7K-9QWM-2XTB".to_owned(),
        price: ticket.price,
        breakdown: Breakdown::new(ticket.price, SaleFees::NONE),
        total: ticket.total,
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
