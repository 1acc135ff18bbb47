//! The rules of the timers.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use stubmart_contract::Timestamp;
use stubmart_ports::timers::{Claim, Timer, Timers};
use uuid::Uuid;

use super::at_once;

/// How long the leases of these rules last.
const LEASE: Duration = Duration::from_secs(30);

/// A point in time, in seconds after an arbitrary one.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + seconds * 1000)
}

fn timer(number: u64, due_at: Timestamp) -> Timer {
    let body = format!("timer {number}").into_bytes();
    Timer { key: Uuid::from_u128(u128::from(number)), due_at, body }
}

async fn set(timers: &dyn Timers, number: u64, due_at: Timestamp) {
    timers.change(vec![timer(number, due_at)], Vec::new()).await.unwrap();
}

async fn claim(timers: &dyn Timers, now: Timestamp) -> Vec<Claim> {
    timers.claim(now, 1000, LEASE).await.unwrap()
}

fn numbers(claims: &[Claim]) -> Vec<u64> {
    claims.iter().map(|it| u64::try_from(it.timer.key.as_u128()).unwrap()).collect()
}

/// A timer is claimed when it is due or later, and not a millisecond before.
pub async fn a_timer_is_never_early(a: Arc<dyn Timers>, b: Arc<dyn Timers>) {
    set(&*a, 1, at(10)).await;
    set(&*a, 2, at(20)).await;
    for now in [Timestamp::EPOCH, at(0), at(10).before(Duration::from_millis(1))] {
        assert_eq!(claim(&*b, now).await, []);
    }
    assert_eq!(numbers(&claim(&*b, at(10)).await), [1]);
    assert_eq!(claim(&*b, at(20).before(Duration::from_millis(1))).await, []);
    assert_eq!(numbers(&claim(&*a, at(25)).await), [2]);
}

/// A claim holds the timer as it was set: its key, its time to the millisecond, its body byte for byte.
pub async fn a_claim_holds_what_was_set(a: Arc<dyn Timers>, b: Arc<dyn Timers>) {
    let bytes: Vec<u8> = (0..=u8::MAX).collect();
    let due = Timestamp::from_millis(1_800_000_000_123);
    for (number, body) in (1..).zip([Vec::new(), bytes.clone(), bytes.repeat(64)]) {
        let key = Uuid::from_u128(u128::MAX - number);
        let timer = Timer { key, due_at: due, body };
        a.change(vec![timer.clone()], Vec::new()).await.unwrap();
        let claims = claim(&*b, due).await;
        assert_eq!(claims.iter().map(|it| &it.timer).collect::<Vec<_>>(), [&timer]);
        b.finish(claims).await.unwrap();
    }
}

/// Of those that are due the earliest are claimed first, at most as many as asked for.
pub async fn the_earliest_are_claimed_first(a: Arc<dyn Timers>, b: Arc<dyn Timers>) {
    let order = [30, 10, 50, 20, 40];
    let set = order.map(|seconds| timer(u64::try_from(seconds).unwrap(), at(seconds)));
    a.change(set.to_vec(), Vec::new()).await.unwrap();
    let first = b.claim(at(45), 2, LEASE).await.unwrap();
    assert_eq!(numbers(&first), [10, 20]);
    assert_eq!(b.claim(at(45), 0, LEASE).await.unwrap(), []);
    let rest = a.claim(at(45), 10, LEASE).await.unwrap();
    assert_eq!(numbers(&rest), [30, 40]);
    assert_eq!(numbers(&claim(&*a, at(60)).await), [50]);
}

/// Timers of one moment are all claimed, in pieces too.
pub async fn timers_of_one_moment_are_all_claimed(a: Arc<dyn Timers>, b: Arc<dyn Timers>) {
    let set = (1..=10).map(|number| timer(number, at(0))).collect();
    a.change(set, Vec::new()).await.unwrap();
    let mut claimed = Vec::new();
    for (limit, timers) in [(3, &a), (3, &b), (3, &a), (3, &b)] {
        claimed.extend(numbers(&timers.claim(at(0), limit, LEASE).await.unwrap()));
    }
    claimed.sort_unstable();
    assert_eq!(claimed, (1..=10).collect::<Vec<_>>());
}

/// A claimed timer is not claimed again before its lease ends, through neither handle, and is when it
/// has ended, unless it was finished.
pub async fn a_lease_keeps_others_away_until_it_ends(a: Arc<dyn Timers>, b: Arc<dyn Timers>) {
    set(&*a, 1, at(0)).await;
    set(&*a, 2, at(0)).await;
    let claims = claim(&*a, at(5)).await;
    assert_eq!(claims.len(), 2);
    for timers in [&a, &b] {
        let last = at(5).after(LEASE).before(Duration::from_millis(1));
        assert_eq!(claim(&**timers, last).await, []);
    }
    let second = claims.into_iter().filter(|it| it.timer.key == Uuid::from_u128(2)).collect();
    a.finish(second).await.unwrap();
    assert_eq!(numbers(&claim(&*b, at(5).after(LEASE)).await), [1]);
    assert_eq!(claim(&*a, at(6).after(LEASE)).await, []);
}

/// A finished timer is gone. To finish it again does nothing.
pub async fn a_finished_timer_is_gone(a: Arc<dyn Timers>, b: Arc<dyn Timers>) {
    set(&*a, 1, at(0)).await;
    set(&*a, 2, at(1)).await;
    let claims = claim(&*a, at(0)).await;
    b.finish(claims.clone()).await.unwrap();
    b.finish(claims).await.unwrap();
    a.finish(Vec::new()).await.unwrap();
    assert_eq!(numbers(&claim(&*b, at(1000)).await), [2]);
}

/// A timer that was set again while a claim was out stays when the claim is finished, be it for another
/// time or for the same, and can be claimed when it is due.
pub async fn a_timer_set_again_outlives_the_claim_before(a: Arc<dyn Timers>, b: Arc<dyn Timers>) {
    for due in [at(50), at(0)] {
        set(&*a, 1, at(0)).await;
        let old = claim(&*a, at(0)).await;
        assert_eq!(numbers(&old), [1]);
        b.change(vec![timer(1, due)], Vec::new()).await.unwrap();
        a.finish(old).await.unwrap();
        assert_eq!(b.next_due().await.unwrap(), Some(due));
        let again = claim(&*b, due).await;
        assert_eq!(numbers(&again), [1]);
        b.finish(again).await.unwrap();
        assert_eq!(a.next_due().await.unwrap(), None);
    }
}

/// To set a timer again replaces it: it is claimed once, at the new time, with the new body.
pub async fn setting_a_timer_again_replaces_it(a: Arc<dyn Timers>, b: Arc<dyn Timers>) {
    set(&*a, 1, at(10)).await;
    let later = Timer { body: b"later".to_vec(), ..timer(1, at(60)) };
    b.change(vec![later.clone()], Vec::new()).await.unwrap();
    assert_eq!(claim(&*a, at(59)).await, []);
    let claims = claim(&*a, at(60)).await;
    assert_eq!(claims.iter().map(|it| &it.timer).collect::<Vec<_>>(), [&later]);
    a.finish(claims).await.unwrap();
    // And to an earlier time, twice in one change: the last one counts.
    a.change(vec![timer(2, at(90)), timer(2, at(70))], Vec::new()).await.unwrap();
    assert_eq!(numbers(&claim(&*b, at(70)).await), [2]);
    assert_eq!(claim(&*b, at(90)).await, []);
}

/// A cancelled timer is never claimed; cancelling one that is not set does nothing. What is set and
/// cancelled in one change is cancelled.
pub async fn a_cancelled_timer_is_gone(a: Arc<dyn Timers>, b: Arc<dyn Timers>) {
    let keys = |numbers: &[u64]| -> Vec<_> {
        numbers.iter().map(|number| Uuid::from_u128(u128::from(*number))).collect()
    };
    set(&*a, 1, at(0)).await;
    set(&*a, 2, at(0)).await;
    b.change(Vec::new(), keys(&[1, 7])).await.unwrap();
    b.change(vec![timer(3, at(0)), timer(4, at(0))], keys(&[3])).await.unwrap();
    let claims = claim(&*a, at(100)).await;
    let mut claimed = numbers(&claims);
    claimed.sort_unstable();
    assert_eq!(claimed, [2, 4]);
    // Cancelled under a lease: it does not come back.
    b.change(Vec::new(), keys(&[2])).await.unwrap();
    assert_eq!(numbers(&claim(&*a, at(200)).await), [4]);
    a.finish(claims).await.unwrap();
    assert_eq!(b.next_due().await.unwrap(), None);
}

/// The next time to look is when the first timer is due or the first lease ends, whichever is sooner.
pub async fn the_next_time_is_of_the_first_timer_or_lease(a: Arc<dyn Timers>, b: Arc<dyn Timers>) {
    assert_eq!(a.next_due().await.unwrap(), None);
    set(&*a, 2, at(20)).await;
    set(&*a, 1, at(10)).await;
    assert_eq!(b.next_due().await.unwrap(), Some(at(10)));
    let claims = b.claim(at(12), 10, Duration::from_secs(5)).await.unwrap();
    assert_eq!(a.next_due().await.unwrap(), Some(at(17)));
    a.finish(claims).await.unwrap();
    assert_eq!(b.next_due().await.unwrap(), Some(at(20)));
    let claims = b.claim(at(20), 10, Duration::from_secs(5)).await.unwrap();
    assert_eq!(a.next_due().await.unwrap(), Some(at(25)));
    b.finish(claims).await.unwrap();
    assert_eq!(a.next_due().await.unwrap(), None);
}

/// A timer far in the past is due at once, and one at the end of time only then.
pub async fn any_point_in_time_will_do(a: Arc<dyn Timers>, b: Arc<dyn Timers>) {
    set(&*a, 1, Timestamp::MIN).await;
    set(&*a, 2, Timestamp::MAX).await;
    let claims = claim(&*b, at(0)).await;
    assert_eq!(numbers(&claims), [1]);
    b.finish(claims).await.unwrap();
    assert_eq!(b.next_due().await.unwrap(), Some(Timestamp::MAX));
    assert_eq!(numbers(&claim(&*a, Timestamp::MAX).await), [2]);
}

/// Of many callers that claim at once each timer goes to one only.
pub async fn concurrent_claims_give_a_timer_to_one(a: Arc<dyn Timers>, b: Arc<dyn Timers>) {
    const COUNT: u64 = 60;
    for round in 0..15 {
        let now = at(round * 1000);
        let set = (1..=COUNT).map(|number| timer(number, now)).collect();
        a.change(set, Vec::new()).await.unwrap();
        let claimers = [&a, &b].into_iter().cycle().take(8).map(|timers| {
            let timers = Arc::clone(timers);
            async move {
                let mut claimed = Vec::new();
                loop {
                    let some = timers.claim(now, 7, LEASE).await.unwrap();
                    if some.is_empty() {
                        return claimed;
                    }
                    claimed.extend(some);
                    let count = u64::try_from(claimed.len()).unwrap();
                    assert!(count <= COUNT, "a timer is claimed over and over");
                }
            }
        });
        let claims: Vec<_> = at_once(claimers.collect::<Vec<_>>()).await.concat();
        let mut times = BTreeMap::<u64, u32>::new();
        for number in numbers(&claims) {
            *times.entry(number).or_default() += 1;
        }
        assert_eq!(times.len(), usize::try_from(COUNT).unwrap());
        assert!(times.values().all(|times| *times == 1), "{times:?}");
        b.finish(claims).await.unwrap();
        assert_eq!(a.next_due().await.unwrap(), None);
    }
}

/// Makes a test of each rule of the [`Timers`] port. `$factory` is an
/// `fn() -> impl Future<Output = Subject<dyn Timers>>`.
#[macro_export]
macro_rules! timers_suite {
    ($factory:expr) => {
        $crate::rule_tests!(
            timers,
            $factory,
            [
                a_timer_is_never_early,
                a_claim_holds_what_was_set,
                the_earliest_are_claimed_first,
                timers_of_one_moment_are_all_claimed,
                a_lease_keeps_others_away_until_it_ends,
                a_finished_timer_is_gone,
                a_timer_set_again_outlives_the_claim_before,
                setting_a_timer_again_replaces_it,
                a_cancelled_timer_is_gone,
                the_next_time_is_of_the_first_timer_or_lease,
                any_point_in_time_will_do,
                concurrent_claims_give_a_timer_to_one,
            ]
        );
    };
}
