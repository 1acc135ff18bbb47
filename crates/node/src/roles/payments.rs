//! Payments: charges, and what sellers are paid.

use std::sync::Arc;

use stubmart_http_kit::SessionGate;
use stubmart_payments::{Config, Deps, Payments};
use stubmart_ports::calls::{Catalogue, Orders};

use crate::{engines::Engines, role::Role};

/// Starts payments, which secures and ends `orders` and asks `catalogue` when a show is over. `gate` tells whose token a request carries.
#[must_use]
pub fn start(
    engines: &Engines,
    config: Config,
    gate: SessionGate,
    orders: Arc<dyn Orders>,
    catalogue: Arc<dyn Catalogue>,
) -> Role<Payments> {
    let service = Payments::new(
        Deps {
            store: Arc::clone(&engines.stores.payments),
            host: engines.host.clone(),
            gateway: Arc::clone(&engines.provider.gateway),
            publishable_key: engines.provider.publishable_key.clone(),
            orders,
            catalogue,
            limits: Arc::clone(&engines.limits),
        },
        config,
    );
    let mut router = service.router(gate.clone());
    if let Some(bank) = &engines.provider.bank {
        router = router.merge(service.sandbox_router(gate, Arc::clone(bank)));
    }
    Role {
        router: Box::new(router),
        handlers: service.handlers(),
        workers: service.workers(),
        service,
    }
}
