//! Rate limits in memory.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use stubmart_ports::{
    host::Host,
    limits::{LimitsUnavailable, Quota, RateLimits},
};

use crate::host::lock;

/// Rate limits in memory, by a host's clock. Clones are handles on the same data.
#[derive(Clone)]
pub struct MemRateLimits {
    host: Host,
    /// For each key, when its whole quota is there again, in milliseconds since the epoch: the
    /// theoretical arrival time of the generic cell rate algorithm (ITU-T I.371).
    full_at: Arc<Mutex<BTreeMap<String, i64>>>,
}

impl fmt::Debug for MemRateLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemRateLimits").finish_non_exhaustive()
    }
}

impl MemRateLimits {
    /// Limits by the clock of `host`.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self { host, full_at: Arc::default() }
    }

    /// How long until one of the quota is left, and when the quota would be whole again after taking it.
    fn look(&self, full_at: Option<i64>, quota: Quota) -> (Option<Duration>, i64) {
        let now = self.host.now().millis();
        let every = i64::try_from(quota.every.as_nanos().div_ceil(1_000_000)).unwrap_or(i64::MAX);
        let full_at = full_at.unwrap_or(now).max(now).saturating_add(every);
        let ahead = every.saturating_mul(i64::from(quota.burst));
        let wait = full_at.saturating_sub(ahead).saturating_sub(now);
        let wait = u64::try_from(wait).ok().filter(|wait| *wait > 0).map(Duration::from_millis);
        (wait, full_at)
    }
}

#[async_trait]
impl RateLimits for MemRateLimits {
    async fn take(&self, key: &str, quota: Quota) -> Result<Option<Duration>, LimitsUnavailable> {
        let mut keys = lock(&self.full_at);
        let (wait, full_at) = self.look(keys.get(key).copied(), quota);
        if wait.is_none() {
            keys.insert(key.to_owned(), full_at);
        }
        Ok(wait)
    }

    async fn peek(&self, key: &str, quota: Quota) -> Result<Option<Duration>, LimitsUnavailable> {
        let keys = lock(&self.full_at);
        Ok(self.look(keys.get(key).copied(), quota).0)
    }
}
