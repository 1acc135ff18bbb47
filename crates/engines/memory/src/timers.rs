//! Timers in memory.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use stubmart_contract::Timestamp;
use stubmart_ports::timers::{Claim, Timer, TimerError, Timers};
use uuid::Uuid;

use crate::lock::lock;

/// Timers in memory. Clones are handles on the same data.
#[derive(Debug, Clone, Default)]
pub struct MemoryTimers(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    timers: BTreeMap<Uuid, Set>,
    tokens: u64,
}

/// A timer that is set.
#[derive(Debug)]
struct Set {
    timer: Timer,
    /// The last token given out before it was set: claims up to it were for what was there before.
    since: u64,
    leased_until: Option<Timestamp>,
}

impl Set {
    /// When it can be claimed.
    fn free_at(&self) -> Timestamp {
        self.leased_until.unwrap_or(self.timer.due_at)
    }
}

impl MemoryTimers {
    /// No timers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Loses every timer, as a memory store that is restarted empty does.
    pub fn wipe(&self) {
        lock(&self.0).timers.clear();
    }

    /// How many are set.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.0).timers.len()
    }
}

#[async_trait]
impl Timers for MemoryTimers {
    async fn change(&self, set: Vec<Timer>, cancel: Vec<Uuid>) -> Result<(), TimerError> {
        let mut state = lock(&self.0);
        let since = state.tokens;
        for timer in set {
            state.timers.insert(timer.key, Set { timer, since, leased_until: None });
        }
        for key in cancel {
            state.timers.remove(&key);
        }
        Ok(())
    }

    async fn claim(
        &self,
        now: Timestamp,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Claim>, TimerError> {
        let state = &mut *lock(&self.0);
        let free = state.timers.values_mut().filter(|set| set.free_at() <= now);
        let mut free: Vec<_> = free.collect();
        free.sort_by_key(|set| (set.timer.due_at, set.timer.key));
        let mut claims = Vec::new();
        for set in free.into_iter().take(limit) {
            state.tokens += 1;
            set.leased_until = Some(now.after(lease));
            claims.push(Claim { timer: set.timer.clone(), token: state.tokens });
        }
        Ok(claims)
    }

    async fn finish(&self, claims: Vec<Claim>) -> Result<(), TimerError> {
        let mut state = lock(&self.0);
        for claim in claims {
            let key = claim.timer.key;
            if state.timers.get(&key).is_some_and(|set| set.since < claim.token) {
                state.timers.remove(&key);
            }
        }
        Ok(())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, TimerError> {
        Ok(lock(&self.0).timers.values().map(Set::free_at).min())
    }
}
