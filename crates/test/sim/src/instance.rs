//! How the instances of the services start, crash and come back.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::Router;
use stubmart_contract::{Actor, Context, Price, api::OrderStatus};
use stubmart_http_kit::SessionGate;
use stubmart_kernel::{
    mark,
    worker::{Shutdown, ShutdownTrigger},
};
use stubmart_node::{Background, Engines, Role, Service, roles};
use stubmart_payments::refund_order::RefundOrder;
use stubmart_ports::Cause;
use uuid::Uuid;

use crate::{
    calls::Network,
    engines,
    exec::{Owner, WORLD, lock},
    port::Port,
    scenario::Kind,
    slots::Live,
    world::World,
};

impl Live {
    fn new(owner: Owner) -> Self {
        Self {
            owner,
            router: Router::new(),
            auth: None,
            tickets: None,
            catalogue: None,
            orders: None,
            payments: None,
        }
    }

    /// Serves a role's routes and runs its loops; the answer is the service.
    fn runs<S>(&mut self, ground: &Ground, role: Role<S>) -> S {
        for handler in &role.handlers {
            lock(&ground.port.world.consumers).insert(handler.consumer().name);
        }
        ground.background.run(&role);
        self.router = role.router.split_for_parts().0;
        role.service
    }
}

/// What a starting instance stands on.
struct Ground {
    port: Port,
    engines: Engines,
    shutdown: Shutdown,
    background: Background,
}

impl World {
    /// Some instance of `service` that runs.
    pub(crate) fn pick(&self, service: Service) -> Option<Live> {
        let slots = lock(&self.slots.slots);
        let live: Vec<&Live> = slots
            .iter()
            .filter(|it| it.service == service)
            .filter_map(|it| it.live.as_ref())
            .collect();
        let place = self.below(u64::try_from(live.len()).unwrap_or(0));
        live.get(usize::try_from(place).unwrap_or(0)).map(|live| (*live).clone())
    }

    /// The routes of some instance of `service` that runs.
    pub(crate) fn router(&self, service: Service) -> Option<(Owner, Router)> {
        let live = self.pick(service)?;
        Some((live.owner, live.router))
    }

    /// An operator gives the money of some sale back.
    fn give_back(self: &Arc<Self>) {
        let sold: Vec<_> = lock(&self.checker)
            .orders
            .values()
            .filter(|it| it.status == OrderStatus::Completed)
            .map(|it| it.id)
            .collect();
        let place = self.below(u64::try_from(sold.len()).unwrap_or(0));
        let Some(order) = sold.get(usize::try_from(place).unwrap_or(0)).copied() else { return };
        let Some(live) = self.pick(Service::Payments) else { return };
        let Some(payments) = live.payments else { return };
        self.note(live.owner, "operator", "gives money back", order.0);
        // Some of it, or all that is left; for one of a few claims, each of which is asked for again.
        let part = Price::try_from(i64::try_from(self.below(2_000)).unwrap_or(0)).ok();
        let amount = part.filter(|_| self.below(2) == 0);
        let claim = self.below(3);
        self.exec.spawn(live.owner, async move {
            let operator = Context::of(Actor::Operator("ada".to_owned()));
            let key = format!("claim {claim}");
            let request =
                RefundOrder { order_id: order, amount, reason: "a claim", key: Some(&key) };
            drop(payments.refund_order(&operator, &request).await);
        });
    }

    /// Moves some machine's clock.
    fn jump(&self) {
        let slots = lock(&self.slots.slots);
        let place = self.below(u64::try_from(slots.len()).unwrap_or(0));
        let Some(slot) = slots.get(usize::try_from(place).unwrap_or(0)) else { return };
        let bound = 5000;
        let offset =
            i64::try_from(self.below(2 * bound)).unwrap_or(0) - i64::try_from(bound).unwrap_or(0);
        slot.clock.offset.store(offset, Ordering::Relaxed);
        mark!("a clock jumped");
    }

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
        let (trigger, shutdown) = ShutdownTrigger::new();
        lock(&self.slots.triggers).push(trigger);
        self.note(owner, "starts", service.name(), Uuid::nil());
        let world = Arc::clone(self);
        self.exec.spawn(owner, async move {
            let port = Port { world: Arc::clone(&world), owner };
            let engines = engines::engines(&port, engines::host(&port, drifting));
            let (host, bus) = (engines.host.clone(), Arc::clone(&engines.bus));
            let background = Background::new(host, bus, shutdown.clone());
            let ground = Ground { port, engines, shutdown, background };
            let live = loop {
                match start(&ground, service) {
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

    /// Publishes every service's history again, after the bus was wiped.
    pub fn refill(self: &Arc<Self>) {
        for service in Service::STORED {
            let world = Arc::clone(self);
            self.exec.spawn(WORLD, async move {
                let port = Port { world: Arc::clone(&world), owner: WORLD };
                let (store, bus) = (engines::store(&port, service), engines::bus(&port));
                while stubmart_relay::refill(service.name(), &*store, &*bus).await.is_err() {
                    world.exec.sleep(Duration::from_secs(1)).await;
                }
                mark!("a wiped bus was given every event again");
            });
        }
    }
}

/// Starts an instance of `service` and its loops.
fn start(ground: &Ground, service: Service) -> Result<Live, Cause> {
    let Ground { port, engines, shutdown, .. } = ground;
    let network = Arc::new(Network(port.clone()));
    let gate = SessionGate::new(network.clone(), engines.host.clone());
    let scenario = &port.world.scenario;
    let mut live = Live::new(port.owner);
    match service {
        Service::Auth => {
            let config = stubmart_auth::Config::default();
            let (role, _) = roles::auth::start(engines, config, network);
            live.auth = Some(live.runs(ground, role));
        }
        Service::Tickets => {
            let config = stubmart_tickets::Config {
                fees: scenario.fees.clone(),
                ..stubmart_tickets::Config::default()
            };
            let role = roles::tickets::start(engines, config, gate, network.clone(), network);
            live.tickets = Some(live.runs(ground, role));
        }
        Service::Catalogue => {
            let config = stubmart_catalogue::Config::default();
            let role = roles::catalogue::start(engines, config, shutdown, gate, network)?;
            live.catalogue = Some(live.runs(ground, role));
        }
        Service::Orders => {
            let config = stubmart_orders::Config {
                hold: scenario.hold,
                ..stubmart_orders::Config::default()
            };
            let role = roles::orders::start(engines, config, gate, network);
            live.orders = Some(live.runs(ground, role));
        }
        Service::Expiration => {
            let role = roles::expiration::start(engines, network.clone(), network);
            drop(live.runs(ground, role));
        }
        Service::Payments => {
            let config = stubmart_payments::Config {
                max_payment_attempts: scenario.attempts,
                ..stubmart_payments::Config::default()
            };
            let role = roles::payments::start(engines, config, gate, network.clone(), network);
            live.payments = Some(live.runs(ground, role));
        }
        Service::Delivery => {
            let others = roles::delivery::Others {
                auth: network.clone(),
                orders: network.clone(),
                tickets: network.clone(),
                catalogue: network,
            };
            drop(live.runs(ground, roles::delivery::start(engines, gate, others)));
        }
        Service::Notify => {
            let config = stubmart_notify::Config::default();
            let others = roles::notify::Others {
                auth: network.clone(),
                catalogue: network.clone(),
                tickets: network,
            };
            let role = roles::notify::start(engines, config, gate, others);
            drop(live.runs(ground, role));
        }
    }
    if Service::STORED.contains(&service) {
        ground.background.run_worker(engines::relay(port, service));
    }
    Ok(live)
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
                    world.jump();
                }
                if world.happens(Kind::WipeBus, "bus") {
                    world.note(WORLD, "bus", "wiped", Uuid::nil());
                    world.check_rejected();
                    world.bus.wipe();
                    world.refill();
                }
                if world.happens(Kind::WipeTimers, "timers") {
                    world.note(WORLD, "timers", "wiped", Uuid::nil());
                    world.timers.wipe();
                }
                if world.happens(Kind::Human, "dashboard") {
                    world.meddle();
                }
                if world.happens(Kind::Human, "operator") {
                    world.give_back();
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
