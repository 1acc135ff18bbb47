//! Payments: charges, the payment provider, refunds, and what sellers are paid.
//!
//! The service saves a charge before it asks the provider, secures the order once the provider holds the
//! money, and captures the money once the order is secured. A charge whose outcome is not known (no
//! answer, a crash) stays open until the provider and the order have been asked again; [`charge`] has the
//! rules.
//!
//! What was captured for a completed order is a [`sale`]: its money is held for the seller, due some time after
//! the event, and paid with a [`payout`].

pub mod charge;
mod declines;
mod due_sales;
pub mod inbound;
pub mod ledger;
pub mod pay_out;
pub mod payout;
pub mod refund_order;
pub mod sale;

mod authenticate;
mod begin_intent;
mod calls;
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
mod record_sale;
mod recover;
mod refund;
mod seller_money;
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
            Arc::new(inbound::Sales(self.clone())),
            Arc::new(inbound::Deliveries(self.clone())),
            Arc::new(inbound::ClaimHolds(self.clone())),
            Arc::new(inbound::Shows(self.clone())),
            Arc::new(inbound::Payouts(self.clone())),
        ]
    }

    /// The service's workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        let reconciler = Sweep::worker(reconcile::Reconciler(self.clone()), self.host().clone());
        let recovery = Arc::new(recover::Recovery::new(self.clone()));
        let notices = Sweep::worker(receive_notice::Notices(self.clone()), self.host().clone());
        let due_sales = Sweep::worker(due_sales::DueSales(self.clone()), self.host().clone());
        let catch_up = Arc::new(catch_up::CatchUp(self.clone()));
        let purge = Arc::new(self.idempotency().purge());
        vec![reconciler, recovery, notices, due_sales, catch_up, purge]
    }
}
