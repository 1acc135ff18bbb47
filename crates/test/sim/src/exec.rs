//! A single-threaded executor with simulated time.
//!
//! Nothing runs but what is polled here, one task at a time, and time passes only while no task can run.
//! Which of the tasks that can run is polled next is drawn from the seed, so one seed is one order of
//! everything that happens.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use futures_util::future::BoxFuture;
use stubmart_suite::host::Seeded;

/// Whose task it is. What an owner runs is dropped whole when the owner is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Owner(pub u32);

/// The owner of what is no part of any instance: users, the provider, the world itself.
pub const WORLD: Owner = Owner(0);

/// How many polls may happen at one instant; more means that tasks wake each other for ever.
const POLLS_AT_ONCE_MAX: u64 = 2_000_000;

/// Locks a mutex of this crate. A world is used by one thread; a panic ends its run.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The executor. Clones are the same one.
#[derive(Clone)]
pub struct Exec(Arc<Shared>);

struct Shared {
    core: Mutex<Core>,
    ready: Arc<Ready>,
}

/// Tasks that can run.
#[derive(Default)]
struct Ready(Mutex<Vec<(u64, Arc<Woken>)>>);

struct Woken {
    id: u64,
    queued: AtomicBool,
    ready: Arc<Ready>,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            lock(&self.ready.0).push((self.id, Arc::clone(&self)));
        }
    }
}

struct Task {
    owner: Owner,
    /// `None` while it is polled.
    future: Option<BoxFuture<'static, ()>>,
}

struct Core {
    now: Duration,
    sleeps: u64,
    sleepers: BTreeMap<(Duration, u64), Waker>,
    tasks: BTreeMap<u64, Task>,
    last_task: u64,
    doomed: Vec<Owner>,
    dropped: Vec<u64>,
    random: Seeded,
    polls: u64,
    /// How many of them since time passed last.
    polls_at_once: u64,
    /// A digest of which task was polled when.
    trace: u64,
    stopped: bool,
}

impl std::fmt::Debug for Exec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exec").field("now", &self.now()).finish_non_exhaustive()
    }
}

/// Mixes a number into a digest.
#[must_use]
pub fn mix(digest: u64, number: u64) -> u64 {
    Seeded::new(digest ^ number).draw()
}

impl Exec {
    /// An executor whose order comes from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let core = Core {
            now: Duration::ZERO,
            sleeps: 0,
            sleepers: BTreeMap::new(),
            tasks: BTreeMap::new(),
            last_task: 0,
            doomed: Vec::new(),
            dropped: Vec::new(),
            random: Seeded::new(seed),
            polls: 0,
            polls_at_once: 0,
            trace: 0,
            stopped: false,
        };
        Self(Arc::new(Shared { core: Mutex::new(core), ready: Arc::default() }))
    }

    /// How long the simulation has run, in simulated time.
    #[must_use]
    pub fn now(&self) -> Duration {
        lock(&self.0.core).now
    }

    /// A digest of everything that was run so far, and when.
    #[must_use]
    pub fn trace(&self) -> u64 {
        lock(&self.0.core).trace
    }

    /// How often a task was polled.
    #[must_use]
    pub fn polls(&self) -> u64 {
        lock(&self.0.core).polls
    }

    /// Waits for `duration` of simulated time.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        let mut core = lock(&self.0.core);
        core.sleeps += 1;
        let place = (core.now.saturating_add(duration), core.sleeps);
        Sleep { exec: self.clone(), place, waits: false }
    }

    /// Runs `future` as a task of `owner`; its number is for [`Self::abort`].
    pub fn spawn(&self, owner: Owner, future: impl Future<Output = ()> + Send + 'static) -> u64 {
        let id = {
            let mut core = lock(&self.0.core);
            core.last_task += 1;
            let id = core.last_task;
            core.tasks.insert(id, Task { owner, future: Some(Box::pin(future)) });
            id
        };
        let woken = Woken { id, queued: AtomicBool::new(false), ready: Arc::clone(&self.0.ready) };
        Arc::new(woken).wake();
        id
    }

    /// Drops every task of `owner` before anything else runs.
    pub fn kill(&self, owner: Owner) {
        lock(&self.0.core).doomed.push(owner);
    }

    /// Drops a task before anything else runs.
    pub fn abort(&self, task: u64) {
        lock(&self.0.core).dropped.push(task);
    }

    /// Ends the run where it stands.
    pub fn stop(&self) {
        lock(&self.0.core).stopped = true;
    }

    /// Whether tasks woke each other so often at one instant that the run was ended for it.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        lock(&self.0.core).polls_at_once > POLLS_AT_ONCE_MAX
    }

    /// Runs until `until`, or until nothing is left that could ever run, or until it is stopped; true
    /// in these two cases.
    pub fn run_until(&self, until: Duration) -> bool {
        loop {
            if lock(&self.0.core).stopped {
                return true;
            }
            if self.poll_one() {
                continue;
            }
            let due = {
                let mut core = lock(&self.0.core);
                let Some((&(at, _), _)) = core.sleepers.first_key_value() else {
                    core.now = core.now.max(until);
                    return true;
                };
                if at > until {
                    core.now = core.now.max(until);
                    return false;
                }
                core.now = core.now.max(at);
                core.polls_at_once = 0;
                let later = core.sleepers.split_off(&(at, u64::MAX));
                std::mem::replace(&mut core.sleepers, later)
            };
            for waker in due.into_values() {
                waker.wake();
            }
        }
    }

    /// Drops every task.
    pub fn clear(&self) {
        // What is dropped may spawn in turn.
        loop {
            let tasks = std::mem::take(&mut lock(&self.0.core).tasks);
            if tasks.is_empty() {
                break;
            }
            drop(tasks);
        }
        lock(&self.0.ready.0).clear();
        let sleepers = std::mem::take(&mut lock(&self.0.core).sleepers);
        drop(sleepers);
    }

    /// Polls one task that can run; false when there is none.
    fn poll_one(&self) -> bool {
        let (id, woken) = {
            let mut ready = lock(&self.0.ready.0);
            if ready.is_empty() {
                return false;
            }
            let bound = u64::try_from(ready.len()).unwrap_or(u64::MAX);
            let place = lock(&self.0.core).random.below(bound);
            ready.swap_remove(usize::try_from(place).unwrap_or(0))
        };
        woken.queued.store(false, Ordering::Relaxed);
        let future = {
            let mut core = lock(&self.0.core);
            let Some(future) = core.tasks.get_mut(&id).and_then(|task| task.future.take()) else {
                return true;
            };
            core.polls += 1;
            core.polls_at_once += 1;
            core.stopped |= core.polls_at_once > POLLS_AT_ONCE_MAX;
            let now = u64::try_from(core.now.as_micros()).unwrap_or(u64::MAX);
            core.trace = mix(mix(core.trace, now), id);
            future
        };
        self.finish(id, future, &Waker::from(woken));
        self.bury();
        true
    }

    fn finish(&self, id: u64, mut future: BoxFuture<'static, ()>, waker: &Waker) {
        match future.as_mut().poll(&mut Context::from_waker(waker)) {
            Poll::Ready(()) => {
                let done = lock(&self.0.core).tasks.remove(&id);
                drop(done);
            }
            Poll::Pending => {
                if let Some(task) = lock(&self.0.core).tasks.get_mut(&id) {
                    task.future = Some(future);
                }
            }
        }
    }

    /// Drops the tasks of killed owners. What they drop may kill and spawn in turn.
    fn bury(&self) {
        loop {
            let gone: Vec<Task> = {
                let core = &mut *lock(&self.0.core);
                if core.doomed.is_empty() && core.dropped.is_empty() {
                    return;
                }
                let (doomed, dropped) =
                    (std::mem::take(&mut core.doomed), std::mem::take(&mut core.dropped));
                let gone = core
                    .tasks
                    .extract_if(.., |id, task| doomed.contains(&task.owner) || dropped.contains(id))
                    .map(|(_, task)| task);
                gone.collect()
            };
            drop(gone);
        }
    }
}

/// Waits for simulated time to pass.
pub struct Sleep {
    exec: Exec,
    place: (Duration, u64),
    waits: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let shared = Arc::clone(&self.exec.0);
        let mut core = lock(&shared.core);
        if self.place.0 <= core.now {
            self.waits = false;
            core.sleepers.remove(&self.place);
            return Poll::Ready(());
        }
        core.sleepers.insert(self.place, context.waker().clone());
        self.waits = true;
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if self.waits {
            let gone = lock(&self.exec.0.core).sleepers.remove(&self.place);
            drop(gone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs three tasks that sleep and note when they woke.
    fn notes(seed: u64) -> (Vec<(u64, u64)>, u64) {
        let exec = Exec::new(seed);
        let noted = Arc::new(Mutex::new(Vec::new()));
        for task in 0..3 {
            let (timer, noted) = (exec.clone(), Arc::clone(&noted));
            exec.spawn(WORLD, async move {
                for round in 1..4 {
                    timer.sleep(Duration::from_millis(10)).await;
                    lock(&noted).push((round, task));
                }
            });
        }
        exec.run_until(Duration::from_secs(1));
        let notes = lock(&noted).clone();
        (notes, exec.trace())
    }

    /// One seed is one order, and different seeds find different ones.
    #[test]
    fn the_seed_decides_the_order_of_tasks_that_can_run_at_once() {
        assert_eq!(notes(7), notes(7));
        assert!((0..20).any(|seed| notes(seed).0 != notes(7).0));
        assert_eq!(
            notes(7).0.iter().map(|it| it.0).collect::<Vec<_>>(),
            [1, 1, 1, 2, 2, 2, 3, 3, 3]
        );
    }

    /// Two tasks that wake each other for ever end the run, where it would hang.
    #[test]
    fn who_never_lets_time_pass_is_stopped() {
        let exec = Exec::new(1);
        exec.spawn(
            WORLD,
            std::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                Poll::Pending
            }),
        );
        assert!(exec.run_until(Duration::from_secs(1)));
        assert!(exec.is_stuck());
    }

    /// A killed owner's tasks never run again, and those of others do.
    #[test]
    fn who_is_killed_does_not_run_on() {
        let exec = Exec::new(1);
        let ran = Arc::new(Mutex::new(Vec::new()));
        for owner in [Owner(1), Owner(2)] {
            let (timer, ran) = (exec.clone(), Arc::clone(&ran));
            exec.spawn(owner, async move {
                timer.sleep(Duration::from_secs(2)).await;
                lock(&ran).push(owner);
            });
        }
        exec.run_until(Duration::from_secs(1));
        let killer = exec.clone();
        exec.spawn(WORLD, async move { killer.kill(Owner(1)) });
        exec.run_until(Duration::from_secs(3));
        assert_eq!(*lock(&ran), [Owner(2)]);
    }
}
