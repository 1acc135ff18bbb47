//! Orders: checkouts.

use std::sync::Arc;

use stubmart_http_kit::SessionGate;
use stubmart_orders::{Config, Deps, Orders};
use stubmart_ports::calls::Tickets;

use crate::{engines::Engines, role::Role};

/// Starts orders, which locks, releases and sells `tickets`. `gate` tells whose token a request carries.
#[must_use]
pub fn start(
    engines: &Engines,
    config: Config,
    gate: SessionGate,
    tickets: Arc<dyn Tickets>,
) -> Role<Orders> {
    let deps = Deps {
        store: Arc::clone(&engines.stores.orders),
        host: engines.host.clone(),
        tickets,
        limits: Arc::clone(&engines.limits),
    };
    let service = Orders::new(deps, config);
    Role {
        router: Box::new(service.router(gate)),
        handlers: service.handlers(),
        workers: service.workers(),
        service,
    }
}
