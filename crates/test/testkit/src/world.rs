//! The world of one test: everything that a market in memory stands on.

use std::{sync::Arc, time::Duration};

use stubmart_contract::Envelope;
use stubmart_kernel::worker::{Shutdown, ShutdownTrigger};
use stubmart_keyring::Keyring;
use stubmart_memory::{
    MemoryBlobs, MemoryBus, MemoryKeys, MemoryMailer, MemoryOutbound, MemoryRateLimits,
    MemoryReader, MemoryStore, MemoryTimers,
};
use stubmart_node::{Engines, Provider, Service, Stores};
use stubmart_ports::{host::Host, store::Store};
use stubmart_sandbox::Sandbox;
use stubmart_suite::host::{FakeHasher, ManualClock, START, SeededIds};

use crate::tasks::{Loops, Tasks};

/// What outlives a process, all of it in memory: documents and events, timers, the provider's books, mail,
/// and the clock, which stands still until it is moved. Clones are the same world.
#[derive(Debug, Clone)]
pub struct World {
    /// The machine.
    pub host: Host,
    /// Moves the machine's time.
    pub clock: ManualClock,
    /// The documents of all services.
    pub store: MemoryStore,
    /// The bus.
    pub bus: MemoryBus,
    /// Checkout timers.
    pub timers: MemoryTimers,
    /// The payment provider.
    pub sandbox: Sandbox,
    /// Mail that was sent.
    pub mailer: MemoryMailer,
    /// What was sent to webhooks.
    pub outbound: MemoryOutbound,
    /// The sealed pages of ticket files.
    pub blobs: MemoryBlobs,
    /// The market's keys.
    pub keys: MemoryKeys,
    /// Hashes passwords, and counts how often.
    pub passwords: Arc<FakeHasher>,
    /// Ends the streams of roles that were started with it, once [`Self::stop`] is called.
    pub shutdown: Shutdown,
    runs: Arc<ShutdownTrigger>,
    tasks: Tasks,
}

impl World {
    /// A world in which nothing has happened. Its ids and secrets come from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let (clock, tasks) = (ManualClock::new(START), Tasks::default());
        let host = Host {
            clock: Arc::new(clock.clone()),
            ids: Arc::new(SeededIds::new(seed, Arc::new(clock.clone()))),
            spawner: Arc::new(tasks.clone()),
        };
        let store = MemoryStore::new();
        let (runs, shutdown) = ShutdownTrigger::new();
        Self {
            bus: MemoryBus::new(host.clone()),
            timers: MemoryTimers::new(),
            sandbox: Sandbox::new(Arc::new(store.clone()), host.clone()),
            mailer: MemoryMailer::new(),
            outbound: MemoryOutbound::new(),
            blobs: MemoryBlobs::new(),
            keys: MemoryKeys::new(Keyring::new([1; 32], [2; 32], START)),
            passwords: Arc::default(),
            shutdown,
            runs: Arc::new(runs),
            store,
            host,
            clock,
            tasks,
        }
    }

    /// The engines of one process of this world, without any fault. A test that wants some puts a wrapper
    /// of the suite around a port.
    #[must_use]
    pub fn engines(&self) -> Engines {
        let store: Arc<dyn Store> = Arc::new(self.store.clone());
        let sandbox = Arc::new(self.sandbox.clone());
        Engines {
            host: self.host.clone(),
            stores: Stores::shared(&store),
            bus: Arc::new(self.bus.clone()),
            timers: Arc::new(self.timers.clone()),
            provider: Provider {
                gateway: sandbox.clone(),
                publishable_key: None,
                bank: Some(sandbox),
            },
            mailer: Arc::new(self.mailer.clone()),
            outbound: Arc::new(self.outbound.clone()),
            blobs: Arc::new(self.blobs.clone()),
            keys: Arc::new(self.keys.clone()),
            reader: Arc::new(MemoryReader),
            limits: Arc::new(MemoryRateLimits::new(self.host.clone())),
            passwords: self.passwords.clone(),
        }
    }

    /// Another machine of the same world: the same stores and clock, with ids and secrets of its own.
    #[must_use]
    pub fn machine(&self, seed: u64) -> Self {
        let ids = Arc::new(SeededIds::new(seed, Arc::new(self.clock.clone())));
        Self { host: Host { ids, ..self.host.clone() }, ..self.clone() }
    }

    /// Tells roles to stop.
    pub fn stop(&self) {
        self.runs.shut_down();
    }

    /// Lets time pass.
    pub fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// Lets every task of the world go on until it waits.
    pub async fn settle(&self) {
        self.tasks.settle().await;
    }

    pub(crate) fn loops(&self) -> Arc<Loops> {
        Loops::among(&self.tasks)
    }

    /// Every event that a service ever saved, by document and then in order.
    pub async fn history(&self, service: Service) -> Vec<Arc<Envelope>> {
        self.store.history(service.name(), None, usize::MAX).await.unwrap()
    }
}
