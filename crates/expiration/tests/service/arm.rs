//! Which events arm and disarm timers.

use std::sync::Arc;

use stubmart_contract::{DomainEvent, TicketId, api::TicketStatus, event::TicketState};
use stubmart_kernel::{consumer::HandleError, worker::Next};
use stubmart_memory::MemoryTimers;
use stubmart_suite::fault::{Fault, FaultyTimers, Injector};

use crate::support::{HOLD, World, ends, locked, ticket};

#[tokio::test]
async fn a_lock_arms_a_timer_and_the_end_of_its_order_disarms_it() {
    let lock = World::new().lock();
    for end in ends(&lock) {
        let world = World::new();
        world.heard(&[locked(&lock)]).await;
        world.heard(&[locked(&lock)]).await;
        assert_eq!(world.timers.count(), 1);
        assert_eq!(world.fire().await.unwrap(), Next::At(lock.until));
        world.heard(std::slice::from_ref(&end)).await;
        assert_eq!(world.timers.count(), 0, "{end:?}");
    }
}

#[tokio::test]
async fn tickets_that_are_not_locked_arm_nothing() {
    let world = World::new();
    let lock = world.lock();
    for status in [TicketStatus::Available, TicketStatus::Sold, TicketStatus::Withdrawn] {
        // A ticket that is sold still names its order.
        let state = TicketState { status, locked_until: None, ..ticket(&lock) };
        world.heard(&[DomainEvent::TicketUpdated(state)]).await;
    }
    world.heard(&[DomainEvent::TicketCreated(ticket(&lock))]).await;
    assert_eq!(world.timers.count(), 0);
}

/// FOUND O: a timer that is named by its ticket is disarmed by the order before, whose end comes late.
#[tokio::test]
async fn the_late_end_of_an_order_leaves_the_timer_of_the_next_lock_of_its_ticket() {
    let world = World::new();
    let ticket_id = TicketId(world.host.uuid());
    let first = world.lock_of(ticket_id);
    world.heard(&[locked(&first)]).await;
    let second = world.lock_of(ticket_id);
    world.heard(&[locked(&second)]).await;
    for end in ends(&first) {
        world.heard(&[end]).await;
    }
    world.clock.advance(HOLD);
    world.fire().await.unwrap();
    assert_eq!(world.peers.take_expired(), [second.order_id]);
}

/// A lock that is heard of late must not bring the timer of a later one under its own time.
#[tokio::test]
async fn each_lock_of_a_ticket_has_a_timer_of_its_own() {
    let world = World::new();
    let ticket_id = TicketId(world.host.uuid());
    let first = world.lock_of(ticket_id);
    world.clock.advance(HOLD / 2);
    let second = world.lock_of(ticket_id);
    world.heard(&[locked(&second), locked(&first)]).await;
    world.clock.advance(HOLD / 2);
    world.fire().await.unwrap();
    assert_eq!(world.peers.take_expired(), [first.order_id]);
    assert_eq!(world.fire().await.unwrap(), Next::At(second.until));
}

#[tokio::test]
async fn a_checkout_that_began_and_ended_in_one_batch_gets_no_timer_in_whatever_order_they_come() {
    let world = World::new();
    for end in ends(&world.lock()) {
        let (kept, lock) = (world.lock(), world.lock());
        let [cancelled, expired, completed] = ends(&lock);
        let end = match end {
            DomainEvent::OrderCancelled(_) => cancelled,
            DomainEvent::OrderExpired(_) => expired,
            _ => completed,
        };
        world.heard(&[end.clone(), locked(&kept), locked(&lock), end]).await;
        world.clock.advance(HOLD);
        world.fire().await.unwrap();
        assert_eq!(world.peers.take_expired(), [kept.order_id]);
    }
}

#[tokio::test]
async fn an_event_that_makes_no_sense_is_put_aside_and_keeps_no_other_waiting() {
    let world = World::new();
    let (good, bad) = (world.lock(), world.lock());
    let bad = TicketState { buyer_id: None, ..ticket(&bad) };
    let results = world.hear(&[DomainEvent::TicketUpdated(bad), locked(&good)]).await;
    assert!(matches!(&results[..], [Err(HandleError::Reject(_)), Ok(())]), "{results:?}");
    assert_eq!(world.timers.count(), 1);
}

#[tokio::test]
async fn events_are_handled_again_while_the_timers_are_down() {
    let timers = MemoryTimers::new();
    let injector = Injector::new(|_, _| Fault::Fail);
    let port = FaultyTimers::new(Arc::new(timers.clone()), injector.clone());
    let world = World::on(timers, Arc::new(port));
    let lock = world.lock();
    for event in [locked(&lock)].into_iter().chain(ends(&lock)) {
        let results = world.hear(&[event]).await;
        assert!(matches!(&results[..], [Err(HandleError::Retry(_))]), "{results:?}");
    }
    injector.heal();
    world.heard(&[locked(&lock)]).await;
    assert_eq!(world.timers.count(), 1);
}
