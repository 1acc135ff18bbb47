//! The engines of one instance: its handles on what the world keeps.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_contract::Timestamp;
use stubmart_kernel::worker::Worker;
use stubmart_keyring::Keyring;
use stubmart_memory::{MemoryBlobs, MemoryKeys, MemoryOutbound, MemoryRateLimits, MemoryReader};
use stubmart_node::{Engines, Provider, Service, Stores};
use stubmart_ports::{
    bus::Bus,
    host::{Busy, Host, PasswordHasher},
    store::Store,
};
use stubmart_relay::Relay;
use stubmart_suite::{
    fault::{
        Faults, FaultyBus, FaultyLimits, FaultyMailer, FaultyOutbox, FaultyStore, FaultyTimers,
    },
    host::FakeHasher,
};

use crate::{
    exec::{Owner, mix},
    gateway::SimGateway,
    machine::{Drifting, machine},
    port::Port,
    store::CheckedStore,
};

/// The machine of `port`'s instance.
pub(crate) fn host(port: &Port, drifting: Arc<Drifting>) -> Host {
    let Owner(number) = port.owner;
    let seed = mix(port.world.scenario.seed, 1000 + u64::from(number));
    machine(&port.world.exec, port.owner, seed, drifting)
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
            delivery: store(port, Service::Delivery),
            notify: store(port, Service::Notify),
        },
        bus: bus(port),
        timers: Arc::new(FaultyTimers::new(Arc::new(world.timers.clone()), Arc::clone(&faults))),
        provider: Provider {
            gateway: Arc::new(SimGateway(port.clone())),
            publishable_key: Some("pk_simulated".to_owned()),
            bank: None,
        },
        mailer: Arc::new(FaultyMailer::new(Arc::new(shared.mailer.clone()), Arc::clone(&faults))),
        outbound: Arc::new(MemoryOutbound::new()),
        // No simulated seller uploads a file.
        blobs: Arc::new(MemoryBlobs::new()),
        keys: Arc::new(MemoryKeys::new(Keyring::new([1; 32], [2; 32], Timestamp::EPOCH))),
        reader: Arc::new(MemoryReader),
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
