//! An outbox that fails.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::FutureExt as _;
use stubmart_contract::Envelope;
use stubmart_kernel::worker::Wake;
use stubmart_ports::store::StoreError;
use stubmart_relay::Outbox;

use super::{
    call::{Errors, ask, change},
    plan::{Call, Faults, Op},
};

const ERRORS: Errors<StoreError> = (StoreError::Unavailable, StoreError::Indeterminate);

/// An outbox with faults injected.
#[derive(Clone)]
pub struct FaultyOutbox {
    inner: Arc<dyn Outbox>,
    faults: Arc<dyn Faults>,
}

impl std::fmt::Debug for FaultyOutbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyOutbox").finish_non_exhaustive()
    }
}

impl FaultyOutbox {
    /// `inner` with these faults.
    #[must_use]
    pub fn new(inner: Arc<dyn Outbox>, faults: Arc<dyn Faults>) -> Self {
        Self { inner, faults }
    }
}

#[async_trait]
impl Outbox for FaultyOutbox {
    async fn pending(&self, limit: usize) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let pending = self.inner.pending(limit);
        ask(&self.faults, Call::new(Op::Pending), StoreError::Unavailable, pending).await
    }

    async fn published(&self, events: &[Arc<Envelope>]) -> Result<(), StoreError> {
        change(&self.faults, Call::new(Op::Published), ERRORS, || {
            let (inner, events) = (Arc::clone(&self.inner), events.to_vec());
            async move { inner.published(&events).await }.boxed()
        })
        .await
    }

    fn saved(&self) -> Wake {
        self.inner.saved()
    }
}
