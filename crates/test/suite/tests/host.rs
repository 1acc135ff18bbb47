//! The machine for tests does what its documentation says, and the same at each run.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use stubmart_ports::host::{Clock as _, Ids as _, PasswordHasher as _};
use stubmart_suite::host::{self, FakeHasher, ManualClock, START, Seeded, SeededIds};

const SECOND: Duration = Duration::from_secs(1);

/// A clock moves only when the test moves it, and wakes those who have slept long enough.
#[tokio::test]
async fn a_sleeper_wakes_when_its_time_has_passed() {
    let clock = ManualClock::new(START);
    let mut short = clock.sleep(SECOND);
    let mut long = clock.sleep(SECOND * 3);
    assert!((&mut short).now_or_never().is_none() && (&mut long).now_or_never().is_none());
    assert_eq!((clock.sleeping(), clock.next_wake()), (2, Some(SECOND)));
    clock.advance(SECOND - Duration::from_millis(1));
    assert!((&mut short).now_or_never().is_none());
    clock.advance(Duration::from_millis(1));
    assert!((&mut short).now_or_never().is_some());
    assert!((&mut long).now_or_never().is_none());
    assert_eq!((clock.now(), clock.next_wake()), (START.after(SECOND), Some(SECOND * 2)));
    drop(long);
    assert_eq!((clock.sleeping(), clock.next_wake()), (0, None));
}

/// A move of the clock wakes a task that sleeps.
#[tokio::test]
async fn a_task_that_sleeps_is_woken() {
    let (host, clock) = host::manual(1);
    let sleeping = tokio::spawn(async move { host.clock.sleep(SECOND).await });
    while clock.sleeping() == 0 {
        tokio::task::yield_now().await;
    }
    clock.advance(SECOND);
    sleeping.await.unwrap();
}

/// Correcting the time shown wakes nobody and lets nobody sleep longer.
#[tokio::test]
async fn a_jump_of_the_clock_moves_no_sleeper() {
    let clock = ManualClock::new(START);
    let mut sleep = clock.sleep(SECOND);
    clock.jump_to(START.after(SECOND * 60));
    assert!((&mut sleep).now_or_never().is_none());
    clock.jump_to(START.before(SECOND * 60));
    clock.advance(SECOND);
    assert!((&mut sleep).now_or_never().is_some());
    assert_eq!(clock.now(), START.before(SECOND * 59));
}

/// Ids are UUIDs of version 7, each greater than the one before, also when the clock stands still, and
/// other seeds make others.
#[tokio::test]
async fn ids_grow_and_are_unique() {
    let clock = Arc::new(ManualClock::new(START));
    let (one, other) = (SeededIds::new(1, clock.clone()), SeededIds::new(2, clock.clone()));
    let mut last = one.uuid();
    let mut seen = BTreeSet::new();
    for round in 0..10_000 {
        if round % 1000 == 0 {
            clock.advance(Duration::from_millis(1));
        }
        let id = one.uuid();
        assert!(id > last && id.get_version_num() == 7, "{id} after {last}");
        assert!(seen.insert(id) && seen.insert(other.uuid()));
        last = id;
    }
}

/// A seed makes the same ids, secrets and numbers at each run.
#[tokio::test]
async fn a_seed_makes_the_same_ids() {
    let make = |seed| {
        let (host, _) = host::manual(seed);
        (host.uuid(), host.uuid(), host.ids.secret())
    };
    assert_eq!(make(1), make(1));
    assert_ne!(make(1), make(2));
    assert_ne!(make(1).2, [0; 32]);
    let mut random = Seeded::new(0);
    // The first numbers of the reference implementation for seed 0.
    assert_eq!(random.draw(), 0xe220_a839_7b1d_cdaf);
    assert_eq!(random.draw(), 0x6e78_9e6a_a1b9_65f4);
}

/// The fake hasher tells the right password from others, salts, and counts.
#[tokio::test]
async fn the_fake_hasher_tells_passwords_apart() {
    let hasher = FakeHasher::default();
    let hash = hasher.hash("correct".to_owned()).await.unwrap();
    assert_ne!(hash, hasher.hash("correct".to_owned()).await.unwrap());
    assert!(hash.starts_with("$fake$") && !hash.contains("correct"));
    assert!(hasher.verify("correct".to_owned(), Some(hash.clone())).await.unwrap());
    for (password, hash) in [("wrong", Some(hash)), ("correct", Some(String::new())), ("", None)] {
        assert!(!hasher.verify(password.to_owned(), hash).await.unwrap());
    }
    assert_eq!(hasher.verified(), 4);
}
