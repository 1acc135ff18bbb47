//! Consumers and workers, until the shutdown.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use stubmart_kernel::{
    consumer::{self, Handler},
    worker::{self, Shutdown, Worker},
};
use stubmart_ports::{bus::Bus, host::Host};
use tokio::sync::mpsc;

use crate::role::Role;

/// How long [`Background::end`] waits for what is under way.
const END_MAX: Duration = Duration::from_secs(10);

/// Runs the consumers and workers of roles, and knows when all have ended.
pub struct Background {
    host: Host,
    bus: Arc<dyn Bus>,
    shutdown: Shutdown,
    /// Each task holds a clone while it runs; nothing is ever sent.
    running: mpsc::Sender<()>,
    ended: mpsc::Receiver<()>,
}

impl fmt::Debug for Background {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Background").finish_non_exhaustive()
    }
}

impl Background {
    /// Background work on this machine and bus, until `shutdown`. Nothing runs yet.
    #[must_use]
    pub fn new(host: Host, bus: Arc<dyn Bus>, shutdown: Shutdown) -> Self {
        let (running, ended) = mpsc::channel(1);
        Self { host, bus, shutdown, running, ended }
    }

    /// Runs a role's consumers and workers.
    pub fn run<S>(&self, role: &Role<S>) {
        for handler in &role.handlers {
            self.run_consumer(Arc::clone(handler));
        }
        for worker in &role.workers {
            self.run_worker(Arc::clone(worker));
        }
    }

    /// Runs one worker.
    pub fn run_worker(&self, worker: Arc<dyn Worker>) {
        let name = worker.name();
        self.spawn(name, worker::run(self.host.clone(), worker, self.shutdown.clone()));
    }

    fn run_consumer(&self, handler: Arc<dyn Handler>) {
        let name = handler.consumer().name;
        let bus = Arc::clone(&self.bus);
        self.spawn(name, consumer::run(self.host.clone(), bus, handler, self.shutdown.clone()));
    }

    fn spawn(&self, name: &'static str, run: impl Future<Output = ()> + Send + 'static) {
        let running = self.running.clone();
        self.host.spawner.spawn(
            name,
            Box::pin(async move {
                run.await;
                drop(running);
            }),
        );
    }

    /// Waits until everything has ended, for at most ten seconds. To be called after the shutdown was
    /// signalled; work that is cut off is done again after the next start.
    pub async fn end(self) {
        let Self { host, running, mut ended, .. } = self;
        drop(running);
        // The channel ends when the last task has dropped its clone.
        if host.timeout(END_MAX, ended.recv()).await.is_err() {
            tracing::warn!("some background work did not end in time");
        }
    }
}
