//! The tickets service: the catalogue of shows, the listings, and the lock that a checkout holds.

pub mod catalogue;
pub mod departed;
pub mod feed;
pub mod inbound;
pub mod show;
pub mod ticket;

mod announce;
mod edit;
mod http;
mod list;
mod lock;
mod pages;
mod release;
mod search;
mod shows;
mod start;
mod stream;

use std::{sync::Arc, time::Duration};

use stubmart_contract::{EventId, Timestamp};
use stubmart_http_kit::{Idempotency, SessionGate, idempotency};
use stubmart_kernel::{
    consumer::Handler,
    departed::Departed,
    repo::Repo,
    worker::{Shutdown, Wake, Worker},
};
use stubmart_ports::{
    bus::Bus,
    host::Host,
    store::{Collection, Store},
};
use utoipa_axum::router::OpenApiRouter;

use crate::{catalogue::Catalogue, feed::Feed, pages::Pages, show::Show, ticket::Ticket};

pub use edit::NewTicket;
pub use list::{Sort, TicketQuery};
pub use shows::NewShow;

/// The service's name.
pub const SERVICE: &str = "tickets";

static IDEMPOTENCY: Collection =
    Collection { name: "tickets.idempotency", indexes: idempotency::INDEXES };

/// All that the service keeps.
pub const COLLECTIONS: &[&Collection] =
    &[&ticket::TICKETS, &show::SHOWS, &departed::DEPARTED, &IDEMPOTENCY];

/// Marks the service's idempotency records.
#[derive(Debug)]
struct Keeper;

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
    /// A lock that is still held so long after its time is announced anew, in case its timer was lost.
    pub overdue_after: Duration,
    /// How often a stream says that it is alive.
    pub keep_alive: Duration,
    /// How often shows that another instance added are looked for.
    pub new_shows_every: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            overdue_after: Duration::from_secs(10),
            keep_alive: Duration::from_secs(15),
            new_shows_every: Duration::from_secs(2),
        }
    }
}

/// The tickets service.
#[derive(Clone)]
pub struct Tickets(Arc<Inner>);

struct Inner {
    tickets: Repo<Ticket>,
    shows: Repo<Show>,
    departed: Departed<departed::Keeper>,
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

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tickets").finish_non_exhaustive()
    }
}

impl Tickets {
    fn pages(&self) -> &Pages {
        &self.0.pages
    }

    /// A number that is another after each change of an event's tickets that this instance knows of.
    fn revision(&self, event_id: EventId) -> Option<u64> {
        self.0.catalogue.revision(event_id)
    }

    fn idempotency(&self) -> &Idempotency<Keeper> {
        &self.0.idempotency
    }

    /// Its HTTP routes.
    pub fn router(&self, gate: SessionGate) -> OpenApiRouter {
        http::router(self.clone(), gate)
    }

    /// Its consumers.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        vec![
            Arc::new(inbound::Orders(self.clone())),
            Arc::new(inbound::Users(self.clone())),
            Arc::new(inbound::Listings(self.clone())),
        ]
    }

    /// Its workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        vec![
            Arc::new(self.follow()),
            Arc::new(announce::Overdue::new(self)),
            Arc::new(start::NewShows::new(self)),
            Arc::new(self.0.idempotency.purge()),
        ]
    }
}
