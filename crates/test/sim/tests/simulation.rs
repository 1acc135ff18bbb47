//! A small share of the simulation, for every test run. The whole of it is the binary of this crate.

use stubmart_sim::{
    enumerate::{Flow, enumerate},
    mutants::{hunt, named},
    report::report,
    scenario::Limits,
    shrink::shrink,
    sweep::{Failure, Floors, run_seed, sweep},
};

/// One seed is one run, to the byte: every poll, every call, every saved document. Without it, no failure
/// could be replayed.
#[test]
fn the_same_seed_gives_the_same_run() {
    for seed in 1..=6 {
        let (one, two) =
            (run_seed(seed, &Limits::default(), None), run_seed(seed, &Limits::default(), None));
        assert_eq!(one.trace, two.trace, "seed {seed}");
        assert_eq!(one.stats, two.stats, "seed {seed}");
        assert_ne!(one.trace, run_seed(seed + 100, &Limits::default(), None).trace);
    }
}

/// Nothing that must hold is broken on fifty seeds, and they do something worth the name.
#[test]
fn fifty_seeds_hold() {
    let (totals, failures) = sweep(1, 50, &Limits::default(), || false, |_| {});
    let failures: Vec<_> = failures.iter().map(|it| report(&shrink(it, None), None)).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(totals.stats.sales > 200 && totals.stats.crashes > 200, "{}", totals.line());
}

/// A lock and a payment survive a crash after every single call to a port.
#[test]
fn a_lock_and_a_payment_survive_a_crash_after_every_call() {
    let (totals, broken) = enumerate(&[Flow::Lock, Flow::Pay], false, |_, _| {});
    assert!(broken.is_empty(), "{broken:?}");
    assert!(totals.runs > 60, "{}", totals.line());
}

/// What the checks are for: a few of the deliberate mistakes, each of which few seeds catch. The rest are
/// hunted by the binary.
#[test]
fn deliberate_mistakes_are_caught() {
    let names = [
        "capture before the order is secured",
        "edit a price under a lock",
        "a save without its events",
        "an ended session is remembered",
        "no tombstone",
    ];
    let mutants: Vec<_> = names.iter().filter_map(|name| named(name)).collect();
    assert_eq!(mutants.len(), names.len());
    for hunted in hunt(&mutants, 1, 20, || false, |_| {}) {
        assert!(hunted.caught.is_some(), "{} survived", hunted.name);
    }
}

/// A failure that was cut down still breaks the same invariant, with less.
#[test]
fn a_failure_is_cut_down_to_a_smaller_one() {
    let mutant = Some("edit a price under a lock");
    let failure = |seed| {
        let outcome = run_seed(seed, &Limits::default(), mutant);
        Failure { seed, limits: Limits::default(), outcome }
    };
    let mut failures = (1..=20).map(failure).filter(|it| it.outcome.violation.is_some());
    let whole = failures.find(|it| it.outcome.stats.operations > 100).unwrap();
    let small = shrink(&whole, mutant);
    let invariant = |it: &Failure| it.outcome.violation.as_ref().map(|it| it.invariant);
    assert_eq!(invariant(&small), invariant(&whole));
    assert!(small.outcome.stats.operations < whole.outcome.stats.operations);
    assert!(report(&small, mutant).contains("--steps"), "{}", report(&small, mutant));
}

/// A seller deletes the account while a listing is on its way, and the instance that saved the listing is
/// killed before it looks whether the account is still there. The ticket was offered for ever.
#[test]
fn a_listing_of_a_deleted_account_is_withdrawn_whoever_is_killed() {
    let (_, broken) = enumerate(&[Flow::ListDeparted], false, |_, _| {});
    assert!(broken.is_empty(), "{broken:?}");
}

/// A run that was cut short does not pass for whole: each floor that is not reached is reported.
#[test]
fn floors_that_were_not_reached_are_reported() {
    let (totals, _) = sweep(1, 2, &Limits::default(), || false, |_| {});
    assert_eq!(totals.seeds, 2);
    assert!(totals.short_of(&Floors { seeds: 2, crashes: 1, ..Floors::default() }).is_empty());
    let floors = Floors { seeds: 3, hours: 1000, crashes: 1_000_000, operations: 1_000_000 };
    assert_eq!(totals.short_of(&floors).len(), 4);
}
