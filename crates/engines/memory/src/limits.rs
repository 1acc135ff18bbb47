//! Rate limits in memory: right for one process, and forgotten with it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use quick_cache::sync::Cache;
use stubmart_ports::{
    host::Host,
    limits::{LimitsUnavailable, Quota, RateLimits},
};

/// How many keys are remembered. When there are more, the least recently used are forgotten first, so
/// that a flood of keys costs memory of a known size.
const KEYS_MAX: usize = 65_536;

/// Rate limits by the generic cell rate algorithm: for each key one point in time, the theoretical
/// arrival time, before which the quota is not used up.
#[derive(Clone)]
pub struct MemoryRateLimits {
    host: Host,
    /// Theoretical arrival times in microseconds since the Unix epoch.
    arrivals: Arc<Cache<String, Arc<AtomicI64>>>,
}

impl std::fmt::Debug for MemoryRateLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryRateLimits").finish_non_exhaustive()
    }
}

impl MemoryRateLimits {
    /// Limits by the clock of `host`.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self { host, arrivals: Arc::new(Cache::new(KEYS_MAX)) }
    }

    fn now(&self) -> i64 {
        self.host.now().millis().saturating_mul(1000)
    }
}

/// Whether so many more are allowed at `now` after `arrival`: the next arrival time, or how many
/// microseconds to wait.
fn decide(arrival: i64, now: i64, quota: Quota, count: u32) -> Result<i64, i64> {
    let every = i64::try_from(quota.every.as_micros()).unwrap_or(i64::MAX).max(1);
    let burst = every.saturating_mul(i64::from(quota.burst));
    // It can never be further ahead than a whole burst, unless the clock was set back.
    let next = arrival
        .clamp(now, now.saturating_add(burst).max(now))
        .saturating_add(every.saturating_mul(i64::from(count)));
    let wait = next.saturating_sub(now).saturating_sub(burst);
    if wait <= 0 { Ok(next) } else { Err(wait) }
}

fn micros(wait: i64) -> Duration {
    Duration::from_micros(u64::try_from(wait).unwrap_or(0))
}

#[async_trait]
impl RateLimits for MemoryRateLimits {
    async fn take_many(
        &self,
        key: &str,
        quota: Quota,
        count: u32,
    ) -> Result<Option<Duration>, LimitsUnavailable> {
        let now = self.now();
        let arrival = self
            .arrivals
            .get_or_insert_with(key, || Ok(Arc::new(AtomicI64::new(now))))
            .map_err(|never: std::convert::Infallible| match never {})?;
        let mut refused = None;
        let taken = arrival.try_update(Ordering::Relaxed, Ordering::Relaxed, |arrival| {
            let decided = decide(arrival, now, quota, count);
            refused = decided.err().map(micros);
            decided.ok()
        });
        Ok(refused.filter(|_| taken.is_err()))
    }

    async fn peek(&self, key: &str, quota: Quota) -> Result<Option<Duration>, LimitsUnavailable> {
        let now = self.now();
        let arrival = self.arrivals.get(key).map_or(now, |it| it.load(Ordering::Relaxed));
        Ok(decide(arrival, now, quota, 1).err().map(micros))
    }
}

/// No limits: for load tests.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlimited;

#[async_trait]
impl RateLimits for Unlimited {
    async fn take_many(
        &self,
        _: &str,
        _: Quota,
        _: u32,
    ) -> Result<Option<Duration>, LimitsUnavailable> {
        Ok(None)
    }

    async fn peek(&self, _: &str, _: Quota) -> Result<Option<Duration>, LimitsUnavailable> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const THREE_A_SECOND: Quota = Quota { burst: 3, every: Duration::from_secs(1) };

    #[test]
    fn a_burst_is_allowed_at_once_and_then_one_each_interval() {
        let mut arrival = 0;
        for _ in 0..3 {
            arrival = decide(arrival, 0, THREE_A_SECOND, 1).unwrap();
        }
        assert_eq!(decide(arrival, 0, THREE_A_SECOND, 1), Err(SECOND));
        assert_eq!(decide(arrival, SECOND - 1, THREE_A_SECOND, 1), Err(1));
        arrival = decide(arrival, SECOND, THREE_A_SECOND, 1).unwrap();
        assert_eq!(decide(arrival, SECOND, THREE_A_SECOND, 1), Err(SECOND));
    }

    #[test]
    fn unused_quota_does_not_add_up_beyond_the_burst() {
        let now = 1_000_000 * SECOND;
        let mut arrival = 0;
        for _ in 0..3 {
            arrival = decide(arrival, now, THREE_A_SECOND, 1).unwrap();
        }
        assert!(decide(arrival, now, THREE_A_SECOND, 1).is_err());
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out_for_longer_than_one_interval() {
        let arrival = decide(1_000_000 * SECOND, 0, THREE_A_SECOND, 1);
        assert_eq!(arrival, Err(SECOND));
    }

    #[test]
    fn an_empty_quota_allows_nothing() {
        let none = Quota { burst: 0, every: Duration::from_secs(1) };
        assert_eq!(decide(0, 0, none, 1), Err(SECOND));
    }
}
