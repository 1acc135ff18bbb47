//! One run: load and faults, then healing, rest, and the last checks.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
    time::Duration,
};

use stubmart_kernel::hooks;
use stubmart_suite::host::Seeded;

use crate::{
    check::Violation,
    exec::{WORLD, lock},
    rest,
    scenario::{Kind, Scenario},
    user::{Board, User, account::haunt},
    world::{Happening, Stats, World},
};

/// How long after healing the lock of a payment that was under way must have ended, beyond the hold: the
/// reconciler looks every five minutes at what is hard to settle, and what was asleep may sleep on for a
/// minute.
const LOCKS_END_WITHIN: Duration = Duration::from_secs(20 * 60);

/// How long after healing what was late and asleep is still arriving.
const STILL_ARRIVES: Duration = Duration::from_secs(4 * 60);

/// How long after healing everything must have come to rest.
const RESTS_WITHIN: Duration = Duration::from_secs(3 * 3600);

/// How often it is looked whether everything is at rest.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// What did not hold, if anything.
    pub violation: Option<Violation>,
    /// What was done.
    pub stats: Stats,
    /// A digest of everything that happened.
    pub trace: u64,
    /// The situations that were met, and how often.
    pub marks: BTreeMap<&'static str, u64>,
    /// The documents involved, as they were saved last.
    pub documents: Vec<String>,
    /// The last happenings, when something did not hold.
    pub log: Vec<Happening>,
    /// Faults, by kind and what they struck.
    pub injected: BTreeMap<(Kind, &'static str), u64>,
}

/// Runs a scenario.
#[must_use]
pub fn run(scenario: &Scenario) -> Outcome {
    let world = World::new(scenario.clone());
    guard(&world, || {
        let board = Arc::new(Mutex::new(Board::default()));
        world.boot_all();
        world.disturb();
        for number in 0..scenario.users {
            let (user, under_way) = (User::new(&world, &board, number), world.under_way());
            world.exec.spawn(WORLD, async move {
                user.live().await;
                drop(under_way);
            });
        }
        world.exec.run_until(world.heals_at);
        settle(&world, &board);
    });
    conclude(&world)
}

/// Does `work`; a panic in it is a violation like any other, and not the end of the program.
pub(crate) fn guard(world: &World, work: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(work)) {
        let text = format!("a service panicked: {}", words(&*panic));
        world.violate(Violation { invariant: "PANIC", text, documents: Vec::new() });
    }
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no words")
}

/// Ends faults, waits for rest, and checks what must hold then: also after everything that is on the bus
/// came again.
pub fn settle(world: &Arc<World>, board: &Arc<Mutex<Board>>) {
    if world.violation().is_some() {
        return;
    }
    world.heal();
    let (dead, deleted) = {
        let board = lock(board);
        (board.dead.clone(), board.deleted.clone())
    };
    let checked = come_to_rest(world)
        .and_then(|()| rest::check(world, &deleted))
        .and_then(|()| repeat_everything(world));
    if let Err(violation) = checked {
        return world.violate(violation);
    }
    for (token, since) in dead {
        let ghost = Arc::clone(world);
        world.exec.spawn(WORLD, async move {
            for which in 0..4 {
                haunt(&ghost, &token, since, which).await;
            }
        });
    }
    world.exec.run_until(world.exec.now() + LOOK_EVERY);
}

/// Lets time pass until nothing is under way any more, at two looks in a row: what wakes up at the very
/// moment of a look is neither asleep nor at work. Every lock must end in its own time.
fn come_to_rest(world: &Arc<World>) -> Result<(), Violation> {
    let began = world.exec.now();
    let mut rested_before = false;
    let payments_end = began + world.scenario.hold + LOCKS_END_WITHIN;
    loop {
        world.exec.run_until(world.exec.now() + LOOK_EVERY);
        if let Some(violation) = world.violation() {
            return Err(violation);
        }
        let resting = rest::is_at_rest(world);
        let rests = resting.is_ok();
        if rests && rested_before || world.exec.now() > began + RESTS_WITHIN {
            return resting;
        }
        rested_before = rests;
        if world.exec.now() > began + STILL_ARRIVES {
            rest::checkouts_ended(world)?;
        }
        if world.exec.now() > payments_end {
            rest::locks_ended(world)?;
        }
    }
}

/// EVT-1: handling an event twice, late or out of order changes nothing.
fn repeat_everything(world: &Arc<World>) -> Result<(), Violation> {
    let before = rest::documents(world);
    let mut random = Seeded::new(world.below(u64::MAX));
    world.bus.repeat(|positions| random.shuffle(positions));
    come_to_rest(world)?;
    rest::unchanged(world, &before)
}

/// Takes what is to be known of a world, and takes it apart.
#[must_use]
pub fn conclude(world: &Arc<World>) -> Outcome {
    let violation = world.violation();
    let log = if violation.is_some() { world.log() } else { Vec::new() };
    let documents = violation.as_ref().map_or_else(Vec::new, |violation| {
        let checker = lock(&world.checker);
        violation.documents.iter().filter_map(|id| checker.tell(*id)).collect()
    });
    let outcome = Outcome {
        documents,
        stats: Stats { sales: sales(world), ..world.stats() },
        trace: world.trace(),
        marks: hooks::take_marks(),
        injected: world.injected(),
        violation,
        log,
    };
    world.slots.clear();
    world.exec.clear();
    outcome
}

fn sales(world: &World) -> u64 {
    use stubmart_contract::api::OrderStatus::Completed;
    let checker = lock(&world.checker);
    let sold = checker.orders.values().filter(|order| order.status == Completed).count();
    u64::try_from(sold).unwrap_or(0)
}
