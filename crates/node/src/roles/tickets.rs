//! Tickets: listings and the lock.

use std::sync::Arc;

use stubmart_http_kit::SessionGate;
use stubmart_ports::calls::{Auth, Catalogue};
use stubmart_tickets::{Config, Deps, Tickets};

use crate::{engines::Engines, role::Role};

/// Starts tickets, which asks `catalogue` for shows and `auth` for what may be shown of sellers. `gate` tells whose token a request carries.
#[must_use]
pub fn start(
    engines: &Engines,
    config: Config,
    gate: SessionGate,
    catalogue: Arc<dyn Catalogue>,
    auth: Arc<dyn Auth>,
) -> Role<Tickets> {
    let (store, host) = (Arc::clone(&engines.stores.tickets), engines.host.clone());
    let limits = Arc::clone(&engines.limits);
    let deps = Deps { store, host, catalogue, auth, limits };
    let service = Tickets::new(deps, config);
    Role {
        router: Box::new(service.router(gate)),
        handlers: service.handlers(),
        workers: service.workers(),
        service,
    }
}
