//! Expiration: checkout timers.

use std::sync::Arc;

use stubmart_expiration::{Deps, Expiration};
use stubmart_ports::calls::{Orders, Tickets};

use crate::{engines::Engines, role::Role};

/// Starts expiration, which has no routes. It expires `orders` whose locks' time is up, and asks `tickets`
/// which locks are overdue.
#[must_use]
pub fn start(
    engines: &Engines,
    orders: Arc<dyn Orders>,
    tickets: Arc<dyn Tickets>,
) -> Role<Expiration> {
    let service = Expiration::new(Deps {
        timers: Arc::clone(&engines.timers),
        orders,
        tickets,
        host: engines.host.clone(),
    });
    Role {
        router: Box::default(),
        handlers: service.handlers(),
        workers: service.workers(),
        service,
    }
}
