//! Locks that have no timer.

use std::time::Duration;

use stubmart_kernel::worker::Next;

use crate::support::{HOLD, World, locked};

/// How long a lock must have outlived its time.
const OVERDUE: Duration = Duration::from_secs(10);
const INSTANT: Duration = Duration::from_millis(1);

#[tokio::test]
async fn a_lock_whose_timer_was_lost_ends_a_little_after_its_time() {
    let world = World::new();
    let lock = world.lock();
    world.heard(&[locked(&lock)]).await;
    world.timers.wipe();
    world.clock.advance(HOLD + OVERDUE);
    world.fire().await.unwrap();
    let next = world.sweep().await.unwrap();
    assert_eq!(world.peers.take_expired(), [], "its timer may be on its way");
    assert_eq!(next, Next::At(world.host.now().after(OVERDUE)));
    world.clock.advance(INSTANT);
    world.sweep().await.unwrap();
    let [(context, expired)] = &world.peers.take_calls()[..] else { panic!("one call") };
    assert_eq!((expired, context.actor.to_string().as_str()), (&lock, "service:expiration"));
    assert_eq!(world.peers.held(), []);
}

#[tokio::test]
async fn a_lock_that_nobody_told_of_ends_too() {
    let world = World::new();
    let lock = world.lock();
    world.clock.advance(HOLD + OVERDUE + INSTANT);
    world.sweep().await.unwrap();
    assert_eq!(world.peers.take_expired(), [lock.order_id]);
}

/// A lock can be overdue for long and rightly so: its order awaits its money.
#[tokio::test]
async fn what_becomes_overdue_is_ended_at_once_while_older_ones_wait_for_the_next_minute() {
    let world = World::new();
    let old = world.lock();
    world.peers.pay(old.order_id);
    world.clock.advance(HOLD + Duration::from_secs(60) + OVERDUE);
    world.sweep().await.unwrap();
    assert_eq!(world.peers.take_expired(), [old.order_id]);
    for _ in 0..5 {
        let at = world.host.now().before(OVERDUE);
        let new = world.lock_until(at);
        world.clock.advance(OVERDUE);
        world.sweep().await.unwrap();
        assert_eq!(world.peers.take_expired(), [new.order_id]);
    }
}

/// However many locks are overdue, all are tried at once, then once a minute, and after a start.
#[tokio::test]
async fn overdue_locks_are_tried_all_and_once_a_minute() {
    let mut world = World::new();
    let locks: Vec<_> = (0..450).map(|_| world.lock()).collect();
    locks.iter().for_each(|lock| world.peers.pay(lock.order_id));
    world.clock.advance(HOLD + Duration::from_secs(15));
    let start = world.host.now();
    let mut tried_at = Vec::new();
    for _ in 0..100 {
        world.sweep().await.unwrap();
        let tried = world.peers.take_expired().len();
        if tried > 0 {
            assert_eq!(tried, locks.len());
            tried_at.push(world.host.now().since(start).as_secs());
        }
        world.clock.advance(OVERDUE);
    }
    assert_eq!(tried_at.first(), Some(&0));
    let gaps: Vec<_> = tried_at.windows(2).map(|it| it[1] - it[0]).collect();
    assert!(gaps.len() >= 15 && gaps[1..].iter().all(|gap| *gap == 60), "{gaps:?}");
    world.restart();
    world.sweep().await.unwrap();
    assert_eq!(world.peers.take_expired().len(), locks.len());
}

#[tokio::test]
async fn more_overdue_locks_than_a_page_holds_are_all_ended_whichever_of_them_fail() {
    let world = World::new();
    let locks: Vec<_> = (0..450).map(|_| world.lock()).collect();
    let failing: Vec<_> = locks.iter().step_by(100).map(|it| it.order_id).collect();
    world.peers.set_failing(failing.clone());
    world.clock.advance(HOLD + OVERDUE + INSTANT);
    assert!(world.sweep().await.is_err(), "it is tried again soon");
    assert_eq!(world.peers.take_expired().len(), locks.len() - failing.len());
    assert_eq!(world.peers.take_pages(), 3);
    world.peers.set_failing(Vec::new());
    world.sweep().await.unwrap();
    assert_eq!(world.peers.take_expired(), failing);
}

#[tokio::test]
async fn a_sweep_that_tickets_did_not_answer_is_made_again() {
    let world = World::new();
    let lock = world.lock();
    world.clock.advance(HOLD + OVERDUE + INSTANT);
    world.peers.set_down(true);
    assert!(world.sweep().await.is_err());
    world.peers.set_down(false);
    world.sweep().await.unwrap();
    assert_eq!(world.peers.take_expired(), [lock.order_id]);
}
