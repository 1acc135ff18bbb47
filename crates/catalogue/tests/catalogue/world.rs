//! What instances of the catalogue share in a test, with a tickets service that is a list of listings.

use std::{
    collections::BTreeMap,
    ops::Deref,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::{Either, select};
use stubmart_catalogue::{Catalogue, Config, Deps, SERVICE};
use stubmart_contract::{
    Actor, Context, Currency, DomainEvent, Envelope, EventId, OrderId, Price, TicketId, TimeZone,
    UserId,
    api::{CreateEventRequest, Event, TicketStatus, Venue},
    calls::{
        Listing, Listings, ListingsOf, ListingsRequest, LockRefusal, LockRequest, Locked,
        OverdueLocks, OverdueLocksRequest,
    },
    event::TicketState,
};
use stubmart_kernel::worker::{Next, Shutdown, ShutdownTrigger, Worker};
use stubmart_memory::{MemoryBus, MemoryRateLimits, MemoryStore};
use stubmart_ports::{
    bus::{Bus, BusError, Consumer, Seen, Subscription, Tail, TailFrom, Unreadable},
    calls::{CallError, Tickets},
    host::Host,
};
use stubmart_suite::host::{self, ManualClock, START};
use uuid::Uuid;

pub(crate) static CONTEXT: Context = Context::of(Actor::System);
pub(crate) const SELLER: UserId = UserId(Uuid::from_u128(77));

/// What instances share.
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) bus: MemoryBus,
    pub(crate) host: Host,
    pub(crate) clock: ManualClock,
    pub(crate) runs: ShutdownTrigger,
    pub(crate) tickets: FakeTickets,
    shutdown: Shutdown,
    /// Every event of a ticket.
    told: Vec<Arc<Envelope>>,
}

/// An instance, with its workers.
pub(crate) struct Instance {
    catalogue: Catalogue,
    follow: Arc<dyn Worker>,
    save: Arc<dyn Worker>,
    clock: ManualClock,
}

impl Deref for Instance {
    type Target = Catalogue;

    fn deref(&self) -> &Catalogue {
        &self.catalogue
    }
}

impl Instance {
    /// Does `work` while the instance follows the bus.
    pub(crate) async fn while_following<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            let step = pin!(self.follow.step());
            match select(work.as_mut(), step).await {
                Either::Left((done, _)) => return done,
                // A bus that was wiped is joined again.
                Either::Right((Ok(_) | Err(_), _)) => {}
            }
        }
    }

    /// Follows the bus for so long, which is enough to see everything that is on it.
    pub(crate) async fn follows(&self, time: Duration) {
        let turns = async {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
        };
        self.while_following(turns).await;
        self.clock.advance(time);
    }

    /// Saves what it has learned.
    pub(crate) async fn saves(&self) {
        assert!(matches!(self.save.step().await.unwrap(), Next::At(_)));
    }
}

pub(crate) fn show(name: &str) -> CreateEventRequest {
    let venue = Venue { time_zone: Some(TimeZone::UTC), ..Venue::new("Globe", "London") };
    CreateEventRequest::new(name, "Plays", venue, TimeZone::UTC.local(START))
}

pub(crate) fn names(events: &[Event]) -> Vec<&str> {
    events.iter().map(|event| event.name.as_str()).collect()
}

fn worker(catalogue: &Catalogue, name: &str) -> Arc<dyn Worker> {
    catalogue.workers().into_iter().find(|it| it.name() == name).unwrap()
}

impl World {
    pub(crate) fn new() -> Self {
        let (host, clock) = host::manual(1);
        let (runs, shutdown) = ShutdownTrigger::new();
        let (store, bus) = (MemoryStore::new(), MemoryBus::new(host.clone()));
        let (tickets, told) = (FakeTickets::default(), Vec::new());
        Self { store, bus, host, clock, runs, tickets, shutdown, told }
    }

    pub(crate) fn start(&self) -> Instance {
        self.start_on(Arc::new(self.bus.clone()))
    }

    /// An instance that cannot read the first event of a listing.
    pub(crate) fn start_where_one_event_is_damaged(&self) -> Instance {
        self.start_on(Arc::new(DamagedBus(self.bus.clone())))
    }

    fn start_on(&self, bus: Arc<dyn Bus>) -> Instance {
        let deps = Deps {
            store: Arc::new(self.store.clone()),
            bus,
            host: self.host.clone(),
            tickets: Arc::new(self.tickets.clone()),
            limits: Arc::new(MemoryRateLimits::new(self.host.clone())),
            shutdown: self.shutdown.clone(),
        };
        let catalogue = Catalogue::new(deps, Config::default()).unwrap();
        let follow = worker(&catalogue, "catalogue-follow");
        let save = worker(&catalogue, "catalogue-offers");
        Instance { catalogue, follow, save, clock: self.clock.clone() }
    }

    /// Takes the events of shows to the bus.
    pub(crate) async fn relay(&self) {
        let relay = self.store.relay(SERVICE, Arc::new(self.bus.clone()));
        while relay.step().await.unwrap() == Next::Again {}
    }

    pub(crate) async fn add(&self, catalogue: &Catalogue, name: &str) -> EventId {
        let id = self.add_quietly(catalogue, name).await;
        self.relay().await;
        id
    }

    /// Adds a show whose event is not on the bus yet.
    pub(crate) async fn add_quietly(&self, catalogue: &Catalogue, name: &str) -> EventId {
        let id = EventId(self.host.uuid());
        catalogue.add_show(&CONTEXT, id, &show(name)).await.unwrap().event.id
    }

    /// A seller lists a ticket.
    pub(crate) async fn list(&mut self, event_id: EventId, price: i64) -> TicketId {
        let id = TicketId(self.host.uuid());
        let ticket = TicketState {
            id,
            user_id: SELLER,
            title: "Stalls".to_owned(),
            price: Price::try_from(price).unwrap(),
            fees: stubmart_contract::fees::SaleFees::NONE,
            currency: Currency::USD,
            status: TicketStatus::Available,
            event_id: Some(event_id),
            section: None,
            row: None,
            seats: Vec::new(),
            quantity: 1,
            delivery_kind: Default::default(),
            external_id: None,
            order_id: None,
            buyer_id: None,
            locked_until: None,
            turn: None,
            created_at: self.host.now(),
            updated_at: self.host.now(),
        };
        self.save(Listing { version: 1, ticket }).await;
        id
    }

    /// A ticket changes.
    pub(crate) async fn change(&mut self, id: TicketId, status: TicketStatus, price: i64) {
        let Listing { version, ticket } = self.tickets.listing(id);
        let price = Price::try_from(price).unwrap();
        let ticket = TicketState { status, price, updated_at: self.host.now(), ..ticket };
        self.save(Listing { version: version + 1, ticket }).await;
    }

    async fn save(&mut self, listing: Listing) {
        let (id, version) = (self.host.message_id(), listing.version);
        self.tickets.0.lock().unwrap().insert(listing.ticket.id, listing.clone());
        let event = match (version, listing.ticket.status) {
            (1, _) => DomainEvent::TicketCreated(listing.ticket),
            (_, TicketStatus::Withdrawn) => DomainEvent::TicketDeleted(listing.ticket),
            _ => DomainEvent::TicketUpdated(listing.ticket),
        };
        let aggregate_id = match &event {
            DomainEvent::TicketCreated(it)
            | DomainEvent::TicketUpdated(it)
            | DomainEvent::TicketDeleted(it) => it.id.0,
            _ => Uuid::nil(),
        };
        let envelope = Arc::new(Envelope {
            id,
            aggregate_id,
            version,
            at: self.host.now(),
            causation_id: id,
            correlation_id: id,
            actor: Actor::System,
            request_id: None,
            event,
        });
        self.told.push(Arc::clone(&envelope));
        self.bus.publish(&[envelope]).await.unwrap();
    }

    /// Publishes every event of a ticket again, as to a bus that was wiped.
    pub(crate) async fn publish_all(&self) {
        self.bus.publish(&self.told).await.unwrap();
    }

    /// Publishes every event of a ticket twice more, last to first, as if it were another one.
    pub(crate) async fn publish_backwards(&self) {
        for _ in 0..2 {
            for envelope in self.told.iter().rev() {
                let again = Envelope { id: self.host.message_id(), ..(**envelope).clone() };
                self.bus.publish(&[Arc::new(again)]).await.unwrap();
            }
        }
    }
}

/// Listings as they are now.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeTickets(Arc<Mutex<BTreeMap<TicketId, Listing>>>);

impl FakeTickets {
    pub(crate) fn listing(&self, id: TicketId) -> Listing {
        self.0.lock().unwrap()[&id].clone()
    }
}

#[async_trait]
impl Tickets for FakeTickets {
    async fn lock(
        &self,
        _: &Context,
        _: LockRequest,
    ) -> Result<Result<Locked, LockRefusal>, CallError> {
        unimplemented!("the catalogue locks nothing")
    }

    async fn release(&self, _: &Context, _: TicketId, _: OrderId) -> Result<(), CallError> {
        unimplemented!("the catalogue releases nothing")
    }

    async fn sell(&self, _: &Context, _: TicketId, _: OrderId) -> Result<(), CallError> {
        unimplemented!("the catalogue sells nothing")
    }

    async fn listings(&self, _: &Context, asked: ListingsRequest) -> Result<Listings, CallError> {
        let all = self.0.lock().unwrap();
        let listings = match asked.of {
            ListingsOf::Ticket(id) => all.get(&id).cloned().into_iter().collect(),
            ListingsOf::Event(id) => {
                let is_shown = |it: &&Listing| {
                    it.ticket.event_id == Some(id) && it.ticket.status != TicketStatus::Withdrawn
                };
                all.values().filter(is_shown).cloned().collect()
            }
        };
        Ok(Listings { listings, next: None })
    }

    async fn overdue_locks(
        &self,
        _: &Context,
        _: OverdueLocksRequest,
    ) -> Result<OverdueLocks, CallError> {
        unimplemented!("the catalogue ends no lock")
    }
}

/// A bus whose tails cannot read the first event of a listing.
struct DamagedBus(MemoryBus);

struct DamagedTail {
    inner: Box<dyn Tail>,
    is_done: bool,
}

#[async_trait]
impl Bus for DamagedBus {
    async fn publish(&self, events: &[Arc<Envelope>]) -> Result<(), BusError> {
        self.0.publish(events).await
    }

    async fn subscribe(&self, it: &'static Consumer) -> Result<Box<dyn Subscription>, BusError> {
        self.0.subscribe(it).await
    }

    async fn tail(
        &self,
        types: &'static [stubmart_contract::EventType],
        from: TailFrom,
    ) -> Result<Box<dyn Tail>, BusError> {
        let inner = self.0.tail(types, from).await?;
        Ok(Box::new(DamagedTail { inner, is_done: false }))
    }

    async fn position(&self) -> Result<u64, BusError> {
        self.0.position().await
    }

    async fn life(&self) -> Result<u64, BusError> {
        self.0.life().await
    }

    async fn ready(&self) -> Result<(), BusError> {
        self.0.ready().await
    }
}

#[async_trait]
impl Tail for DamagedTail {
    async fn next(&mut self, limit: usize) -> Result<Vec<Seen>, BusError> {
        let mut seen = self.inner.next(limit).await?;
        for seen in &mut seen {
            let is_listing = seen
                .event
                .as_ref()
                .is_ok_and(|it| matches!(it.event, DomainEvent::TicketCreated(_)));
            if is_listing && !std::mem::replace(&mut self.is_done, true) {
                seen.event = Err(Unreadable("damaged".into()));
            }
        }
        Ok(seen)
    }
}
