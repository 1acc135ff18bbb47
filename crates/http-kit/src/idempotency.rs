//! `Idempotency-Key`: a request that is sent again is answered as the first time and done once.
//!
//! Before the work, a record is saved that holds the id of what the work will create; after it, the
//! answer. A crash in between leaves the record without an answer: the next try with the key does the
//! work again *with the same id*, so that what was created already is found and not made twice. That is
//! also why a try that reaches another process need not wait for the first one.

use std::{future::Future, marker::PhantomData, time::Duration};

use axum::response::{IntoResponse, Response};
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stubmart_contract::{Code, Timestamp};
use stubmart_kernel::{
    mark, mutant,
    repo::{ChangeError, Decision, Document, Repo, Trace, Versioned},
    worker::{Next, Worker},
};
use stubmart_ports::{
    Cause,
    host::Host,
    key::Key,
    store::{Collection, Index, Scan},
};
use uuid::Uuid;

use crate::{
    once::{Answer, IdempotencyKey, replayed},
    problem::Problem,
};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// How long a request may work before another with its key takes over within the same process.
const WORKING_MAX: Duration = Duration::from_secs(60);

/// How often old records are looked for.
const PURGE_EVERY: Duration = Duration::from_secs(600);

/// The index of an idempotency collection: by age.
pub const INDEXES: &[Index] = &[Index { name: "created", unique: false }];

/// Where a service keeps its records.
pub trait Keeper: Send + Sync + 'static {
    /// The collection, with [`INDEXES`].
    const COLLECTION: &'static Collection;
}

/// What is kept of a request.
#[derive(Serialize, Deserialize)]
struct Record<K> {
    id: Uuid,
    request: String,
    creates: Uuid,
    created_at: Timestamp,
    worker: Uuid,
    working_until: Timestamp,
    answer: Option<Answer>,
    #[serde(skip)]
    keeper: PhantomData<fn() -> K>,
}

impl<K> Clone for Record<K> {
    fn clone(&self) -> Self {
        Self {
            request: self.request.clone(),
            answer: self.answer.clone(),
            keeper: PhantomData,
            ..*self
        }
    }
}

impl<K: Keeper> Document for Record<K> {
    const COLLECTION: &'static Collection = K::COLLECTION;

    fn id(&self) -> Uuid {
        self.id
    }

    fn entries(&self) -> Vec<(&'static str, Key)> {
        vec![("created", Key::new().time(self.created_at))]
    }
}

/// Which request a key belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The user, or another word for whose keys these are: keys of different callers never meet.
    pub caller: &'a str,
    /// The operation.
    pub operation: &'static str,
    /// What must be the same when the key comes again: the body, usually.
    pub request: &'a str,
}

enum Begun {
    Work(Uuid),
    Replay(Answer),
}

/// The records of a service.
pub struct Idempotency<K> {
    records: Repo<Record<K>>,
    host: Host,
    /// Names this process, so that what an earlier one left undone is known for that.
    worker: Uuid,
}

impl<K> Clone for Idempotency<K> {
    fn clone(&self) -> Self {
        Self { records: self.records.clone(), host: self.host.clone(), worker: self.worker }
    }
}

impl<K> std::fmt::Debug for Idempotency<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Idempotency").finish_non_exhaustive()
    }
}

impl<K: Keeper> Idempotency<K> {
    /// Keeps records in `store`.
    #[must_use]
    pub fn new(store: std::sync::Arc<dyn stubmart_ports::store::Store>, host: Host) -> Self {
        let records = Repo::new(store, host.clone(), stubmart_kernel::worker::Wake::default());
        Self { worker: host.uuid(), records, host }
    }

    /// Does `work` once for the key, or at once when there is none. `work` is given the id of what it
    /// creates; it may find that it exists already, and must then answer as if it had just made it.
    ///
    /// # Errors
    /// `idempotency_key_reused`, `idempotency_key_in_use`, `unavailable`, or what `work` fails with.
    pub async fn once<F>(
        &self,
        key: IdempotencyKey,
        scope: Scope<'_>,
        work: impl FnOnce(Uuid) -> F + Send,
    ) -> Result<Response, Problem>
    where
        F: Future<Output = Result<Answer, Problem>> + Send,
    {
        self.once_then(key, scope, work, async |answer| Ok(answer.into_response())).await
    }

    /// As [`Self::once`], for an answer that says what must not be kept, such as a secret: `work`
    /// answers with what may be kept, and `finish` makes the response of it each time the key comes.
    ///
    /// # Errors
    /// As [`Self::once`], or what `finish` fails with: the work is done then, and the next try with
    /// the key finishes it.
    pub async fn once_then<W, F>(
        &self,
        key: IdempotencyKey,
        scope: Scope<'_>,
        work: impl FnOnce(Uuid) -> W + Send,
        finish: impl FnOnce(Answer) -> F + Send,
    ) -> Result<Response, Problem>
    where
        W: Future<Output = Result<Answer, Problem>> + Send,
        F: Future<Output = Result<Response, Problem>> + Send,
    {
        let Some(key) = key.0 else {
            return finish(work(self.host.uuid()).await?).await;
        };
        let id = record_id(K::COLLECTION.name, &scope, &key);
        let request = hex(&Sha256::digest(scope.request.as_bytes()));
        let creates = match self.begin(id, &request).await? {
            Begun::Replay(stored) => {
                mark!("a repeated request was answered as the first time");
                let response = match stored.revive() {
                    Ok(answer) => finish(answer).await?,
                    Err(problem) => problem.into_response(),
                };
                return Ok(replayed(response));
            }
            Begun::Work(creates) => creates,
        };
        let result = work(creates).await;
        let stored = Answer::to_keep(&result);
        // The work is done whether or not this is saved: without it, the next try with the key finds
        // what was created.
        if let Err(error) = self.end(id, stored).await {
            tracing::warn!(error = ?error.cause(), "answer of an idempotent request not kept");
        }
        finish(result?).await
    }

    async fn begin(&self, id: Uuid, request: &str) -> Result<Begun, Problem> {
        let (now, fresh) = (self.host.now(), self.host.uuid());
        let begun =
            self.records.change(id, Trace::REQUEST, |current: Option<&Versioned<Record<K>>>| {
                let kept = current.map(|it| &it.doc).filter(|it| now.since(it.created_at) < KEPT);
                let creates = match kept {
                    Some(record) if record.request != request => {
                        return Err(Code::IdempotencyKeyReused);
                    }
                    Some(Record { answer: Some(answer), .. }) => {
                        return Ok(Decision::Keep(Begun::Replay(answer.clone())));
                    }
                    Some(record) if record.worker == self.worker && record.working_until > now => {
                        return Err(Code::IdempotencyKeyInUse);
                    }
                    Some(_) if mutant!("a repeated request makes another") => fresh,
                    Some(record) => {
                        mark!("a request was taken over with the id it had");
                        record.creates
                    }
                    None => fresh,
                };
                let doc = Record {
                    id,
                    request: request.to_owned(),
                    creates,
                    created_at: kept.map_or(now, |it| it.created_at),
                    worker: self.worker,
                    working_until: now.after(WORKING_MAX),
                    answer: None,
                    keeper: PhantomData,
                };
                Ok(Decision::Save { doc, events: Vec::new(), answer: Begun::Work(creates) })
            });
        begun.await.map_err(|error| match error {
            ChangeError::Refused(code) => Problem::new(code),
            ChangeError::Repo(error) => error.into(),
        })
    }

    async fn end(&self, id: Uuid, answer: Option<Answer>) -> Result<(), Problem> {
        let now = self.host.now();
        let ended =
            self.records.change(id, Trace::REQUEST, |current: Option<&Versioned<Record<K>>>| {
                let Some(Versioned { doc: Record { answer: None, .. }, .. }) = current else {
                    return Ok::<_, Code>(Decision::Keep(()));
                };
                let mut doc = current.map(|it| it.doc.clone()).ok_or(Code::Internal)?;
                doc.answer = answer.clone();
                doc.working_until = now;
                Ok(Decision::Save { doc, events: Vec::new(), answer: () })
            });
        ended.await.map_err(|error| match error {
            ChangeError::Refused(code) => Problem::new(code),
            ChangeError::Repo(error) => error.into(),
        })
    }

    /// The worker that drops records older than a day.
    #[must_use]
    pub fn purge(&self) -> Purge<K> {
        Purge(self.clone())
    }
}

/// Drops records older than a day.
#[derive(Debug)]
pub struct Purge<K>(Idempotency<K>);

#[async_trait::async_trait]
impl<K: Keeper> Worker for Purge<K> {
    fn name(&self) -> &'static str {
        "idempotency-purge"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let now = self.0.host.now();
        let mut scan = Scan::prefix(K::COLLECTION, "created", &Key::new()).limit(100);
        scan.to = Some(Key::new().time(now.before(KEPT)).into_bytes());
        let old = self.0.records.find(scan).await?;
        if old.is_empty() {
            return Ok(Next::At(now.after(PURGE_EVERY)));
        }
        let deleted = old.iter().map(|row| self.0.records.delete(row.doc.id, row.version));
        join_all(deleted).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        Ok(Next::Again)
    }
}

/// The record's id: a hash of whose key it is, for what, and the key.
fn record_id(collection: &str, scope: &Scope<'_>, key: &str) -> Uuid {
    let mut hash = Sha256::new();
    for part in [collection, scope.caller, scope.operation, key] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    let mut bytes = [0; 16];
    for (byte, hashed) in bytes.iter_mut().zip(hash.finalize()) {
        *byte = hashed;
    }
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
