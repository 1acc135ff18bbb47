//! The places of the instances.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI64, AtomicU32},
};

use axum::Router;
use stubmart_auth::Auth;
use stubmart_catalogue::Catalogue;
use stubmart_kernel::worker::ShutdownTrigger;
use stubmart_memory::MemoryMailer;
use stubmart_node::Service;
use stubmart_orders::Orders;
use stubmart_payments::Payments;
use stubmart_suite::host::FakeHasher;
use stubmart_tickets::Tickets;

use crate::{
    exec::{Owner, WORLD, lock, mix},
    machine::Drifting,
    scenario::Scenario,
};

/// An instance that runs.
#[derive(Clone)]
pub(crate) struct Live {
    /// Whose tasks are its tasks.
    pub owner: Owner,
    pub(crate) router: Router,
    pub(crate) auth: Option<Auth>,
    pub(crate) tickets: Option<Tickets>,
    pub(crate) catalogue: Option<Catalogue>,
    pub(crate) orders: Option<Orders>,
    pub(crate) payments: Option<Payments>,
}

/// What all instances of auth share beside their store.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) passwords: Arc<FakeHasher>,
    pub(crate) mailer: MemoryMailer,
}

/// The place of an instance: what is left of it when it crashes.
pub(crate) struct Slot {
    pub(crate) service: Service,
    pub(crate) owner: Owner,
    pub(crate) clock: Arc<Drifting>,
    pub(crate) live: Option<Live>,
}

/// The places of all instances.
pub struct Slots {
    pub(crate) slots: Mutex<Vec<Slot>>,
    pub(crate) owners: AtomicU32,
    /// Kept, so that no instance ever shuts down: it runs, or it crashes.
    pub(crate) triggers: Mutex<Vec<ShutdownTrigger>>,
    pub(crate) shared: Shared,
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
        for (service, count) in
            Service::ALL.into_iter().zip(scenario.instances.into_iter().chain([1, 1]))
        {
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
            shared: Shared::default(),
        }
    }

    /// Every instance of catalogue that runs.
    pub(crate) fn catalogues(&self) -> Vec<Catalogue> {
        let slots = lock(&self.slots);
        slots.iter().filter_map(|it| it.live.as_ref()?.catalogue.clone()).collect()
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
