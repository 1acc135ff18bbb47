//! Background work in steps.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use stubmart_kernel::worker::{self, Next, ShutdownTrigger, Wake, Worker};
use stubmart_ports::Cause;
use tokio::task::JoinHandle;

use crate::ledger::World;

/// Lets every other task run until it waits.
pub(crate) async fn others_run() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// What a step does.
#[derive(Clone, Copy)]
enum Step {
    /// It succeeds, and the next comes after so many milliseconds.
    After(u64),
    Again,
    Idle,
    Fail,
}

/// Takes the steps of a script, then idles.
struct Script {
    world: Arc<World>,
    steps: Mutex<VecDeque<Step>>,
    taken: AtomicUsize,
    wake: Option<Wake>,
}

#[async_trait]
impl Worker for Script {
    fn name(&self) -> &'static str {
        "script"
    }

    async fn step(&self) -> Result<Next, Cause> {
        self.taken.fetch_add(1, Ordering::SeqCst);
        let step = self.steps.lock().unwrap().pop_front().unwrap_or(Step::Idle);
        let now = self.world.host.now();
        match step {
            Step::After(millis) => Ok(Next::At(now.after(Duration::from_millis(millis)))),
            Step::Again => Ok(Next::Again),
            Step::Idle => Ok(Next::Idle),
            Step::Fail => Err("down".into()),
        }
    }

    fn wake(&self) -> Option<Wake> {
        self.wake.clone()
    }
}

/// A worker that runs.
struct Running {
    script: Arc<Script>,
    shutdown: ShutdownTrigger,
    task: JoinHandle<()>,
}

impl Running {
    fn new(steps: &[Step], wake: Option<Wake>) -> Self {
        let script = Arc::new(Script {
            world: Arc::new(World::new()),
            steps: Mutex::new(steps.iter().copied().collect()),
            taken: AtomicUsize::new(0),
            wake,
        });
        let (shutdown, signal) = ShutdownTrigger::new();
        let task = tokio::spawn(worker::run(script.world.host.clone(), script.clone(), signal));
        Self { script, shutdown, task }
    }

    /// How many steps were taken when this time has passed too.
    async fn taken_after(&self, millis: u64) -> usize {
        others_run().await;
        self.script.world.clock.advance(Duration::from_millis(millis));
        others_run().await;
        self.script.taken.load(Ordering::SeqCst)
    }
}

/// A worker waits as long as its last step says; one that is woken by others looks after ten seconds at
/// the latest, in case a wake-up was lost.
#[tokio::test]
async fn a_worker_waits_as_its_last_step_says() {
    let hour = 3_600_000;
    let cases = [
        (&[Step::Again, Step::Again, Step::After(hour)][..], false, hour, 3),
        (&[Step::After(hour)], true, 10_000, 1),
        (&[Step::After(500)], true, 500, 1),
        (&[Step::Idle], false, 10_000, 1),
        (&[Step::Idle], true, 10_000, 1),
    ];
    for (at, (steps, is_woken, wait, before)) in cases.into_iter().enumerate() {
        let running = Running::new(steps, is_woken.then(Wake::default));
        assert_eq!(running.taken_after(wait - 1).await, before, "case {at}");
        assert_eq!(running.taken_after(1).await, before + 1, "case {at}");
    }
}

/// After each failure in a row a worker waits twice as long, five seconds at the most; a success begins
/// the count again.
#[tokio::test]
async fn a_worker_that_fails_waits_longer_each_time() {
    let steps = [[Step::Fail; 8].as_slice(), &[Step::Again, Step::Fail]].concat();
    let running = Running::new(&steps, Some(Wake::default()));
    for (at, wait) in [100, 200, 400, 800, 1600, 3200, 5000].into_iter().enumerate() {
        assert_eq!(running.taken_after(wait - 1).await, at + 1, "{wait}");
        assert_eq!(running.taken_after(1).await, at + 2, "{wait}");
    }
    // The eighth failure, the success and the ninth failure, which is the first in a row.
    assert_eq!(running.taken_after(5000).await, 10);
    assert_eq!(running.taken_after(100).await, 11);
}

/// A wake-up ends the wait, also one that came while the worker was at work.
#[tokio::test]
async fn a_wake_up_is_not_lost() {
    let wake = Wake::default();
    let running = Running::new(&[], Some(wake.clone()));
    wake.wake();
    assert_eq!(running.taken_after(0).await, 2);
    wake.wake();
    assert_eq!(running.taken_after(0).await, 3);
}

/// The end of the process ends the wait, and no further step is taken.
#[tokio::test]
async fn the_end_ends_the_wait() {
    let running = Running::new(&[], None);
    assert_eq!(running.taken_after(0).await, 1);
    running.shutdown.shut_down();
    running.task.await.unwrap();
    assert_eq!(running.script.taken.load(Ordering::SeqCst), 1);
}
