//! The rules of the rate limits.

use std::{sync::Arc, time::Duration};

use stubmart_ports::limits::{Quota, RateLimits};

use super::{Time, at_once};

/// Three at once, and one more every ten seconds.
const QUOTA: Quota = Quota { burst: 3, every: Duration::from_secs(10) };

type Limits = Arc<dyn RateLimits>;

/// Whether one could be taken.
async fn take(limits: &dyn RateLimits, key: &str) -> bool {
    limits.take(key, QUOTA).await.unwrap().is_none()
}

/// How many can be taken at once.
async fn left(limits: &dyn RateLimits, key: &str) -> u32 {
    let mut count = 0;
    while take(limits, key).await {
        count += 1;
        assert!(count < 1000, "there is no limit");
    }
    count
}

/// A new key has its whole burst, over both handles together, and no more.
pub async fn a_burst_is_allowed_and_no_more(a: Limits, b: Limits, _time: Arc<dyn Time>) {
    assert!(take(&*a, "key").await);
    assert!(take(&*b, "key").await);
    assert_eq!(left(&*a, "key").await, 1);
    assert_eq!(left(&*b, "key").await, 0);
}

/// After each interval there is one more, up to the burst and not beyond.
pub async fn the_quota_refills_up_to_the_burst(a: Limits, b: Limits, time: Arc<dyn Time>) {
    assert_eq!(left(&*a, "key").await, 3);
    time.pass(QUOTA.every).await;
    assert_eq!(left(&*b, "key").await, 1);
    time.pass(QUOTA.every * 2).await;
    assert_eq!(left(&*a, "key").await, 2);
    time.pass(QUOTA.every * 100).await;
    assert_eq!(left(&*b, "key").await, 3);
}

/// A refused caller that comes back after the wait is allowed; one that comes sooner is not.
pub async fn a_caller_that_waits_as_answered_is_allowed(a: Limits, b: Limits, time: Arc<dyn Time>) {
    assert_eq!(left(&*a, "key").await, 3);
    time.pass(Duration::from_secs(4)).await;
    let wait = b.take("key", QUOTA).await.unwrap().unwrap();
    assert!(wait <= Duration::from_secs(6), "{wait:?}");
    time.pass(Duration::from_secs(3)).await;
    assert!(!take(&*b, "key").await);
    time.pass(wait.saturating_sub(Duration::from_secs(3))).await;
    assert!(take(&*b, "key").await);
    assert!(!take(&*a, "key").await);
}

/// A refused caller loses nothing by having asked.
pub async fn a_refusal_takes_nothing(a: Limits, b: Limits, time: Arc<dyn Time>) {
    assert_eq!(left(&*a, "key").await, 3);
    for _ in 0..50 {
        assert!(!take(&*b, "key").await);
    }
    time.pass(QUOTA.every).await;
    assert_eq!(left(&*a, "key").await, 1);
}

/// To look takes nothing, and says what a take would.
pub async fn a_look_takes_nothing(a: Limits, b: Limits, time: Arc<dyn Time>) {
    for _ in 0..20 {
        assert_eq!(a.peek("key", QUOTA).await.unwrap(), None);
    }
    assert_eq!(left(&*b, "key").await, 3);
    let wait = a.peek("key", QUOTA).await.unwrap().unwrap();
    assert!(wait <= QUOTA.every, "{wait:?}");
    time.pass(wait).await;
    for _ in 0..20 {
        assert_eq!(b.peek("key", QUOTA).await.unwrap(), None);
    }
    assert_eq!(left(&*a, "key").await, 1);
}

/// Several are there together or none is taken; more than the burst are never there.
pub async fn several_are_taken_together_or_not_at_all(a: Limits, b: Limits, time: Arc<dyn Time>) {
    assert_eq!(a.take_many("key", QUOTA, 2).await.unwrap(), None);
    let wait = b.take_many("key", QUOTA, 2).await.unwrap().unwrap();
    assert!(wait <= QUOTA.every, "{wait:?}");
    assert!(b.take_many("key", QUOTA, 4).await.unwrap().is_some());
    time.pass(wait).await;
    assert_eq!(b.take_many("key", QUOTA, 2).await.unwrap(), None);
    assert_eq!(left(&*a, "key").await, 0);
    time.pass(QUOTA.every * 100).await;
    assert!(a.take_many("key", QUOTA, 4).await.unwrap().is_some());
    assert_eq!(left(&*b, "key").await, 3);
}

/// One key's use is nothing to another's.
pub async fn keys_keep_apart(a: Limits, b: Limits, _time: Arc<dyn Time>) {
    assert_eq!(left(&*a, "key").await, 3);
    for other in ["", "Key", "key ", "login:203.0.113.7", "ключ"] {
        assert_eq!(left(&*b, other).await, 3, "{other:?}");
    }
    assert_eq!(left(&*b, "key").await, 0);
}

/// Of many callers that take at once as many are allowed as there are left.
pub async fn concurrent_takes_are_all_counted(a: Limits, b: Limits, _time: Arc<dyn Time>) {
    for round in 0..50 {
        let key = round.to_string();
        let takers = [&a, &b].into_iter().cycle().take(12).map(|limits| {
            let (limits, key) = (Arc::clone(limits), key.clone());
            async move { take(&*limits, &key).await }
        });
        let taken = at_once(takers.collect::<Vec<_>>()).await;
        assert_eq!(taken.into_iter().filter(|taken| *taken).count(), 3);
    }
}

/// Makes a test of each rule of the [`RateLimits`] port. `$factory` is an
/// `fn() -> impl Future<Output = Subject<dyn RateLimits, Arc<dyn Time>>>`.
#[macro_export]
macro_rules! limits_suite {
    ($factory:expr) => {
        $crate::rule_tests!(limits, $factory, [], with [
            a_burst_is_allowed_and_no_more,
            the_quota_refills_up_to_the_burst,
            a_caller_that_waits_as_answered_is_allowed,
            a_refusal_takes_nothing,
            a_look_takes_nothing,
            several_are_taken_together_or_not_at_all,
            keys_keep_apart,
            concurrent_takes_are_all_counted,
        ]);
    };
}
