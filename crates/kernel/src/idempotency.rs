//! A request that is sent again under its key is done once and answered as the first time.
//!
//! Before the work, a record is saved that holds the id of what the work will create; after it, the
//! answer. A crash in between leaves the record without an answer: the next try under the key does the
//! work again *with the same id*, so that what was created already is found and not made twice. That is
//! also why a try that reaches another process need not wait for the first one.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use stubmart_contract::{Context, Timestamp};
use stubmart_ports::{Cause, host::Host, store::Store};
use uuid::Uuid;

use crate::{
    aggregate::{Aggregate, Collection, Decision, Index, Key},
    mark, mutant,
    repository::{ApplyError, Repository, RepositoryError},
    worker::{Next, Worker},
};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// How long a request may work before another under its key takes over within the same process.
const WORKING_MAX: Duration = Duration::from_secs(60);

/// How often old records are looked for.
const PURGE_EVERY: Duration = Duration::from_secs(600);

/// How many records are dropped at once.
const BATCH: usize = 100;

const CREATED: &str = "created";

/// The index of a collection of records: by age.
pub const INDEXES: &[Index] = &[Index { name: CREATED, unique: false }];

/// Which request a key belongs to. Keys of different callers or operations never meet.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The owner of the keys: the user's id, or another name.
    pub caller: &'a str,
    /// The operation.
    pub operation: &'static str,
    /// The key.
    pub key: &'a str,
    /// What must be the same when the key comes again: the body, usually.
    pub request: &'a [u8],
}

/// What to do with a request.
#[derive(Debug)]
pub enum Begun {
    /// Do the work, and create what it creates under this id, which may exist already: the work must
    /// then answer as if it had just made it. [`Idempotency::end`] takes the record.
    Work {
        /// The id of what the work creates.
        creates: Uuid,
        /// Names the record.
        record: RecordId,
    },
    /// Answer this, as the first time.
    Replay(Box<RawValue>),
}

/// Why a request was not begun. Nothing happened.
#[derive(Debug)]
pub enum BeginError {
    /// The key belongs to another request.
    Reused,
    /// A request under this key is at work in this process.
    InUse,
    /// The repository failed.
    Repository(RepositoryError),
}

/// Names a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordId(Uuid);

impl From<Uuid> for RecordId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl From<RecordId> for Uuid {
    fn from(id: RecordId) -> Self {
        id.0
    }
}

impl RecordId {
    /// A hash of whose key it is, for what, and the key.
    fn of(collection: &Collection, scope: &Scope<'_>) -> Self {
        let mut hash = Sha256::new();
        for part in [collection.name, scope.caller, scope.operation, scope.key] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let mut bytes = [0; 16];
        for (byte, hashed) in bytes.iter_mut().zip(hash.finalize()) {
            *byte = hashed;
        }
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// What is stored of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    id: Uuid,
    /// A hash of the request.
    request: String,
    creates: Uuid,
    created_at: Timestamp,
    worker: Uuid,
    working_until: Timestamp,
    answer: Option<Box<RawValue>>,
}

#[derive(Debug)]
enum Command {
    Begin { id: Uuid, request: String, creates: Uuid, worker: Uuid },
    End(Option<Box<RawValue>>),
}

#[derive(Debug)]
enum Refusal {
    Reused,
    InUse,
    Answered(Box<RawValue>),
    Gone,
}

impl Aggregate for Record {
    type Id = RecordId;
    type Command = Command;
    type Refusal = Refusal;

    fn id(&self) -> RecordId {
        RecordId(self.id)
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        vec![(CREATED, Key::new().time(self.created_at))]
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Refusal> {
        match (current, command) {
            (_, Command::Begin { id, request, creates, worker }) => {
                let live = current.filter(|it| now.since(it.created_at) < KEPT);
                let creates = match live {
                    Some(record) if record.request != *request => return Err(Refusal::Reused),
                    Some(Self { answer: Some(answer), .. }) => {
                        return Err(Refusal::Answered(answer.clone()));
                    }
                    Some(record) if record.worker == *worker && record.working_until > now => {
                        return Err(Refusal::InUse);
                    }
                    Some(_) if mutant!("a repeated request makes another") => *creates,
                    Some(record) => {
                        mark!("a request was taken over with the id it had");
                        record.creates
                    }
                    None => *creates,
                };
                Ok(Decision::silent(Self {
                    id: *id,
                    request: request.clone(),
                    creates,
                    created_at: live.map_or(now, |it| it.created_at),
                    worker: *worker,
                    working_until: now.after(WORKING_MAX),
                    answer: None,
                }))
            }
            (Some(Self { answer: Some(_), .. }), Command::End(_)) => Ok(Decision::Unchanged),
            (Some(record), Command::End(answer)) => Ok(Decision::silent(Self {
                answer: answer.clone(),
                working_until: now,
                ..record.clone()
            })),
            (None, Command::End(_)) => Err(Refusal::Gone),
        }
    }
}

/// The requests under a key that a service has answered in the last 24 hours.
#[derive(Debug, Clone)]
pub struct Idempotency {
    collection: &'static Collection,
    records: Repository<Record>,
    host: Host,
    /// Identifies this process: what another process left without an answer is taken over at once.
    worker: Uuid,
}

impl Idempotency {
    /// Keeps records in `collection`, which has [`INDEXES`].
    #[must_use]
    pub fn new(collection: &'static Collection, store: Arc<dyn Store>, host: Host) -> Self {
        let records = Repository::new(collection, store, host.clone());
        Self { collection, records, worker: host.uuid(), host }
    }

    /// An id for what a request without a key creates.
    #[must_use]
    pub fn fresh_id(&self) -> Uuid {
        self.host.uuid()
    }

    /// Begins a request under a key.
    ///
    /// # Errors
    /// [`BeginError`]. Nothing happened.
    pub async fn begin(&self, context: &Context, scope: Scope<'_>) -> Result<Begun, BeginError> {
        let record = RecordId::of(self.collection, &scope);
        let command = Command::Begin {
            id: record.0,
            request: hex::encode(Sha256::digest(scope.request)),
            creates: self.host.uuid(),
            worker: self.worker,
        };
        match self.records.apply(context, record, &command).await {
            Ok(applied) => Ok(Begun::Work { creates: applied.after.state.creates, record }),
            Err(ApplyError::Refused { refusal: Refusal::Answered(answer), .. }) => {
                mark!("a repeated request was answered as the first time");
                Ok(Begun::Replay(answer))
            }
            Err(ApplyError::Refused { refusal: Refusal::InUse, .. }) => Err(BeginError::InUse),
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Err(BeginError::Reused),
            Err(ApplyError::Repository(error)) => Err(BeginError::Repository(error)),
        }
    }

    /// Ends a request: `answer` is given to all that come under its key from now on. Without one the
    /// next does the work again, with the same id.
    ///
    /// # Errors
    /// [`RepositoryError`]. The work is done whether or not this is saved: the next request under the
    /// key finds what was created.
    pub async fn end(
        &self,
        context: &Context,
        record: RecordId,
        answer: Option<Box<RawValue>>,
    ) -> Result<(), RepositoryError> {
        match self.records.apply(context, record, &Command::End(answer)).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }

    /// The worker that drops records older than a day.
    #[must_use]
    pub fn purge(&self) -> Purge {
        Purge(self.clone())
    }
}

/// Drops records older than a day.
#[derive(Debug)]
pub struct Purge(Idempotency);

#[async_trait]
impl Worker for Purge {
    fn name(&self) -> &'static str {
        "idempotency-purge"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let (records, now) = (&self.0.records, self.0.host.now());
        let mut scan = records.scan(CREATED, &Key::new()).limit(BATCH);
        scan.to = Some(Key::new().time(now.before(KEPT)).into_bytes());
        let old = records.find(scan).await?;
        if old.is_empty() {
            return Ok(Next::At(now.after(PURGE_EVERY)));
        }
        let deleted = old.iter().map(|row| records.delete(&row.found));
        join_all(deleted).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(Next::Again)
    }
}
