//! Has orders expire the order of each lock whose time is up.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use stubmart_contract::{calls::ExpiredLock, event::LockExpired};
use stubmart_kernel::worker::{Next, Wake, Worker};
use stubmart_ports::{
    Cause,
    calls::CallError,
    timers::{Claim, Timer},
};

use crate::{arm::expired_lock, service::Expiration};

/// How many timers fire at once.
const BATCH: usize = 256;

/// How long a timer that fired in vain waits until it fires again, on any instance.
const LEASE: Duration = Duration::from_secs(5);

/// Fires timers. A timer is the durable retry: it is gone when orders has answered, and not before.
pub(crate) struct DueTimers(pub(crate) Expiration);

impl DueTimers {
    async fn fire(&self, claim: &Claim) -> Result<(), CallError> {
        match lock(&claim.timer) {
            Ok(lock) => self.0.deps.orders.expire(&self.0.context(), lock).await,
            Err(error) => {
                // Not lost: the sweep ends what is still locked.
                tracing::error!(timer = %claim.timer.key, %error, "timer dropped: it cannot be read");
                Ok(())
            }
        }
    }
}

/// The lock that a timer was armed for. Timers that an earlier version armed hold the whole ticket.
fn lock(timer: &Timer) -> Result<ExpiredLock, String> {
    serde_json::from_slice(&timer.body).or_else(|error| {
        let earlier: LockExpired =
            serde_json::from_slice(&timer.body).map_err(|_| error.to_string())?;
        expired_lock(&earlier.ticket)
    })
}

#[async_trait]
impl Worker for DueTimers {
    fn name(&self) -> &'static str {
        "expiration-due"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let deps = &self.0.deps;
        let claims = deps.timers.claim(deps.host.now(), BATCH, LEASE).await?;
        if claims.is_empty() {
            return Ok(deps.timers.next_due().await?.map_or(Next::Idle, Next::At));
        }
        let fired = join_all(claims.iter().map(|claim| self.fire(claim))).await;
        let (mut answered, mut failures) = (Vec::new(), Vec::new());
        for (claim, result) in claims.into_iter().zip(fired) {
            match result {
                Ok(()) => answered.push(claim),
                Err(error) => failures.push((claim.timer.key, error)),
            }
        }
        if answered.is_empty()
            && let Some((_, error)) = failures.pop()
        {
            return Err(error.into());
        }
        for (key, error) in failures {
            tracing::warn!(order.id = %key, %error, "lock not ended yet, will retry");
        }
        deps.timers.finish(answered).await?;
        Ok(Next::Again)
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.armed.clone())
    }
}
