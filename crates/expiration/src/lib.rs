//! The expiration service: watches every lock from the moment it is taken and ends it in time.
//!
//! A timer is armed for the lock, not for the order, so that a lock whose order was never saved is
//! ended too. When it is due, `ORDER_EXPIRED` is published; what that means is for orders to decide. A
//! timer that was lost is armed again when tickets announces the overdue lock anew.

pub mod arm;
mod fire;

use std::sync::Arc;

use stubmart_kernel::{
    consumer::Handler,
    worker::{Wake, Worker},
};
use stubmart_ports::{bus::Bus, host::Host, timers::Timers};

/// The service's name.
pub const SERVICE: &str = "expiration";

/// What the service stands on.
#[derive(Clone)]
pub struct Deps {
    /// The bus.
    pub bus: Arc<dyn Bus>,
    /// The timers.
    pub timers: Arc<dyn Timers>,
    /// The machine.
    pub host: Host,
}

/// The expiration service.
#[derive(Clone)]
pub struct Expiration {
    deps: Deps,
    armed: Wake,
}

impl std::fmt::Debug for Expiration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Expiration").finish_non_exhaustive()
    }
}

impl Expiration {
    /// The service on `deps`.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        Self { deps, armed: Wake::default() }
    }

    /// Its consumers.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        vec![Arc::new(arm::Locks(self.clone()))]
    }

    /// Its workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        vec![Arc::new(fire::Due(self.clone()))]
    }
}
