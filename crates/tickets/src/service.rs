//! What all use cases of the service stand on.

use std::{fmt, sync::Arc, time::Duration};

use stubmart_contract::{Context, EventId, TicketId, Timestamp};
use stubmart_http_kit::{Idempotency, idempotency};
use stubmart_kernel::{
    Applied, ApplyError, Repository, RepositoryError, Versioned,
    aggregate::Collection,
    deleted_users::DeletedUsers,
    repo::Repo,
    worker::{Shutdown, Wake},
};
use stubmart_ports::{Cause, bus::Bus, host::Host, store::Store};

use crate::{
    catalogue::{Catalogue, Standing},
    feed::Feed,
    pages::Pages,
    show::{SHOWS, Show},
    start,
    ticket::{Command, Refusal, TICKETS, Ticket},
};

/// The service's name.
pub const SERVICE: &str = "tickets";

static IDEMPOTENCY: Collection =
    Collection { name: "tickets.idempotency", indexes: idempotency::INDEXES };

static DELETED_USERS: Collection = Collection { name: "tickets.departed", indexes: &[] };

/// All that the service keeps.
pub const COLLECTIONS: &[&Collection] = &[&TICKETS, &SHOWS, &DELETED_USERS, &IDEMPOTENCY];

/// Marks the service's idempotency records.
#[derive(Debug)]
pub(crate) struct Keeper;

impl idempotency::Keeper for Keeper {
    const COLLECTION: &'static Collection = &IDEMPOTENCY;
}

/// What the service stands on.
#[derive(Clone)]
pub struct Deps {
    /// Its documents.
    pub store: Arc<dyn Store>,
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// The machine.
    pub host: Host,
    /// Wakes its relay.
    pub outbox: Wake,
    /// Ends its streams.
    pub shutdown: Shutdown,
}

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Config {
    /// How often a stream says that it is alive.
    pub keep_alive: Duration,
    /// How often shows that another instance added are looked for.
    pub new_shows_every: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { keep_alive: Duration::from_secs(15), new_shows_every: Duration::from_secs(2) }
    }
}

/// The tickets service.
#[derive(Clone)]
pub struct Tickets(Arc<Inner>);

struct Inner {
    tickets: Repository<Ticket>,
    shows: Repo<Show>,
    deleted_users: DeletedUsers,
    idempotency: Idempotency<Keeper>,
    catalogue: Catalogue,
    /// When the start began to read the shows.
    shows_read_at: Timestamp,
    feed: Feed,
    pages: Pages,
    bus: Arc<dyn Bus>,
    host: Host,
    shutdown: Shutdown,
    config: Config,
}

impl fmt::Debug for Tickets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl Tickets {
    /// Starts the service: reads what is on offer.
    ///
    /// # Errors
    /// The cause, when the store or the bus cannot be read.
    pub async fn start(deps: Deps, config: Config) -> Result<Self, Cause> {
        let Deps { store, bus, host, outbox, shutdown } = deps;
        let tickets = Repository::new(&TICKETS, Arc::clone(&store), host.clone());
        let shows = Repo::new(Arc::clone(&store), host.clone(), outbox);
        // The feed begins where the bus is before anything is read, so that no change falls between.
        let feed = Feed::new(bus.position().await?);
        let shows_read_at = host.now();
        let catalogue = start::read(&shows, &tickets).await?;
        Ok(Self(Arc::new(Inner {
            tickets,
            shows,
            deleted_users: DeletedUsers::new(&DELETED_USERS, Arc::clone(&store), host.clone()),
            idempotency: Idempotency::new(store, host.clone()),
            catalogue,
            shows_read_at,
            feed,
            pages: Pages::default(),
            bus,
            host,
            shutdown,
            config,
        })))
    }

    pub(crate) fn repository(&self) -> &Repository<Ticket> {
        &self.0.tickets
    }

    pub(crate) fn shows(&self) -> &Repo<Show> {
        &self.0.shows
    }

    pub(crate) fn deleted_users(&self) -> &DeletedUsers {
        &self.0.deleted_users
    }

    pub(crate) fn idempotency(&self) -> &Idempotency<Keeper> {
        &self.0.idempotency
    }

    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.0.catalogue
    }

    pub(crate) fn shows_read_at(&self) -> Timestamp {
        self.0.shows_read_at
    }

    pub(crate) fn feed(&self) -> &Feed {
        &self.0.feed
    }

    pub(crate) fn pages(&self) -> &Pages {
        &self.0.pages
    }

    pub(crate) fn bus(&self) -> &Arc<dyn Bus> {
        &self.0.bus
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

    /// A number that is another after each change of an event's tickets that this instance knows of.
    pub(crate) fn revision(&self, event_id: EventId) -> Option<u64> {
        self.0.catalogue.revision(event_id)
    }

    /// Tells the catalogue of this instance what a save has changed.
    pub(crate) fn learn(&self, ticket: &Versioned<Ticket>) {
        let Ticket { id, event_id, price, status, .. } = ticket.state;
        let version = ticket.version;
        self.0.catalogue.apply(&Standing { ticket: id, version, event_id, price, status });
    }

    /// Applies a command to a ticket.
    ///
    /// # Errors
    /// As [`Repository::apply`].
    pub(crate) async fn apply(
        &self,
        context: &Context,
        id: TicketId,
        command: &Command,
    ) -> Result<Applied<Ticket>, ApplyError<Refusal>> {
        let applied = self.0.tickets.apply(context, id, command).await?;
        self.learn(&applied.after);
        Ok(applied)
    }

    /// As [`Self::apply`], for a command that is as good as done when the ticket refuses it: nobody
    /// waits for an answer.
    ///
    /// # Errors
    /// [`RepositoryError`]: the command may be applied.
    pub(crate) async fn apply_if_possible(
        &self,
        context: &Context,
        id: TicketId,
        command: &Command,
    ) -> Result<(), RepositoryError> {
        match self.apply(context, id, command).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }
}
