//! Tasks on tokio of which it is known whether any can go on.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use futures_util::future::BoxFuture;
use stubmart_ports::host::Spawner;
use tokio::task::JoinHandle;

/// How often others are let go on before it counts as endless.
const TURNS_MAX: u32 = 1_000_000;

/// Runs tasks on the tokio runtime that the test runs on. Clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tasks {
    /// How many tasks were woken and have not come to wait again.
    awake: Arc<AtomicUsize>,
}

impl Tasks {
    /// Lets the tasks go on until each of them waits: for the clock, for a request, or for another that
    /// waits.
    pub(crate) async fn settle(&self) {
        for _ in 0..TURNS_MAX {
            if self.awake.load(Ordering::SeqCst) == 0 {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("tasks wake each other for ever");
    }

    fn start(&self, task: BoxFuture<'static, ()>) -> JoinHandle<()> {
        let awake = Arc::clone(&self.awake);
        let state = Arc::new(State { awake, woken: AtomicBool::new(false) });
        state.wake();
        tokio::spawn(Task { task, state })
    }
}

impl Spawner for Tasks {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        drop(self.start(task));
    }

    fn blocking(&self, work: Box<dyn FnOnce() + Send>) {
        let awake = Arc::clone(&self.awake);
        awake.fetch_add(1, Ordering::SeqCst);
        drop(tokio::task::spawn_blocking(move || {
            work();
            awake.fetch_sub(1, Ordering::SeqCst);
        }));
    }
}

/// Tasks that are cut off together. They count among the others.
#[derive(Debug)]
pub(crate) struct Loops {
    tasks: Tasks,
    started: Mutex<Vec<JoinHandle<()>>>,
}

impl Loops {
    pub(crate) fn among(tasks: &Tasks) -> Arc<Self> {
        Arc::new(Self { tasks: tasks.clone(), started: Mutex::default() })
    }

    /// Drops each task where it stands.
    pub(crate) async fn cut_off(&self) {
        let started = std::mem::take(&mut *self.started.lock().unwrap());
        for task in &started {
            task.abort();
        }
        for task in started {
            // One that has panicked fails the test too.
            assert!(!task.await.is_err_and(|error| error.is_panic()), "a loop has panicked");
        }
    }
}

impl Spawner for Loops {
    fn spawn(&self, _name: &'static str, task: BoxFuture<'static, ()>) {
        self.started.lock().unwrap().push(self.tasks.start(task));
    }

    fn blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.tasks.blocking(work);
    }
}

struct State {
    awake: Arc<AtomicUsize>,
    woken: AtomicBool,
}

impl State {
    fn wake(&self) {
        if !self.woken.swap(true, Ordering::SeqCst) {
            self.awake.fetch_add(1, Ordering::SeqCst);
        }
    }
}

struct Task {
    task: BoxFuture<'static, ()>,
    state: Arc<State>,
}

impl Future for Task {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let woken = self.state.woken.swap(false, Ordering::SeqCst);
        let waker = TaskWaker { state: Arc::clone(&self.state), inner: context.waker().clone() };
        let polled =
            self.task.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(waker))));
        // It counts as awake until here, so that a look meanwhile does not take it for waiting.
        if woken {
            self.state.awake.fetch_sub(1, Ordering::SeqCst);
        }
        polled
    }
}

impl Drop for Task {
    /// A task that ends with its runtime is not awake any more.
    fn drop(&mut self) {
        if self.state.woken.swap(false, Ordering::SeqCst) {
            self.state.awake.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

struct TaskWaker {
    state: Arc<State>,
    inner: Waker,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.state.wake();
        self.inner.wake_by_ref();
    }
}
