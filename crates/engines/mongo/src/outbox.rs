//! What of a service's history is not on the bus yet.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_contract::Envelope;
use stubmart_kernel::worker::Wake;
use stubmart_ports::store::StoreError;
use stubmart_relay::Outbox;

use crate::{database::Database, failure::Failure, history};

/// The outbox of a service.
pub(crate) struct MongoOutbox {
    pub(crate) database: Database,
    pub(crate) service: &'static str,
    pub(crate) saved: Wake,
}

#[async_trait]
impl Outbox for MongoOutbox {
    async fn pending(&self, limit: usize) -> Result<Vec<Arc<Envelope>>, StoreError> {
        match history::archive(&self.database, self.service).await? {
            Some(history) => history::pending(&self.database, &history, limit).await,
            None => Ok(Vec::new()),
        }
    }

    async fn published(&self, events: &[Arc<Envelope>]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let history = self.database.history(self.service).await.map_err(Failure::unavailable)?;
        history::published(&self.database, &history, events).await
    }

    fn saved(&self) -> Wake {
        self.saved.clone()
    }
}
