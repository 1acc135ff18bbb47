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

/// The smallest step of time: what is due now is before now and an instant.
const INSTANT: Duration = Duration::from_millis(1);

/// What is done with an aggregate when its time has come.
#[async_trait]
pub trait Due: Send + Sync + 'static {
    /// What it is done with.
    type Aggregate: Aggregate<Id: From<Uuid>>;

    /// The worker's name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Where the aggregates are.
    fn repository(&self) -> &Repository<Self::Aggregate>;

    /// The index whose keys begin with the time at which an aggregate is due. The work has to move the
    /// aggregate out of it, or to a later time.
    fn index(&self) -> &'static str;

    /// Does the work. It may be done twice, and must then change nothing.
    ///
    /// # Errors
    /// [`DueError`]: it is tried again after a while, and keeps no other from being done. What is
    /// [`RepositoryError::Corrupt`] is logged and passed over.
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

/// The worker that does what is due.
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

    /// Everything that is due before `end`, whether or not some of it fails.
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

    /// When the next is due, from `end` on.
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
