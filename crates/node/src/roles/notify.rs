//! Notify: mails about what users buy and sell.

use std::sync::Arc;

use stubmart_notify::{Config, Deps, Notify};
use stubmart_ports::calls::{Auth, Catalogue};

use crate::{engines::Engines, role::Role};

/// Starts notify, which has no routes. It asks `auth` where a user is written to and `catalogue` when a show
/// begins.
#[must_use]
pub fn start(
    engines: &Engines,
    config: Config,
    auth: Arc<dyn Auth>,
    catalogue: Arc<dyn Catalogue>,
) -> Role<Notify> {
    let deps = Deps {
        store: Arc::clone(&engines.stores.notify),
        host: engines.host.clone(),
        auth,
        catalogue,
        mailer: Arc::clone(&engines.mailer),
    };
    let service = Notify::new(deps, config);
    Role {
        router: Box::default(),
        handlers: service.handlers(),
        workers: service.workers(),
        service,
    }
}
