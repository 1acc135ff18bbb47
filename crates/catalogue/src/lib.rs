//! The catalogue service: what is on, what is on offer and for how much, found by words, and live.
//!
//! It is the read side of the market. It owns the shows, and learns of everything else by events, so any
//! number of instances can run; each follows the bus for itself and keeps what it learned in the service's
//! store for the next start.

pub mod add_show;
pub mod feed;
pub mod find_shows;
pub mod offers;
pub mod prices;
pub mod schedule;
pub mod show;
pub mod shows;
pub mod stream;

mod cache;
mod calendar;
mod calls;
mod days;
mod follow;
mod http;
mod learn;
mod packed;
mod places;
mod save_offers;
mod search;
mod service;
mod show_by_name;
mod stored;
mod upgrade;

use std::sync::Arc;

use stubmart_kernel::worker::Worker;

pub use service::{COLLECTIONS, Catalogue, Config, Deps, SERVICE};

impl Catalogue {
    /// Its workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        vec![
            Arc::new(follow::Follow::new(self.clone())),
            Arc::new(save_offers::SaveOffers::new(self.clone())),
            Arc::new(self.idempotency().purge()),
        ]
    }
}
