//! The instances of the services: how they start, crash and come back.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::Router;
use futures_util::future::BoxFuture;
use stubmart_auth::Auth;
use stubmart_contract::Timestamp;
use stubmart_expiration::Expiration;
use stubmart_http_kit::SessionGate;
use stubmart_kernel::{
    consumer::{self, Handler},
    mark,
    outbox::Relay,
    worker::{self, Shutdown, ShutdownTrigger, Wake, Worker},
};
use stubmart_orders::Orders;
use stubmart_payments::Payments;
use stubmart_ports::{
    Cause,
    bus::Bus,
    host::{Busy, Clock, Host, PasswordHasher, Spawner},
    limits::{LimitsUnavailable, Quota, RateLimits},
    mailer::{Mail, MailError, Mailer},
    store::Store,
};
use stubmart_suite::{
    host::{FakeHasher, SeededIds},
    mem::{MemMailer, MemRateLimits, MemStore},
};
use stubmart_tickets::Tickets;
use uuid::Uuid;

use crate::{
    bus::SimBus,
    calls::Network,
    exec::{Exec, Owner, WORLD, lock, mix},
    provider::SimGateway,
    scenario::{Kind, Scenario, Service},
    store::SimStore,
    timers::SimTimers,
    world::{Plan, Port, World, injected},
};

/// An instance that runs.
#[derive(Clone)]
pub struct Live {
    /// Whose tasks are its tasks.
    pub owner: Owner,
    router: Option<Router>,
    pub(crate) auth: Option<Auth>,
    pub(crate) tickets: Option<Tickets>,
    pub(crate) orders: Option<Orders>,
}

/// The place of an instance: what is left of it when it crashes.
struct Slot {
    service: Service,
    owner: Owner,
    clock: Arc<Drifting>,
    live: Option<Live>,
}

/// How a machine's clock differs from the true time.
struct Drifting {
    offset: AtomicI64,
    /// In parts per million.
    drift: i64,
}

/// The places of all instances.
pub struct Slots {
    slots: Mutex<Vec<Slot>>,
    owners: AtomicU32,
    /// Kept, so that no instance is ever told to end: they crash, or run.
    triggers: Mutex<Vec<ShutdownTrigger>>,
    passwords: Arc<FakeHasher>,
    mailer: MemMailer,
}

impl std::fmt::Debug for Slots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slots").finish_non_exhaustive()
    }
}

impl Slots {
    /// The places of a scenario's instances, with nobody in them.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        let mut random = stubmart_suite::host::Seeded::new(mix(scenario.seed, 4));
        let mut slots = Vec::new();
        for (service, count) in Service::ALL.into_iter().zip(scenario.instances) {
            for _ in 0..count {
                let skew = i64::try_from(random.below(scenario.skew * 2 + 1)).unwrap_or(0);
                let offset = skew - i64::try_from(scenario.skew).unwrap_or(0);
                let drift = if scenario.skew > 0 {
                    i64::try_from(random.below(401)).unwrap_or(0) - 200
                } else {
                    0
                };
                let clock = Arc::new(Drifting { offset: AtomicI64::new(offset), drift });
                slots.push(Slot { service, owner: WORLD, clock, live: None });
            }
        }
        Self {
            slots: Mutex::new(slots),
            owners: AtomicU32::new(1),
            triggers: Mutex::default(),
            passwords: Arc::default(),
            mailer: MemMailer::new(),
        }
    }

    /// Some instance of `service` that runs.
    pub(crate) fn pick(&self, world: &World, service: Service) -> Option<Live> {
        let slots = lock(&self.slots);
        let live: Vec<&Live> = slots
            .iter()
            .filter(|it| it.service == service)
            .filter_map(|it| it.live.as_ref())
            .collect();
        let place = world.below(u64::try_from(live.len()).unwrap_or(0));
        live.get(usize::try_from(place).unwrap_or(0)).map(|live| (*live).clone())
    }

    /// The routes of some instance of `service` that runs.
    pub(crate) fn router(&self, world: &World, service: Service) -> Option<(Owner, Router)> {
        let live = self.pick(world, service)?;
        Some((live.owner, live.router?))
    }

    /// Moves some machine's clock.
    pub fn jump(&self, world: &World) {
        let slots = lock(&self.slots);
        let place = world.below(u64::try_from(slots.len()).unwrap_or(0));
        let Some(slot) = slots.get(usize::try_from(place).unwrap_or(0)) else { return };
        let bound = 5000;
        let offset =
            i64::try_from(world.below(2 * bound)).unwrap_or(0) - i64::try_from(bound).unwrap_or(0);
        slot.clock.offset.store(offset, Ordering::Relaxed);
        mark!("a clock jumped");
    }

    /// Whether every instance runs.
    #[must_use]
    pub fn all_run(&self) -> bool {
        lock(&self.slots).iter().all(|slot| slot.live.is_some())
    }

    /// Lets go of every instance, which hold on to the world as it holds on to them.
    pub fn clear(&self) {
        let slots = std::mem::take(&mut *lock(&self.slots));
        drop(slots);
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
        let inner = &self.0.world.slots.mailer;
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

/// What a starting instance stands on.
struct Ground {
    port: Port,
    host: Host,
    outbox: Wake,
    shutdown: Shutdown,
}

impl World {
    /// Starts every instance.
    pub fn boot_all(self: &Arc<Self>) {
        let count = lock(&self.slots.slots).len();
        for place in 0..count {
            self.boot(place);
        }
    }

    /// Starts the instance at this place.
    fn boot(self: &Arc<Self>, place: usize) {
        let owner = Owner(self.slots.owners.fetch_add(1, Ordering::Relaxed));
        let (service, drifting) = {
            let mut slots = lock(&self.slots.slots);
            let Some(slot) = slots.get_mut(place) else { return };
            slot.owner = owner;
            (slot.service, Arc::clone(&slot.clock))
        };
        let clock: Arc<dyn Clock> = Arc::new(SimClock { exec: self.exec.clone(), drifting });
        let Owner(number) = owner;
        let seed = mix(self.scenario.seed, 1000 + u64::from(number));
        let host = Host {
            ids: Arc::new(SeededIds::new(seed, Arc::clone(&clock))),
            clock,
            spawner: Arc::new(SimSpawner { exec: self.exec.clone(), owner }),
        };
        let (trigger, shutdown) = ShutdownTrigger::new();
        lock(&self.slots.triggers).push(trigger);
        self.note(owner, "starts", service.name(), Uuid::nil());
        let world = Arc::clone(self);
        self.exec.spawn(owner, async move {
            let port = Port { world: Arc::clone(&world), owner };
            let ground = Ground { port, host, outbox: Wake::default(), shutdown };
            let live = loop {
                match start(&ground, service).await {
                    Ok(live) => break live,
                    Err(_) => world.exec.sleep(Duration::from_secs(1)).await,
                }
            };
            if let Some(slot) = lock(&world.slots.slots).get_mut(place) {
                slot.live = Some(live);
            }
        });
    }

    /// Kills an instance where it stands; it comes back after a while.
    pub fn crash(self: &Arc<Self>, owner: Owner) {
        let found = {
            let mut slots = lock(&self.slots.slots);
            let place = slots.iter().position(|slot| slot.owner == owner);
            // An owner dies once, also when several of its calls crash it at the same moment.
            place.and_then(|place| {
                let slot = slots.get_mut(place).filter(|_| owner != WORLD)?;
                slot.owner = WORLD;
                Some((place, slot.live.take()))
            })
        };
        let Some((place, gone)) = found else { return };
        drop(gone);
        self.exec.kill(owner);
        lock(&self.stats).crashes += 1;
        let bound = Duration::from_millis(100 << self.below(9));
        let down = Duration::from_millis(50) + self.time_below(bound);
        self.later(down, move |world| world.boot(place));
    }

    /// Crashes some instance, whatever it is doing.
    pub fn crash_any(self: &Arc<Self>) {
        let owners: Vec<Owner> = lock(&self.slots.slots)
            .iter()
            .filter(|slot| slot.live.is_some())
            .map(|slot| slot.owner)
            .collect();
        let place = self.below(u64::try_from(owners.len()).unwrap_or(0));
        if let Some(owner) = owners.get(usize::try_from(place).unwrap_or(0)) {
            self.note(*owner, "crash", "from outside", Uuid::nil());
            self.crash(*owner);
        }
    }

    /// Has every service hand out its past again, after the bus was wiped.
    pub fn replay(self: &Arc<Self>) {
        for service in Service::STORED {
            let world = Arc::clone(self);
            self.exec.spawn(WORLD, async move {
                let Some(inner) = world.stores.get(&service).cloned() else { return };
                let port = Port { world: Arc::clone(&world), owner: WORLD };
                let store = Arc::new(SimStore { port: port.clone(), service, inner });
                let relay =
                    Relay::new(service.name(), store, Arc::new(SimBus(port)), Wake::default());
                while relay.replay().await.is_err() {
                    world.exec.sleep(Duration::from_secs(1)).await;
                }
                mark!("a wiped bus was given every event again");
            });
        }
    }
}

/// Starts an instance and its loops.
async fn start(ground: &Ground, service: Service) -> Result<Live, Cause> {
    let Ground { port, host, outbox, .. } = ground;
    let bus: Arc<dyn Bus> = Arc::new(SimBus(port.clone()));
    let network = Arc::new(Network(port.clone()));
    let gate = SessionGate::new(network.clone(), host.clone());
    let inner = port.world.stores.get(&service).cloned().unwrap_or_else(MemStore::new);
    let store: Arc<dyn Store> = Arc::new(SimStore { port: port.clone(), service, inner });
    let mut live =
        Live { owner: port.owner, router: None, auth: None, tickets: None, orders: None };
    let (handlers, mut workers) = match service {
        Service::Auth => {
            let auth = auth(ground, Arc::clone(&store));
            live.router = Some(auth.router(gate).split_for_parts().0);
            let loops = (auth.handlers(), auth.workers());
            live.auth = Some(auth);
            loops
        }
        Service::Tickets => {
            let tickets = tickets(ground, Arc::clone(&store), Arc::clone(&bus)).await?;
            live.router = Some(tickets.router(gate).split_for_parts().0);
            let loops = (tickets.handlers(), tickets.workers());
            live.tickets = Some(tickets);
            loops
        }
        Service::Orders => {
            let orders = orders(ground, Arc::clone(&store), Arc::clone(&bus), network).await?;
            live.router = Some(orders.router(gate).split_for_parts().0);
            let loops = (orders.handlers(), orders.workers());
            live.orders = Some(orders);
            loops
        }
        Service::Expiration => {
            let timers = Arc::new(SimTimers(port.clone()));
            let deps =
                stubmart_expiration::Deps { bus: Arc::clone(&bus), timers, host: host.clone() };
            let expiration = Expiration::new(deps);
            (expiration.handlers(), expiration.workers())
        }
        Service::Payments => {
            let payments = payments(ground, Arc::clone(&store), network);
            live.router = Some(payments.router(gate).split_for_parts().0);
            (payments.handlers(), payments.workers())
        }
    };
    if service != Service::Expiration {
        workers.push(Arc::new(Relay::new(service.name(), store, Arc::clone(&bus), outbox.clone())));
    }
    run(ground, &bus, handlers, workers);
    Ok(live)
}

fn run(
    ground: &Ground,
    bus: &Arc<dyn Bus>,
    handlers: Vec<Arc<dyn Handler>>,
    workers: Vec<Arc<dyn Worker>>,
) {
    let Ground { port, host, shutdown, .. } = ground;
    for handler in handlers {
        port.world.bus.expect(handler.consumer().name);
        let run = consumer::run(host.clone(), Arc::clone(bus), handler, shutdown.clone());
        port.world.exec.spawn(port.owner, run);
    }
    for worker in workers {
        port.world.exec.spawn(port.owner, worker::run(host.clone(), worker, shutdown.clone()));
    }
}

fn auth(ground: &Ground, store: Arc<dyn Store>) -> Auth {
    let slots = &ground.port.world.slots;
    let deps = stubmart_auth::Deps {
        store,
        host: ground.host.clone(),
        outbox: ground.outbox.clone(),
        passwords: Arc::new(SharedHasher(Arc::clone(&slots.passwords))),
        limits: Arc::new(SimLimits(ground.port.clone(), MemRateLimits::new(ground.host.clone()))),
        mailer: Arc::new(SimMailer(ground.port.clone())),
    };
    Auth::new(deps, stubmart_auth::Config::default())
}

async fn tickets(
    ground: &Ground,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
) -> Result<Tickets, Cause> {
    let deps = stubmart_tickets::Deps {
        store,
        bus,
        host: ground.host.clone(),
        outbox: ground.outbox.clone(),
        shutdown: ground.shutdown.clone(),
    };
    // Nobody adds shows here, and to look for them is most of what an idle instance does.
    let config = stubmart_tickets::Config {
        new_shows_every: Duration::from_secs(60),
        ..stubmart_tickets::Config::default()
    };
    Tickets::start(deps, config).await
}

async fn orders(
    ground: &Ground,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    network: Arc<Network>,
) -> Result<Orders, Cause> {
    let deps = stubmart_orders::Deps {
        store,
        bus,
        host: ground.host.clone(),
        outbox: ground.outbox.clone(),
        tickets: network,
        shutdown: ground.shutdown.clone(),
    };
    let hold = ground.port.world.scenario.hold;
    let config = stubmart_orders::Config { hold, ..stubmart_orders::Config::default() };
    Orders::start(deps, config).await
}

fn payments(ground: &Ground, store: Arc<dyn Store>, network: Arc<Network>) -> Payments {
    let deps = stubmart_payments::Deps {
        store,
        host: ground.host.clone(),
        outbox: ground.outbox.clone(),
        gateway: Arc::new(SimGateway(ground.port.clone())),
        orders: network,
    };
    let config = stubmart_payments::Config {
        max_payment_attempts: ground.port.world.scenario.attempts,
        ..stubmart_payments::Config::default()
    };
    Payments::new(deps, config)
}

impl World {
    /// Now and then something happens to the machines, the bus, the timers or at the provider's
    /// dashboard.
    pub fn disturb(self: &Arc<Self>) {
        let world = Arc::clone(self);
        self.exec.spawn(WORLD, async move {
            while !world.is_healed() {
                world.exec.sleep(world.time_below(Duration::from_secs(60))).await;
                if world.happens(Kind::Jump, "clock") {
                    world.slots.jump(&world);
                }
                if world.happens(Kind::WipeBus, "bus") {
                    world.note(WORLD, "bus", "wiped", Uuid::nil());
                    world.bus.wipe();
                    world.replay();
                }
                if world.happens(Kind::WipeTimers, "timers") {
                    world.note(WORLD, "timers", "wiped", Uuid::nil());
                    world.timers.wipe();
                }
                if world.happens(Kind::Human, "dashboard") {
                    world.provider.meddle(&world);
                }
                if world.happens(Kind::Outage, "outage") {
                    world.break_down();
                }
                let crashes = world.scenario.rate(Kind::Crash) > 0 && !world.is_healed();
                if crashes && world.below(8) == 0 && world.spend(Kind::Crash, "from outside") {
                    world.crash_any();
                }
            }
        });
    }
}
