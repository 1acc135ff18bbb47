//! A store that fails.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::FutureExt as _;
use stubmart_contract::Envelope;
use stubmart_ports::store::{
    DocKey, Found, FoundKey, HistoryCursor, Save, Scan, Store, StoreError, Stored,
};

use super::{
    call::{Errors, ask, change},
    plan::{Call, Faults, Op},
};

const ERRORS: Errors<StoreError> = (StoreError::Unavailable, StoreError::Indeterminate);

/// A store with faults injected.
#[derive(Clone)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    faults: Arc<dyn Faults>,
}

impl std::fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyStore").finish_non_exhaustive()
    }
}

impl FaultyStore {
    /// `inner` with these faults.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, faults: Arc<dyn Faults>) -> Self {
        Self { inner, faults }
    }

    async fn read<T: Send>(
        &self,
        call: Call,
        read: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        ask(&self.faults, call, StoreError::Unavailable, read).await
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn load(&self, key: DocKey) -> Result<Option<Stored>, StoreError> {
        self.read(Call::about(Op::Load, key.id), self.inner.load(key)).await
    }

    async fn save(&self, save: Arc<Save>) -> Result<u64, StoreError> {
        let call = Call::about(Op::Save, save.key.id);
        change(&self.faults, call, ERRORS, || {
            let (inner, save) = (Arc::clone(&self.inner), Arc::clone(&save));
            async move { inner.save(save).await }.boxed()
        })
        .await
    }

    async fn delete(&self, key: DocKey, revision: u64) -> Result<(), StoreError> {
        let call = Call::about(Op::Delete, key.id);
        change(&self.faults, call, ERRORS, || {
            let inner = Arc::clone(&self.inner);
            async move { inner.delete(key, revision).await }.boxed()
        })
        .await
    }

    async fn find(&self, scan: Scan) -> Result<Vec<Found>, StoreError> {
        self.read(Call::new(Op::Find), self.inner.find(scan)).await
    }

    async fn keys(&self, scan: Scan) -> Result<Vec<FoundKey>, StoreError> {
        self.read(Call::new(Op::Keys), self.inner.keys(scan)).await
    }

    async fn history(
        &self,
        service: &'static str,
        after: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, StoreError> {
        self.read(Call::new(Op::History), self.inner.history(service, after, limit)).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.read(Call::new(Op::StoreReady), self.inner.ready()).await
    }
}
