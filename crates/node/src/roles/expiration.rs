//! Expiration: checkout timers.

use std::sync::Arc;

use stubmart_expiration::{Deps, Expiration};

use crate::{engines::Engines, role::Role};

/// Starts expiration, which has no routes.
#[must_use]
pub fn start(engines: &Engines) -> Role<Expiration> {
    let service = Expiration::new(Deps {
        bus: Arc::clone(&engines.bus),
        timers: Arc::clone(&engines.timers),
        host: engines.host.clone(),
    });
    Role {
        router: Box::default(),
        handlers: service.handlers(),
        workers: service.workers(),
        service,
    }
}
