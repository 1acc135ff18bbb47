//! The service on ports in memory: its workers and its lists.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use axum::{body::Body, http::Request};
use futures_util::future::{BoxFuture, join_all};
use http_body_util::BodyExt as _;
use stubmart_contract::{
    Context, Currency, OrderId, Price, TicketId, Timestamp, UserId,
    api::{TicketStatus, Venue},
    calls::Identity,
};
use stubmart_http_kit::{PageRequest, SessionGate};
use stubmart_kernel::{
    follow::Sink as _,
    worker::{Shutdown, ShutdownTrigger, Wake},
};
use stubmart_memory::{MemoryBus, MemoryStore};
use stubmart_ports::{
    bus::{Bus, Seen, Unreadable},
    calls::{self, CallError, LockRequest, LockTickets as _},
    host::Host,
    store::Store as _,
};
use stubmart_suite::{
    fault::{Call, Fault, Faults, FaultyBus, Op},
    host::{self, ManualClock, START},
};
use stubmart_tickets::{
    Config, Deps, NewShow, NewTicket, SERVICE, Sort, TicketQuery, Tickets, catalogue::EventQuery,
};
use tokio::sync::watch;
use tower::ServiceExt as _;
use uuid::Uuid;

const SELLER: UserId = UserId(Uuid::from_u128(1));
const BUYER: UserId = UserId(Uuid::from_u128(2));

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
        let new = NewTicket {
            title: "Stalls".to_owned(),
            price: Price::try_from(100).unwrap(),
            currency: Currency::USD,
            event_id: None,
            section: None,
            row: None,
            seats: Vec::new(),
            quantity,
        };
        let id = TicketId(self.host.uuid());
        tickets.list_ticket(id, SELLER, new).await.unwrap();
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
        tickets.lock(request).await.unwrap().unwrap();
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

/// However many locks are overdue, all are announced at once and then every minute.
#[tokio::test]
async fn overdue_locks_are_announced_all_and_once_a_minute() {
    let world = World::new();
    let tickets = world.start().await;
    join_all((0..450).map(|_| world.lock(&tickets, START))).await;
    let workers = tickets.workers();
    let worker = workers.iter().find(|it| it.name() == "tickets-overdue-locks").unwrap();
    world.clock.advance(Duration::from_secs(15));
    let mut announced_at = Vec::new();
    let mut announced = world.bus.position().await.unwrap();
    for _ in 0..100 {
        worker.step().await.unwrap();
        let now = world.bus.position().await.unwrap();
        if now > announced {
            assert_eq!(now - announced, 450);
            announced_at.push(world.host.now().since(START).as_secs());
        }
        announced = now;
        world.clock.advance(Duration::from_secs(10));
    }
    assert_eq!(announced_at.first(), Some(&15));
    let gaps: Vec<_> = announced_at.windows(2).map(|it| it[1] - it[0]).collect();
    assert!(gaps.len() >= 15 && gaps.iter().all(|gap| (10..=60).contains(gap)), "{gaps:?}");
    assert!(gaps[1..].iter().all(|gap| *gap == 60), "{gaps:?}");
    step(&world.start().await, "tickets-overdue-locks").await;
    assert_eq!(world.bus.position().await.unwrap() - announced, 450, "and all after a start");
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
    let new = NewTicket {
        title: "Stalls".to_owned(),
        price: Price::try_from(100).unwrap(),
        currency: Currency::USD,
        event_id: Some(event.id),
        section: None,
        row: None,
        seats: Vec::new(),
        quantity: 1,
    };
    let listed = one.list_ticket(TicketId(world.host.uuid()), SELLER, new).await;
    assert_eq!(listed.unwrap().doc.status, TicketStatus::Available);
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
