//! The tickets service: the listings, and the lock that a checkout holds.
//!
//! It is the write side of the market: one conditional write on a ticket's own document decides who gets
//! it. Nothing is kept in memory but finished pages, so any number of instances can run.

pub mod bulk;
pub mod edit_ticket;
pub mod event_facets;
mod event_over;
pub mod inbound;
pub mod list_ticket;
pub mod list_tickets;
pub mod row_claims;
pub mod ticket;
pub mod wait_in_line;

mod applied_fees;
mod calls;
mod claim_seats;
mod http;
mod listings;
mod lock;
mod overdue_locks;
mod pages;
mod preview_ticket;
mod release;
mod seller;
mod seller_deleted;
mod seller_listings;
mod sellers;
mod service;
mod set_fees;
mod upgrade;

use std::sync::Arc;

use stubmart_kernel::{consumer::Handler, worker::Worker};

pub use http::ImportError;
pub use service::{COLLECTIONS, Config, Deps, SERVICE, Tickets};

impl Tickets {
    /// Its consumers.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        vec![
            Arc::new(inbound::Orders(self.clone())),
            Arc::new(inbound::Users(self.clone())),
            Arc::new(inbound::Listings(self.clone())),
            Arc::new(inbound::Shows(self.clone())),
            Arc::new(inbound::Sellers(self.clone())),
        ]
    }

    /// Its workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        let fees = Arc::new(set_fees::SetFees::new(self.clone()));
        let purge = Arc::new(self.idempotency().purge());
        vec![fees, self.end_listings(), self.pass_turns_on(), purge]
    }
}
