//! Notify: mails and webhooks about what users buy, sell and wait for.

use std::sync::Arc;

use stubmart_http_kit::SessionGate;
use stubmart_notify::{Config, Deps, Notify};
use stubmart_ports::calls::{Auth, Catalogue, Tickets};

use crate::{engines::Engines, role::Role};

/// The services that notify calls.
pub struct Others {
    /// Where a user is written to.
    pub auth: Arc<dyn Auth>,
    /// When a show begins, and who performs.
    pub catalogue: Arc<dyn Catalogue>,
    /// What can be bought.
    pub tickets: Arc<dyn Tickets>,
}

impl std::fmt::Debug for Others {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Others").finish_non_exhaustive()
    }
}

/// Starts notify. `gate` tells whose token a request carries.
#[must_use]
pub fn start(engines: &Engines, config: Config, gate: SessionGate, others: Others) -> Role<Notify> {
    let Others { auth, catalogue, tickets } = others;
    let deps = Deps {
        store: Arc::clone(&engines.stores.notify),
        host: engines.host.clone(),
        auth,
        catalogue,
        tickets,
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
