//! The service on ports in memory: its workers and its lists.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{body::Body, http::Request};
use futures_util::future::BoxFuture;
use http_body_util::BodyExt as _;
use stubmart_contract::{
    Actor, Context, EventId, OrderId, Price, TicketId, Timestamp, UserId,
    api::{CreateTicketRequest, TicketStatus, Venue},
    calls::{Identity, LockRequest, OverdueLocksRequest},
};
use stubmart_http_kit::{PageRequest, SessionGate};
use stubmart_kernel::{
    follow::Sink as _,
    worker::{Shutdown, ShutdownTrigger, Wake},
};
use stubmart_memory::{MemoryBus, MemoryStore};
use stubmart_ports::{
    bus::{Bus, Seen, Unreadable},
    calls::{self, CallError, Tickets as _},
    host::Host,
    store::Store as _,
};
use stubmart_suite::{
    fault::{Call, Fault, Faults, FaultyBus, Op},
    host::{self, ManualClock, START},
};
use stubmart_tickets::{
    Config, Deps, NewShow, SERVICE, Sort, TicketQuery, Tickets, catalogue::EventQuery,
};
use tokio::sync::watch;
use tower::ServiceExt as _;
use uuid::Uuid;

const SELLER: UserId = UserId(Uuid::from_u128(1));
const BUYER: UserId = UserId(Uuid::from_u128(2));

const CONTEXT: Context = Context::of(Actor::System);

fn listing(event_id: Option<EventId>, quantity: u32) -> CreateTicketRequest {
    CreateTicketRequest {
        title: "Stalls".to_owned(),
        price: Price::try_from(100).unwrap(),
        currency: None,
        event_id,
        section: None,
        row: None,
        seats: None,
        quantity: Some(quantity),
    }
}

/// What instances share.
struct World {
    store: MemoryStore,
    bus: MemoryBus,
    host: Host,
    clock: ManualClock,
    runs: ShutdownTrigger,
    shutdown: Shutdown,
}

impl World {
    fn new() -> Self {
        let (host, clock) = host::manual(1);
        let (runs, shutdown) = ShutdownTrigger::new();
        let (store, bus) = (MemoryStore::new(), MemoryBus::new(host.clone()));
        Self { store, bus, host, clock, runs, shutdown }
    }

    async fn start(&self) -> Tickets {
        self.start_on(self.bus.clone()).await
    }

    async fn start_on(&self, bus: impl Bus) -> Tickets {
        let deps = Deps {
            store: Arc::new(self.store.clone()),
            bus: Arc::new(bus),
            host: self.host.clone(),
            outbox: Wake::default(),
            shutdown: self.shutdown.clone(),
        };
        Tickets::start(deps, Config::default()).await.unwrap()
    }

    async fn list(&self, tickets: &Tickets, quantity: u32) -> TicketId {
        let id = TicketId(self.host.uuid());
        let listing = listing(None, quantity);
        tickets.list_ticket(&CONTEXT, id, SELLER, listing).await.unwrap();
        id
    }

    async fn lock(&self, tickets: &Tickets, until: Timestamp) {
        let request = LockRequest {
            ticket_id: self.list(tickets, 1).await,
            order_id: OrderId(self.host.uuid()),
            buyer_id: BUYER,
            price: None,
            until,
        };
        tickets.lock(&CONTEXT, request).await.unwrap().unwrap();
    }
}

async fn step(tickets: &Tickets, worker: &str) {
    let workers = tickets.workers();
    workers.iter().find(|it| it.name() == worker).unwrap().step().await.unwrap();
}

fn show(name: &str) -> NewShow {
    NewShow {
        name: name.to_owned(),
        category: "Plays".to_owned(),
        venue: Venue { name: "Globe".to_owned(), city: "London".to_owned(), region: None },
        starts_at: START,
    }
}

/// The locks that ran out come page by page, the oldest first, each once; the others do not.
#[tokio::test]
async fn overdue_locks_come_page_by_page_the_oldest_first() {
    let world = World::new();
    let tickets = world.start().await;
    for late in (0..7).rev() {
        world.lock(&tickets, START.after(Duration::from_secs(late))).await;
    }
    let due_before = START.after(Duration::from_secs(5));
    let mut cursor = None;
    let mut pages: Vec<Vec<u64>> = Vec::new();
    loop {
        let request = OverdueLocksRequest { due_before, cursor, limit: 2 };
        let page = tickets.overdue_locks(&CONTEXT, request).await.unwrap();
        pages.push(page.locks.into_iter().map(|it| it.until.since(START).as_secs()).collect());
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![0, 1], vec![2, 3], vec![4]]);
}

/// A ticket is released or sold by the order that holds it, and by no other; again is fine.
#[tokio::test]
async fn a_lock_is_ended_by_its_order_alone() {
    let world = World::new();
    let tickets = world.start().await;
    let status = async |id| tickets.ticket(id, Some(SELLER)).await.unwrap().status;
    for sell in [false, true] {
        let ticket_id = world.list(&tickets, 1).await;
        let (order_id, other) = (OrderId(world.host.uuid()), OrderId(world.host.uuid()));
        let (price, until) = (None, START);
        let request = LockRequest { ticket_id, order_id, buyer_id: BUYER, price, until };
        let locked = tickets.lock(&CONTEXT, request.clone()).await.unwrap().unwrap();
        let again = LockRequest { until: START.after(Duration::from_secs(9)), ..request };
        assert_eq!(tickets.lock(&CONTEXT, again).await.unwrap().unwrap(), locked);
        tickets.release(&CONTEXT, ticket_id, other).await.unwrap();
        tickets.sell(&CONTEXT, ticket_id, other).await.unwrap();
        assert_eq!(status(ticket_id).await, TicketStatus::Locked);
        let ended = if sell { TicketStatus::Sold } else { TicketStatus::Available };
        for _ in 0..2 {
            if sell {
                tickets.sell(&CONTEXT, ticket_id, order_id).await.unwrap();
            } else {
                tickets.release(&CONTEXT, ticket_id, order_id).await.unwrap();
            }
            assert_eq!(status(ticket_id).await, ended);
        }
    }
    let nothing = TicketId(world.host.uuid());
    tickets.release(&CONTEXT, nothing, OrderId(world.host.uuid())).await.unwrap();
}

/// A list that hardly anything fits ends a page early, and its cursor goes on to the end.
#[tokio::test]
async fn a_page_looks_at_a_bounded_number_of_tickets() {
    let world = World::new();
    let tickets = world.start().await;
    let rare = world.list(&tickets, 7).await;
    for _ in 0..4_500 {
        world.list(&tickets, 1).await;
    }
    let query = TicketQuery {
        event_id: None,
        seller_id: None,
        status: None,
        min_price: None,
        max_price: None,
        quantity: Some(7),
        sort: Sort::Newest,
        viewer: None,
    };
    let mut page = PageRequest { limit: 50, behind: None };
    let mut found = Vec::new();
    loop {
        let listed = tickets.tickets(&query, &page).await.unwrap();
        found.push(listed.items.into_iter().map(|it| it.id).collect::<Vec<_>>());
        let Some(cursor) = listed.next_cursor else { break };
        page = PageRequest::behind(50, &cursor).unwrap();
    }
    assert_eq!(found, [vec![], vec![], vec![rare]]);
}

/// A show that another instance added is found, however long this one could not look.
#[tokio::test]
async fn shows_of_others_are_found_after_any_pause() {
    let world = World::new();
    let (one, other) = (world.start().await, world.start().await);
    world.clock.advance(Duration::from_secs(1));
    other.add_show(world.host.uuid(), show("Hamlet")).await.unwrap();
    world.clock.advance(Duration::from_secs(600));
    step(&one, "tickets-new-shows").await;
    let words = Some("hamlet".to_owned());
    let query = EventQuery { words, limit: 9, ..EventQuery::default() };
    let found = one.find_events(&query).await.unwrap();
    assert_eq!(found.len(), 1);
}

/// One event that can not be read does not keep the catalogue from those behind it.
#[tokio::test]
async fn an_unreadable_event_does_not_stop_the_feed() {
    let world = World::new();
    let (one, other) = (world.start().await, world.start().await);
    let added = one.add_show(world.host.uuid(), show("Hamlet")).await;
    let (event, _) = added.unwrap();
    let id = TicketId(world.host.uuid());
    let listed = one.list_ticket(&CONTEXT, id, SELLER, listing(Some(event.id), 1)).await;
    assert_eq!(listed.unwrap().state.status, TicketStatus::Available);
    let told = world.store.history(SERVICE, None, 9).await.unwrap();
    let mut seen = vec![Seen { position: 1, event: Err(Unreadable("damaged".into())) }];
    seen.extend(told.into_iter().map(|event| Seen { position: 2, event: Ok(event) }));
    other.see(&seen).await.unwrap();
    let event = other.event(event.id).await.unwrap();
    assert_eq!(event.available, 1);
}

/// Nobody has a session.
struct Strangers;

#[async_trait]
impl calls::Auth for Strangers {
    async fn introspect(&self, _: &Context, _: &str) -> Result<Option<Identity>, CallError> {
        Ok(None)
    }
}

/// A bus whose tails show nothing before it is opened.
#[derive(Debug)]
struct Closed(watch::Receiver<bool>);

#[async_trait]
impl Faults for Closed {
    async fn begin(&self, call: Call) -> Fault {
        if call.op == Op::TailNext {
            self.0.clone().wait_for(|open| *open).await.unwrap();
        }
        Fault::None
    }

    fn later(&self, _: Call, _: BoxFuture<'static, ()>) {}

    fn delay(&self) -> Duration {
        Duration::ZERO
    }
}

/// However slow the bus is, a client that resumes is told all that it missed.
#[tokio::test]
async fn a_resumed_stream_loses_nothing_on_a_slow_bus() {
    let world = World::new();
    let (open, is_open) = watch::channel(false);
    let bus = FaultyBus::new(Arc::new(world.bus.clone()), Arc::new(Closed(is_open)));
    let tickets = world.start_on(bus).await;
    world.lock(&tickets, START).await;
    let events = world.store.history(SERVICE, None, 9).await.unwrap();
    assert_eq!(events.len(), 2, "listed and locked");
    world.bus.publish(&events).await.unwrap();
    let id = events.first().unwrap();
    let gate = SessionGate::new(Arc::new(Strangers), world.host.clone());
    let (router, _) = tickets.router(gate).split_for_parts();
    let request = Request::get(format!("/api/tickets/{}/stream", id.aggregate_id));
    let request = request.header("last-event-id", "0").body(Body::empty()).unwrap();
    let mut body = router.oneshot(request).await.unwrap().into_body();
    let mut sent = String::new();
    while sent.matches("event: ticket").count() < 2 {
        let frame = tokio::select! {
            frame = body.frame() => frame.unwrap().unwrap(),
            () = tokio::task::yield_now() => {
                // Time passes while the bus is slow, also more than a stream is silent for.
                let silent_for_long = sent.matches("still here").count() > 2;
                open.send_replace(silent_for_long);
                world.clock.advance(Duration::from_secs(1));
                continue;
            }
        };
        sent.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
    }
    assert!(sent.contains("still here"), "{sent}");
    assert!(sent.contains("\"status\":\"available\"") && sent.contains("\"status\":\"locked\""));
    world.runs.shut_down();
    assert!(body.frame().await.is_none(), "the stream ends with the server");
}
