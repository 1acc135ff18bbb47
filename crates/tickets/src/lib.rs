//! The tickets service: the catalogue of shows, the listings, and the lock that a checkout holds.

pub mod catalogue;
pub mod edit_ticket;
pub mod feed;
pub mod inbound;
pub mod list_ticket;
pub mod show;
pub mod ticket;

mod calls;
mod http;
mod list;
mod listings;
mod lock;
mod new_shows;
mod overdue_locks;
mod pages;
mod release;
mod search;
mod seller_deleted;
mod service;
mod shows;
mod start;
mod stream;

use std::sync::Arc;

use stubmart_http_kit::SessionGate;
use stubmart_kernel::{consumer::Handler, worker::Worker};
use utoipa_axum::router::OpenApiRouter;

pub use http::read_ticket;
pub use list::{Sort, TicketQuery};
pub use service::{COLLECTIONS, Config, Deps, SERVICE, Tickets};
pub use shows::NewShow;

impl Tickets {
    /// Its HTTP routes.
    pub fn router(&self, gate: SessionGate) -> OpenApiRouter {
        http::router(self.clone(), gate)
    }

    /// Its consumers.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        vec![
            Arc::new(inbound::Orders(self.clone())),
            Arc::new(inbound::Users(self.clone())),
            Arc::new(inbound::Listings(self.clone())),
        ]
    }

    /// Its workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        vec![
            Arc::new(self.follow()),
            Arc::new(new_shows::NewShows::new(self)),
            Arc::new(self.idempotency().purge()),
        ]
    }
}
