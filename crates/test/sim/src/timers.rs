//! The checkout timers, which are lost, late and twice.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use futures_util::FutureExt as _;
use stubmart_contract::Timestamp;
use stubmart_ports::timers::{Claim, Timer, TimerError, Timers};
use stubmart_suite::mem::MemTimers;
use uuid::Uuid;

use crate::{
    exec::lock,
    scenario::Kind,
    world::{Plan, Port, injected},
};

/// The timers of the world.
#[derive(Debug, Default)]
pub struct TimerCore {
    pub(crate) inner: MemTimers,
    /// Claims that are answered a second time.
    echoes: Mutex<Vec<Claim>>,
}

impl TimerCore {
    /// Loses every timer.
    pub fn wipe(&self) {
        self.inner.wipe();
        lock(&self.echoes).clear();
    }
}

/// The timers, as one instance sees them.
#[derive(Debug, Clone)]
pub(crate) struct SimTimers(pub(crate) Port);

fn down() -> TimerError {
    TimerError::Unavailable(injected())
}

#[async_trait]
impl Timers for SimTimers {
    async fn change(&self, set: Vec<Timer>, cancel: Vec<Uuid>) -> Result<(), TimerError> {
        let (world, inner) = (&self.0.world, self.0.world.timers.inner.clone());
        let subject = set.first().map_or(Uuid::nil(), |timer| timer.key);
        let answer = match self.0.begin(Kind::Timer, "timers change", subject).await {
            Plan::Fine => inner.change(set, cancel).await,
            // Told as done, and lost: a timer store that forgot what it had just taken.
            Plan::Twice => Ok(()),
            Plan::Fail => Err(down()),
            Plan::LoseAnswer => {
                inner.change(set, cancel).await?;
                Err(down())
            }
            Plan::Late(delay) => {
                world.later(delay, move |_| drop(inner.change(set, cancel).now_or_never()));
                Err(down())
            }
        };
        self.0.end("timers change", subject).await;
        answer
    }

    async fn claim(
        &self,
        now: Timestamp,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Claim>, TimerError> {
        let core = &self.0.world.timers;
        let plan = self.0.begin(Kind::Timer, "timers claim", Uuid::nil()).await;
        let answer = match plan {
            Plan::Fail => Err(down()),
            // They are due, and the timer store does not say so.
            Plan::Late(_) => Ok(Vec::new()),
            Plan::Fine | Plan::LoseAnswer | Plan::Twice => {
                let mut claims = std::mem::take(&mut *lock(&core.echoes));
                claims.extend(core.inner.claim(now, limit, lease).await?);
                if plan == Plan::Twice {
                    lock(&core.echoes).extend(claims.iter().cloned());
                }
                if plan == Plan::LoseAnswer { Err(down()) } else { Ok(claims) }
            }
        };
        self.0.end("timers claim", Uuid::nil()).await;
        answer
    }

    async fn finish(&self, claims: Vec<Claim>) -> Result<(), TimerError> {
        let inner = self.0.world.timers.inner.clone();
        let answer = match self.0.begin(Kind::Timer, "timers finish", Uuid::nil()).await {
            Plan::Fine | Plan::Twice => inner.finish(claims).await,
            Plan::Fail | Plan::Late(_) => Err(down()),
            Plan::LoseAnswer => {
                inner.finish(claims).await?;
                Err(down())
            }
        };
        self.0.end("timers finish", Uuid::nil()).await;
        answer
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, TimerError> {
        let inner = &self.0.world.timers.inner;
        let due = self
            .0
            .ask(Kind::Timer, "timers next due", Uuid::nil(), || inner.next_due().now_or_never());
        due.await.flatten().unwrap_or_else(|| Err(down()))
    }
}
