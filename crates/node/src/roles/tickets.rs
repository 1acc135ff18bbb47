//! Tickets: listings and the lock.

use std::sync::Arc;

use stubmart_http_kit::SessionGate;
use stubmart_ports::calls::Catalogue;
use stubmart_tickets::{Config, Deps, Tickets};

use crate::{engines::Engines, role::Role};

/// Starts tickets, which asks `catalogue` for shows. `gate` tells whose token a request carries.
#[must_use]
pub fn start(
    engines: &Engines,
    config: Config,
    gate: SessionGate,
    catalogue: Arc<dyn Catalogue>,
) -> Role<Tickets> {
    let deps =
        Deps { store: Arc::clone(&engines.stores.tickets), host: engines.host.clone(), catalogue };
    let service = Tickets::new(deps, config);
    Role {
        router: Box::new(service.router(gate)),
        handlers: service.handlers(),
        workers: service.workers(),
        service,
    }
}
