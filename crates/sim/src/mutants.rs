//! The test of the tests: deliberate mistakes in the services' own code, each of which has to be noticed.

use std::{
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use stubmart_ports::hooks;

use crate::{
    enumerate::{Flow, first_broken},
    exec::lock,
    scenario::Limits,
    sweep::{THREADS, run_seed},
};

/// The mistakes. Each is made at one place, named `mutant!("…")` there.
pub const MUTANTS: &[&str] = &[
    "200 for an unknown notice",
    "a failure that does not end its order",
    "a hold is not given up",
    "a lost answer taken for done",
    "a new key for each try",
    "a payment on its way is forgotten",
    "a repeated request makes another",
    "a save without its events",
    "a wiped bus is not filled again",
    "acknowledge before the commit",
    "an ended order is not told again",
    "an ended session is remembered",
    "an event is tried only once",
    "ask the provider before the charge is saved",
    "capture before the order is secured",
    "edit a price under a lock",
    "expire a paid order",
    "free what is sold",
    "late money is kept",
    "leave a secured order",
    "list for a deleted account",
    "lock what is locked",
    "no tombstone",
    "refund twice",
    "save without the version check",
    "secure a cancelled order",
    "struck off before it is published",
    "tell a refund twice",
    "the same key after a decline",
    "timers without a rebuild",
    "unlock by another order",
];

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

fn by_seeds(name: &'static str, mut seeds: Range<u64>) -> Option<(String, &'static str)> {
    seeds.find_map(|seed| {
        let outcome = run_seed(seed, &Limits::default(), Some(name));
        outcome.violation.map(|violation| (format!("seed {seed}"), violation.invariant))
    })
}

fn by_crashes(name: &'static str) -> Option<(String, &'static str)> {
    hooks::set_mutant(Some(name));
    let broken = Flow::ALL.into_iter().find_map(first_broken);
    hooks::set_mutant(None);
    let broken = broken?;
    let what = format!("{:?} with a crash after {:?}", broken.flow, broken.crash_at);
    broken.outcome.violation.map(|violation| (what, violation.invariant))
}

/// Runs each mistake until it is caught: on a few seeds from `first` on, then on every flow with a crash
/// after every call, then on `most` seeds in all.
pub fn hunt(
    names: &[&'static str],
    first: u64,
    most: u64,
    progress: impl Fn(&Hunted) + Sync,
) -> Vec<Hunted> {
    let next = AtomicUsize::new(0);
    let hunted = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let caught = by_seeds(name, first..first + FEW.min(most))
                        .or_else(|| by_crashes(name))
                        .or_else(|| by_seeds(name, first + FEW.min(most)..first + most));
                    let one = Hunted { name, caught };
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
