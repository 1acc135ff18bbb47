//! The test of the tests: deliberate mistakes in the services' own code, each of which has to be noticed,
//! and by a check of what it breaks.

use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use clap::ValueEnum as _;
use stubmart_kernel::hooks;

use crate::{
    enumerate::{Flow, places, play},
    exec::lock,
    run::Outcome,
    scenario::Limits,
    sweep::{THREADS, run_seed},
};

/// A deliberate mistake. It is made where `mutant!("…")` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mutant {
    /// Its name.
    pub name: &'static str,
    /// The invariants that it breaks. Another one that breaks does not count as noticing it.
    pub breaks: &'static [&'static str],
}

const fn breaks(name: &'static str, breaks: &'static [&'static str]) -> Mutant {
    Mutant { name, breaks }
}

/// The mistakes.
pub const MUTANTS: &[Mutant] = &[
    breaks("a failure that does not end its order", &["LOCK-3", "PAY-1", "PAY-3"]),
    breaks("a capture is not booked", &["MONEY-1"]),
    breaks("a forged notice is taken", &["PAY-2"]),
    breaks("a hold is not given up", &["PAY-3"]),
    breaks("a lost answer taken for done", &["EVT-1", "LOCK-1", "PAY-1", "PAY-2", "PAY-3"]),
    breaks("a new key for each try", &["PAY-2", "PAY-3"]),
    breaks("a payment on its way is forgotten", &["PAY-3"]),
    breaks("a repeated request makes another", &["PAY-2"]),
    breaks("a refund does not reach the seller", &["MONEY-1"]),
    breaks("a refund is not booked", &["MONEY-1"]),
    breaks("a refund that failed is not booked", &["MONEY-1"]),
    breaks("a sale is booked without its fees", &["MONEY-1"]),
    breaks("a sale is not recorded", &["MONEY-1"]),
    breaks("a save without its events", &["EVT-1"]),
    breaks("a wiped bus is not filled again", &["EVT-1"]),
    breaks("acknowledge before the commit", &["EVT-1", "LOCK-2", "LOCK-3", "PAY-3", "AUTH-1"]),
    breaks("an ended session is remembered", &["AUTH-1"]),
    breaks("an event is tried only once", &["EVT-1", "LOCK-2", "LOCK-3", "PAY-3", "AUTH-1"]),
    breaks("ask the provider before the charge is saved", &["PAY-2"]),
    breaks("capture before the order is secured", &["PAY-3"]),
    breaks("buy out of turn", &["LINE-1"]),
    breaks("serve the line from its end", &["LINE-1"]),
    breaks("edit a price under a lock", &["PRICE-1"]),
    breaks("expire a paid order", &["PAY-1", "PAY-3"]),
    breaks("free what is sold", &["LOCK-1", "LOCK-2"]),
    breaks("late money is kept", &["PAY-3"]),
    breaks("leave a secured order", &["PAY-1", "PAY-3"]),
    breaks("list for a deleted account", &["AUTH-1"]),
    breaks("the catalogue counts old news", &["EVT-1"]),
    breaks("list seats without a claim", &["SEAT-1"]),
    breaks("lock what is locked", &["LOCK-1"]),
    breaks("no tombstone", &["LOCK-1", "LOCK-3"]),
    breaks("refund twice", &["PAY-3"]),
    breaks("save without the version check", &["EVT-1", "LOCK-1", "PAY-3"]),
    breaks("secure a cancelled order", &["PAY-3"]),
    breaks("struck off before it is published", &["EVT-1", "LOCK-2", "LOCK-3"]),
    breaks("take seats over without a fence", &["SEAT-1"]),
    breaks("tell a refund twice", &["EVT-1"]),
    breaks("the seller pays for the whole refund", &["MONEY-1"]),
    breaks("the same key after a decline", &["PAY-2"]),
    breaks("the lock of an ended order is not ended again", &["EVT-1", "LOCK-3"]),
    breaks("timers without a rebuild", &["LOCK-3"]),
    breaks("unlock by another order", &["LOCK-1"]),
];

/// The mistake of that name.
#[must_use]
pub fn named(name: &str) -> Option<Mutant> {
    MUTANTS.iter().find(|it| it.name == name).copied()
}

/// What became of a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hunted {
    /// Which.
    pub name: &'static str,
    /// What caught it, and the invariant that it broke; `None` when it survived.
    pub caught: Option<(String, &'static str)>,
}

/// How many seeds are tried before crashes are enumerated.
const FEW: u64 = 20;

impl Mutant {
    /// The invariant that it broke in this run, if it is one of its own.
    fn noticed(&self, outcome: Outcome) -> Option<&'static str> {
        let invariant = outcome.violation?.invariant;
        self.breaks.contains(&invariant).then_some(invariant)
    }

    fn by_seeds(
        &self,
        mut seeds: Range<u64>,
        is_over: &impl Fn() -> bool,
    ) -> Option<(String, &'static str)> {
        seeds.by_ref().take_while(|_| !is_over()).find_map(|seed| {
            let outcome = run_seed(seed, &Limits::default(), Some(self.name));
            Some((format!("seed {seed}"), self.noticed(outcome)?))
        })
    }

    fn by_crashes(&self, is_over: &impl Fn() -> bool) -> Option<(String, &'static str)> {
        hooks::set_mutant(Some(self.name));
        let flows = Flow::value_variants().iter().copied();
        let all =
            flows.flat_map(|flow| places(flow).into_iter().map(move |crash_at| (flow, crash_at)));
        let caught = all.take_while(|_| !is_over()).find_map(|(flow, crash_at)| {
            let invariant = self.noticed(play(flow, &crash_at).outcome)?;
            Some((format!("{} with a crash after {crash_at:?}", flow.name()), invariant))
        });
        hooks::set_mutant(None);
        caught
    }
}

/// Runs each mistake until it is caught: on a few seeds from `first` on, then on every flow with a crash
/// after every call, then on `most` seeds in all. What is not caught when `is_over` says so has survived.
pub fn hunt(
    mutants: &[Mutant],
    first: u64,
    most: u64,
    is_over: impl Fn() -> bool + Sync,
    progress: impl Fn(&Hunted) + Sync,
) -> Vec<Hunted> {
    let next = AtomicUsize::new(0);
    let hunted = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let few = first + FEW.min(most);
                    let caught = mutant
                        .by_seeds(first..few, &is_over)
                        .or_else(|| mutant.by_crashes(&is_over))
                        .or_else(|| mutant.by_seeds(few..first + most, &is_over));
                    let one = Hunted { name: mutant.name, caught };
                    progress(&one);
                    lock(&hunted).push(one);
                }
            });
        }
    });
    let mut hunted = lock(&hunted).clone();
    hunted.sort_by_key(|it| it.name);
    hunted
}
