//! Ending checkouts whose time is up.

use stubmart_contract::{
    Context, DomainEvent,
    api::{CancelReason, OrderStatus},
};
use stubmart_orders::expire::ExpireError;

use crate::support::{Call, Fault, Hold, World, by};

const EXPIRED: (OrderStatus, Option<CancelReason>) =
    (OrderStatus::Cancelled, Some(CancelReason::Expired));

fn timer() -> Context {
    Context::work("expiration")
}

#[tokio::test]
async fn a_created_order_expires_and_its_ticket_is_free_before_the_answer() {
    let world = World::new();
    let order = world.checkout().await;
    world.orders.expire(&timer(), world.tickets.expired_lock(order.ticket_id)).await.unwrap();
    assert_eq!(world.status(order.id).await, EXPIRED);
    assert_eq!(world.tickets.hold_of(order.ticket_id), Hold::Free);
    let events = world.events_of(order.id).await;
    let DomainEvent::OrderExpired(expired) = &events[1].event else { panic!("{events:?}") };
    assert_eq!((expired.id, expired.status), (order.id, OrderStatus::Cancelled));
    assert_eq!(events[1].actor.to_string(), "service:expiration");
}

#[tokio::test]
async fn an_order_that_was_never_saved_gets_a_tombstone() {
    let world = World::new();
    let request = world.request(world.user(), world.list());
    world.tickets.fail_next([Fault::AnswerLost]);
    drop(world.place(&request).await);
    let lock = world.tickets.expired_lock(request.ticket_id);
    for _ in 0..2 {
        world.orders.expire(&timer(), lock.clone()).await.unwrap();
    }
    let tombstone = world.stored(request.id).await.unwrap();
    assert_eq!((tombstone.status, tombstone.user_id), (OrderStatus::Cancelled, request.buyer_id));
    assert!(tombstone.has_expired());
    assert_eq!(world.tickets.hold_of(request.ticket_id), Hold::Free);
    assert_eq!(world.events_of(request.id).await.len(), 1);
}

#[tokio::test]
async fn an_order_that_awaits_its_money_does_not_expire() {
    let world = World::new();
    let (order, _) = world.secured().await;
    world.orders.expire(&timer(), world.tickets.expired_lock(order.ticket_id)).await.unwrap();
    assert_eq!(world.status(order.id).await.0, OrderStatus::AwaitingPayment);
    assert_eq!(world.tickets.hold_of(order.ticket_id), Hold::Locked(order.id));
    assert_eq!(world.tickets.take_calls(), []);
}

#[tokio::test]
async fn the_lock_of_an_order_that_has_ended_is_ended_again() {
    let world = World::new();
    let (sold, charge) = world.secured().await;
    let left = world.checkout().await;
    // Both calls are lost, and so are the events.
    world.tickets.fail_next([Fault::Lost, Fault::Lost]);
    world.orders.complete(&by(sold.user_id), sold.id, charge).await.unwrap();
    world
        .orders
        .leave(&by(left.user_id), left.id, left.user_id, &Default::default())
        .await
        .unwrap();
    assert_eq!(world.tickets.hold_of(sold.ticket_id), Hold::Locked(sold.id));
    world.tickets.take_calls();
    for order in [&sold, &left] {
        let lock = world.tickets.expired_lock(order.ticket_id);
        world.orders.expire(&timer(), lock).await.unwrap();
    }
    assert_eq!(world.tickets.take_calls(), [Call::Sell(sold.id), Call::Release(left.id)]);
    assert_eq!(world.tickets.hold_of(sold.ticket_id), Hold::Sold(sold.id));
    assert_eq!(world.tickets.hold_of(left.ticket_id), Hold::Free);
    assert_eq!(world.events_of(left.id).await.len(), 2, "nothing is published again");
}

/// The timer must not be taken for done before the lock is: it is the last that knows of it.
#[tokio::test]
async fn a_lock_that_was_not_ended_is_no_success() {
    let world = World::new();
    let order = world.checkout().await;
    let lock = world.tickets.expired_lock(order.ticket_id);
    world.tickets.fail_next([Fault::Lost, Fault::Lost]);
    for _ in 0..2 {
        let expired = world.orders.expire(&timer(), lock.clone()).await;
        assert!(matches!(expired, Err(ExpireError::Call(_))), "{expired:?}");
        assert_eq!(world.status(order.id).await, EXPIRED);
    }
    world.orders.expire(&timer(), lock).await.unwrap();
    assert_eq!(world.tickets.hold_of(order.ticket_id), Hold::Free);
}
