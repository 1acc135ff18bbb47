//! Delivery: the ticket comes to its buyer.

use std::sync::Arc;

use stubmart_delivery::{Deliveries, Deps};
use stubmart_http_kit::SessionGate;
use stubmart_ports::calls::{Auth, Catalogue, Orders, Tickets};

use crate::{engines::Engines, role::Role};

/// The services that delivery calls.
pub struct Others {
    /// Knows where a buyer is written to.
    pub auth: Arc<dyn Auth>,
    /// Knows which orders are completed.
    pub orders: Arc<dyn Orders>,
    /// Knows what was sold.
    pub tickets: Arc<dyn Tickets>,
    /// Knows when a show takes place.
    pub catalogue: Arc<dyn Catalogue>,
}

impl std::fmt::Debug for Others {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Others").finish_non_exhaustive()
    }
}

/// Starts delivery. `gate` tells whose token a request carries.
#[must_use]
pub fn start(engines: &Engines, gate: SessionGate, others: Others) -> Role<Deliveries> {
    let Others { auth, orders, tickets, catalogue } = others;
    let service = Deliveries::new(Deps {
        store: Arc::clone(&engines.stores.delivery),
        host: engines.host.clone(),
        blobs: Arc::clone(&engines.blobs),
        keys: Arc::clone(&engines.keys),
        reader: Arc::clone(&engines.reader),
        limits: Arc::clone(&engines.limits),
        auth,
        orders,
        tickets,
        catalogue,
    });
    Role {
        router: Box::new(service.router(gate)),
        handlers: service.handlers(),
        workers: service.workers(),
        service,
    }
}
