//! A process that dies: from one of its changes on, nothing that it does arrives.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use stubmart_memory::MemoryBlobs;
use stubmart_ports::blobs::{BlobError, BlobKey, Blobs};
use stubmart_suite::fault::{Call, Fault, Faults, Op};

/// After how many changes it dies. Its last change is done, and nobody learns of it.
#[derive(Debug)]
pub(crate) struct Plan {
    has_begun: AtomicBool,
    left: AtomicI32,
}

impl Plan {
    pub(crate) fn new(dies_at: i32) -> Self {
        Self { has_begun: AtomicBool::new(false), left: AtomicI32::new(dies_at) }
    }

    /// From now on changes count.
    pub(crate) fn begin(&self) {
        self.has_begun.store(true, Ordering::SeqCst);
    }

    fn change(&self) -> Fault {
        if !self.has_begun.load(Ordering::SeqCst) {
            return Fault::None;
        }
        match self.left.fetch_sub(1, Ordering::SeqCst) {
            1.. => Fault::None,
            0 => Fault::LoseAnswer,
            _ => Fault::Fail,
        }
    }

    fn is_dead(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }
}

#[async_trait]
impl Faults for Plan {
    async fn begin(&self, call: Call) -> Fault {
        match call.op {
            Op::Save => self.change(),
            _ if self.is_dead() => Fault::Fail,
            _ => Fault::None,
        }
    }

    fn later(&self, _: Call, work: BoxFuture<'static, ()>) {
        drop(work);
    }

    fn delay(&self) -> Duration {
        Duration::ZERO
    }
}

/// Blobs as a process sees them that dies.
pub(crate) struct Mortal(pub(crate) MemoryBlobs, pub(crate) Arc<Plan>);

fn died() -> BlobError {
    BlobError::Unavailable("the process died".into())
}

#[async_trait]
impl Blobs for Mortal {
    async fn put(&self, key: BlobKey, content: &[u8]) -> Result<(), BlobError> {
        match self.1.change() {
            Fault::None => self.0.put(key, content).await,
            Fault::LoseAnswer => {
                self.0.put(key, content).await?;
                Err(died())
            }
            _ => Err(died()),
        }
    }

    async fn get(&self, key: BlobKey) -> Result<Option<Vec<u8>>, BlobError> {
        if self.1.is_dead() { Err(died()) } else { self.0.get(key).await }
    }

    async fn delete(&self, key: BlobKey) -> Result<(), BlobError> {
        if self.1.is_dead() { Err(died()) } else { self.0.delete(key).await }
    }
}
