//! Rate limits, over all processes together.

use std::time::Duration;

use async_trait::async_trait;
use redis::Script;
use stubmart_ports::{
    host::Host,
    limits::{LimitsUnavailable, Quota, RateLimits},
};

use crate::connection::RedisServer;

/// The generic cell rate algorithm in microseconds: a key's value is the theoretical arrival time before
/// which its quota is not used up. It is forgotten when it is over. Answers how long to wait, as a text
/// since a script's numbers lose their fractions and large ones their last digits.
///
/// Arguments: now, the interval, the interval of a whole burst, whether to take, how many.
const DECIDE: &str = "
local now, every, burst = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local arrival = tonumber(redis.call('GET', KEYS[1]) or ARGV[1])
-- It can never be further ahead than a whole burst, unless the clock was set back.
local next = math.min(math.max(arrival, now), now + burst) + every * tonumber(ARGV[5])
local wait = next - now - burst
if wait > 0 then return string.format('%.0f', wait) end
if ARGV[4] == '1' then
    local kept = math.ceil((next - now) / 1000) + 1000
    redis.call('SET', KEYS[1], string.format('%.0f', next), 'PX', string.format('%.0f', kept))
end
return '0'
";

/// The rate limits.
pub struct RedisRateLimits {
    server: RedisServer,
    host: Host,
    decide: Script,
}

impl std::fmt::Debug for RedisRateLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisRateLimits").finish_non_exhaustive()
    }
}

impl RedisServer {
    /// The rate limits on this server, by the clock of `host`.
    #[must_use]
    pub fn rate_limits(&self, host: Host) -> RedisRateLimits {
        RedisRateLimits { server: self.clone(), host, decide: Script::new(DECIDE) }
    }
}

impl RedisRateLimits {
    async fn decide(
        &self,
        key: &str,
        quota: Quota,
        take: Option<u32>,
    ) -> Result<Option<Duration>, LimitsUnavailable> {
        let every = u64::try_from(quota.every.as_micros()).unwrap_or(u64::MAX).max(1);
        let mut decide = self.decide.prepare_invoke();
        decide
            .key(self.server.key("limits", key))
            .arg(self.host.now().millis().saturating_mul(1000))
            .arg(every)
            .arg(every.saturating_mul(u64::from(quota.burst)))
            .arg(u8::from(take.is_some()))
            .arg(take.unwrap_or(1));
        let wait: Result<u64, _> = self.server.run(&decide).await;
        let wait = wait.map_err(|error| LimitsUnavailable(error.into()))?;
        Ok((wait > 0).then(|| Duration::from_micros(wait)))
    }
}

#[async_trait]
impl RateLimits for RedisRateLimits {
    async fn take_many(
        &self,
        key: &str,
        quota: Quota,
        count: u32,
    ) -> Result<Option<Duration>, LimitsUnavailable> {
        self.decide(key, quota, Some(count)).await
    }

    async fn peek(&self, key: &str, quota: Quota) -> Result<Option<Duration>, LimitsUnavailable> {
        self.decide(key, quota, None).await
    }
}
