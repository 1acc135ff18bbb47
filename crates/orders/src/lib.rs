//! The orders service: starts a checkout, and decides how it ends.

pub mod inbound;
pub mod order;

mod http;
mod leave;
mod list;
mod place;
mod secure;
mod settle;

use std::{sync::Arc, time::Duration};

use stubmart_contract::{EventType, Timestamp};
use stubmart_http_kit::{Idempotency, SessionGate, idempotency};
use stubmart_kernel::{
    consumer::Handler,
    departed::{self, Departed},
    echo::Echo,
    repo::Repo,
    worker::{Shutdown, Wake, Worker},
};
use stubmart_ports::{
    Cause,
    bus::Bus,
    calls::LockTickets,
    host::Host,
    store::{Collection, Store},
};
use utoipa_axum::router::OpenApiRouter;

use crate::order::Order;

/// The service's name.
pub const SERVICE: &str = "orders";

static IDEMPOTENCY: Collection =
    Collection { name: "orders.idempotency", indexes: idempotency::INDEXES };

static DEPARTED: Collection = Collection { name: "orders.departed", indexes: &[] };

/// All that the service keeps.
pub const COLLECTIONS: &[&Collection] = &[&order::ORDERS, &IDEMPOTENCY, &DEPARTED];

/// Marks the service's own records and marks.
#[derive(Debug)]
struct Keeper;

impl idempotency::Keeper for Keeper {
    const COLLECTION: &'static Collection = &IDEMPOTENCY;
}

impl departed::Keeper for Keeper {
    const COLLECTION: &'static Collection = &DEPARTED;
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
    /// The tickets service.
    pub tickets: Arc<dyn LockTickets>,
    /// Ends its workers.
    pub shutdown: Shutdown,
}

/// What an operator may set.
#[derive(Debug, Clone)]
pub struct Config {
    /// How long a checkout holds its ticket.
    pub hold: Duration,
    /// How long after its page was closed a checkout is left.
    pub leave_grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { hold: Duration::from_secs(15 * 60), leave_grace: Duration::from_secs(20) }
    }
}

/// The orders service.
#[derive(Clone)]
pub struct Orders(Arc<Inner>);

struct Inner {
    orders: Repo<Order>,
    departed: Departed<Keeper>,
    idempotency: Idempotency<Keeper>,
    tickets: Arc<dyn LockTickets>,
    bus: Arc<dyn Bus>,
    echo: Echo,
    starts_behind: u64,
    leaving: Wake,
    host: Host,
    shutdown: Shutdown,
    config: Config,
}

impl std::fmt::Debug for Orders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Orders").finish_non_exhaustive()
    }
}

impl Orders {
    /// Starts the service.
    ///
    /// # Errors
    /// The cause, when the bus can not be reached.
    pub async fn start(deps: Deps, config: Config) -> Result<Self, Cause> {
        Ok(Self(Arc::new(Inner {
            orders: Repo::new(Arc::clone(&deps.store), deps.host.clone(), deps.outbox),
            departed: Departed::new(Arc::clone(&deps.store), deps.host.clone()),
            idempotency: Idempotency::new(deps.store, deps.host.clone()),
            tickets: deps.tickets,
            starts_behind: deps.bus.position().await?,
            bus: deps.bus,
            echo: Echo::new(deps.host.clone()),
            leaving: Wake::default(),
            host: deps.host,
            shutdown: deps.shutdown,
            config,
        })))
    }

    fn now(&self) -> Timestamp {
        self.0.host.now()
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
            Arc::new(inbound::Locks(self.clone())),
            Arc::new(inbound::Charges(self.clone())),
            Arc::new(inbound::Users(self.clone())),
        ]
    }

    /// Its workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        const ECHOED: &[EventType] = &[EventType::TicketUpdated, EventType::TicketDeleted];
        let it = &self.0;
        let echo =
            it.echo.worker(Arc::clone(&it.bus), ECHOED, it.starts_behind, it.shutdown.clone());
        vec![echo, Arc::new(leave::Closed(self.clone())), Arc::new(it.idempotency.purge())]
    }
}
