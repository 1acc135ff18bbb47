//! Tickets: listings and the lock.

use std::sync::Arc;

use stubmart_http_kit::SessionGate;
use stubmart_kernel::worker::Shutdown;
use stubmart_ports::Cause;
use stubmart_tickets::{Config, Deps, Tickets};

use crate::{engines::Engines, role::Role};

/// Starts tickets. `gate` tells whose token a request carries; the shutdown ends its streams.
///
/// # Errors
/// The cause: the store or the bus cannot be read.
pub async fn start(
    engines: &Engines,
    config: Config,
    shutdown: &Shutdown,
    gate: SessionGate,
) -> Result<Role<Tickets>, Cause> {
    let deps = Deps {
        store: Arc::clone(&engines.stores.tickets),
        bus: Arc::clone(&engines.bus),
        host: engines.host.clone(),
        outbox: engines.outbox.clone(),
        shutdown: shutdown.clone(),
    };
    let service = Tickets::start(deps, config).await?;
    Ok(Role {
        router: Box::new(service.router(gate)),
        handlers: service.handlers(),
        workers: service.workers(),
        service,
    })
}
