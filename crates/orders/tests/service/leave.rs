//! Leaving a checkout by its cancel button.

use std::time::Duration;

use stubmart_contract::{
    DomainEvent,
    api::{CancelReason, OrderStatus},
};
use stubmart_kernel::{ApplyError, Precondition};
use stubmart_orders::order::Refusal;

use crate::support::{Call, Fault, Hold, World, by, unknown_order};

const ANY: Precondition = Precondition::None;
const LEFT: (OrderStatus, Option<CancelReason>) =
    (OrderStatus::Cancelled, Some(CancelReason::Left));

#[tokio::test]
async fn a_checkout_that_is_left_is_cancelled_and_its_ticket_free_before_the_answer() {
    let world = World::new();
    let order = world.checkout().await;
    let left = world.orders.leave(&by(order.user_id), order.id, order.user_id, &ANY).await.unwrap();
    assert_eq!((left.state.status, left.state.cancel_reason), LEFT);
    assert_eq!(world.tickets.hold_of(order.ticket_id), Hold::Free);
    let events = world.events_of(order.id).await;
    assert!(matches!(events[1].event, DomainEvent::OrderCancelled(_)));
    assert_eq!(left.version, 2);
    let again =
        world.orders.leave(&by(order.user_id), order.id, order.user_id, &ANY).await.unwrap();
    assert_eq!(again, left);
}

#[tokio::test]
async fn an_order_is_left_by_its_buyer_alone_and_while_it_can_be() {
    let world = World::new();
    let order = world.checkout().await;
    let (secured, _) = world.secured().await;
    let (sold, charge) = world.secured().await;
    world.orders.complete(&by(sold.user_id), sold.id, charge).await.unwrap();
    let refused = [
        (order.id, world.user(), Refusal::NotFound),
        (unknown_order(), order.user_id, Refusal::NotFound),
        (secured.id, secured.user_id, Refusal::PaymentInProgress),
        (sold.id, sold.user_id, Refusal::Completed),
    ];
    for (id, buyer, expected) in refused {
        match world.orders.leave(&by(buyer), id, buyer, &ANY).await {
            Err(ApplyError::Refused { refusal, .. }) => assert_eq!(refusal, expected),
            other => panic!("{expected:?}: {other:?}"),
        }
    }
    assert_eq!(world.status(order.id).await.0, OrderStatus::Created);
    assert_eq!(world.tickets.hold_of(secured.ticket_id), Hold::Locked(secured.id));
}

#[tokio::test]
async fn an_order_that_is_at_another_version_than_was_meant_is_not_left() {
    let world = World::new();
    let order = world.checkout().await;
    let (buyer, context) = (order.user_id, by(order.user_id));
    // That the page was closed is the service's own business, and no new version.
    world.orders.close(&context, order.id, buyer).await.unwrap();
    for versions in [vec![], vec![2], vec![0, 7]] {
        let meant = Precondition::OneOf(versions);
        let left = world.orders.leave(&context, order.id, buyer, &meant).await;
        assert!(matches!(left, Err(ApplyError::Stale { version: 1 })), "{meant:?}: {left:?}");
    }
    let meant = Precondition::OneOf(vec![1, 9]);
    world.orders.leave(&context, order.id, buyer, &meant).await.unwrap();
    assert_eq!(world.status(order.id).await, LEFT);
}

#[tokio::test]
async fn a_release_that_is_lost_costs_the_buyer_nothing_and_is_made_up_for_by_the_event() {
    for fault in [Fault::Lost, Fault::AnswerLost] {
        let world = World::new();
        let order = world.checkout().await;
        world.tickets.fail_next([fault]);
        let left = world.orders.leave(&by(order.user_id), order.id, order.user_id, &ANY).await;
        assert_eq!(left.unwrap().state.status, OrderStatus::Cancelled, "{fault:?}");
        assert_eq!(world.tickets.take_calls(), [Call::Release(order.id)]);
        world.deliver().await;
        assert_eq!(world.tickets.hold_of(order.ticket_id), Hold::Free, "{fault:?}");
    }
}

#[tokio::test]
async fn an_answer_waits_two_seconds_for_tickets_and_no_longer_than_its_request_has() {
    for (deadline, waits) in [(None, 2_000), (Some(60_000), 2_000), (Some(300), 300)] {
        let world = World::new();
        let order = world.checkout().await;
        world.tickets.fail_next([Fault::Hangs]);
        let mut context = by(order.user_id);
        context.deadline = deadline.map(|ms| world.host.now().after(Duration::from_millis(ms)));
        let (leaver, buyer) = (world.orders.clone(), order.user_id);
        let left = tokio::spawn(async move { leaver.leave(&context, order.id, buyer, &ANY).await });
        while world.clock.sleeping() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(world.clock.next_wake(), Some(Duration::from_millis(waits)));
        world.clock.advance(Duration::from_millis(waits));
        assert_eq!(left.await.unwrap().unwrap().state.status, OrderStatus::Cancelled);
    }
}
