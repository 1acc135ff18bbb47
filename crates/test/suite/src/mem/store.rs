//! The document store in memory.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound::{Excluded, Included, Unbounded},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use stubmart_ports::store::{
    Collection, DocKey, Expect, Found, FoundKey, Index, IndexEntry, Outgoing, Recorded, Save, Scan,
    Store, StoreError, Stored,
};
use uuid::Uuid;

use crate::host::lock;

/// A store in memory. Clones are handles on the same data.
#[derive(Debug, Clone, Default)]
pub struct MemStore(Arc<Mutex<State>>);

/// The keys of one index, each with its document's id.
type Keys = BTreeSet<(Vec<u8>, Uuid)>;

#[derive(Debug, Default)]
struct State {
    docs: BTreeMap<(&'static str, Uuid), Doc>,
    indexes: BTreeMap<(&'static str, &'static str), Keys>,
    position: u64,
    record: BTreeMap<(&'static str, u64), Outgoing>,
    pending: BTreeSet<(&'static str, u64)>,
}

#[derive(Debug)]
struct Doc {
    stored: Stored,
    entries: Vec<IndexEntry>,
}

impl MemStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// The service that a collection belongs to: its name up to the dot.
fn service(collection: &Collection) -> &'static str {
    collection.name.split_once('.').map_or(collection.name, |(service, _)| service)
}

impl State {
    fn save(&mut self, save: Save) -> Result<u64, StoreError> {
        let place = (save.key.collection.name, save.key.id);
        let current = self.docs.get(&place).map(|doc| doc.stored.version);
        let version = match (save.expect, current) {
            (Expect::Absent, None) => 1,
            (Expect::Version(expected), Some(current)) if expected == current => current + 1,
            _ => return Err(StoreError::Conflict),
        };
        self.check_entries(&save)?;
        self.remove_entries(place);
        for IndexEntry { index, key } in &save.entries {
            let keys = self.indexes.entry((save.key.collection.name, index)).or_default();
            keys.insert((key.bytes().to_vec(), save.key.id));
        }
        let service = service(save.key.collection);
        for event in save.events {
            self.position += 1;
            self.record.insert((service, self.position), event);
            self.pending.insert((service, self.position));
        }
        let stored = Stored {
            id: save.key.id,
            version,
            save_id: save.save_id,
            event_count: save.event_count,
            body: save.body,
        };
        self.docs.insert(place, Doc { stored, entries: save.entries });
        Ok(version)
    }

    /// Refuses entries of indexes that are not declared, and keys that are unique and taken.
    fn check_entries(&self, save: &Save) -> Result<(), StoreError> {
        let collection = save.key.collection;
        for entry in &save.entries {
            let index = declared(collection, entry.index)?;
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

    fn delete(&mut self, key: DocKey, version: u64) -> Result<(), StoreError> {
        let place = (key.collection.name, key.id);
        if self.docs.get(&place).is_none_or(|doc| doc.stored.version != version) {
            return Err(StoreError::Conflict);
        }
        self.remove_entries(place);
        self.docs.remove(&place);
        Ok(())
    }

    fn keys(&self, scan: &Scan) -> Result<Vec<FoundKey>, StoreError> {
        let index = declared(scan.collection, scan.index)?;
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
            range.rev().take(scan.limit).map(found).collect()
        } else {
            range.take(scan.limit).map(found).collect()
        })
    }
}

/// The index of that name. To ask for another is a fault of the program.
fn declared(collection: &'static Collection, name: &str) -> Result<&'static Index, StoreError> {
    collection.indexes.iter().find(|index| index.name == name).ok_or_else(|| {
        StoreError::Unavailable(format!("{} has no index {name}", collection.name).into())
    })
}

#[async_trait]
impl Store for MemStore {
    async fn load(&self, key: DocKey) -> Result<Option<Stored>, StoreError> {
        let state = lock(&self.0);
        Ok(state.docs.get(&(key.collection.name, key.id)).map(|doc| doc.stored.clone()))
    }

    async fn save(&self, save: Save) -> Result<u64, StoreError> {
        lock(&self.0).save(save)
    }

    async fn delete(&self, key: DocKey, version: u64) -> Result<(), StoreError> {
        lock(&self.0).delete(key, version)
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

    async fn pending(
        &self,
        service: &'static str,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let state = lock(&self.0);
        let pending = state.pending.range((service, 0)..=(service, u64::MAX));
        let recorded = pending.filter_map(|place| {
            let event = state.record.get(place)?.clone();
            Some(Recorded { position: place.1, event })
        });
        Ok(recorded.take(limit).collect())
    }

    async fn published(
        &self,
        service: &'static str,
        events: &[Recorded],
    ) -> Result<(), StoreError> {
        let mut state = lock(&self.0);
        for recorded in events {
            state.pending.remove(&(service, recorded.position));
        }
        Ok(())
    }

    async fn record(
        &self,
        service: &'static str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let state = lock(&self.0);
        let behind = (Excluded((service, after)), Included((service, u64::MAX)));
        let recorded = state
            .record
            .range(behind)
            .map(|(place, event)| Recorded { position: place.1, event: event.clone() });
        Ok(recorded.take(limit).collect())
    }

    async fn ready(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
