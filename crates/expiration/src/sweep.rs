//! Ends locks that outlived their time.
//!
//! Timers can be lost (a Redis that was emptied), and so can the event that would have armed one. The
//! locks themselves are not: tickets says which are overdue, and orders is asked to expire their orders.
//!
//! A lock can be overdue for long and rightly so, as while an order awaits its payment. So the sweep
//! tries each lock when it becomes overdue and once a minute from then on, and all of them after a start.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;
use stubmart_contract::{
    Timestamp,
    calls::{ExpiredLock, OverdueLocksRequest},
};
use stubmart_kernel::{
    mark, mutant,
    worker::{Next, Worker},
};
use stubmart_ports::{Cause, calls::CallError};

use crate::service::Expiration;

/// How long a lock must have outlived its time: until then its timer may be on its way. It is also how
/// often the sweep looks.
const OVERDUE_AFTER: Duration = Duration::from_secs(10);

/// How often every overdue lock is tried again, in milliseconds.
const ALL_EVERY_MS: i64 = 60_000;

/// How many locks are asked for at once.
const BATCH: usize = 200;

/// Ends overdue locks.
pub(crate) struct OverdueLocks {
    expiration: Expiration,
    /// Locks that ran out before this moment have been tried; `None` before the first look.
    tried_before: Mutex<Option<Timestamp>>,
}

impl OverdueLocks {
    pub(crate) fn new(expiration: Expiration) -> Self {
        Self { expiration, tried_before: Mutex::default() }
    }

    /// Since when a lock must have run out to be tried now.
    fn from(&self, due_before: Timestamp) -> Timestamp {
        let minute = |at: Timestamp| at.millis().div_euclid(ALL_EVERY_MS);
        let last = *self.tried_before.lock().unwrap_or_else(PoisonError::into_inner);
        last.filter(|last| minute(*last) == minute(due_before)).unwrap_or(Timestamp::MIN)
    }

    /// Has orders expire the orders of locks that ran out from `from` on and before `due_before`, whether
    /// or not some of it fails. How many there are.
    async fn end(&self, from: Timestamp, due_before: Timestamp) -> Result<usize, CallError> {
        let tickets = &self.expiration.deps.tickets;
        let (mut cursor, mut count, mut failure) = (None, 0_usize, None);
        loop {
            let request = OverdueLocksRequest { due_before, cursor, limit: BATCH };
            let page = tickets.overdue_locks(&self.expiration.context(), request).await?;
            let overdue: Vec<_> = page.locks.into_iter().filter(|it| it.until >= from).collect();
            count = count.saturating_add(overdue.len());
            let ended = join_all(overdue.into_iter().map(|lock| self.expire(lock))).await;
            failure = ended.into_iter().find_map(Result::err).or(failure);
            cursor = page.next;
            if cursor.is_none() {
                return failure.map_or(Ok(count), Err);
            }
        }
    }

    async fn expire(&self, lock: ExpiredLock) -> Result<(), CallError> {
        if mutant!("timers without a rebuild") {
            return Ok(());
        }
        mark!("a lock that outlived its time was ended by the sweep");
        self.expiration.deps.orders.expire(&self.expiration.context(), lock).await
    }
}

#[async_trait]
impl Worker for OverdueLocks {
    fn name(&self) -> &'static str {
        "expiration-overdue-locks"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let now = self.expiration.deps.host.now();
        let due_before = now.before(OVERDUE_AFTER);
        let count = self.end(self.from(due_before), due_before).await?;
        *self.tried_before.lock().unwrap_or_else(PoisonError::into_inner) = Some(due_before);
        if count > 0 {
            tracing::warn!(locks = count, "locks outlived their time");
        }
        Ok(Next::At(now.after(OVERDUE_AFTER)))
    }
}
