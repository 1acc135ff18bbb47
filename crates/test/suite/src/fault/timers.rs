//! Timers that fail.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::FutureExt as _;
use stubmart_contract::Timestamp;
use stubmart_ports::timers::{Claim, Timer, TimerError, Timers};
use uuid::Uuid;

use super::{
    call::{Errors, ask, change, change_with, injected},
    plan::{Call, Fault, Faults, Op},
};
use crate::host::lock;

/// Timers with faults injected. Clones share what is answered twice.
#[derive(Clone)]
pub struct FaultyTimers {
    inner: Arc<dyn Timers>,
    faults: Arc<dyn Faults>,
    /// Claims that are answered a second time.
    repeated: Arc<Mutex<Vec<Claim>>>,
}

impl std::fmt::Debug for FaultyTimers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FaultyTimers").finish_non_exhaustive()
    }
}

/// The one error of the timers does not say whether anything happened.
const ERRORS: Errors<TimerError> = (TimerError::Unavailable, TimerError::Unavailable);

impl FaultyTimers {
    /// `inner` with these faults.
    #[must_use]
    pub fn new(inner: Arc<dyn Timers>, faults: Arc<dyn Faults>) -> Self {
        Self { inner, faults, repeated: Arc::default() }
    }

    /// Claims as the fault of the moment has it.
    async fn claim_with(
        &self,
        fault: Fault,
        now: Timestamp,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Claim>, TimerError> {
        match fault {
            Fault::Fail => return Err(TimerError::Unavailable(injected())),
            Fault::Late => return Ok(Vec::new()),
            Fault::None | Fault::LoseAnswer | Fault::Twice | Fault::Forget => {}
        }
        let mut claims: Vec<_> = {
            let mut repeated = lock(&self.repeated);
            let count = repeated.len().min(limit);
            repeated.drain(..count).collect()
        };
        let fresh = self.inner.claim(now, limit - claims.len(), lease).await?;
        match fault {
            Fault::LoseAnswer => return Err(TimerError::Unavailable(injected())),
            Fault::Twice => lock(&self.repeated).extend(fresh.iter().cloned()),
            _ => {}
        }
        claims.extend(fresh);
        claims.sort_by_key(|claim| claim.timer.due_at);
        Ok(claims)
    }
}

#[async_trait]
impl Timers for FaultyTimers {
    async fn change(&self, set: Vec<Timer>, cancel: Vec<Uuid>) -> Result<(), TimerError> {
        let subject = set.first().map_or(Uuid::nil(), |timer| timer.key);
        let call = Call::about(Op::Change, subject);
        let make = || {
            let (inner, set, cancel) = (Arc::clone(&self.inner), set.clone(), cancel.clone());
            async move { inner.change(set, cancel).await }.boxed()
        };
        let answer = match self.faults.begin(call).await {
            Fault::Forget => Ok(()),
            fault => change_with(fault, &self.faults, call, ERRORS, make).await,
        };
        self.faults.end(call).await;
        answer
    }

    async fn claim(
        &self,
        now: Timestamp,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Claim>, TimerError> {
        let call = Call::new(Op::Claim);
        let fault = self.faults.begin(call).await;
        let claims = self.claim_with(fault, now, limit, lease).await;
        self.faults.end(call).await;
        claims
    }

    async fn finish(&self, claims: Vec<Claim>) -> Result<(), TimerError> {
        change(&self.faults, Call::new(Op::Finish), ERRORS, || {
            let (inner, claims) = (Arc::clone(&self.inner), claims.clone());
            async move { inner.finish(claims).await }.boxed()
        })
        .await
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, TimerError> {
        let due = self.inner.next_due();
        ask(&self.faults, Call::new(Op::NextDue), TimerError::Unavailable, due).await
    }
}
