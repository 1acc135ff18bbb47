//! The service's dependencies and state, which all use cases share.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Duration,
};

use stubmart_contract::UserId;
use stubmart_kernel::{
    Repository,
    aggregate::Collection,
    idempotency::{self, Idempotency},
    limited::{Creations, Limited},
    worker::{Shutdown, Wake},
};
use stubmart_ports::{
    Cause, bus::Bus, calls::Tickets, host::Host, limits::RateLimits, store::Store,
};
use tokio::sync::OnceCell;

use crate::{
    cache::OfferCache,
    feed::Feed,
    search::Search,
    show::{FORMER_SHOWS, SHOWS, Show},
    shows::{Seen, Shows},
    stored::{OFFERS, PROGRESS, Progress, StoredOffers},
};

/// The service's name.
pub const SERVICE: &str = "catalogue";

static IDEMPOTENCY: Collection =
    Collection { name: "catalogue.idempotency", indexes: idempotency::INDEXES };

/// All that the service keeps.
pub const COLLECTIONS: &[&Collection] = &[&SHOWS, &OFFERS, &PROGRESS, &IDEMPOTENCY];

/// The service's dependencies.
#[derive(Clone)]
pub struct Deps {
    /// Its documents.
    pub store: Arc<dyn Store>,
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// The machine.
    pub host: Host,
    /// The tickets service.
    pub tickets: Arc<dyn Tickets>,
    /// Counts what is added.
    pub limits: Arc<dyn RateLimits>,
    /// Ends its streams.
    pub shutdown: Shutdown,
}

/// The operator's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// How often a stream says that it is alive.
    pub keep_alive: Duration,
    /// How often offers that changed are saved. A start reads the events of this time again.
    pub save_every: Duration,
    /// Where people reach the market, without a slash at the end; links are relative where it is empty.
    pub public_url: String,
    /// How many events a new account may add in a day.
    pub max_new_events: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            keep_alive: Duration::from_secs(15),
            save_every: Duration::from_secs(10),
            public_url: String::new(),
            max_new_events: 20,
        }
    }
}

/// The catalogue service.
#[derive(Clone)]
pub struct Catalogue(Arc<Inner>);

struct Inner {
    shows: Repository<Show>,
    former_shows: Repository<Show>,
    stored_offers: Repository<StoredOffers>,
    progress: Repository<Progress>,
    idempotency: Idempotency,
    /// Set when everything below has been loaded.
    is_loaded: OnceCell<()>,
    listed: RwLock<Shows>,
    /// Locked before `listed` where both are.
    offers: Mutex<OfferCache>,
    search: Arc<Search>,
    feed: Arc<Feed>,
    save: Wake,
    tickets: Arc<dyn Tickets>,
    bus: Arc<dyn Bus>,
    host: Host,
    limits: Arc<dyn RateLimits>,
    shutdown: Shutdown,
    config: Config,
}

impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalogue").finish_non_exhaustive()
    }
}

impl Catalogue {
    /// The service on `deps`. It loads its read model when it is first asked or when its workers begin.
    ///
    /// # Errors
    /// The cause, when the search engine does not start.
    pub fn new(deps: Deps, config: Config) -> Result<Self, Cause> {
        let Deps { store, bus, host, tickets, limits, shutdown } = deps;
        Ok(Self(Arc::new(Inner {
            shows: Repository::new(&SHOWS, Arc::clone(&store), host.clone()),
            former_shows: Repository::new(&FORMER_SHOWS, Arc::clone(&store), host.clone()),
            stored_offers: Repository::new(&OFFERS, Arc::clone(&store), host.clone()),
            progress: Repository::new(&PROGRESS, Arc::clone(&store), host.clone()),
            idempotency: Idempotency::new(&IDEMPOTENCY, store, host.clone()),
            is_loaded: OnceCell::new(),
            listed: RwLock::default(),
            offers: Mutex::default(),
            search: Arc::new(Search::new()?),
            feed: Arc::default(),
            save: Wake::default(),
            tickets,
            bus,
            host,
            limits,
            shutdown,
            config,
        })))
    }

    /// Counts an event that a user is about to add.
    ///
    /// # Errors
    /// [`Limited`]: it may not be added.
    pub(crate) async fn count_event(
        &self,
        user: UserId,
        is_established: bool,
    ) -> Result<(), Limited> {
        let most_of_new = self.0.config.max_new_events;
        let events = Creations { what: "catalogue.added", most_of_new };
        events.count(&*self.0.limits, user, is_established, 1).await
    }

    pub(crate) fn shows(&self) -> &Repository<Show> {
        &self.0.shows
    }

    pub(crate) fn former_shows(&self) -> &Repository<Show> {
        &self.0.former_shows
    }

    pub(crate) fn stored_offers(&self) -> &Repository<StoredOffers> {
        &self.0.stored_offers
    }

    pub(crate) fn progress(&self) -> &Repository<Progress> {
        &self.0.progress
    }

    pub(crate) fn idempotency(&self) -> &Idempotency {
        &self.0.idempotency
    }

    pub(crate) fn is_loaded(&self) -> &OnceCell<()> {
        &self.0.is_loaded
    }

    pub(crate) fn listed(&self) -> RwLockReadGuard<'_, Shows> {
        self.0.listed.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn listed_mut(&self) -> RwLockWriteGuard<'_, Shows> {
        self.0.listed.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The offers in memory. To be locked before [`Self::listed`] where both are.
    pub(crate) fn offers(&self) -> MutexGuard<'_, OfferCache> {
        self.0.offers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How shows are seen now.
    pub(crate) fn seen(&self) -> Seen<'_> {
        Seen { now: self.host().now(), public_url: &self.0.config.public_url }
    }

    pub(crate) fn search(&self) -> &Arc<Search> {
        &self.0.search
    }

    pub(crate) fn feed(&self) -> &Arc<Feed> {
        &self.0.feed
    }

    /// Wakes the worker that saves offers.
    pub(crate) fn save(&self) -> &Wake {
        &self.0.save
    }

    pub(crate) fn tickets(&self) -> &dyn Tickets {
        &*self.0.tickets
    }

    pub(crate) fn bus(&self) -> &dyn Bus {
        &*self.0.bus
    }

    pub(crate) fn host(&self) -> &Host {
        &self.0.host
    }

    pub(crate) fn shutdown(&self) -> &Shutdown {
        &self.0.shutdown
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }
}
