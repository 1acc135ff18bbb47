//! Orders: checkouts.

use std::sync::Arc;

use stubmart_http_kit::SessionGate;
use stubmart_kernel::worker::Shutdown;
use stubmart_orders::{Config, Deps, Orders};
use stubmart_ports::{Cause, calls::LockTickets};

use crate::{engines::Engines, role::Role};

/// Starts orders, which locks `tickets`. `gate` tells whose token a request carries.
///
/// # Errors
/// The cause: the bus cannot be reached.
pub async fn start(
    engines: &Engines,
    config: Config,
    shutdown: &Shutdown,
    gate: SessionGate,
    tickets: Arc<dyn LockTickets>,
) -> Result<Role<Orders>, Cause> {
    let deps = Deps {
        store: Arc::clone(&engines.stores.orders),
        bus: Arc::clone(&engines.bus),
        host: engines.host.clone(),
        outbox: engines.outbox.clone(),
        tickets,
        shutdown: shutdown.clone(),
    };
    let service = Orders::start(deps, config).await?;
    Ok(Role {
        router: Box::new(service.router(gate)),
        handlers: service.handlers(),
        workers: service.workers(),
        service,
    })
}
