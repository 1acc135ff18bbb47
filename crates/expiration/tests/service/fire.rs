//! What a due timer does.

use std::{sync::Arc, time::Duration};

use stubmart_contract::event::LockExpired;
use stubmart_kernel::worker::Next;
use stubmart_memory::MemoryTimers;
use stubmart_ports::timers::{Timer, Timers as _};
use stubmart_suite::fault::{Fault, FaultyTimers, Injector, Op};

use crate::support::{HOLD, World, locked, ticket};

#[tokio::test]
async fn a_due_timer_has_orders_expire_the_order_of_its_lock_and_not_before() {
    let world = World::new();
    let lock = world.lock();
    world.heard(&[locked(&lock)]).await;
    world.clock.advance(HOLD - Duration::from_millis(1));
    assert_eq!(world.fire().await.unwrap(), Next::At(lock.until));
    assert_eq!(world.peers.take_expired(), []);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.fire().await.unwrap(), Next::Again);
    let [(context, expired)] = &world.peers.take_calls()[..] else { panic!("one call") };
    assert_eq!(*expired, lock, "all that a tombstone needs");
    assert_eq!(context.actor.to_string(), "service:expiration");
    assert!(context.deadline.is_some());
    assert_eq!((world.timers.count(), world.fire().await.unwrap()), (0, Next::Idle));
}

#[tokio::test]
async fn a_timer_stays_until_orders_has_answered() {
    let world = World::new();
    let lock = world.lock();
    world.heard(&[locked(&lock)]).await;
    world.clock.advance(HOLD);
    world.peers.set_down(true);
    for _ in 0..3 {
        assert!(world.fire().await.is_err());
        assert_eq!(world.timers.count(), 1);
        // Nobody else asks at the same time.
        let Next::At(at) = world.fire().await.unwrap() else { panic!("it is leased") };
        world.clock.advance(at.since(world.host.now()));
    }
    world.peers.set_down(false);
    world.fire().await.unwrap();
    assert_eq!(world.peers.take_expired(), [lock.order_id]);
    assert_eq!(world.timers.count(), 0);
}

#[tokio::test]
async fn a_timer_that_fails_keeps_no_other_from_firing() {
    let world = World::new();
    let locks: Vec<_> = (0..600).map(|_| world.lock()).collect();
    let events: Vec<_> = locks.iter().map(locked).collect();
    world.heard(&events).await;
    world.clock.advance(HOLD);
    let failing: Vec<_> = locks.iter().step_by(3).map(|it| it.order_id).collect();
    world.peers.set_failing(failing.clone());
    while let Next::Again = world.fire().await.unwrap() {}
    assert_eq!(world.peers.take_expired().len(), locks.len() - failing.len());
    assert_eq!(world.timers.count(), failing.len());
    world.peers.set_failing(Vec::new());
    world.clock.advance(Duration::from_secs(5));
    while let Next::Again = world.fire().await.unwrap() {}
    let mut expired = world.peers.take_expired();
    expired.sort();
    assert_eq!(expired, failing);
}

#[tokio::test]
async fn a_timer_that_could_not_be_finished_fires_again() {
    let timers = MemoryTimers::new();
    let injector = Injector::new(|op, _| match op {
        Op::Finish => Fault::Fail,
        _ => Fault::None,
    });
    let port = FaultyTimers::new(Arc::new(timers.clone()), injector.clone());
    let world = World::on(timers, Arc::new(port));
    let lock = world.lock();
    world.heard(&[locked(&lock)]).await;
    world.clock.advance(HOLD);
    assert!(world.fire().await.is_err());
    injector.heal();
    world.clock.advance(Duration::from_secs(5));
    world.fire().await.unwrap();
    assert_eq!(world.peers.take_expired(), [lock.order_id, lock.order_id]);
    assert_eq!(world.timers.count(), 0);
}

/// Timers that version 57b01eb armed hold the whole ticket.
#[tokio::test]
async fn a_timer_that_an_earlier_version_armed_fires() {
    let world = World::new();
    let lock = world.lock();
    let earlier = LockExpired { order_id: lock.order_id, ticket: ticket(&lock) };
    let body = serde_json::to_vec(&earlier).unwrap();
    let timer = Timer { key: lock.order_id.0, due_at: lock.until, body };
    let unreadable = Timer { key: world.host.uuid(), due_at: lock.until, body: b"{}".to_vec() };
    world.timers.change(vec![timer, unreadable], Vec::new()).await.unwrap();
    world.clock.advance(HOLD);
    world.fire().await.unwrap();
    let [(_, expired)] = &world.peers.take_calls()[..] else { panic!("one call") };
    assert_eq!(*expired, lock);
    assert_eq!(world.timers.count(), 0, "what cannot be read does not come again");
}
