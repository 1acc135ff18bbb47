//! Many seeds, on several threads, one world for each.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use stubmart_kernel::hooks;

use crate::{
    exec::lock,
    run::{Outcome, run},
    scenario::{Limits, Scenario},
    world::Stats,
};

/// How many threads run worlds.
pub const THREADS: usize = 2;

/// Rare situations. A sweep that is worth its name meets every one of them.
pub const MARKS: &[&str] = &[
    "a buyer came back to a closed checkout",
    "a buyer took another payment method",
    "a checkout came after its buyer's account was deleted",
    "a capture was asked for again after its answer was lost",
    "a clock jumped",
    "a closed checkout was left after its grace",
    "a listing came after its seller's account was deleted",
    "a lock that outlived its time was ended by the sweep",
    "a lost answer was recognised by its save id",
    "a new password ended the other sessions",
    "a notice about an unknown charge was parked",
    "a payment came after its checkout had expired",
    "a payment lost to expiry",
    "a payment was tried again after the provider was down",
    "a payment whose answer was lost was found",
    "a price edit met a lock",
    "a refund whose answer was lost was found",
    "a repeated request was answered as the first time",
    "a request was taken over with the id it had",
    "a seat was listed again by its buyer",
    "a second buyer met the lock",
    "a session was ended from another one",
    "a tombstone stopped a sleeper",
    "a void was asked for again after its answer was lost",
    "a void whose answer was lost was found",
    "a wiped bus was given every event again",
    "an access token was revoked",
    "an account was deleted",
    "an acknowledgement was lost",
    "an event that was handled before came again",
    "an event that was on the bus already was not put there twice",
    "an order refused a payment that was authorised",
    "leaving met a payment in progress",
    "money that came late was given back",
    "seats of a listing that was never saved were taken over",
    "somebody cancelled a payment at the dashboard",
    "somebody captured a payment at the dashboard",
    "somebody refunded a payment at the dashboard",
    "something was down for minutes",
    "the lock of an ended order was ended again",
    "the provider was asked again with the same key",
];

/// What a run of the whole has to reach, so that one that was cut short does not pass for whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Floors {
    /// So many seeds.
    pub seeds: u64,
    /// So many simulated hours.
    pub hours: u64,
    /// So many crashes.
    pub crashes: u64,
    /// So many requests.
    pub operations: u64,
}

/// What was run.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// How many seeds.
    pub seeds: u64,
    /// How many worlds.
    pub runs: u64,
    /// What was done in them.
    pub stats: Stats,
    /// Which situations were met, and how often.
    pub marks: BTreeMap<&'static str, u64>,
}

impl Totals {
    /// Adds a run.
    pub fn add(&mut self, outcome: &Outcome) {
        self.runs += 1;
        self.count(&outcome.stats, &outcome.marks);
    }

    /// Adds what was run elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.seeds += other.seeds;
        self.runs += other.runs;
        self.count(&other.stats, &other.marks);
    }

    fn count(&mut self, one: &Stats, marks: &BTreeMap<&'static str, u64>) {
        let sum = &mut self.stats;
        sum.operations += one.operations;
        sum.calls += one.calls;
        sum.crashes += one.crashes;
        sum.faults += one.faults;
        sum.sales += one.sales;
        sum.time += one.time;
        for (mark, count) in marks {
            *self.marks.entry(mark).or_default() += count;
        }
    }

    /// What was not reached, in words.
    #[must_use]
    pub fn short_of(&self, floors: &Floors) -> Vec<String> {
        let Stats { operations, crashes, time, .. } = self.stats;
        let reached = [
            ("seeds", self.seeds, floors.seeds),
            ("simulated hours", time.as_secs() / 3600, floors.hours),
            ("crashes", crashes, floors.crashes),
            ("operations", operations, floors.operations),
        ];
        let short = reached.into_iter().filter(|(_, reached, floor)| reached < floor);
        short.map(|(what, reached, floor)| format!("{reached} of {floor} {what}")).collect()
    }

    /// The situations that were not met.
    #[must_use]
    pub fn unmet(&self) -> Vec<&'static str> {
        MARKS.iter().filter(|mark| !self.marks.contains_key(*mark)).copied().collect()
    }

    /// One line of what was run.
    #[must_use]
    pub fn line(&self) -> String {
        let Stats { operations, calls, crashes, faults, sales, time } = self.stats;
        format!(
            "{} runs, {} simulated hours, {operations} operations, {calls} port calls, {crashes} crashes, \
             {faults} faults, {sales} sales, {} of {} rare situations met",
            self.runs,
            time.as_secs() / 3600,
            MARKS.len() - self.unmet().len(),
            MARKS.len()
        )
    }
}

/// A run in which something did not hold.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// What it was cut down to.
    pub limits: Limits,
    /// How it ended.
    pub outcome: Outcome,
}

/// Runs one seed, with a deliberate mistake or none.
#[must_use]
pub fn run_seed(seed: u64, limits: &Limits, mutant: Option<&'static str>) -> Outcome {
    hooks::set_mutant(mutant);
    let outcome = run(&Scenario::draw(seed, limits));
    hooks::set_mutant(None);
    outcome
}

/// Runs the seeds from `first` on, `count` of them, or until `is_over` says so or one fails. `progress`
/// is told the totals after each run.
pub fn sweep(
    first: u64,
    count: u64,
    limits: &Limits,
    is_over: impl Fn() -> bool + Sync,
    progress: impl Fn(&Totals) + Sync,
) -> (Totals, Vec<Failure>) {
    let next = AtomicU64::new(first);
    let totals = Mutex::new(Totals::default());
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while !is_over() && lock(&failures).is_empty() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first.saturating_add(count) {
                        return;
                    }
                    let outcome = run_seed(seed, limits, None);
                    let mut totals = lock(&totals);
                    totals.add(&outcome);
                    totals.seeds += 1;
                    progress(&totals);
                    drop(totals);
                    if outcome.violation.is_some() {
                        lock(&failures).push(Failure { seed, limits: limits.clone(), outcome });
                    }
                }
            });
        }
    });
    let totals = lock(&totals).clone();
    let failures = lock(&failures).clone();
    (totals, failures)
}
