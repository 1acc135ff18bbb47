//! Broken timers.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use stubmart_contract::Timestamp;
use stubmart_memory::MemoryTimers;
use stubmart_ports::timers::{Claim, Timer, TimerError, Timers};
use uuid::Uuid;

use crate::caught;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    FiresEarly,
    GivesNoLease,
    NeverEndsALease,
    FinishesWhatWasSetAgain,
    FinishesNothing,
    KeepsTheFirstSetting,
    CancelsBeforeItSets,
    ClaimsTheLatestFirst,
    ForgetsLeases,
    RoundsToSeconds,
    ClaimsInTwoSteps,
}

use Defect::*;

/// Timers with one defect.
struct Broken {
    inner: MemoryTimers,
    defect: Defect,
}

impl Broken {
    fn with(defect: Defect) -> Arc<dyn Timers> {
        Arc::new(Self { inner: MemoryTimers::new(), defect })
    }

    fn due(&self, at: Timestamp) -> Timestamp {
        if self.defect == RoundsToSeconds {
            Timestamp::from_millis(at.millis() / 1000 * 1000)
        } else {
            at
        }
    }
}

const FOR_EVER: Duration = Duration::from_secs(1_000_000_000);

#[async_trait]
impl Timers for Broken {
    async fn change(&self, mut set: Vec<Timer>, cancel: Vec<Uuid>) -> Result<(), TimerError> {
        for timer in &mut set {
            timer.due_at = self.due(timer.due_at);
        }
        match self.defect {
            CancelsBeforeItSets => {
                self.inner.change(Vec::new(), cancel).await?;
                self.inner.change(set, Vec::new()).await
            }
            KeepsTheFirstSetting => {
                for timer in set {
                    let known =
                        self.inner.claim(Timestamp::MAX, usize::MAX, Duration::ZERO).await?;
                    if known.iter().all(|claim| claim.timer.key != timer.key) {
                        self.inner.change(vec![timer], Vec::new()).await?;
                    }
                }
                self.inner.change(Vec::new(), cancel).await
            }
            _ => self.inner.change(set, cancel).await,
        }
    }

    async fn claim(
        &self,
        now: Timestamp,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Claim>, TimerError> {
        match self.defect {
            FiresEarly => self.inner.claim(now.after(Duration::from_millis(1)), limit, lease).await,
            GivesNoLease => self.inner.claim(now, limit, Duration::ZERO).await,
            NeverEndsALease => self.inner.claim(now, limit, FOR_EVER).await,
            ClaimsTheLatestFirst => {
                let mut all = self.inner.claim(now, usize::MAX, Duration::ZERO).await?;
                all.reverse();
                all.truncate(limit);
                Ok(all)
            }
            ClaimsInTwoSteps => {
                let seen = self.inner.claim(now, limit, Duration::ZERO).await?;
                tokio::task::yield_now().await;
                self.inner.claim(now, limit, lease).await?;
                Ok(seen)
            }
            _ => self.inner.claim(now, limit, lease).await,
        }
    }

    async fn finish(&self, claims: Vec<Claim>) -> Result<(), TimerError> {
        match self.defect {
            FinishesNothing => Ok(()),
            FinishesWhatWasSetAgain => {
                let keys = claims.into_iter().map(|claim| claim.timer.key).collect();
                self.inner.change(Vec::new(), keys).await
            }
            _ => self.inner.finish(claims).await,
        }
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, TimerError> {
        if self.defect == ForgetsLeases {
            let all = self.inner.claim(Timestamp::MIN, usize::MAX, Duration::ZERO).await?;
            return Ok(all.first().map(|claim| claim.timer.due_at));
        }
        self.inner.next_due().await
    }
}

macro_rules! subject {
    ($port:ident, $rule:ident, $defect:expr) => {{
        let timers = Broken::with($defect);
        stubmart_suite::rules::$port::$rule(Arc::clone(&timers), timers)
    }};
}

caught! {timers, subject,
    timers_that_fire_early_are_caught: FiresEarly => [a_timer_is_never_early];
    timers_that_give_no_lease_are_caught: GivesNoLease => [
        a_lease_keeps_others_away_until_it_ends,
        concurrent_claims_give_a_timer_to_one,
    ];
    timers_that_never_end_a_lease_are_caught: NeverEndsALease => [
        a_lease_keeps_others_away_until_it_ends,
        the_next_time_is_of_the_first_timer_or_lease,
    ];
    timers_that_finish_what_was_set_again_are_caught: FinishesWhatWasSetAgain => [
        a_timer_set_again_outlives_the_claim_before,
    ];
    timers_that_finish_nothing_are_caught: FinishesNothing => [a_finished_timer_is_gone];
    timers_that_keep_the_first_setting_are_caught: KeepsTheFirstSetting => [
        setting_a_timer_again_replaces_it,
    ];
    timers_that_cancel_before_they_set_are_caught: CancelsBeforeItSets => [
        a_cancelled_timer_is_gone,
    ];
    timers_that_claim_the_latest_first_are_caught: ClaimsTheLatestFirst => [
        the_earliest_are_claimed_first,
    ];
    timers_that_forget_leases_are_caught: ForgetsLeases => [
        the_next_time_is_of_the_first_timer_or_lease,
    ];
    timers_that_round_to_seconds_are_caught: RoundsToSeconds => [a_claim_holds_what_was_set];
    timers_that_claim_in_two_steps_are_caught: ClaimsInTwoSteps => [
        concurrent_claims_give_a_timer_to_one,
    ];
}
