//! The document store: one atomic save of a document, its index entries and its events.
//!
//! The port is small enough that an embedded database and a document database with atomic
//! single-document updates can both keep every promise:
//!
//! - A save touches one document. Its index entries and its events are part of that document's write.
//! - A document has at most one entry in each index, so an engine may keep entries as fields.
//! - Every scan is bounded ([`Scan::LIMIT_MAX`]); a caller that wants more pages by key.
//! - A document that has published an event is never deleted: the number of its next event depends on
//!   it. So a deletion can lose no event, and no engine needs tombstones.
//! - The history is ordered within each document only. An order over all documents would need a
//!   transaction over all of them.
//!
//! How saved events reach the bus is the engine's own business and not part of this port. The promise
//! is that they do: every event of an acknowledged save is delivered on the engine's bus, at least once.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_contract::Envelope;
use uuid::Uuid;

use crate::{Cause, key::Key};

/// A kind of document and its indexes. Each service declares its own as statics.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Collection {
    /// Its name, unique in the whole market: the service, a dot, the document (`orders.order`).
    pub name: &'static str,
    /// Its indexes.
    pub indexes: &'static [Index],
}

impl Collection {
    /// The service that owns the collection: its name up to the dot.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(service, _)| service)
    }

    /// The index of this name.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the collection declares none, which is a fault of the program.
    pub fn index(&self, name: &str) -> Result<&'static Index, StoreError> {
        self.indexes.iter().find(|index| index.name == name).ok_or_else(|| {
            StoreError::Unavailable(format!("{} has no index {name}", self.name).into())
        })
    }
}

/// An ordered index over a collection. A document has at most one entry in it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Index {
    /// Its name, unique in its collection.
    pub name: &'static str,
    /// Whether at most one document may have a key. In any other index the repository appends the
    /// document's id to each key, so that keys are unique all the same and make good cursors.
    pub unique: bool,
}

/// Names a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DocKey {
    /// Its collection.
    pub collection: &'static Collection,
    /// Its id.
    pub id: Uuid,
}

/// Names one attempt to save, so that an attempt whose answer was lost is recognised when read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SaveId(pub Uuid);

/// What a save expects to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expect {
    /// No such document.
    Absent,
    /// The document at this revision.
    Revision(u64),
}

/// The entry of a document in an index.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IndexEntry {
    /// The index, by name.
    pub index: &'static str,
    /// The key; no other document has the same in this index.
    pub key: Key,
}

/// One save: the document, its index entries and its events, all or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Save {
    /// The document.
    pub key: DocKey,
    /// What must be stored now for the save to happen.
    pub expect: Expect,
    /// Names this attempt.
    pub save_id: SaveId,
    /// The document's content.
    pub body: Vec<u8>,
    /// All its index entries, at most one for each index. Entries that the document had before and
    /// that are not among them are removed.
    pub entries: Vec<IndexEntry>,
    /// How many events the document has published, those of this save included.
    pub version: u64,
    /// The events that leave with this save, in order. Their aggregate is the document and the version
    /// of the last one is [`Self::version`].
    pub events: Vec<Arc<Envelope>>,
}

impl Save {
    /// Checks that every entry is in an index that the collection declares, and no two are in the same.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when not, which is a fault of the program. Engines call this before
    /// they write anything.
    pub fn check_entries(&self) -> Result<(), StoreError> {
        let mut seen: Vec<&str> = Vec::with_capacity(self.entries.len());
        for IndexEntry { index, .. } in &self.entries {
            let index = self.key.collection.index(index)?.name;
            if seen.contains(&index) {
                let name = self.key.collection.name;
                let cause = format!("a document of {name} has two entries in index {index}");
                return Err(StoreError::Unavailable(cause.into()));
            }
            seen.push(index);
        }
        Ok(())
    }
}

/// A stored document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub id: Uuid,
    /// 1 after the first save, one more after each. What [`Expect`] compares; nobody but the repository
    /// sees it.
    pub revision: u64,
    /// The attempt that wrote this revision.
    pub save_id: SaveId,
    /// How many events the document has published: the document's version, in the envelope of its last
    /// event too.
    pub version: u64,
    /// Its content.
    pub body: Vec<u8>,
}

/// Which entries of an index, in which order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// The collection.
    pub collection: &'static Collection,
    /// The index, by name.
    pub index: &'static str,
    /// The first key, included.
    pub from: Vec<u8>,
    /// The end, excluded; `None` for the end of the index.
    pub to: Option<Vec<u8>>,
    /// From the end to the beginning.
    pub descending: bool,
    /// At most so many entries, and never more than [`Self::LIMIT_MAX`].
    limit: usize,
}

impl Scan {
    /// How many entries a scan finds at most. A caller that wants more pages: it scans again
    /// [behind](Self::behind) the last key that it saw.
    pub const LIMIT_MAX: usize = 1000;

    /// The first entries whose key begins with `prefix`, ascending.
    #[must_use]
    pub fn prefix(collection: &'static Collection, index: &'static str, prefix: &Key) -> Self {
        Self {
            collection,
            index,
            from: prefix.bytes().to_vec(),
            to: prefix.end(),
            descending: false,
            limit: Self::LIMIT_MAX,
        }
    }

    /// At most `limit` entries, and no more than [`Self::LIMIT_MAX`].
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.min(Self::LIMIT_MAX);
        self
    }

    /// How many entries the scan finds at most.
    #[must_use]
    pub const fn at_most(&self) -> usize {
        self.limit
    }

    /// From the end to the beginning.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.descending = true;
        self
    }

    /// Only what comes behind `key` in the scan's order, `key` itself excluded.
    #[must_use]
    pub fn behind(mut self, key: &[u8]) -> Self {
        if self.descending {
            if self.to.as_deref().is_none_or(|to| key < to) {
                self.to = Some(key.to_vec());
            }
        } else {
            let mut next = key.to_vec();
            next.push(0);
            if next > self.from {
                self.from = next;
            }
        }
        self
    }
}

/// An entry that a scan found, with its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The entry's key: a cursor for [`Scan::behind`].
    pub key: Vec<u8>,
    /// The document.
    pub doc: Stored,
}

/// An entry that a scan found, without its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundKey {
    /// The entry's key.
    pub key: Vec<u8>,
    /// The document's id.
    pub id: Uuid,
}

/// A place in a service's history: the event of this aggregate with this version.
pub type HistoryCursor = (Uuid, u64);

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another revision is stored than was expected. Nothing was written.
    #[error("another revision is stored")]
    Conflict,
    /// Another document has this key in a unique index. Nothing was written.
    #[error("another document has this key in index {index}")]
    Taken {
        /// The index.
        index: &'static str,
    },
    /// The store is down, full or too slow, or cannot do what was asked. Nothing was written.
    #[error("the store is unavailable: {0}")]
    Unavailable(Cause),
    /// The answer was lost. The save may have happened, or may still happen.
    #[error("the store's answer was lost: {0}")]
    Indeterminate(Cause),
}

/// A store of documents with ordered indexes and a history of their events.
///
/// Every read sees every save that was acknowledged before the read began (linearisable per document
/// and per index entry).
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// The document, or `None`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn load(&self, key: DocKey) -> Result<Option<Stored>, StoreError>;

    /// Saves a document with its index entries and events: all of it, durably, or nothing. The answer
    /// is the new revision.
    ///
    /// The save is shared, so that trying it again copies nothing.
    ///
    /// # Errors
    /// Each variant of [`StoreError`]; it says what happened. A save that is both stale and wants a
    /// taken key gets [`StoreError::Conflict`].
    async fn save(&self, save: Arc<Save>) -> Result<u64, StoreError>;

    /// Deletes a document that is at `revision`, and its index entries.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is absent or at another revision. [`StoreError::Unavailable`]
    /// when it has published an event, too: such a document stays, since the number of its next event
    /// depends on it. Else as [`Self::save`].
    async fn delete(&self, key: DocKey, revision: u64) -> Result<(), StoreError>;

    /// The entries of a scan with their documents. An entry whose document changes while the scan
    /// runs is found as it was or as it is, once.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn find(&self, scan: Scan) -> Result<Vec<Found>, StoreError>;

    /// The entries of a scan without their documents.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn keys(&self, scan: Scan) -> Result<Vec<FoundKey>, StoreError>;

    /// The history of `service`: every event that was ever saved in its collections (those whose name
    /// begins with the service and a dot), ordered by aggregate id and then version; at most `limit` of
    /// those behind `after`.
    ///
    /// A reader that pages through it while others save sees every event once that was there when it
    /// began. It may see newer ones, but not necessarily all: they appear wherever their aggregate is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], also for an event that a newer version of this program saved.
    async fn history(
        &self,
        service: &'static str,
        after: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, StoreError>;

    /// Answers when the store can read and write.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn ready(&self) -> Result<(), StoreError>;
}
