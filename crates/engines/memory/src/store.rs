//! The document store in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound::{Excluded, Included, Unbounded},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use stubmart_contract::Envelope;
use stubmart_kernel::worker::{Wake, Worker};
use stubmart_ports::{
    bus::Bus,
    store::{
        DocKey, Expect, Found, FoundKey, HistoryCursor, IndexEntry, Save, Scan, Store, StoreError,
        Stored,
    },
};
use stubmart_relay::{Outbox, Relay};
use uuid::Uuid;

use crate::lock::lock;

/// A store in memory. Clones are handles on the same data.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore(Arc<Mutex<State>>);

/// The keys of one index, each with its document's id.
type Keys = BTreeSet<(Vec<u8>, Uuid)>;

#[derive(Debug, Clone, Default)]
struct State {
    docs: BTreeMap<(&'static str, Uuid), Doc>,
    indexes: BTreeMap<(&'static str, &'static str), Keys>,
    services: BTreeMap<&'static str, Service>,
}

#[derive(Debug, Clone)]
struct Doc {
    stored: Stored,
    entries: Vec<IndexEntry>,
}

/// The events of one service.
#[derive(Debug, Clone, Default)]
struct Service {
    history: BTreeMap<HistoryCursor, Arc<Envelope>>,
    /// Those that are not on the bus yet, in the order of the saves.
    pending: BTreeMap<u64, Arc<Envelope>>,
    saves: u64,
    saved: Wake,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A store of its own that has what this one has now: a backup.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self(Arc::new(Mutex::new(lock(&self.0).clone())))
    }

    /// What is in each document, for tests of what must not be there.
    #[must_use]
    pub fn bodies(&self) -> Vec<Vec<u8>> {
        lock(&self.0).docs.values().map(|it| it.stored.body.clone()).collect()
    }

    /// The outbox of a service.
    #[must_use]
    pub fn outbox(&self, service: &'static str) -> Arc<dyn Outbox> {
        Arc::new(MemoryOutbox { store: self.clone(), service })
    }

    /// The worker that takes a service's events to `bus`.
    #[must_use]
    pub fn relay(&self, service: &'static str, bus: Arc<dyn Bus>) -> Arc<dyn Worker> {
        Arc::new(Relay::new(self.outbox(service), bus))
    }
}

impl Service {
    fn keep(&mut self, events: &[Arc<Envelope>]) {
        for event in events {
            self.saves += 1;
            self.pending.insert(self.saves, Arc::clone(event));
            self.history.insert((event.aggregate_id, event.version), Arc::clone(event));
        }
        if !events.is_empty() {
            self.saved.wake();
        }
    }
}

impl State {
    fn save(&mut self, save: &Save) -> Result<u64, StoreError> {
        let place = (save.key.collection.name, save.key.id);
        let current = self.docs.get(&place).map(|doc| doc.stored.revision);
        let revision = match (save.expect, current) {
            (Expect::Absent, None) => 1,
            (Expect::Revision(expected), Some(current)) if expected == current => current + 1,
            _ => return Err(StoreError::Conflict),
        };
        self.check_keys(save)?;
        self.remove_entries(place);
        for IndexEntry { index, key } in &save.entries {
            let keys = self.indexes.entry((save.key.collection.name, index)).or_default();
            keys.insert((key.bytes().to_vec(), save.key.id));
        }
        let stored = Stored {
            id: save.key.id,
            revision,
            save_id: save.save_id,
            version: save.version,
            body: save.body.clone(),
        };
        self.docs.insert(place, Doc { stored, entries: save.entries.clone() });
        self.services.entry(save.key.collection.service()).or_default().keep(&save.events);
        Ok(revision)
    }

    /// Refuses keys that are unique and taken.
    fn check_keys(&self, save: &Save) -> Result<(), StoreError> {
        let collection = save.key.collection;
        for entry in &save.entries {
            let index = collection.index(entry.index)?;
            let key = entry.key.bytes();
            let keys = self.indexes.get(&(collection.name, index.name));
            let taken = index.unique
                && keys.is_some_and(|keys| {
                    let owners = (key.to_vec(), Uuid::nil())..=(key.to_vec(), Uuid::max());
                    keys.range(owners).any(|(_, owner)| *owner != save.key.id)
                });
            if taken {
                return Err(StoreError::Taken { index: index.name });
            }
        }
        Ok(())
    }

    fn remove_entries(&mut self, place: (&'static str, Uuid)) {
        let Some(doc) = self.docs.get(&place) else { return };
        for IndexEntry { index, key } in &doc.entries {
            if let Some(keys) = self.indexes.get_mut(&(place.0, index)) {
                keys.remove(&(key.bytes().to_vec(), place.1));
            }
        }
    }

    fn delete(&mut self, key: DocKey, revision: u64) -> Result<(), StoreError> {
        let place = (key.collection.name, key.id);
        let stored = self.docs.get(&place).map(|doc| &doc.stored);
        let Some(stored) = stored.filter(|stored| stored.revision == revision) else {
            return Err(StoreError::Conflict);
        };
        if stored.version > 0 {
            return Err(StoreError::Unavailable(format!("{} has published events", key.id).into()));
        }
        self.remove_entries(place);
        self.docs.remove(&place);
        Ok(())
    }

    fn keys(&self, scan: &Scan) -> Result<Vec<FoundKey>, StoreError> {
        let index = scan.collection.index(scan.index)?;
        let Some(keys) = self.indexes.get(&(scan.collection.name, index.name)) else {
            return Ok(Vec::new());
        };
        if scan.to.as_ref().is_some_and(|to| *to <= scan.from) {
            return Ok(Vec::new());
        }
        let end = scan.to.as_ref().map_or(Unbounded, |to| Excluded((to.clone(), Uuid::nil())));
        let range = keys.range((Included((scan.from.clone(), Uuid::nil())), end));
        let found = |(key, id): &(Vec<u8>, Uuid)| FoundKey { key: key.clone(), id: *id };
        Ok(if scan.descending {
            range.rev().take(scan.at_most()).map(found).collect()
        } else {
            range.take(scan.at_most()).map(found).collect()
        })
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(&self, key: DocKey) -> Result<Option<Stored>, StoreError> {
        let state = lock(&self.0);
        Ok(state.docs.get(&(key.collection.name, key.id)).map(|doc| doc.stored.clone()))
    }

    async fn save(&self, save: Arc<Save>) -> Result<u64, StoreError> {
        save.check_entries()?;
        lock(&self.0).save(&save)
    }

    async fn delete(&self, key: DocKey, revision: u64) -> Result<(), StoreError> {
        lock(&self.0).delete(key, revision)
    }

    async fn find(&self, scan: Scan) -> Result<Vec<Found>, StoreError> {
        let state = lock(&self.0);
        let keys = state.keys(&scan)?;
        let found = keys.into_iter().filter_map(|FoundKey { key, id }| {
            let doc = state.docs.get(&(scan.collection.name, id))?;
            Some(Found { key, doc: doc.stored.clone() })
        });
        Ok(found.collect())
    }

    async fn keys(&self, scan: Scan) -> Result<Vec<FoundKey>, StoreError> {
        lock(&self.0).keys(&scan)
    }

    async fn history(
        &self,
        service: &'static str,
        after: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let state = lock(&self.0);
        let Some(service) = state.services.get(service) else { return Ok(Vec::new()) };
        let behind = service.history.range((after.map_or(Unbounded, Excluded), Unbounded));
        Ok(behind.map(|(_, event)| Arc::clone(event)).take(limit).collect())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A service's part of a store's outbox.
struct MemoryOutbox {
    store: MemoryStore,
    service: &'static str,
}

#[async_trait]
impl Outbox for MemoryOutbox {
    async fn pending(&self, limit: usize) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let state = lock(&self.store.0);
        let pending = state.services.get(self.service).map(|service| &service.pending);
        Ok(pending.into_iter().flatten().map(|(_, event)| Arc::clone(event)).take(limit).collect())
    }

    async fn published(&self, events: &[Arc<Envelope>]) -> Result<(), StoreError> {
        let mut state = lock(&self.store.0);
        let Some(service) = state.services.get_mut(self.service) else { return Ok(()) };
        let gone: BTreeSet<_> = events.iter().map(|event| event.id).collect();
        service.pending.retain(|_, event| !gone.contains(&event.id));
        Ok(())
    }

    fn saved(&self) -> Wake {
        lock(&self.store.0).services.entry(self.service).or_default().saved.clone()
    }
}
