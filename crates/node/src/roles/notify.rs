//! Notify: mails and webhooks about what users buy and sell.

use std::sync::Arc;

use stubmart_http_kit::SessionGate;
use stubmart_notify::{Config, Deps, Notify};
use stubmart_ports::calls::{Auth, Catalogue};

use crate::{engines::Engines, role::Role};

/// Starts notify. It asks `auth` where a user is written to and `catalogue` when a show begins. `gate` tells
/// whose token a request carries.
#[must_use]
pub fn start(
    engines: &Engines,
    config: Config,
    gate: SessionGate,
    auth: Arc<dyn Auth>,
    catalogue: Arc<dyn Catalogue>,
) -> Role<Notify> {
    let deps = Deps {
        store: Arc::clone(&engines.stores.notify),
        host: engines.host.clone(),
        auth,
        catalogue,
        mailer: Arc::clone(&engines.mailer),
        outbound: Arc::clone(&engines.outbound),
    };
    let service = Notify::new(deps, config);
    Role {
        router: Box::new(service.router(gate)),
        handlers: service.handlers(),
        workers: service.workers(),
        service,
    }
}
