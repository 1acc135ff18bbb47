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
use stubmart_kernel::worker::Wake;
use stubmart_node::{Engines, Provider, Service, Stores};
use stubmart_ports::{
    host::{Busy, Clock, Host, PasswordHasher, Spawner},
    limits::{LimitsUnavailable, Quota, RateLimits},
    mailer::{Mail, MailError, Mailer},
    store::Store,
};
use stubmart_suite::{
    host::{FakeHasher, SeededIds},
    mem::{MemMailer, MemRateLimits, MemStore},
};
use uuid::Uuid;

use crate::{
    bus::SimBus,
    exec::{Exec, Owner, mix},
    provider::SimGateway,
    scenario::Kind,
    store::SimStore,
    timers::SimTimers,
    world::{Plan, Port, injected},
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
    mailer: MemMailer,
}

/// The machine of `port`'s instance.
pub(crate) fn host(port: &Port, drifting: Arc<Drifting>) -> Host {
    let (exec, owner) = (port.world.exec.clone(), port.owner);
    let clock: Arc<dyn Clock> = Arc::new(SimClock { exec: exec.clone(), drifting });
    let Owner(number) = owner;
    let seed = mix(port.world.scenario.seed, 1000 + u64::from(number));
    Host {
        ids: Arc::new(SeededIds::new(seed, Arc::clone(&clock))),
        clock,
        spawner: Arc::new(SimSpawner { exec, owner }),
    }
}

/// The engines of `port`'s instance.
pub(crate) fn engines(port: &Port, host: Host) -> Engines {
    Engines {
        stores: Stores {
            auth: store(port, Service::Auth),
            tickets: store(port, Service::Tickets),
            orders: store(port, Service::Orders),
            payments: store(port, Service::Payments),
        },
        bus: Arc::new(SimBus(port.clone())),
        timers: Arc::new(SimTimers(port.clone())),
        provider: Provider { gateway: Arc::new(SimGateway(port.clone())), bank: None },
        mailer: Arc::new(SimMailer(port.clone())),
        limits: Arc::new(SimLimits(port.clone(), MemRateLimits::new(host.clone()))),
        passwords: Arc::new(SharedHasher(Arc::clone(&port.world.slots.shared.passwords))),
        outbox: Wake::default(),
        host,
    }
}

/// A handle on a service's store.
pub(crate) fn store(port: &Port, service: Service) -> Arc<dyn Store> {
    let inner = port.world.stores.get(&service).cloned().unwrap_or_else(MemStore::new);
    Arc::new(SimStore { port: port.clone(), service, inner })
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

/// The mailer, as one instance sees it.
struct SimMailer(Port);

#[async_trait]
impl Mailer for SimMailer {
    async fn send(&self, mail: Mail) -> Result<(), MailError> {
        let inner = &self.0.world.slots.shared.mailer;
        let id = mail.id;
        let plan = self.0.begin(Kind::Mail, "send mail", id).await;
        let answer = match plan {
            Plan::Fail | Plan::Late(_) => Err(MailError::Failed(injected())),
            Plan::LoseAnswer => inner.send(mail).await.and(Err(MailError::Failed(injected()))),
            Plan::Fine | Plan::Twice => inner.send(mail).await,
        };
        self.0.end("send mail", id).await;
        answer
    }
}

/// The rate limits, as one instance sees them.
struct SimLimits(Port, MemRateLimits);

impl SimLimits {
    async fn ask(&self, what: &'static str) -> Result<(), LimitsUnavailable> {
        let asked = self.0.ask(Kind::Limits, what, Uuid::nil(), || ()).await;
        asked.ok_or_else(|| LimitsUnavailable(injected()))
    }
}

#[async_trait]
impl RateLimits for SimLimits {
    async fn take(&self, key: &str, quota: Quota) -> Result<Option<Duration>, LimitsUnavailable> {
        self.ask("limits take").await?;
        self.1.take(key, quota).await
    }

    async fn peek(&self, key: &str, quota: Quota) -> Result<Option<Duration>, LimitsUnavailable> {
        self.ask("limits peek").await?;
        self.1.peek(key, quota).await
    }
}
