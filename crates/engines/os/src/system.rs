//! The machine itself: its clock, its randomness, its tasks. The one place where time is read, tasks
//! are spawned and random bytes are drawn.

use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{FutureExt, future::BoxFuture};
use stubmart_contract::Timestamp;
use stubmart_ports::host::{Clock, Host, Ids, Spawner};
use tokio::{runtime::Handle, sync::watch};
use uuid::{Builder, Uuid};

/// The machine, with its tasks on `runtime`. The second part tells when one of them panicked.
#[must_use]
pub fn host(runtime: Handle) -> (Host, Died) {
    let spawner = TokioSpawner::new(runtime);
    let died = spawner.died();
    let host = Host {
        clock: Arc::new(SystemClock),
        ids: Arc::new(SystemIds::default()),
        spawner: Arc::new(spawner),
    };
    (host, died)
}

/// The system's clock; sleeps on tokio's timer.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let millis = |it: Duration| i64::try_from(it.as_millis()).unwrap_or(i64::MAX);
        Timestamp::from_millis(match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => millis(since),
            Err(before) => millis(before.duration()).saturating_neg(),
        })
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// The random bits of a `UUIDv7`.
const RANDOM_BITS: u32 = 74;

/// Ids that grow in the order in which this process makes them, and secrets, both from the system's
/// cryptographically secure source.
#[derive(Debug, Default)]
pub struct SystemIds {
    last: Mutex<LastId>,
}

/// The time and the random bits of the id that was made last.
#[derive(Debug, Default)]
struct LastId {
    millis: u64,
    random: u128,
}

impl LastId {
    /// The next id: with fresh random bits in a new millisecond, else (also when the clock was set
    /// back) a random step above the last one (RFC 9562, section 6.2, method 2).
    fn next(&mut self, now: u64, fresh: u128) -> Uuid {
        // The top bit is left free, so that there is room above for every id of the millisecond.
        let mask = (1_u128 << RANDOM_BITS.saturating_sub(1)).saturating_sub(1);
        if now > self.millis {
            *self = Self { millis: now, random: fresh & mask };
        } else {
            let step = u128::from(u32::MAX) & fresh;
            self.random = self.random.saturating_add(step).saturating_add(1);
            if self.random >> RANDOM_BITS != 0 {
                *self = Self { millis: self.millis.saturating_add(1), random: fresh & mask };
            }
        }
        // The lower 62 bits go behind the variant, the upper 12 behind the version.
        let low = self.random & ((1 << 62) - 1);
        let spread = (self.random >> 62 << 64) | low;
        let [_, _, _, _, _, _, bytes @ ..] = spread.to_be_bytes();
        Builder::from_unix_timestamp_millis(self.millis, &bytes).into_uuid()
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(
        clippy::expect_used,
        reason = "without randomness no id and no secret is safe to make"
    )]
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

impl Ids for SystemIds {
    fn uuid(&self) -> Uuid {
        let now = u64::try_from(SystemClock.now().millis()).unwrap_or(0);
        let fresh = u128::from_be_bytes(random());
        self.last.lock().unwrap_or_else(PoisonError::into_inner).next(now, fresh)
    }

    fn secret(&self) -> [u8; 32] {
        random()
    }
}

/// Runs tasks on a tokio runtime. A task that panics is reported to [`Died`]: the process has lost a
/// part of itself and should end, to be started again whole.
#[derive(Debug)]
pub struct TokioSpawner {
    runtime: Handle,
    died: Arc<watch::Sender<Option<&'static str>>>,
}

impl TokioSpawner {
    /// A spawner on `runtime`.
    #[must_use]
    pub fn new(runtime: Handle) -> Self {
        Self { runtime, died: Arc::new(watch::Sender::new(None)) }
    }

    /// Tells when a task panicked.
    #[must_use]
    pub fn died(&self) -> Died {
        Died(self.died.subscribe())
    }
}

impl Spawner for TokioSpawner {
    fn spawn(&self, name: &'static str, task: BoxFuture<'static, ()>) {
        let died = Arc::clone(&self.died);
        self.runtime.spawn(async move {
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                report(&died, name);
            }
        });
    }

    fn blocking(&self, work: Box<dyn FnOnce() + Send>) {
        let died = Arc::clone(&self.died);
        self.runtime.spawn_blocking(move || {
            if std::panic::catch_unwind(AssertUnwindSafe(work)).is_err() {
                report(&died, "blocking");
            }
        });
    }
}

fn report(died: &watch::Sender<Option<&'static str>>, name: &'static str) {
    died.send_replace(Some(name));
    tracing::error!(task = name, "task panicked");
}

/// Tells when a task panicked.
#[derive(Debug, Clone)]
pub struct Died(watch::Receiver<Option<&'static str>>);

impl Died {
    /// Waits until a task has panicked, for ever if none does. The answer is its name.
    pub async fn died(&self) -> &'static str {
        let mut tasks = self.0.clone();
        loop {
            if let Some(name) = *tasks.borrow_and_update() {
                return name;
            }
            if tasks.changed().await.is_err() {
                // The spawner has gone, and its tasks with it.
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_and_grow_also_when_the_clock_stands_still_or_goes_back() {
        let mut last = LastId::default();
        let times = [5, 5, 5, 3, 6, 6];
        let ids: Vec<Uuid> = times.iter().map(|&now| last.next(now, u128::MAX)).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
        for id in ids {
            assert_eq!((id.get_version_num(), id.get_variant()), (7, uuid::Variant::RFC4122));
        }
    }

    #[test]
    fn an_id_carries_its_time_and_when_its_millisecond_is_full_that_of_the_next() {
        let mut last = LastId { millis: 9, random: (1 << RANDOM_BITS) - 1 };
        let id = last.next(9, 0);
        assert_eq!(id.as_u128() >> 80, 10);
        assert!(id < last.next(9, 0));
    }

    #[test]
    fn system_ids_do_not_repeat() {
        let ids = SystemIds::default();
        let made: Vec<Uuid> = (0..10_000).map(|_| ids.uuid()).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        assert_ne!(ids.secret(), ids.secret());
    }

    #[tokio::test]
    async fn a_task_that_panics_is_reported_by_name() {
        let (host, died) = host(Handle::current());
        host.spawner.spawn("fine", Box::pin(async {}));
        host.spawner.spawn("broken", Box::pin(async { panic!("on purpose") }));
        assert_eq!(died.died().await, "broken");
    }
}
