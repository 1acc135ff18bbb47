//! The expiration service: watches every lock from the moment it is taken and ends it in time.
//!
//! A timer is armed for the lock, not for the order, so that a lock whose order was never saved is
//! ended too. When it is due, orders is asked to expire the order, until it answers. Timers can be lost,
//! and so can the event that would have armed one; the locks themselves are not: a sweep asks tickets
//! which of them outlived their time.

pub mod arm;

mod fire;
mod service;
mod sweep;

use std::sync::Arc;

use stubmart_kernel::{consumer::Handler, worker::Worker};

pub use service::{Deps, Expiration, SERVICE};

impl Expiration {
    /// Its consumers.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        vec![Arc::new(arm::Locks(self.clone()))]
    }

    /// Its workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        vec![
            Arc::new(fire::DueTimers(self.clone())),
            Arc::new(sweep::OverdueLocks::new(self.clone())),
        ]
    }
}
