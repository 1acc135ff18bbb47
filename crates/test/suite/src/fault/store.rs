//! A store that fails.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use stubmart_ports::store::{
    DocKey, Found, FoundKey, Recorded, Save, Scan, Store, StoreError, Stored,
};

use super::{Fault, Held, Injector, Op, injected};

/// A store with faults injected. Clones share what is late.
#[derive(Clone)]
pub struct FaultyStore {
    inner: Arc<dyn Store>,
    injector: Arc<Injector>,
    held: Arc<Held<Write>>,
}

/// A write that is late.
#[derive(Debug, Clone)]
enum Write {
    Save(Save),
    Delete(DocKey, u64),
    Published(&'static str, Vec<Recorded>),
}

impl fmt::Debug for FaultyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStore").field("late", &self.late()).finish_non_exhaustive()
    }
}

impl FaultyStore {
    /// `inner` with the faults of `injector`.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, injector: Arc<Injector>) -> Self {
        Self { inner, injector, held: Arc::default() }
    }

    /// How many writes are late.
    #[must_use]
    pub fn late(&self) -> usize {
        self.held.count()
    }

    /// Lets the late write at this place land, 0 being the oldest; false when there is none.
    pub async fn release(&self, place: usize) -> bool {
        let Some(write) = self.held.take(place) else { return false };
        drop(self.write(write).await);
        true
    }

    /// Lets every late write land, oldest first.
    pub async fn release_all(&self) {
        while self.release(0).await {}
    }

    /// Writes; the answer is the version that was saved, 0 for what is no save.
    async fn write(&self, write: Write) -> Result<u64, StoreError> {
        match write {
            Write::Save(save) => self.inner.save(save).await,
            Write::Delete(key, version) => self.inner.delete(key, version).await.map(|()| 0),
            Write::Published(service, events) => {
                self.inner.published(service, &events).await.map(|()| 0)
            }
        }
    }

    async fn write_faulty(&self, op: Op, write: Write) -> Result<u64, StoreError> {
        match self.injector.ask(op) {
            Fault::None => self.write(write).await,
            Fault::Fail => Err(StoreError::Unavailable(injected())),
            Fault::LoseAnswer => {
                drop(self.write(write).await);
                Err(StoreError::Indeterminate(injected()))
            }
            Fault::Late => {
                self.held.push(write);
                Err(StoreError::Indeterminate(injected()))
            }
            Fault::Twice => {
                let answer = self.write(write.clone()).await;
                drop(self.write(write).await);
                answer
            }
        }
    }

    fn read(&self, op: Op) -> Result<(), StoreError> {
        if self.injector.fails(op) { Err(StoreError::Unavailable(injected())) } else { Ok(()) }
    }
}

#[async_trait]
impl Store for FaultyStore {
    async fn load(&self, key: DocKey) -> Result<Option<Stored>, StoreError> {
        self.read(Op::Load)?;
        self.inner.load(key).await
    }

    async fn save(&self, save: Save) -> Result<u64, StoreError> {
        self.write_faulty(Op::Save, Write::Save(save)).await
    }

    async fn delete(&self, key: DocKey, version: u64) -> Result<(), StoreError> {
        self.write_faulty(Op::Delete, Write::Delete(key, version)).await.map(|_| ())
    }

    async fn find(&self, scan: Scan) -> Result<Vec<Found>, StoreError> {
        self.read(Op::Find)?;
        self.inner.find(scan).await
    }

    async fn keys(&self, scan: Scan) -> Result<Vec<FoundKey>, StoreError> {
        self.read(Op::Keys)?;
        self.inner.keys(scan).await
    }

    async fn pending(
        &self,
        service: &'static str,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.read(Op::Pending)?;
        self.inner.pending(service, limit).await
    }

    async fn published(
        &self,
        service: &'static str,
        events: &[Recorded],
    ) -> Result<(), StoreError> {
        let write = Write::Published(service, events.to_vec());
        self.write_faulty(Op::Published, write).await.map(|_| ())
    }

    async fn record(
        &self,
        service: &'static str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.read(Op::Record)?;
        self.inner.record(service, after, limit).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.read(Op::StoreReady)?;
        self.inner.ready().await
    }
}
