//! Work that is due at a time: one sweep for all of it.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use stubmart_contract::Timestamp;
use stubmart_ports::{Cause, host::Host, key::KeyReader, store::Scan};
use uuid::Uuid;

use crate::{
    aggregate::{Aggregate, Key},
    repository::{Repository, RepositoryError},
    worker::{Next, Wake, Worker},
};

/// How many are read at once.
const BATCH: usize = 200;

/// How many are worked on at once: enough that one that takes long keeps few others waiting, and few
/// enough that a service that was down for an hour does not ask another for everything at once.
const AT_ONCE: usize = 32;

/// The smallest step of time. A scan ends before its bound, so it ends an instant after now.
const INSTANT: Duration = Duration::from_millis(1);

/// Work on the aggregates of a kind, each when its time has come.
#[async_trait]
pub trait Due: Send + Sync + 'static {
    /// The kind.
    type Aggregate: Aggregate<Id: From<Uuid>>;

    /// The worker's name in logs and metrics.
    fn name(&self) -> &'static str;

    /// The repository of the aggregates.
    fn repository(&self) -> &Repository<Self::Aggregate>;

    /// The index by the time at which an aggregate is due. [`Self::run`] has to take the aggregate out of
    /// it, or move it to a later time.
    fn index(&self) -> &'static str;

    /// Does the work of one aggregate. Doing it again must change nothing.
    ///
    /// # Errors
    /// [`DueError`]: the sweep goes on with the others and tries this one again after a while. It logs
    /// and passes over one that is [`RepositoryError::Corrupt`].
    async fn run(&self, id: <Self::Aggregate as Aggregate>::Id) -> Result<(), DueError>;

    /// Wakes the sweep when something new may be due earlier than what it waits for.
    fn wake(&self) -> Option<Wake> {
        None
    }
}

/// Why due work was not done.
#[derive(Debug)]
pub enum DueError {
    /// The repository failed.
    Repository(RepositoryError),
    /// Another dependency failed.
    Dependency(Cause),
}

impl From<RepositoryError> for DueError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

/// The worker that runs what is due.
#[derive(Debug)]
pub struct Sweep<D> {
    due: D,
    host: Host,
}

impl<D: Due> Sweep<D> {
    /// A sweep on `host`'s clock.
    #[must_use]
    pub fn worker(due: D, host: Host) -> Arc<dyn Worker> {
        Arc::new(Self { due, host })
    }

    async fn run(&self, id: <D::Aggregate as Aggregate>::Id) -> Result<(), Cause> {
        match self.due.run(id).await {
            Ok(()) => Ok(()),
            Err(DueError::Repository(error @ RepositoryError::Corrupt(_))) => {
                let id: Uuid = id.into();
                tracing::error!(worker = self.due.name(), %id, %error, "due work passed over");
                Ok(())
            }
            Err(DueError::Repository(error)) => Err(error.into()),
            Err(DueError::Dependency(cause)) => Err(cause),
        }
    }

    /// Runs everything that is due before `end`, even if some of it fails.
    async fn run_before(&self, end: &Key) -> Result<(), Cause> {
        let mut scan = self.scan().limit(BATCH);
        scan.to = Some(end.bytes().to_vec());
        let mut failure = None;
        loop {
            let keys = self.due.repository().keys(scan.clone()).await?;
            let Some((last, _)) = keys.last() else { break };
            scan = scan.behind(last);
            let mut work = stream::iter(keys).map(|(_, id)| self.run(id)).buffer_unordered(AT_ONCE);
            while let Some(ended) = work.next().await {
                failure = ended.err().or(failure);
            }
        }
        failure.map_or(Ok(()), Err)
    }

    fn scan(&self) -> Scan {
        self.due.repository().scan(self.due.index(), &Key::new())
    }

    /// When the next aggregate is due, from `end` on.
    async fn next_from(&self, end: &Key) -> Result<Option<Timestamp>, Cause> {
        let mut scan = self.scan().limit(1);
        scan.from = end.bytes().to_vec();
        let keys = self.due.repository().keys(scan).await?;
        Ok(keys.first().and_then(|(key, _)| KeyReader::new(key).time()))
    }
}

#[async_trait]
impl<D: Due> Worker for Sweep<D> {
    fn name(&self) -> &'static str {
        self.due.name()
    }

    async fn step(&self) -> Result<Next, Cause> {
        let end = Key::new().time(self.host.now().after(INSTANT));
        self.run_before(&end).await?;
        Ok(self.next_from(&end).await?.map_or(Next::Idle, Next::At))
    }

    fn wake(&self) -> Option<Wake> {
        self.due.wake()
    }
}
