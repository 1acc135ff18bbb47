//! Payments: charges, the payment provider, and refunds.
//!
//! The service saves a charge before it asks the provider, secures the order once the provider holds the
//! money, and captures the money once the order is secured. A charge whose outcome is not known (no
//! answer, a crash) stays open until the provider and the order have been asked again; [`charge`] has the
//! rules.

pub mod charge;
mod declines;
pub mod inbound;
pub mod ledger;
pub mod refund_order;

mod authenticate;
mod begin_intent;
mod catch_up;
mod http;
mod list;
mod notice;
mod orders;
mod pay;
mod post;
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
    /// The service's consumers.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        vec![
            Arc::new(inbound::OrderCancelled(self.clone())),
            Arc::new(inbound::Money(self.clone())),
            Arc::new(inbound::Undelivered(self.clone())),
            Arc::new(inbound::Claims(self.clone())),
        ]
    }

    /// The service's workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        let reconciler = Sweep::worker(reconcile::Reconciler(self.clone()), self.host().clone());
        let recovery = Arc::new(recover::Recovery::new(self.clone()));
        let notices = Sweep::worker(receive_notice::Notices(self.clone()), self.host().clone());
        let catch_up = Arc::new(catch_up::CatchUp(self.clone()));
        let purge = Arc::new(self.idempotency().purge());
        vec![reconciler, recovery, notices, catch_up, purge]
    }
}
