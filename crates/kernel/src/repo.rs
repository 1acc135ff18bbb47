//! The typed repository: load, decide, save, as often as it takes.

use std::{fmt, marker::PhantomData, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};
use stubmart_contract::{DomainEvent, Envelope, MessageId};
use uuid::Uuid;

use crate::{mark, mutant, worker::Wake};
use stubmart_ports::{
    Cause,
    host::Host,
    key::Key,
    store::{
        Collection, DocKey, Expect, Found, FoundKey, IndexEntry, Save, SaveId, Scan, Store,
        StoreError, Stored,
    },
};

/// How often a change is decided anew because another came first.
const ROUNDS_MAX: u32 = 64;

/// How often a save whose answer was lost is looked up and tried again.
const LOST_ANSWERS_MAX: u32 = 3;

/// What a repository keeps.
pub trait Document: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// Where it is kept.
    const COLLECTION: &'static Collection;

    /// Its id.
    fn id(&self) -> Uuid;

    /// Its index entries, by the index's name. The repository adds the id to keys of indexes that are
    /// not unique.
    fn entries(&self) -> Vec<(&'static str, Key)>;
}

/// A document and its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<T> {
    /// 1 after the first save, one more after each.
    pub version: u64,
    /// How many events it has published.
    pub event_count: u64,
    /// The document.
    pub doc: T,
}

impl<T> Versioned<T> {
    /// What is stored once `doc` was saved over `current` with these events: what a decision to save
    /// answers who goes on with the document ([`Repo::change_from`]).
    #[must_use]
    pub fn over(current: Option<&Self>, doc: T, events: &[DomainEvent]) -> Self {
        let (version, event_count) =
            current.map_or((0, 0), |current| (current.version, current.event_count));
        let published = u64::try_from(events.len()).unwrap_or(u64::MAX);
        Self {
            version: version.saturating_add(1),
            event_count: event_count.saturating_add(published),
            doc,
        }
    }
}

/// A document that a scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<T> {
    /// The entry's key: a cursor for [`Scan::behind`].
    pub key: Vec<u8>,
    /// Its version.
    pub version: u64,
    /// How many events it has published.
    pub event_count: u64,
    /// The document.
    pub doc: T,
}

impl<T> From<Row<T>> for Versioned<T> {
    fn from(row: Row<T>) -> Self {
        Self { version: row.version, event_count: row.event_count, doc: row.doc }
    }
}

/// What was decided about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<T, R> {
    /// It stays as it is; this is the answer.
    Keep(R),
    /// Save this, publish these, and answer.
    Save {
        /// The document after the change.
        doc: T,
        /// What to publish with it.
        events: Vec<DomainEvent>,
        /// The answer.
        answer: R,
    },
}

/// What led to a change: the event that was handled, or nothing when a request did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trace(Option<(MessageId, MessageId)>);

impl Trace {
    /// A request led to it.
    pub const REQUEST: Self = Self(None);

    /// This event led to it.
    #[must_use]
    pub const fn event(envelope: &Envelope) -> Self {
        Self(Some((envelope.id, envelope.correlation_id)))
    }
}

/// Why a repository did not do what it was asked.
#[derive(Debug)]
pub enum RepoError {
    /// Another document has this key in a unique index. Nothing was written.
    Taken {
        /// The index.
        index: &'static str,
    },
    /// Others changed the document each time between loading and saving. Nothing was written.
    Contended,
    /// The store is down. Nothing was written.
    Unavailable(Cause),
    /// The store's answer was lost, again and again. The change may have happened.
    Indeterminate(Cause),
    /// What is stored can not be read, or what was decided can not be written.
    Corrupt(Cause),
}

impl fmt::Display for RepoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken { index } => write!(f, "another document has this key in index {index}"),
            Self::Contended => f.write_str("the document was changed by others each time"),
            Self::Unavailable(cause) => write!(f, "the store is unavailable: {cause}"),
            Self::Indeterminate(cause) => write!(f, "the store's answer was lost: {cause}"),
            Self::Corrupt(cause) => write!(f, "a stored document is corrupt: {cause}"),
        }
    }
}

impl std::error::Error for RepoError {}

impl From<StoreError> for RepoError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Contended,
            StoreError::Taken { index } => Self::Taken { index },
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Indeterminate(cause) => Self::Indeterminate(cause),
        }
    }
}

/// Why a change did not happen: it was refused by the rules, or the store failed.
#[derive(Debug)]
pub enum ChangeError<E> {
    /// The decision refused it. Nothing was written.
    Refused(E),
    /// The repository failed.
    Repo(RepoError),
}

impl<E> From<RepoError> for ChangeError<E> {
    fn from(error: RepoError) -> Self {
        Self::Repo(error)
    }
}

/// What a change is decided on first.
enum Start<T> {
    /// On what is stored.
    Load,
    /// On this, which was stored when the caller looked.
    Known(Option<Versioned<T>>),
}

/// A typed view of a collection.
pub struct Repo<T> {
    store: Arc<dyn Store>,
    host: Host,
    outbox: Wake,
    kind: PhantomData<fn() -> T>,
}

impl<T> Clone for Repo<T> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            host: self.host.clone(),
            outbox: self.outbox.clone(),
            kind: PhantomData,
        }
    }
}

impl<T: Document> fmt::Debug for Repo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Repo").field(&T::COLLECTION.name).finish()
    }
}

impl<T: Document> Repo<T> {
    /// A view of `T`'s collection in `store`; `outbox` is woken when events were saved.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, host: Host, outbox: Wake) -> Self {
        Self { store, host, outbox, kind: PhantomData }
    }

    fn key(id: Uuid) -> DocKey {
        DocKey { collection: T::COLLECTION, id }
    }

    fn read(stored: &Stored) -> Result<T, RepoError> {
        serde_json::from_slice(&stored.body).map_err(|error| {
            RepoError::Corrupt(format!("{} {}: {error}", T::COLLECTION.name, stored.id).into())
        })
    }

    /// The document, or `None`.
    ///
    /// # Errors
    /// [`RepoError::Unavailable`] or [`RepoError::Corrupt`].
    pub async fn load(&self, id: Uuid) -> Result<Option<Versioned<T>>, RepoError> {
        let Some(stored) = self.store.load(Self::key(id)).await? else { return Ok(None) };
        let (version, event_count) = (stored.revision, stored.version);
        Ok(Some(Versioned { version, event_count, doc: Self::read(&stored)? }))
    }

    /// The document with this key in a unique index.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn by_unique(
        &self,
        index: &'static str,
        key: &Key,
    ) -> Result<Option<Versioned<T>>, RepoError> {
        let rows = self.find(Scan::prefix(T::COLLECTION, index, key).limit(1)).await?;
        Ok(rows.into_iter().next().map(Versioned::from))
    }

    /// The documents of a scan.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn find(&self, scan: Scan) -> Result<Vec<Row<T>>, RepoError> {
        let found = self.store.find(scan).await?;
        let row = |Found { key, doc: stored }: Found| {
            let (version, event_count) = (stored.revision, stored.version);
            Ok(Row { key, version, event_count, doc: Self::read(&stored)? })
        };
        found.into_iter().map(row).collect()
    }

    /// The entries of a scan, without the documents.
    ///
    /// # Errors
    /// [`RepoError::Unavailable`].
    pub async fn keys(&self, scan: Scan) -> Result<Vec<FoundKey>, RepoError> {
        Ok(self.store.keys(scan).await?)
    }

    /// Deletes a document that is at `version`; false when it is not, or is gone.
    ///
    /// # Errors
    /// [`RepoError::Unavailable`] or [`RepoError::Indeterminate`].
    pub async fn delete(&self, id: Uuid, version: u64) -> Result<bool, RepoError> {
        match self.store.delete(Self::key(id), version).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// Changes a document: loads it, lets `decide` say what becomes of it, saves. When another
    /// change came first, it is loaded and decided anew; so `decide` must answer a change that has
    /// happened already with [`Decision::Keep`].
    ///
    /// # Errors
    /// [`ChangeError::Refused`] with what `decide` refused for; nothing was written. Else
    /// [`ChangeError::Repo`].
    pub async fn change<R: Send, E: Send>(
        &self,
        id: Uuid,
        trace: Trace,
        decide: impl Fn(Option<&Versioned<T>>) -> Result<Decision<T, R>, E> + Send + Sync,
    ) -> Result<R, ChangeError<E>> {
        self.change_resolved(id, Start::Load, trace, decide).await
    }

    /// As [`Self::change`], but for the first try nothing is loaded: it is decided on `known`, as the
    /// caller saw the document last (`None`: not there). That may be outdated: a save is then loaded
    /// and decided anew, as after any other change that came first, and what `known` would have kept
    /// or refused is asked of what is stored. So the answer is as true as that of [`Self::change`],
    /// and a load is saved where `known` is the latest.
    ///
    /// Not for a document that is deleted and made again under one id: its versions begin anew.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub async fn change_from<R: Send, E: Send>(
        &self,
        id: Uuid,
        known: Option<Versioned<T>>,
        trace: Trace,
        decide: impl Fn(Option<&Versioned<T>>) -> Result<Decision<T, R>, E> + Send + Sync,
    ) -> Result<R, ChangeError<E>> {
        self.change_resolved(id, Start::Known(known), trace, decide).await
    }

    /// Changes a document, and says the truth about it when answers were lost.
    async fn change_resolved<R: Send, E: Send>(
        &self,
        id: Uuid,
        start: Start<T>,
        trace: Trace,
        decide: impl Fn(Option<&Versioned<T>>) -> Result<Decision<T, R>, E> + Send + Sync,
    ) -> Result<R, ChangeError<E>> {
        let mut lost_answers = 0;
        match self.change_rounds(id, start, trace, decide, &mut lost_answers).await {
            // A save whose answer was lost may have happened, and have been overtaken since, so that
            // this failure is not the whole truth.
            Err(ChangeError::Repo(RepoError::Unavailable(cause))) if lost_answers > 0 => {
                Err(RepoError::Indeterminate(cause).into())
            }
            Err(ChangeError::Repo(RepoError::Contended)) if lost_answers > 0 => {
                Err(RepoError::Indeterminate(RepoError::Contended.into()).into())
            }
            result => result,
        }
    }

    /// Decides and saves until it is saved, on what is loaded but for the start; counts the answers
    /// that were lost.
    async fn change_rounds<R: Send, E: Send>(
        &self,
        id: Uuid,
        mut start: Start<T>,
        trace: Trace,
        decide: impl Fn(Option<&Versioned<T>>) -> Result<Decision<T, R>, E> + Send + Sync,
        lost_answers: &mut u32,
    ) -> Result<R, ChangeError<E>> {
        for _ in 0..ROUNDS_MAX {
            let (current, is_loaded) = match std::mem::replace(&mut start, Start::Load) {
                Start::Known(known) => (known, false),
                Start::Load => (self.load(id).await?, true),
            };
            let (doc, events, answer) = match decide(current.as_ref()) {
                Ok(Decision::Save { doc, events, answer }) => (doc, events, answer),
                // No save will tell whether it was the latest.
                _ if !is_loaded => continue,
                Ok(Decision::Keep(answer)) => return Ok(answer),
                Err(refused) => return Err(ChangeError::Refused(refused)),
            };
            let events = if mutant!("a save without its events") { Vec::new() } else { events };
            let save = self.prepare(id, current.as_ref(), &doc, events, trace)?;
            if self.save_resolved(save, lost_answers).await? {
                return Ok(answer);
            }
        }
        Err(RepoError::Contended.into())
    }

    /// The event of a document's present state once more, under the version of its last event and a
    /// new id: for consumers that may have lost it. `None` when there is no such document.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn tell_again(
        &self,
        id: Uuid,
        trace: Trace,
        event: impl Fn(&T) -> DomainEvent + Send,
    ) -> Result<Option<Arc<Envelope>>, RepoError> {
        let Some(stored) = self.store.load(Self::key(id)).await? else { return Ok(None) };
        let event = event(&Self::read(&stored)?);
        Ok(Some(self.envelop(id, stored.version, event, trace)))
    }

    /// Puts an event in its envelope.
    fn envelop(
        &self,
        aggregate_id: Uuid,
        version: u64,
        event: DomainEvent,
        trace: Trace,
    ) -> Arc<Envelope> {
        let id = self.host.message_id();
        let (causation_id, correlation_id) = trace.0.unwrap_or((id, id));
        let at = self.host.now();
        Arc::new(Envelope {
            id,
            aggregate_id,
            version,
            at,
            causation_id,
            correlation_id,
            actor: stubmart_contract::Actor::Unrecorded,
            request_id: None,
            event,
        })
    }

    /// Encodes a save over `current`, and its events.
    fn prepare(
        &self,
        id: Uuid,
        current: Option<&Versioned<T>>,
        doc: &T,
        events: Vec<DomainEvent>,
        trace: Trace,
    ) -> Result<Arc<Save>, RepoError> {
        let expect = current.map_or(Expect::Absent, |current| Expect::Revision(current.version));
        let mut count = current.map_or(0, |current| current.event_count);
        let mut outgoing = Vec::with_capacity(events.len());
        for event in events {
            count += 1;
            outgoing.push(self.envelop(id, count, event, trace));
        }
        Ok(Arc::new(Save {
            key: Self::key(id),
            expect,
            save_id: SaveId(self.host.uuid()),
            body: serde_json::to_vec(doc).map_err(|error| RepoError::Corrupt(error.into()))?,
            entries: entries(doc),
            version: count,
            events: outgoing,
        }))
    }

    /// Saves; true when it is saved, false when another change came first. An answer that was lost is
    /// looked up: what is stored tells by its save id whether it was this attempt. That is needed
    /// after a conflict too, since a late write of an earlier try can be what it conflicts with.
    async fn save_resolved(
        &self,
        mut save: Arc<Save>,
        lost_answers: &mut u32,
    ) -> Result<bool, RepoError> {
        let publishes = !save.events.is_empty();
        let mut retried = false;
        loop {
            match self.store.save(Arc::clone(&save)).await {
                Ok(_) => break,
                Err(StoreError::Conflict) if mutant!("save without the version check") => {
                    let stored = self.store.load(save.key).await?;
                    Arc::make_mut(&mut save).expect =
                        stored.map_or(Expect::Absent, |it| Expect::Revision(it.revision));
                }
                Err(StoreError::Conflict) if !retried => return Ok(false),
                Err(StoreError::Conflict) => {
                    if self.is_stored(&save).await? {
                        mark!("a lost answer was recognised by its save id");
                        break;
                    }
                    return Ok(false);
                }
                Err(StoreError::Indeterminate(_)) if mutant!("a lost answer taken for done") => {
                    break;
                }
                Err(StoreError::Indeterminate(cause)) => {
                    *lost_answers += 1;
                    if *lost_answers > LOST_ANSWERS_MAX {
                        return Err(RepoError::Indeterminate(cause));
                    }
                    retried = true;
                }
                // The first try may have been written and overtaken; only a fresh decision tells.
                Err(StoreError::Taken { .. }) if retried => {
                    if self.is_stored(&save).await? {
                        break;
                    }
                    return Ok(false);
                }
                Err(error) => return Err(error.into()),
            }
        }
        if publishes {
            self.outbox.wake();
        }
        Ok(true)
    }

    async fn is_stored(&self, save: &Save) -> Result<bool, RepoError> {
        let stored = self.store.load(save.key).await?;
        Ok(stored.is_some_and(|stored| stored.save_id == save.save_id))
    }
}

/// A document's index entries, with its id added to keys of indexes that are not unique.
fn entries<T: Document>(doc: &T) -> Vec<IndexEntry> {
    doc.entries()
        .into_iter()
        .map(|(index, key)| {
            let unique = T::COLLECTION.indexes.iter().any(|it| it.name == index && it.unique);
            IndexEntry { index, key: if unique { key } else { key.id(doc.id()) } }
        })
        .collect()
}
