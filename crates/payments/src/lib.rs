//! Payments: charges, the payment provider, and what has to be given back.
//!
//! A charge is saved before the provider hears of it, the money is held before the order is asked,
//! and captured after the order has agreed. What stays open (no answer, a crash) is settled by asking
//! the provider and the order again; see [`charge`] for the rules.

pub mod charge;
pub mod inbound;

mod authenticate;
mod begin_intent;
mod http;
mod list;
mod orders;
mod pay;
mod provider;
mod receive_notice;
mod reconcile;
mod recover;
mod refund;
mod service;
mod settle;

use std::sync::Arc;

use stubmart_kernel::{consumer::Handler, due::Sweep, worker::Worker};

pub use charge::{CHARGES, Charge};
pub use service::{COLLECTIONS, Config, Deps, Payments, SERVICE};

impl Payments {
    /// Its consumers.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        vec![Arc::new(inbound::OrderCancelled(self.clone()))]
    }

    /// Its workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        let reconciler = Sweep::worker(reconcile::Reconciler(self.clone()), self.host().clone());
        let recovery = Arc::new(recover::Recovery::new(self.clone()));
        vec![reconciler, recovery, Arc::new(self.idempotency().purge())]
    }
}
