//! The document store: one atomic save of a document, its index entries and its outgoing events.
//!
//! Made so small that an embedded database and a document database with atomic single-document updates
//! can both keep every promise.

use std::fmt;

use async_trait::async_trait;
use stubmart_contract::{EventType, MessageId};
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

/// An ordered index over a collection. A document has any number of entries in it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Index {
    /// Its name, unique in its collection.
    pub name: &'static str,
    /// Whether two documents may have the same key. Where they may, the repository adds the
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
    /// The document at this version.
    Version(u64),
}

/// An entry of a document in an index.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IndexEntry {
    /// The index, by name.
    pub index: &'static str,
    /// The key; over all documents, no two entries of an index have the same.
    pub key: Key,
}

/// A domain event on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The envelope's id.
    pub id: MessageId,
    /// Its kind.
    pub event_type: EventType,
    /// The encoded envelope.
    pub body: Vec<u8>,
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
    /// All its index entries; those it had before and that are not among them are removed.
    pub entries: Vec<IndexEntry>,
    /// How many events the document has published so far, those of this save included.
    pub event_count: u64,
    /// The events that leave with this save, in order.
    pub events: Vec<Outgoing>,
}

/// A stored document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its id.
    pub id: Uuid,
    /// 1 after the first save, one more after each.
    pub version: u64,
    /// The attempt that wrote this version.
    pub save_id: SaveId,
    /// How many events it has published.
    pub event_count: u64,
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
    /// At most so many entries.
    pub limit: usize,
}

impl Scan {
    /// All entries whose key begins with `prefix`, ascending.
    #[must_use]
    pub fn prefix(collection: &'static Collection, index: &'static str, prefix: &Key) -> Self {
        Self {
            collection,
            index,
            from: prefix.bytes().to_vec(),
            to: prefix.end(),
            descending: false,
            limit: usize::MAX,
        }
    }

    /// At most `limit` entries.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
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

/// An event of this store, in the order of the saves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its place in the store's own record. Grows, with gaps.
    pub position: u64,
    /// The event.
    pub event: Outgoing,
}

/// Why a store did not do what it was asked.
#[derive(Debug)]
pub enum StoreError {
    /// Another version is stored than was expected. Nothing was written.
    Conflict,
    /// Another document has this key in a unique index. Nothing was written.
    Taken {
        /// The index.
        index: &'static str,
    },
    /// The store is down, full or too slow. Nothing was written.
    Unavailable(Cause),
    /// The answer was lost. The save may have happened, or may still happen.
    Indeterminate(Cause),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict => f.write_str("another version is stored"),
            Self::Taken { index } => write!(f, "another document has this key in index {index}"),
            Self::Unavailable(cause) => write!(f, "the store is unavailable: {cause}"),
            Self::Indeterminate(cause) => write!(f, "the store's answer was lost: {cause}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// A store of documents with ordered indexes and an outbox.
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
    /// is the new version.
    ///
    /// # Errors
    /// Each variant of [`StoreError`]; it says what happened. A save that is both stale and wants a
    /// taken key is told [`StoreError::Conflict`].
    async fn save(&self, save: Save) -> Result<u64, StoreError>;

    /// Deletes a document that is at `version`, and its index entries; its events stay on record.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is absent or at another version; else as [`Self::save`].
    async fn delete(&self, key: DocKey, version: u64) -> Result<(), StoreError>;

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

    /// Events of saves in `service`'s collections (those whose name begins with the service and a
    /// dot) that [`Self::published`] was not told of yet, oldest first; of one document in the order
    /// of its saves.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn pending(
        &self,
        service: &'static str,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError>;

    /// Notes that these, which [`Self::pending`] returned as its first ones, are on the bus.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Indeterminate`]: they may be pending again.
    async fn published(&self, service: &'static str, events: &[Recorded])
    -> Result<(), StoreError>;

    /// The record: all events that `service` ever saved, published or not, behind position `after`,
    /// oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn record(
        &self,
        service: &'static str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError>;

    /// Answers when the store can read and write.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn ready(&self) -> Result<(), StoreError>;
}
