//! Catalogue: what is on and what is on offer.

use std::sync::Arc;

use stubmart_catalogue::{Catalogue, Config, Deps};
use stubmart_http_kit::SessionGate;
use stubmart_kernel::worker::Shutdown;
use stubmart_ports::{Cause, calls::Tickets};

use crate::{engines::Engines, role::Role};

/// Starts catalogue, which asks `tickets` for listings as they are now. `gate` tells whose token a request
/// carries; the shutdown ends its streams.
///
/// # Errors
/// The cause: the search engine does not start.
pub fn start(
    engines: &Engines,
    config: Config,
    shutdown: &Shutdown,
    gate: SessionGate,
    tickets: Arc<dyn Tickets>,
) -> Result<Role<Catalogue>, Cause> {
    let deps = Deps {
        store: Arc::clone(&engines.stores.catalogue),
        bus: Arc::clone(&engines.bus),
        host: engines.host.clone(),
        tickets,
        limits: Arc::clone(&engines.limits),
        shutdown: shutdown.clone(),
    };
    let service = Catalogue::new(deps, config)?;
    Ok(Role {
        router: Box::new(service.router(gate)),
        handlers: Vec::new(),
        workers: service.workers(),
        service,
    })
}
