//! The orders service: starts a checkout, and decides how it ends.

pub mod expire;
pub mod inbound;
pub mod order;
pub mod place;

mod buyer_deleted;
mod calls;
mod close;
mod complete;
mod fail;
mod holds;
mod http;
mod leave;
mod list;
mod look_back;
mod secure;
mod service;
mod timeline;

use std::sync::Arc;

use stubmart_contract::Context;
use stubmart_kernel::{RepositoryError, consumer::Handler, due::Sweep, worker::Worker};

pub use service::{COLLECTIONS, Config, Deps, Orders, SERVICE};

impl Orders {
    /// Its consumers.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        vec![
            Arc::new(inbound::Charges(self.clone())),
            Arc::new(inbound::Users(self.clone())),
            Arc::new(inbound::Timelines(self.clone())),
        ]
    }

    /// Its workers.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        let closed = Sweep::worker(close::Closed(self.clone()), self.host().clone());
        vec![closed, Arc::new(self.idempotency().purge())]
    }

    /// Brings orders that an earlier version saved into the indexes of today. Call it before the routes
    /// serve. It costs one read where there are none.
    ///
    /// # Errors
    /// [`RepositoryError`]: some orders may be missing in lists until it is called again.
    pub async fn upgrade(&self) -> Result<(), RepositoryError> {
        self.orders().reindex(&Context::work(SERVICE), order::index::BUYER).await
    }
}
