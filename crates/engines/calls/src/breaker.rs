//! The circuit breaker of one instance: an instance that gave no answer several times in a row is left alone
//! for a while, then one call tries it (Nygard, *Release It!*: circuit breaker).

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use stubmart_contract::Timestamp;

/// How many calls in a row may get no answer.
const FAILURES_MAX: u32 = 3;

/// How long an instance is left alone.
const OPEN_FOR: Duration = Duration::from_secs(1);

/// Whether an instance may be called.
#[derive(Debug, Default)]
pub(crate) struct Breaker(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Timestamp>,
}

impl Breaker {
    /// Whether a call may be made now. After a pause one caller is let through, and the others only once it has
    /// been answered.
    pub(crate) fn admits(&self, now: Timestamp) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state.open_until {
            // A clock that jumped back must not keep it open.
            Some(until) if now < until && until.since(now) <= OPEN_FOR => false,
            Some(_) => {
                state.open_until = Some(now.after(OPEN_FOR));
                true
            }
            None => true,
        }
    }

    /// The instance has answered, whatever the answer was.
    pub(crate) fn answered(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::default();
    }

    /// The instance gave no answer.
    pub(crate) fn failed(&self, now: Timestamp) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.failures = state.failures.saturating_add(1);
        if state.failures >= FAILURES_MAX {
            state.open_until = Some(now.after(OPEN_FOR));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_lets_one_call_try() {
        let (breaker, now) = (Breaker::default(), Timestamp::EPOCH);
        for _ in 1..FAILURES_MAX {
            breaker.failed(now);
        }
        breaker.answered();
        for _ in 1..FAILURES_MAX {
            breaker.failed(now);
        }
        assert!(breaker.admits(now), "an answer came between");
        breaker.failed(now);
        assert!(!breaker.admits(now));
        let later = now.after(OPEN_FOR);
        assert!(breaker.admits(later), "one tries");
        assert!(!breaker.admits(later), "the others wait for it");
        breaker.failed(later);
        assert!(!breaker.admits(later.after(OPEN_FOR / 2)));
        breaker.answered();
        assert!(breaker.admits(later) && breaker.admits(later));
    }

    /// An instance is not left alone for ever because a clock jumped.
    #[test]
    fn a_clock_that_jumps_back_does_not_keep_it_open() {
        let (breaker, now) =
            (Breaker::default(), Timestamp::EPOCH.after(Duration::from_secs(9_000)));
        (0..FAILURES_MAX).for_each(|_| breaker.failed(now));
        assert!(breaker.admits(Timestamp::EPOCH));
    }
}
