//! Keeps the client below Stripe's limits (<https://docs.stripe.com/rate-limits>), with the requests that
//! end a payment before those that begin one.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use stubmart_contract::Timestamp;
use stubmart_ports::host::Host;
use tokio::sync::Notify;

/// Who goes first when requests have to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// Captures, voids and refunds: money is held, or was taken.
    End,
    /// New payments.
    Begin,
    /// Looking at payments.
    Look,
}

/// The queue is so long that the request would wait for more than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many requests wait for their turn at the payment provider")]
pub(crate) struct Overloaded;

/// Lets so many requests pass each second, and makes the others wait.
pub(crate) struct Limiter {
    host: Host,
    /// How far two requests are apart on average.
    interval: Duration,
    /// How far ahead of that average a few may be.
    ahead_max: Duration,
    state: Mutex<State>,
    /// Somebody left the queue.
    moved: Notify,
}

#[derive(Default)]
struct State {
    /// When the next request would be on time, were all evenly spread.
    due: Option<Timestamp>,
    waiting: BTreeSet<(Priority, u64)>,
    last: u64,
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter").field("interval", &self.interval).finish_non_exhaustive()
    }
}

/// A place in the queue, given up when it is dropped.
struct Place<'a> {
    limiter: &'a Limiter,
    ticket: (Priority, u64),
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.limiter.state().waiting.remove(&self.ticket);
        self.limiter.moved.notify_waiters();
    }
}

impl Limiter {
    /// A limiter of `per_second` requests, of which a fifth may come at once.
    pub(crate) fn new(host: Host, per_second: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        let ahead_max = interval * (per_second / 5).saturating_sub(1);
        Self { host, interval, ahead_max, state: Mutex::default(), moved: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a turn, for `wait_max` at the most.
    ///
    /// # Errors
    /// [`Overloaded`]: it would wait for longer.
    pub(crate) async fn turn(
        &self,
        priority: Priority,
        wait_max: Duration,
    ) -> Result<(), Overloaded> {
        let place = self.enter(priority, wait_max)?;
        let waited = self.host.timeout(wait_max, self.first(&place)).await;
        waited.map_err(|_| Overloaded)
    }

    fn enter(&self, priority: Priority, wait_max: Duration) -> Result<Place<'_>, Overloaded> {
        let mut state = self.state();
        let ahead = state.waiting.range(..(priority, u64::MAX)).count();
        if self.interval * u32::try_from(ahead).unwrap_or(u32::MAX) > wait_max {
            return Err(Overloaded);
        }
        state.last = state.last.saturating_add(1);
        let ticket = (priority, state.last);
        state.waiting.insert(ticket);
        Ok(Place { limiter: self, ticket })
    }

    /// Ends when the place is the first and its turn has come.
    async fn first(&self, place: &Place<'_>) {
        loop {
            let moved = self.moved.notified();
            match self.take(place.ticket) {
                None => return,
                Some(Duration::ZERO) => moved.await,
                Some(wait) => self.host.clock.sleep(wait).await,
            }
        }
    }

    /// Takes the turn, or says how long to wait; zero until others have left.
    fn take(&self, ticket: (Priority, u64)) -> Option<Duration> {
        let now = self.host.now();
        let mut state = self.state();
        if state.waiting.first() != Some(&ticket) {
            return Some(Duration::ZERO);
        }
        // A clock that was set back must not stop anybody.
        let sane = now.after(self.ahead_max + self.interval);
        let due = state.due.unwrap_or(now).clamp(now, sane.max(now));
        let ahead = due.since(now);
        if ahead > self.ahead_max {
            return Some((ahead - self.ahead_max).max(Duration::from_millis(1)));
        }
        state.due = Some(due.after(self.interval));
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::{FutureExt as _, poll};
    use stubmart_suite::host;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    /// Of requests that wait, those that end a payment pass first, and as many pass as are allowed.
    #[tokio::test]
    async fn what_ends_a_payment_passes_before_what_begins_one() {
        let (host, clock) = host::manual(1);
        let limiter = Arc::new(Limiter::new(host, 10));
        limiter.turn(Priority::Look, LONG).await.unwrap();
        limiter.turn(Priority::Look, LONG).await.unwrap();
        let mut look = Box::pin(limiter.turn(Priority::Look, LONG));
        let mut begin = Box::pin(limiter.turn(Priority::Begin, LONG));
        let mut end = Box::pin(limiter.turn(Priority::End, LONG));
        for waiting in [&mut look, &mut begin, &mut end] {
            assert!(poll!(waiting).is_pending());
        }
        let mut passed = Vec::new();
        for _ in 0..200 {
            for (name, waiting) in [("look", &mut look), ("begin", &mut begin), ("end", &mut end)] {
                if !passed.contains(&name) && waiting.now_or_never_ref() {
                    passed.push(name);
                }
            }
            clock.advance(Duration::from_millis(10));
        }
        assert_eq!(passed, ["end", "begin", "look"]);
    }

    trait NowOrNever {
        fn now_or_never_ref(&mut self) -> bool;
    }

    impl<F: Future + Unpin> NowOrNever for F {
        fn now_or_never_ref(&mut self) -> bool {
            self.now_or_never().is_some()
        }
    }

    /// Who would wait for longer than they may is sent away at once, and is not in anybody's way.
    #[tokio::test]
    async fn a_queue_that_is_too_long_is_refused_at_once() {
        let (host, clock) = host::manual(1);
        let limiter = Limiter::new(host, 1);
        limiter.turn(Priority::Begin, LONG).await.unwrap();
        let mut first = Box::pin(limiter.turn(Priority::Begin, LONG));
        let mut second = Box::pin(limiter.turn(Priority::Begin, LONG));
        assert!(poll!(&mut first).is_pending() && poll!(&mut second).is_pending());
        let short = Duration::from_millis(1500);
        assert_eq!(limiter.turn(Priority::Begin, short).await, Err(Overloaded));
        assert!(poll!(Box::pin(limiter.turn(Priority::End, short))).is_pending(), "it goes first");
        drop((first, second));
        clock.advance(Duration::from_secs(1));
        assert_eq!(limiter.turn(Priority::Begin, short).await, Ok(()));
    }

    /// Over any stretch of time no more pass than the limit and its small burst.
    #[tokio::test]
    async fn no_more_pass_than_are_allowed() {
        let (host, clock) = host::manual(1);
        let limiter = Limiter::new(host, 25);
        let mut passed = 0;
        for _ in 0..1000 {
            while poll!(Box::pin(limiter.turn(Priority::Begin, LONG))).is_ready() {
                passed += 1;
            }
            clock.advance(Duration::from_millis(10));
        }
        assert!((250..=256).contains(&passed), "{passed} in ten seconds");
    }
}
