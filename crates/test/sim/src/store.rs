//! A service's store in which every save is checked, from every caller and however late.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_contract::Envelope;
use stubmart_memory::MemoryStore;
use stubmart_ports::store::{
    DocKey, Found, FoundKey, HistoryCursor, Save, Scan, Store, StoreError, Stored,
};

use crate::world::World;

/// The store.
#[derive(Debug)]
pub(crate) struct CheckedStore {
    pub(crate) world: Arc<World>,
    pub(crate) inner: MemoryStore,
}

#[async_trait]
impl Store for CheckedStore {
    async fn load(&self, key: DocKey) -> Result<Option<Stored>, StoreError> {
        self.inner.load(key).await
    }

    async fn save(&self, save: Arc<Save>) -> Result<u64, StoreError> {
        let revision = self.inner.save(Arc::clone(&save)).await?;
        self.world.saved(&save);
        Ok(revision)
    }

    async fn delete(&self, key: DocKey, revision: u64) -> Result<(), StoreError> {
        self.inner.delete(key, revision).await
    }

    async fn find(&self, scan: Scan) -> Result<Vec<Found>, StoreError> {
        self.inner.find(scan).await
    }

    async fn keys(&self, scan: Scan) -> Result<Vec<FoundKey>, StoreError> {
        self.inner.keys(scan).await
    }

    async fn history(
        &self,
        service: &'static str,
        after: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, StoreError> {
        self.inner.history(service, after, limit).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.inner.ready().await
    }
}
