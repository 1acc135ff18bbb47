//! Background work in steps, so that production loops and a simulation run the same code.

use std::{pin::pin, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::future::{Either, select};
use stubmart_contract::Timestamp;
use tokio::sync::{Notify, watch};

use stubmart_ports::{Cause, host::Host};

/// How long an idle worker that others wake waits at the most before it looks again by itself: a lost
/// wake-up costs so much and no more.
pub const IDLE_MAX: Duration = Duration::from_secs(10);

/// How long a worker waits after its first failure; twice as long after each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(100);

/// How long a worker waits at the most after a failure.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// What a worker does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There may be more to do at once.
    Again,
    /// Nothing to do before then, unless somebody wakes it.
    At(Timestamp),
    /// Nothing to do until somebody wakes it.
    Idle,
}

/// Wakes a worker. A wake-up while it works is kept.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Wakes the worker that waits, or the next one that would.
    pub fn wake(&self) {
        self.0.notify_one();
    }

    /// Waits for a wake-up.
    pub async fn woken(&self) {
        self.0.notified().await;
    }
}

/// The signal to end.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// Gives the signal to end to all its [`Shutdown`]s; dropping it does too.
#[derive(Debug)]
pub struct ShutdownTrigger(watch::Sender<bool>);

impl ShutdownTrigger {
    /// A trigger and its signal.
    #[must_use]
    pub fn new() -> (Self, Shutdown) {
        let (sender, receiver) = watch::channel(false);
        (Self(sender), Shutdown(receiver))
    }

    /// Gives the signal.
    pub fn shut_down(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Waits until it is time to end.
    pub async fn signalled(&self) {
        // An error means that the trigger is gone, which is a signal too.
        drop(self.0.clone().wait_for(|ended| *ended).await);
    }

    /// Whether it is time to end.
    #[must_use]
    pub fn is_signalled(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }
}

/// Background work in steps. A step that a crash cuts off is done again.
#[async_trait]
pub trait Worker: Send + Sync + 'static {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// Does the next piece of work.
    ///
    /// # Errors
    /// The cause, when a dependency failed; the step is tried again after a while.
    async fn step(&self) -> Result<Next, Cause>;

    /// What wakes it, if anything does.
    fn wake(&self) -> Option<Wake> {
        None
    }
}

/// Runs `worker` until `shutdown`. A step under way is let end.
pub async fn run(host: Host, worker: Arc<dyn Worker>, shutdown: Shutdown) {
    let mut backoff = Backoff::default();
    while !shutdown.is_signalled() {
        let wait = match worker.step().await {
            Ok(next) => {
                backoff.succeeded(worker.name());
                match next {
                    Next::Again => continue,
                    // A worker that nothing wakes can have lost no wake-up: it waits as long as it said.
                    Next::At(at) if worker.wake().is_none() => at.since(host.now()),
                    Next::At(at) => at.since(host.now()).min(IDLE_MAX),
                    Next::Idle => IDLE_MAX,
                }
            }
            Err(cause) => backoff.failed(worker.name(), &*cause),
        };
        if !wait.is_zero() {
            pause(&host, wait, worker.wake(), &shutdown).await;
        }
    }
}

/// Waits for `wait`, a wake-up or the end, whichever comes first.
async fn pause(host: &Host, wait: Duration, wake: Option<Wake>, shutdown: &Shutdown) {
    let sleep = host.clock.sleep(wait);
    let end = pin!(shutdown.signalled());
    match wake {
        Some(wake) => {
            let woken = pin!(wake.woken());
            drop(select(select(sleep, woken), end).await);
        }
        None => match select(sleep, end).await {
            Either::Left(_) | Either::Right(_) => {}
        },
    }
}

/// How long to wait after failures in a row, and their log lines: one when it starts to fail and one
/// when it works again, so that an hour of downtime does not fill a disk.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    pub(crate) fn succeeded(&mut self, name: &'static str) {
        if self.failures > 0 {
            tracing::info!(worker = name, failures = self.failures, "worker recovered");
            self.failures = 0;
        }
    }

    pub(crate) fn failed(&mut self, name: &'static str, cause: &dyn std::error::Error) -> Duration {
        metrics::counter!("stubmart_worker_failures_total", "worker" => name).increment(1);
        if self.failures == 0 {
            tracing::warn!(worker = name, error = %cause, "worker step failed, will retry");
        }
        let wait = BACKOFF_MIN.saturating_mul(1 << self.failures.min(10)).min(BACKOFF_MAX);
        self.failures = self.failures.saturating_add(1);
        wait
    }
}
