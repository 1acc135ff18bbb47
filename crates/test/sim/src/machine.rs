//! The machines that instances run on.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use stubmart_contract::Timestamp;
use stubmart_ports::host::{Clock, Host, Spawner};
use stubmart_suite::host::SeededIds;

use crate::exec::{Exec, Owner, WORLD};

/// How a machine's clock differs from the true time.
#[derive(Debug)]
pub(crate) struct Drifting {
    /// In milliseconds.
    pub(crate) offset: AtomicI64,
    /// In parts per million.
    pub(crate) drift: i64,
}

/// A machine whose clock shows the true time.
pub(crate) fn true_host(exec: &Exec, seed: u64) -> Host {
    let drifting = Arc::new(Drifting { offset: AtomicI64::new(0), drift: 0 });
    machine(exec, WORLD, seed, drifting)
}

/// A machine: its clock, and tasks and ids of its own.
pub(crate) fn machine(exec: &Exec, owner: Owner, seed: u64, drifting: Arc<Drifting>) -> Host {
    let clock: Arc<dyn Clock> = Arc::new(SimClock { exec: exec.clone(), drifting });
    Host {
        ids: Arc::new(SeededIds::new(seed, Arc::clone(&clock))),
        clock,
        spawner: Arc::new(SimSpawner { exec: exec.clone(), owner }),
    }
}

struct SimClock {
    exec: Exec,
    drifting: Arc<Drifting>,
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let passed = i64::try_from(self.exec.now().as_millis()).unwrap_or(i64::MAX);
        let drifted = passed / 1_000 * self.drifting.drift / 1_000;
        let offset = self.drifting.offset.load(Ordering::Relaxed);
        let start = stubmart_suite::host::START.millis();
        Timestamp::from_millis(start + passed + drifted + offset)
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(self.exec.sleep(duration))
    }
}

struct SimSpawner {
    exec: Exec,
    owner: Owner,
}

impl Spawner for SimSpawner {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        self.exec.spawn(self.owner, task);
    }

    fn blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.exec.spawn(self.owner, async move { work() });
    }
}
