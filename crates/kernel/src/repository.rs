//! The typed repository: load, decide, save, until the save succeeds.

use std::{fmt, marker::PhantomData, sync::Arc};

use stubmart_contract::{Context, DomainEvent, Envelope};
use stubmart_ports::{
    Cause,
    host::Host,
    key::Key,
    store::{
        Collection, DocKey, Expect, Found, IndexEntry, Save, SaveId, Scan, Store, StoreError,
        Stored,
    },
};
use uuid::Uuid;

use crate::{
    aggregate::{Aggregate, Decision, Precondition},
    hooks::{mark, mutant},
};

/// How often a change is decided again because another came first.
const ROUNDS_MAX: u32 = 64;

/// How often a save whose answer was lost is looked up and tried again.
const LOST_ANSWERS_MAX: u32 = 3;

/// An aggregate as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned<A> {
    /// How many events it has published: the version in its last event, in streams and in its `ETag`.
    pub version: u64,
    /// The store's compare-and-set token, which grows with silent changes too.
    revision: u64,
    /// The aggregate.
    pub state: A,
}

/// An aggregate that a scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row<A> {
    /// The entry's key in the index.
    pub key: Vec<u8>,
    /// The aggregate.
    pub found: Versioned<A>,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied<A> {
    /// The aggregate before the command; `None` where the command created it.
    pub before: Option<A>,
    /// The aggregate after it.
    pub after: Versioned<A>,
    /// Whether this command changed it. False where it had its effect already.
    pub changed: bool,
}

/// Why a repository did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// Another document has this key in a unique index. Nothing was written.
    #[error("another document has this key in index {index}")]
    Taken {
        /// The index.
        index: &'static str,
    },
    /// Others changed the document each time between loading and saving. Nothing was written.
    #[error("others changed the document each time")]
    Contended,
    /// The store is down. Nothing was written.
    #[error("the store is unavailable: {0}")]
    Unavailable(Cause),
    /// The store's answer was lost, again and again. The change may have happened.
    #[error("the store's answer was lost: {0}")]
    Indeterminate(Cause),
    /// What is stored cannot be read, or what was decided cannot be written. Nothing was written.
    #[error("the document cannot be read or written: {0}")]
    Corrupt(Cause),
}

impl From<StoreError> for RepositoryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Contended,
            StoreError::Taken { index } => Self::Taken { index },
            StoreError::Unavailable(cause) => Self::Unavailable(cause),
            StoreError::Indeterminate(cause) => Self::Indeterminate(cause),
        }
    }
}

/// Why a command was not applied.
#[derive(Debug)]
pub enum ApplyError<R> {
    /// The aggregate's rules refused it. Nothing was written.
    Refused {
        /// Why.
        refusal: R,
        /// The version it was decided on; `None` where nothing is stored.
        version: Option<u64>,
    },
    /// The precondition does not hold for this version. Nothing was written.
    Stale {
        /// The present version.
        version: u64,
    },
    /// The repository failed.
    Repository(RepositoryError),
}

impl<R> From<RepositoryError> for ApplyError<R> {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

/// The state that a command is first decided on.
enum Start<A> {
    /// The stored state.
    Load,
    /// This state, which was stored when the caller looked.
    Known(Option<Versioned<A>>),
}

/// A typed view of a collection.
pub struct Repository<A> {
    collection: &'static Collection,
    store: Arc<dyn Store>,
    host: Host,
    kind: PhantomData<fn() -> A>,
}

impl<A> Clone for Repository<A> {
    fn clone(&self) -> Self {
        Self {
            collection: self.collection,
            store: Arc::clone(&self.store),
            host: self.host.clone(),
            kind: PhantomData,
        }
    }
}

impl<A> fmt::Debug for Repository<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Repository").field(&self.collection.name).finish()
    }
}

impl<A: Aggregate> Repository<A> {
    /// A view of `collection` in `store`.
    #[must_use]
    pub fn new(collection: &'static Collection, store: Arc<dyn Store>, host: Host) -> Self {
        Self { collection, store, host, kind: PhantomData }
    }

    /// The aggregate, or `None`.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`] or [`RepositoryError::Corrupt`].
    pub async fn load(&self, id: A::Id) -> Result<Option<Versioned<A>>, RepositoryError> {
        let stored = self.store.load(self.key(id)).await?;
        stored.map(|stored| self.read(&stored)).transpose()
    }

    /// The aggregate with this key in a unique index.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn by_unique(
        &self,
        index: &'static str,
        key: &Key,
    ) -> Result<Option<Versioned<A>>, RepositoryError> {
        let rows = self.find(self.scan(index, key).limit(1)).await?;
        Ok(rows.into_iter().next().map(|row| row.found))
    }

    /// A scan of the entries of `index` whose keys begin with `prefix`, ascending.
    #[must_use]
    pub fn scan(&self, index: &'static str, prefix: &Key) -> Scan {
        Scan::prefix(self.collection, index, prefix)
    }

    /// The aggregates of a scan of this collection.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn find(&self, scan: Scan) -> Result<Vec<Row<A>>, RepositoryError> {
        let found = self.store.find(scan).await?;
        let row = |Found { key, doc }: Found| Ok(Row { key, found: self.read(&doc)? });
        found.into_iter().map(row).collect()
    }

    /// The ids of a scan of this collection, each with its entry's key; the documents are not read.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`].
    pub async fn keys(&self, scan: Scan) -> Result<Vec<(Vec<u8>, A::Id)>, RepositoryError>
    where
        A::Id: From<Uuid>,
    {
        let found = self.store.keys(scan).await?;
        Ok(found.into_iter().map(|it| (it.key, A::Id::from(it.id))).collect())
    }

    /// Deletes an aggregate that is as `seen`; false when it is not, or is gone.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`], or [`RepositoryError::Indeterminate`]: it may be deleted.
    pub async fn delete(&self, seen: &Versioned<A>) -> Result<bool, RepositoryError> {
        match self.store.delete(self.key(seen.state.id()), seen.revision).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// Applies a command: loads the aggregate, decides, saves it with its event. When another change
    /// came first, it loads and decides again.
    ///
    /// # Errors
    /// [`ApplyError`], which says what happened.
    pub async fn apply(
        &self,
        context: &Context,
        id: A::Id,
        command: &A::Command,
    ) -> Result<Applied<A>, ApplyError<A::Refusal>> {
        self.resolve(context, id, Start::Load, &Precondition::None, command).await
    }

    /// As [`Self::apply`], for an id that was made for this command: nothing is loaded first.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub async fn create(
        &self,
        context: &Context,
        id: A::Id,
        command: &A::Command,
    ) -> Result<Applied<A>, ApplyError<A::Refusal>> {
        self.resolve(context, id, Start::Known(None), &Precondition::None, command).await
    }

    /// As [`Self::apply`], on an aggregate that the caller has loaded a moment ago, and only if the
    /// precondition holds for the stored version. `known` may be outdated: a command that it would leave
    /// unchanged, or refuse, is then decided on the stored state.
    ///
    /// Not for an aggregate that is deleted and made again under one id: its revisions begin again.
    ///
    /// # Errors
    /// As [`Self::apply`]; [`ApplyError::Stale`] where the precondition does not hold and the command
    /// would change something.
    pub async fn apply_to(
        &self,
        context: &Context,
        known: Versioned<A>,
        precondition: &Precondition,
        command: &A::Command,
    ) -> Result<Applied<A>, ApplyError<A::Refusal>> {
        let id = known.state.id();
        self.resolve(context, id, Start::Known(Some(known)), precondition, command).await
    }

    /// Applies a command. When answers were lost, the error does not claim that nothing happened.
    async fn resolve(
        &self,
        context: &Context,
        id: A::Id,
        start: Start<A>,
        precondition: &Precondition,
        command: &A::Command,
    ) -> Result<Applied<A>, ApplyError<A::Refusal>> {
        let mut lost_answers = 0;
        match self.rounds(context, id, start, precondition, command, &mut lost_answers).await {
            // A save whose answer was lost may have happened, and have been overtaken since, so that
            // this failure is not the whole truth.
            Err(ApplyError::Repository(RepositoryError::Unavailable(cause)))
                if lost_answers > 0 =>
            {
                Err(RepositoryError::Indeterminate(cause).into())
            }
            Err(ApplyError::Repository(RepositoryError::Contended)) if lost_answers > 0 => {
                Err(RepositoryError::Indeterminate(RepositoryError::Contended.into()).into())
            }
            result => result,
        }
    }

    /// Decides and saves until it is saved; counts the answers that were lost.
    async fn rounds(
        &self,
        context: &Context,
        id: A::Id,
        start: Start<A>,
        precondition: &Precondition,
        command: &A::Command,
        lost_answers: &mut u32,
    ) -> Result<Applied<A>, ApplyError<A::Refusal>> {
        let mut start = Some(start);
        for _ in 0..ROUNDS_MAX {
            let (current, is_loaded) = match start.take() {
                Some(Start::Known(known)) => (known, false),
                Some(Start::Load) | None => (self.load(id).await?, true),
            };
            let state = current.as_ref().map(|it| &it.state);
            let decided = A::decide(state, command, self.host.now());
            let version = current.as_ref().map(|it| it.version);
            let (state, event) = match decided {
                Ok(Decision::Changed { state, event }) => (state, event),
                // Only a save tells whether the caller knew the latest version.
                Ok(Decision::Unchanged) | Err(_) if !is_loaded => continue,
                Ok(Decision::Unchanged) => {
                    let after = current.ok_or_else(|| {
                        RepositoryError::Corrupt("a command left nothing as it was".into())
                    })?;
                    let before = Some(after.state.clone());
                    return Ok(Applied { before, after, changed: false });
                }
                Err(refusal) => return Err(ApplyError::Refused { refusal, version }),
            };
            if let Some(version) = version
                && !precondition.holds_for(version)
            {
                if is_loaded {
                    return Err(ApplyError::Stale { version });
                }
                continue;
            }
            let event = if mutant!("a save without its events") { None } else { event };
            let save = self.prepare(context, id, current.as_ref(), &state, event)?;
            let after = Versioned {
                version: save.version,
                revision: current.as_ref().map_or(1, |it| it.revision.saturating_add(1)),
                state,
            };
            if self.save(save, lost_answers).await? {
                let before = current.map(|it| it.state);
                return Ok(Applied { before, after, changed: true });
            }
        }
        Err(RepositoryError::Contended.into())
    }

    /// Saves an aggregate as it is, without an event, so that its index entries are those of today. One
    /// that is gone, or that another change saves first, needs no more.
    pub(crate) async fn touch(&self, context: &Context, id: A::Id) -> Result<(), RepositoryError> {
        let Some(current) = self.load(id).await? else { return Ok(()) };
        let save = self.prepare(context, id, Some(&current), &current.state, None)?;
        self.save(save, &mut 0).await.map(drop)
    }

    fn key(&self, id: A::Id) -> DocKey {
        DocKey { collection: self.collection, id: id.into() }
    }

    fn read(&self, stored: &Stored) -> Result<Versioned<A>, RepositoryError> {
        let state = serde_json::from_slice(&stored.body).map_err(|error| {
            RepositoryError::Corrupt(
                format!("{} {}: {error}", self.collection.name, stored.id).into(),
            )
        })?;
        Ok(Versioned { version: stored.version, revision: stored.revision, state })
    }

    /// Encodes a save over `current`, and its event.
    fn prepare(
        &self,
        context: &Context,
        id: A::Id,
        current: Option<&Versioned<A>>,
        state: &A,
        event: Option<DomainEvent>,
    ) -> Result<Arc<Save>, RepositoryError> {
        let expect = current.map_or(Expect::Absent, |current| Expect::Revision(current.revision));
        let mut version = current.map_or(0, |current| current.version);
        let mut events = Vec::new();
        if let Some(event) = event {
            version = version.saturating_add(1);
            events.push(Arc::new(self.envelop(context, id, version, event)));
        }
        Ok(Arc::new(Save {
            key: self.key(id),
            expect,
            save_id: SaveId(self.host.uuid()),
            body: serde_json::to_vec(state)
                .map_err(|error| RepositoryError::Corrupt(error.into()))?,
            entries: self.entries(state),
            version,
            events,
        }))
    }

    /// Puts an event in its envelope.
    fn envelop(&self, context: &Context, id: A::Id, version: u64, event: DomainEvent) -> Envelope {
        let message_id = self.host.message_id();
        let (causation_id, correlation_id) =
            context.caused_by.map_or((message_id, message_id), |it| (it.event, it.correlation));
        Envelope {
            id: message_id,
            aggregate_id: id.into(),
            version,
            at: self.host.now(),
            causation_id,
            correlation_id,
            actor: context.actor.clone(),
            request_id: context.request_id.clone(),
            event,
        }
    }

    /// The index entries, with the id added to keys of indexes that are not unique.
    fn entries(&self, state: &A) -> Vec<IndexEntry> {
        let is_unique =
            |name: &str| self.collection.indexes.iter().any(|it| it.name == name && it.unique);
        let entry = |(index, key): (&'static str, Key)| {
            let key = if is_unique(index) { key } else { key.id(state.id().into()) };
            IndexEntry { index, key }
        };
        state.index_entries().into_iter().map(entry).collect()
    }

    /// Saves; true when it is saved, false when another change came first. An answer that was lost is
    /// looked up: the save id of what is stored tells whether it was this attempt. A conflict after a
    /// lost answer needs the same look, since a late write of an earlier try can be what it met.
    async fn save(
        &self,
        mut save: Arc<Save>,
        lost_answers: &mut u32,
    ) -> Result<bool, RepositoryError> {
        let mut retried = false;
        loop {
            match self.store.save(Arc::clone(&save)).await {
                Ok(_) => return Ok(true),
                Err(StoreError::Conflict) if mutant!("save without the version check") => {
                    let stored = self.store.load(save.key).await?;
                    Arc::make_mut(&mut save).expect =
                        stored.map_or(Expect::Absent, |it| Expect::Revision(it.revision));
                }
                Err(StoreError::Conflict) if !retried => return Ok(false),
                Err(StoreError::Conflict) => {
                    let is_ours = self.is_stored(&save).await?;
                    if is_ours {
                        mark!("a lost answer was recognised by its save id");
                    }
                    return Ok(is_ours);
                }
                Err(StoreError::Indeterminate(_)) if mutant!("a lost answer taken for done") => {
                    return Ok(true);
                }
                Err(StoreError::Indeterminate(cause)) => {
                    *lost_answers += 1;
                    if *lost_answers > LOST_ANSWERS_MAX {
                        return Err(RepositoryError::Indeterminate(cause));
                    }
                    retried = true;
                }
                // The first try may have been written and overtaken; only a fresh decision tells.
                Err(StoreError::Taken { .. }) if retried => return self.is_stored(&save).await,
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn is_stored(&self, save: &Save) -> Result<bool, RepositoryError> {
        let stored = self.store.load(save.key).await?;
        Ok(stored.is_some_and(|stored| stored.save_id == save.save_id))
    }
}
