//! What instances of tickets share in a test: a store that counts what is read, and a catalogue that is a
//! list of shows.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use stubmart_contract::{
    Actor, Context, Currency, EventId, OrderId, Price, TicketId, Timestamp, UserId,
    api::{CreateTicketRequest, EventStatus},
    calls::{
        Identity, Listing, LockRequest, NotFoundByName, Profile, Recipient, ShowByName,
        ShowForListing,
    },
    fees::FeeSchedule,
};
use stubmart_memory::{MemoryRateLimits, MemoryStore};
use stubmart_ports::{
    calls::{Auth, CallError, Catalogue, Tickets as _},
    host::Host,
    store::{DocKey, Found, FoundKey, HistoryCursor, Save, Scan, Store, StoreError, Stored},
};
use stubmart_suite::host::{self, ManualClock, START};
use stubmart_tickets::{Config, Deps, Tickets, ticket::TICKETS};
use tokio::sync::Notify;
use uuid::Uuid;

pub(crate) static CONTEXT: Context = Context::of(Actor::System);
pub(crate) const SELLER: UserId = UserId(Uuid::from_u128(1));
pub(crate) const OTHER: UserId = UserId(Uuid::from_u128(2));
pub(crate) const BUYER: UserId = UserId(Uuid::from_u128(3));
pub(crate) const HAMLET: EventId = EventId(Uuid::from_u128(11));
pub(crate) const FAUST: EventId = EventId(Uuid::from_u128(12));

/// What instances share.
pub(crate) struct World {
    pub(crate) store: CountingStore,
    pub(crate) host: Host,
    pub(crate) clock: ManualClock,
    pub(crate) catalogue: FakeCatalogue,
    pub(crate) auth: FakeAuth,
}

impl World {
    pub(crate) fn new() -> Self {
        let (host, clock) = host::manual(1);
        let (store, catalogue) = (CountingStore::default(), FakeCatalogue::default());
        catalogue.shows.lock().unwrap().extend([HAMLET, FAUST]);
        Self { store, host, clock, catalogue, auth: FakeAuth::default() }
    }

    pub(crate) fn start(&self) -> Tickets {
        self.start_with(FeeSchedule::default())
    }

    /// An instance whose operator takes these fees.
    pub(crate) fn start_with(&self, fees: FeeSchedule) -> Tickets {
        let deps = Deps {
            store: Arc::new(self.store.clone()),
            host: self.host.clone(),
            catalogue: Arc::new(self.catalogue.clone()),
            auth: Arc::new(self.auth.clone()),
            limits: Arc::new(MemoryRateLimits::new(self.host.clone())),
        };
        Tickets::new(deps, Config { fees, ..Config::default() })
    }

    pub(crate) async fn list(
        &self,
        tickets: &Tickets,
        seller: UserId,
        listing: CreateTicketRequest,
    ) -> TicketId {
        let id = TicketId(self.host.uuid());
        tickets.list_ticket(&CONTEXT, id, seller, listing).await.unwrap();
        id
    }

    /// Locks a ticket for a fresh order.
    pub(crate) async fn lock(
        &self,
        tickets: &Tickets,
        ticket_id: TicketId,
        until: Timestamp,
    ) -> OrderId {
        let order_id = OrderId(self.host.uuid());
        let request = LockRequest { ticket_id, order_id, buyer_id: BUYER, price: None, until };
        tickets.lock(&CONTEXT, request).await.unwrap().unwrap();
        order_id
    }

    pub(crate) async fn sell(&self, tickets: &Tickets, ticket_id: TicketId) {
        let order_id = self.lock(tickets, ticket_id, START).await;
        tickets.sell(&CONTEXT, ticket_id, order_id).await.unwrap();
    }
}

pub(crate) fn listing(event_id: Option<EventId>, quantity: u32, price: i64) -> CreateTicketRequest {
    CreateTicketRequest {
        title: "Stalls".to_owned(),
        price: Price::try_from(price).unwrap(),
        currency: None,
        event_id,
        section: None,
        row: None,
        seats: None,
        quantity: Some(quantity),
        delivery_kind: None,
        external_id: None,
    }
}

/// A show of three hours, sold in dollars.
pub(crate) fn show(id: EventId) -> ShowForListing {
    ShowForListing {
        id,
        name: "Hamlet".to_owned(),
        category: "Concerts".to_owned(),
        starts_at: START,
        ends_at: START.after(Duration::from_secs(3 * 3600)),
        status: EventStatus::Scheduled,
        currency: Currency::USD,
        performers: Vec::new(),
    }
}

/// The shows there are, and what was said to have changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeCatalogue {
    pub(crate) shows: Arc<Mutex<BTreeSet<EventId>>>,
    /// What is otherwise of some of them.
    pub(crate) otherwise: Arc<Mutex<BTreeMap<EventId, ShowForListing>>>,
    pub(crate) changes: Arc<Mutex<Vec<Listing>>>,
    /// Set where it does not answer.
    pub(crate) is_down: Arc<Mutex<bool>>,
}

#[async_trait]
impl Catalogue for FakeCatalogue {
    async fn show(&self, _: &Context, id: EventId) -> Result<Option<ShowForListing>, CallError> {
        if *self.is_down.lock().unwrap() {
            return Err(CallError("it is down".into()));
        }
        let is_there = self.shows.lock().unwrap().contains(&id);
        let otherwise = self.otherwise.lock().unwrap().get(&id).cloned();
        Ok(is_there.then(|| otherwise.unwrap_or_else(|| show(id))))
    }

    /// A show is called as its id, at the venue `Globe`; there are two at the venue `Twice`.
    async fn show_by_name(
        &self,
        context: &Context,
        asked: ShowByName,
    ) -> Result<Result<ShowForListing, NotFoundByName>, CallError> {
        match (asked.name.parse(), asked.venue.as_str()) {
            (_, "Twice") => Ok(Err(NotFoundByName::Several)),
            (Ok(id), "Globe") => Ok(self.show(context, id).await?.ok_or(NotFoundByName::Unknown)),
            _ => Ok(Err(NotFoundByName::Unknown)),
        }
    }

    async fn listing_changed(&self, _: &Context, listing: Listing) -> Result<(), CallError> {
        if *self.is_down.lock().unwrap() {
            return Err(CallError("it is down".into()));
        }
        self.changes.lock().unwrap().push(listing);
        Ok(())
    }
}

/// The accounts there are, and how often they were asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeAuth {
    pub(crate) profiles: Arc<Mutex<BTreeMap<UserId, Profile>>>,
    /// Set where it does not answer.
    pub(crate) is_down: Arc<AtomicBool>,
    pub(crate) asked: Arc<AtomicUsize>,
}

impl FakeAuth {
    /// The account is so from now on.
    pub(crate) fn opens(&self, user: UserId, version: u64, name: &str) {
        let name = Some(name.to_owned());
        let profile = Profile { version, name, since: START, email_verified: true };
        self.profiles.lock().unwrap().insert(user, profile);
    }
}

#[async_trait]
impl Auth for FakeAuth {
    async fn introspect(&self, _: &Context, _: &str) -> Result<Option<Identity>, CallError> {
        Ok(None)
    }

    async fn recipient(&self, _: &Context, _: UserId) -> Result<Option<Recipient>, CallError> {
        Ok(None)
    }

    async fn profile(&self, _: &Context, id: UserId) -> Result<Option<Profile>, CallError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.is_down.load(Ordering::SeqCst) {
            return Err(CallError("it is down".into()));
        }
        Ok(self.profiles.lock().unwrap().get(&id).cloned())
    }
}

/// A store that counts the documents and keys that scans find.
#[derive(Debug, Clone, Default)]
pub(crate) struct CountingStore {
    inner: MemoryStore,
    found: Arc<AtomicUsize>,
    asleep: Arc<Mutex<Option<Arc<Notify>>>>,
    fails: Arc<AtomicBool>,
}

impl CountingStore {
    /// How many documents and keys were found since the last time.
    pub(crate) fn take_found(&self) -> usize {
        self.found.swap(0, Ordering::SeqCst)
    }

    /// The next save of a ticket sleeps until it is woken.
    pub(crate) fn put_next_save_to_sleep(&self) -> Arc<Notify> {
        let wake = Arc::new(Notify::new());
        *self.asleep.lock().unwrap() = Some(Arc::clone(&wake));
        wake
    }

    /// Waits until a save sleeps.
    pub(crate) async fn until_asleep(&self) {
        while self.asleep.lock().unwrap().is_some() {
            tokio::task::yield_now().await;
        }
    }

    /// The next save of a ticket fails.
    pub(crate) fn fail_next_save(&self) {
        self.fails.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl Store for CountingStore {
    async fn load(&self, key: DocKey) -> Result<Option<Stored>, StoreError> {
        self.inner.load(key).await
    }

    async fn save(&self, save: Arc<Save>) -> Result<u64, StoreError> {
        if save.key.collection.name == TICKETS.name {
            let wake = self.asleep.lock().unwrap().take();
            if let Some(wake) = wake {
                wake.notified().await;
            }
            if self.fails.swap(false, Ordering::SeqCst) {
                return Err(StoreError::Unavailable("the disk is full".into()));
            }
        }
        self.inner.save(save).await
    }

    async fn delete(&self, key: DocKey, revision: u64) -> Result<(), StoreError> {
        self.inner.delete(key, revision).await
    }

    async fn find(&self, scan: Scan) -> Result<Vec<Found>, StoreError> {
        let found = self.inner.find(scan).await?;
        self.found.fetch_add(found.len(), Ordering::SeqCst);
        Ok(found)
    }

    async fn keys(&self, scan: Scan) -> Result<Vec<FoundKey>, StoreError> {
        let found = self.inner.keys(scan).await?;
        self.found.fetch_add(found.len(), Ordering::SeqCst);
        Ok(found)
    }

    async fn history(
        &self,
        service: &'static str,
        after: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<Vec<Arc<stubmart_contract::Envelope>>, StoreError> {
        self.inner.history(service, after, limit).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }
}
