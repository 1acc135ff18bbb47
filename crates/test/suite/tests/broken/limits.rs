//! Broken rate limits.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use stubmart_memory::MemoryRateLimits;
use stubmart_ports::limits::{LimitsUnavailable, Quota, RateLimits};
use stubmart_suite::{host, rules::Time};

use crate::caught;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Defect {
    AllowsEverything,
    CountsPerHandle,
    MixesKeys,
    TakesWhenItLooks,
    TellsTooShortAWait,
    NeverRefills,
    ChecksBeforeItTakes,
    AllowsOneMore,
    TakesWhatThereIs,
}

use Defect::*;

/// Rate limits with one defect.
struct Broken {
    inner: MemoryRateLimits,
    defect: Defect,
}

impl Broken {
    fn two(defect: Defect) -> (Arc<dyn RateLimits>, Arc<dyn RateLimits>, Arc<dyn Time>) {
        let (host, clock) = host::manual(1);
        let limits = MemoryRateLimits::new(host.clone());
        let apart = MemoryRateLimits::new(host);
        let other = if defect == CountsPerHandle { apart } else { limits.clone() };
        let broken = |inner| Arc::new(Self { inner, defect });
        (broken(limits), broken(other), Arc::new(clock))
    }

    fn spoil<'a>(&self, key: &'a str, mut quota: Quota) -> (&'a str, Quota) {
        match self.defect {
            MixesKeys => return ("", quota),
            NeverRefills => quota.every *= 1_000_000,
            AllowsOneMore => quota.burst += 1,
            _ => {}
        }
        (key, quota)
    }
}

#[async_trait]
impl RateLimits for Broken {
    async fn take_many(
        &self,
        key: &str,
        quota: Quota,
        count: u32,
    ) -> Result<Option<Duration>, LimitsUnavailable> {
        let (key, quota) = self.spoil(key, quota);
        if self.defect == ChecksBeforeItTakes && self.inner.peek(key, quota).await?.is_none() {
            tokio::task::yield_now().await;
            self.inner.take_many(key, quota, count).await?;
            return Ok(None);
        }
        if self.defect == TakesWhatThereIs {
            let mut wait = None;
            for _ in 0..count {
                wait = self.inner.take(key, quota).await?;
            }
            return Ok(wait);
        }
        let wait = self.inner.take_many(key, quota, count).await?;
        Ok(match self.defect {
            AllowsEverything => None,
            TellsTooShortAWait => wait.map(|wait| wait / 2),
            _ => wait,
        })
    }

    async fn peek(&self, key: &str, quota: Quota) -> Result<Option<Duration>, LimitsUnavailable> {
        let (key, quota) = self.spoil(key, quota);
        match self.defect {
            TakesWhenItLooks => self.inner.take(key, quota).await,
            _ => self.inner.peek(key, quota).await,
        }
    }
}

macro_rules! subject {
    ($port:ident, $rule:ident, $defect:expr) => {{
        let (a, b, time) = Broken::two($defect);
        stubmart_suite::rules::$port::$rule(a, b, time)
    }};
}

caught! {limits, subject,
    limits_that_allow_everything_are_caught: AllowsEverything => [
        a_burst_is_allowed_and_no_more,
        concurrent_takes_are_all_counted,
    ];
    limits_that_allow_one_more_are_caught: AllowsOneMore => [a_burst_is_allowed_and_no_more];
    limits_that_take_what_there_is_are_caught: TakesWhatThereIs => [
        several_are_taken_together_or_not_at_all,
    ];
    limits_that_count_per_handle_are_caught: CountsPerHandle => [
        a_burst_is_allowed_and_no_more,
        concurrent_takes_are_all_counted,
    ];
    limits_that_mix_keys_are_caught: MixesKeys => [keys_keep_apart];
    limits_that_take_when_they_look_are_caught: TakesWhenItLooks => [a_look_takes_nothing];
    limits_that_tell_too_short_a_wait_are_caught: TellsTooShortAWait => [
        a_caller_that_waits_as_answered_is_allowed,
    ];
    limits_that_never_refill_are_caught: NeverRefills => [
        the_quota_refills_up_to_the_burst,
        a_refusal_takes_nothing,
    ];
    limits_that_check_before_they_take_are_caught: ChecksBeforeItTakes => [
        concurrent_takes_are_all_counted,
    ];
}
