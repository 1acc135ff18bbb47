//! Timers that fail.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use stubmart_contract::Timestamp;
use stubmart_ports::timers::{Claim, Timer, TimerError, Timers};
use uuid::Uuid;

use super::{Fault, Held, Injector, Op, injected};
use crate::host::lock;

/// Timers with faults injected. Clones share what is late.
#[derive(Clone)]
pub struct FaultyTimers {
    inner: Arc<dyn Timers>,
    injector: Arc<Injector>,
    held: Arc<Held<Write>>,
    /// Claims that are answered a second time.
    echoes: Arc<Mutex<Vec<Claim>>>,
}

/// A write that is late.
#[derive(Debug, Clone)]
enum Write {
    Change(Vec<Timer>, Vec<Uuid>),
    Finish(Vec<Claim>),
}

impl fmt::Debug for FaultyTimers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyTimers").field("late", &self.late()).finish_non_exhaustive()
    }
}

fn unavailable() -> TimerError {
    TimerError::Unavailable(injected())
}

impl FaultyTimers {
    /// `inner` with the faults of `injector`.
    #[must_use]
    pub fn new(inner: Arc<dyn Timers>, injector: Arc<Injector>) -> Self {
        Self { inner, injector, held: Arc::default(), echoes: Arc::default() }
    }

    /// How many changes are late.
    #[must_use]
    pub fn late(&self) -> usize {
        self.held.count()
    }

    /// Lets the late change at this place land, 0 being the oldest; false when there is none.
    pub async fn release(&self, place: usize) -> bool {
        let Some(write) = self.held.take(place) else { return false };
        drop(self.write(write).await);
        true
    }

    /// Lets every late change land, oldest first.
    pub async fn release_all(&self) {
        while self.release(0).await {}
    }

    async fn write(&self, write: Write) -> Result<(), TimerError> {
        match write {
            Write::Change(set, cancel) => self.inner.change(set, cancel).await,
            Write::Finish(claims) => self.inner.finish(claims).await,
        }
    }

    async fn write_faulty(&self, op: Op, write: Write) -> Result<(), TimerError> {
        match self.injector.ask(op) {
            Fault::None => self.write(write).await,
            Fault::Fail => Err(unavailable()),
            Fault::LoseAnswer => {
                drop(self.write(write).await);
                Err(unavailable())
            }
            Fault::Late => {
                self.held.push(write);
                Err(unavailable())
            }
            Fault::Twice => {
                self.write(write.clone()).await?;
                self.write(write).await
            }
        }
    }
}

#[async_trait]
impl Timers for FaultyTimers {
    async fn change(&self, set: Vec<Timer>, cancel: Vec<Uuid>) -> Result<(), TimerError> {
        self.write_faulty(Op::Change, Write::Change(set, cancel)).await
    }

    async fn claim(
        &self,
        now: Timestamp,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Claim>, TimerError> {
        let fault = self.injector.ask(Op::Claim);
        if fault == Fault::Fail {
            return Err(unavailable());
        }
        let mut claims: Vec<_> = {
            let mut echoes = lock(&self.echoes);
            let count = echoes.len().min(limit);
            echoes.drain(..count).collect()
        };
        let fresh = self.inner.claim(now, limit - claims.len(), lease).await?;
        match fault {
            Fault::LoseAnswer | Fault::Late => return Err(unavailable()),
            Fault::Twice => lock(&self.echoes).extend(fresh.iter().cloned()),
            Fault::None | Fault::Fail => {}
        }
        claims.extend(fresh);
        claims.sort_by_key(|claim| claim.timer.due_at);
        Ok(claims)
    }

    async fn finish(&self, claims: Vec<Claim>) -> Result<(), TimerError> {
        self.write_faulty(Op::Finish, Write::Finish(claims)).await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, TimerError> {
        if self.injector.fails(Op::NextDue) {
            return Err(unavailable());
        }
        self.inner.next_due().await
    }
}
