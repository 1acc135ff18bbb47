//! The delivery service: the second half of a sale, in which the ticket comes to its buyer.
//!
//! Every sale has one [`delivery::Delivery`], under an id that follows from its order's. It begins when the ticket is sold,
//! with a time by which the seller is to deliver, and ends when the buyer has the ticket or the money back.
//! What opens a ticket is kept here alone: it is in no event, and shown to the buyer of the sale only. The [`files`] of
//! tickets are sealed from the moment they come, and no two listings carry one code ([`code_claim`]).

pub mod claim;
pub mod code_claim;
pub mod delivery;
pub mod files;
pub mod inbound;

mod begin;
mod buyer;
mod claim_codes;
mod claims;
mod deadline;
mod fulfil;
mod http;
mod look;
mod open_page;
mod reschedule;
mod sealing;
mod send;
mod service;
mod tidy_files;
mod upload;
mod watch;
mod wrap_again;

use std::sync::Arc;

use stubmart_kernel::{consumer::Handler, due::Sweep, worker::Worker};

pub use deadline::Showtime;
pub use sealing::FileKey;
pub use service::{COLLECTIONS, Deliveries, Deps, SERVICE};

impl Deliveries {
    /// Its consumers.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        vec![
            Arc::new(inbound::Sales(self.clone())),
            Arc::new(inbound::Refunds(self.clone())),
            Arc::new(inbound::Shows(self.clone())),
        ]
    }

    /// Its workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        let host = self.host();
        vec![
            Sweep::worker(watch::DueDeliveries(self.clone()), host.clone()),
            Sweep::worker(claims::SilentSellers(self.clone()), host.clone()),
            Sweep::worker(tidy_files::DueFiles(self.clone()), host.clone()),
            Arc::new(wrap_again::WrapAgain(self.clone())),
            Arc::new(self.idempotency().purge()),
        ]
    }
}
