//! Makes a failure small: the same seed with fewer steps, faults, kinds of faults, instances and users, as
//! long as the same invariant is broken.

use crate::{
    scenario::{Kind, Limits, Scenario},
    sweep::{Failure, run_seed},
};

/// The smallest failure that was found by cutting `failure` down.
#[must_use]
pub fn shrink(failure: &Failure, mutant: Option<&'static str>) -> Failure {
    let scenario = Scenario::draw(failure.seed, &failure.limits);
    let mut best = failure.clone();
    let steps = u64::from(scenario.users) * u64::from(scenario.steps);
    best = bisect(best, mutant, steps, |limits, steps| limits.steps = Some(steps));
    for (kind, _) in Kind::ALL {
        let mut limits = best.limits.clone();
        limits.without.push(kind);
        if scenario.rate(kind) > 0 {
            best = attempt(&best, limits, mutant).unwrap_or(best);
        }
    }
    let faults = best.outcome.stats.faults;
    best = bisect(best, mutant, faults, |limits, faults| limits.faults = Some(faults));
    for instances in [1, 2] {
        if best.limits.instances.is_none() {
            let limits = Limits { instances: Some(instances), ..best.limits.clone() };
            best = attempt(&best, limits, mutant).unwrap_or(best);
        }
    }
    for users in 1..scenario.users {
        if best.limits.users.is_none() {
            let limits = Limits { users: Some(users), ..best.limits.clone() };
            best = attempt(&best, limits, mutant).unwrap_or(best);
        }
    }
    best
}

/// The failure with these limits, if the same invariant is broken.
fn attempt(failure: &Failure, limits: Limits, mutant: Option<&'static str>) -> Option<Failure> {
    let outcome = run_seed(failure.seed, &limits, mutant);
    let wanted = failure.outcome.violation.as_ref().map(|violation| violation.invariant);
    let found = outcome.violation.as_ref().map(|violation| violation.invariant);
    (found.is_some() && found == wanted).then_some(Failure { seed: failure.seed, limits, outcome })
}

/// The smallest number up to `most` with which it still fails, as far as halving finds it.
fn bisect(
    mut best: Failure,
    mutant: Option<&'static str>,
    most: u64,
    set: impl Fn(&mut Limits, u64),
) -> Failure {
    let (mut holds, mut fails) = (0, most);
    while fails.saturating_sub(holds) > 1 {
        let middle = holds + (fails - holds) / 2;
        let mut limits = best.limits.clone();
        set(&mut limits, middle);
        match attempt(&best, limits, mutant) {
            Some(smaller) => (best, fails) = (smaller, middle),
            None => holds = middle,
        }
    }
    best
}
