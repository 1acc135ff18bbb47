//! An instance's handle on its service's store.

use async_trait::async_trait;
use futures_util::FutureExt as _;
use stubmart_node::Service;
use stubmart_ports::store::{
    DocKey, Found, FoundKey, Recorded, Save, Scan, Store, StoreError, Stored,
};
use stubmart_suite::mem::MemStore;
use uuid::Uuid;

use crate::{
    scenario::Kind,
    world::{Plan, Port, injected},
};

/// The store, as one instance sees it.
#[derive(Debug, Clone)]
pub(crate) struct SimStore {
    pub(crate) port: Port,
    pub(crate) service: Service,
    pub(crate) inner: MemStore,
}

fn down() -> StoreError {
    StoreError::Unavailable(injected())
}

fn lost() -> StoreError {
    StoreError::Indeterminate(injected())
}

impl SimStore {
    /// Reads, or fails to.
    async fn read<T: Send>(
        &self,
        what: &'static str,
        subject: Uuid,
        read: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let answer = self.port.ask(Kind::Store, what, subject, || read.now_or_never()).await;
        answer.flatten().unwrap_or_else(|| Err(down()))
    }
}

#[async_trait]
impl Store for SimStore {
    async fn load(&self, key: DocKey) -> Result<Option<Stored>, StoreError> {
        self.read("load", key.id, self.inner.load(key)).await
    }

    async fn save(&self, save: Save) -> Result<u64, StoreError> {
        let (world, service, id) = (&self.port.world, self.service, save.key.id);
        let plan = self.port.begin(Kind::Store, "save", id).await;
        let answer = match plan {
            Plan::Fine => world.commit(service, save),
            Plan::Fail => Err(down()),
            Plan::LoseAnswer => {
                drop(world.commit(service, save));
                Err(lost())
            }
            Plan::Late(delay) => {
                world.later(delay, move |world| drop(world.commit(service, save)));
                Err(lost())
            }
            Plan::Twice => {
                let answer = world.commit(service, save.clone());
                drop(world.commit(service, save));
                answer
            }
        };
        self.port.end("save", id).await;
        answer
    }

    async fn delete(&self, key: DocKey, version: u64) -> Result<(), StoreError> {
        let (world, service) = (&self.port.world, self.service);
        let answer = match self.port.begin(Kind::Store, "delete", key.id).await {
            Plan::Fine | Plan::Twice => world.remove(service, key, version),
            Plan::Fail => Err(down()),
            Plan::LoseAnswer => {
                drop(world.remove(service, key, version));
                Err(lost())
            }
            Plan::Late(delay) => {
                world.later(delay, move |world| drop(world.remove(service, key, version)));
                Err(lost())
            }
        };
        self.port.end("delete", key.id).await;
        answer
    }

    async fn find(&self, scan: Scan) -> Result<Vec<Found>, StoreError> {
        self.read("find", Uuid::nil(), self.inner.find(scan)).await
    }

    async fn keys(&self, scan: Scan) -> Result<Vec<FoundKey>, StoreError> {
        self.read("keys", Uuid::nil(), self.inner.keys(scan)).await
    }

    async fn pending(
        &self,
        service: &'static str,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.read("pending", Uuid::nil(), self.inner.pending(service, limit)).await
    }

    async fn published(
        &self,
        service: &'static str,
        events: &[Recorded],
    ) -> Result<(), StoreError> {
        let plan = self.port.begin(Kind::Store, "published", Uuid::nil()).await;
        let answer = match plan {
            Plan::Fail => Err(down()),
            Plan::Fine | Plan::Twice => self.inner.published(service, events).await,
            Plan::LoseAnswer => {
                self.inner.published(service, events).await?;
                Err(lost())
            }
            Plan::Late(delay) => {
                let (inner, events) = (self.inner.clone(), events.to_vec());
                self.port.world.later(delay, move |_| {
                    drop(inner.published(service, &events).now_or_never());
                });
                Err(lost())
            }
        };
        self.port.end("published", Uuid::nil()).await;
        answer
    }

    async fn record(
        &self,
        service: &'static str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.read("record", Uuid::nil(), self.inner.record(service, after, limit)).await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.read("ready", Uuid::nil(), self.inner.ready()).await
    }
}
