//! Timers, for all processes together.
//!
//! A sorted set has each timer at the time at which it can be claimed: when it is due or, while it is
//! claimed, when the lease ends. A hash has what it is: the number of its setting, its time and its body,
//! with a blank between. The number is drawn by the server's clock, so that one of before a flush is none
//! of after it.

use std::time::Duration;

use async_trait::async_trait;
use redis::{Script, ScriptInvocation};
use stubmart_contract::Timestamp;
use stubmart_ports::{
    Cause,
    timers::{Claim, Timer, TimerError, Timers},
};
use uuid::Uuid;

use crate::connection::RedisServer;

/// Arguments: how many to set; key, time and body of each; the keys to cancel.
const CHANGE: &str = "
local time = redis.call('TIME')
local number = math.max(tonumber(redis.call('GET', KEYS[3]) or '0'), time[1] * 1000000 + time[2])
local set = tonumber(ARGV[1])
for i = 0, set - 1 do
    local key, due, body = ARGV[i * 3 + 2], ARGV[i * 3 + 3], ARGV[i * 3 + 4]
    number = number + 1
    redis.call('ZADD', KEYS[1], due, key)
    redis.call('HSET', KEYS[2], key, string.format('%.0f', number) .. ' ' .. due .. ' ' .. body)
end
redis.call('SET', KEYS[3], string.format('%.0f', number))
for i = set * 3 + 2, #ARGV do
    redis.call('ZREM', KEYS[1], ARGV[i])
    redis.call('HDEL', KEYS[2], ARGV[i])
end
";

/// Arguments: now, how many, the end of the lease. Answers keys and what they are.
const CLAIM: &str = "
local claimed = {}
for _, key in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', '0', ARGV[2])) do
    redis.call('ZADD', KEYS[1], ARGV[3], key)
    table.insert(claimed, key)
    table.insert(claimed, redis.call('HGET', KEYS[2], key))
end
return claimed
";

/// Arguments: key and number of each.
const FINISH: &str = "
for i = 1, #ARGV, 2 do
    local set = redis.call('HGET', KEYS[2], ARGV[i])
    if set and string.match(set, '^%d+') == ARGV[i + 1] then
        redis.call('ZREM', KEYS[1], ARGV[i])
        redis.call('HDEL', KEYS[2], ARGV[i])
    end
end
";

/// Answers the first time.
const NEXT: &str = "return redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]";

/// The timers.
pub struct RedisTimers {
    server: RedisServer,
    keys: [String; 3],
    change: Script,
    claim: Script,
    finish: Script,
    next: Script,
}

impl std::fmt::Debug for RedisTimers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisTimers").finish_non_exhaustive()
    }
}

fn unavailable(cause: impl Into<Cause>) -> TimerError {
    TimerError::Unavailable(cause.into())
}

impl RedisServer {
    /// The timers on this server.
    #[must_use]
    pub fn timers(&self) -> RedisTimers {
        RedisTimers {
            server: self.clone(),
            keys: ["free", "set", "number"].map(|name| self.key("timers", name)),
            change: Script::new(CHANGE),
            claim: Script::new(CLAIM),
            finish: Script::new(FINISH),
            next: Script::new(NEXT),
        }
    }
}

impl RedisTimers {
    fn prepare<'a>(&self, script: &'a Script) -> ScriptInvocation<'a> {
        let mut invocation = script.prepare_invoke();
        for key in &self.keys {
            invocation.key(key);
        }
        invocation
    }
}

/// A claim, of a key and what it is.
fn claim(key: &str, set: &[u8]) -> Result<Claim, TimerError> {
    let corrupt = || unavailable(format!("timer {key} cannot be read"));
    let mut parts = set.splitn(3, |byte| *byte == b' ');
    let mut part = || parts.next().ok_or_else(corrupt);
    let (number, due, body) = (part()?, part()?, part()?);
    let number = str::from_utf8(number).ok().and_then(|it| it.parse().ok()).ok_or_else(corrupt)?;
    let due = str::from_utf8(due).ok().and_then(|it| it.parse().ok()).ok_or_else(corrupt)?;
    let timer = Timer {
        key: Uuid::try_parse(key).map_err(unavailable)?,
        due_at: Timestamp::from_millis(due),
        body: body.to_vec(),
    };
    Ok(Claim { timer, token: number })
}

#[async_trait]
impl Timers for RedisTimers {
    async fn change(&self, set: Vec<Timer>, cancel: Vec<Uuid>) -> Result<(), TimerError> {
        let mut change = self.prepare(&self.change);
        change.arg(set.len());
        for Timer { key, due_at, body } in set {
            change.arg(key.to_string()).arg(due_at.millis()).arg(body);
        }
        for key in cancel {
            change.arg(key.to_string());
        }
        self.server.run(&change).await.map_err(unavailable)
    }

    async fn claim(
        &self,
        now: Timestamp,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Claim>, TimerError> {
        let mut claimed = self.prepare(&self.claim);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        claimed.arg(now.millis()).arg(limit).arg(now.after(lease).millis());
        let claimed: Vec<(String, Vec<u8>)> =
            self.server.run(&claimed).await.map_err(unavailable)?;
        claimed.iter().map(|(key, set)| claim(key, set)).collect()
    }

    async fn finish(&self, claims: Vec<Claim>) -> Result<(), TimerError> {
        let mut finish = self.prepare(&self.finish);
        for claim in claims {
            finish.arg(claim.timer.key.to_string()).arg(claim.token);
        }
        self.server.run(&finish).await.map_err(unavailable)
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, TimerError> {
        let next: Option<i64> =
            self.server.run(&self.prepare(&self.next)).await.map_err(unavailable)?;
        Ok(next.map(Timestamp::from_millis))
    }
}
