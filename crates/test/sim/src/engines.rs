//! The engines of one instance: its machine, and its handles on what the world keeps.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use stubmart_contract::Timestamp;
use stubmart_kernel::worker::Worker;
use stubmart_memory::{MemoryMailer, MemoryRateLimits};
use stubmart_node::{Engines, Provider, Service, Stores};
use stubmart_ports::{
    bus::Bus,
    host::{Busy, Clock, Host, PasswordHasher, Spawner},
    store::Store,
};
use stubmart_relay::Relay;
use stubmart_suite::{
    fault::{
        Faults, FaultyBus, FaultyLimits, FaultyMailer, FaultyOutbox, FaultyStore, FaultyTimers,
    },
    host::{FakeHasher, SeededIds},
};

use crate::{
    exec::{Exec, Owner, WORLD, mix},
    gateway::SimGateway,
    port::Port,
    store::CheckedStore,
};

/// How a machine's clock differs from the true time.
#[derive(Debug)]
pub(crate) struct Drifting {
    /// In milliseconds.
    pub(crate) offset: AtomicI64,
    /// In parts per million.
    pub(crate) drift: i64,
}

/// What all instances of auth share beside their store.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    passwords: Arc<FakeHasher>,
    mailer: MemoryMailer,
}

/// The machine of `port`'s instance.
pub(crate) fn host(port: &Port, drifting: Arc<Drifting>) -> Host {
    let Owner(number) = port.owner;
    let seed = mix(port.world.scenario.seed, 1000 + u64::from(number));
    machine(&port.world.exec, port.owner, seed, drifting)
}

/// A machine whose clock shows the true time.
pub(crate) fn true_host(exec: &Exec, seed: u64) -> Host {
    let drifting = Arc::new(Drifting { offset: AtomicI64::new(0), drift: 0 });
    machine(exec, WORLD, seed, drifting)
}

fn machine(exec: &Exec, owner: Owner, seed: u64, drifting: Arc<Drifting>) -> Host {
    let clock: Arc<dyn Clock> = Arc::new(SimClock { exec: exec.clone(), drifting });
    Host {
        ids: Arc::new(SeededIds::new(seed, Arc::clone(&clock))),
        clock,
        spawner: Arc::new(SimSpawner { exec: exec.clone(), owner }),
    }
}

/// The engines of `port`'s instance: what the world keeps, with everything that goes wrong on the way.
pub(crate) fn engines(port: &Port, host: Host) -> Engines {
    let (world, faults) = (&port.world, faults(port));
    let shared = &world.slots.shared;
    Engines {
        stores: Stores {
            auth: store(port, Service::Auth),
            tickets: store(port, Service::Tickets),
            catalogue: store(port, Service::Catalogue),
            orders: store(port, Service::Orders),
            payments: store(port, Service::Payments),
        },
        bus: bus(port),
        timers: Arc::new(FaultyTimers::new(Arc::new(world.timers.clone()), Arc::clone(&faults))),
        provider: Provider {
            gateway: Arc::new(SimGateway(port.clone())),
            publishable_key: Some("pk_simulated".to_owned()),
            bank: None,
        },
        mailer: Arc::new(FaultyMailer::new(Arc::new(shared.mailer.clone()), Arc::clone(&faults))),
        limits: Arc::new(FaultyLimits::new(Arc::new(MemoryRateLimits::new(host.clone())), faults)),
        passwords: Arc::new(SharedHasher(Arc::clone(&shared.passwords))),
        host,
    }
}

fn faults(port: &Port) -> Arc<dyn Faults> {
    Arc::new(port.clone())
}

/// A handle on the bus.
pub(crate) fn bus(port: &Port) -> Arc<dyn Bus> {
    Arc::new(FaultyBus::new(Arc::new(port.world.bus.clone()), faults(port)))
}

/// A handle on a service's store.
pub(crate) fn store(port: &Port, service: Service) -> Arc<dyn Store> {
    let world = Arc::clone(&port.world);
    let inner = world.stores.get(&service).cloned().unwrap_or_default();
    Arc::new(FaultyStore::new(Arc::new(CheckedStore { world, inner }), faults(port)))
}

/// The worker that takes a service's events from its store to the bus.
pub(crate) fn relay(port: &Port, service: Service) -> Arc<dyn Worker> {
    let store = port.world.stores.get(&service).cloned().unwrap_or_default();
    let outbox = FaultyOutbox::new(store.outbox(service.name()), faults(port));
    Arc::new(Relay::new(Arc::new(outbox), bus(port)))
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

/// A password hasher that all instances of auth share, as they share its salt.
struct SharedHasher(Arc<FakeHasher>);

#[async_trait]
impl PasswordHasher for SharedHasher {
    async fn hash(&self, password: String) -> Result<String, Busy> {
        self.0.hash(password).await
    }

    async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Busy> {
        self.0.verify(password, hash).await
    }
}
