//! Placing an order.

use std::sync::Arc;

use stubmart_contract::{
    DomainEvent, Price,
    api::{CancelReason, OrderStatus},
    calls::LockRefusal,
};
use stubmart_memory::MemoryStore;
use stubmart_orders::place::{PlaceError, PlaceRequest};
use stubmart_suite::fault::{Fault as StoreFault, FaultyStore, Injector, Op};

use crate::support::{Call, FEES, Fault, HOLD, Hold, World, by, price_of_ticket};

#[tokio::test]
async fn a_checkout_locks_its_ticket_and_costs_what_the_ticket_cost_then() {
    let world = World::new();
    let (buyer, ticket) = (world.user(), world.list());
    let request = world.request(buyer, ticket);
    let order = world.place(&request).await.unwrap();
    assert_eq!(order.version, 1);
    let order = order.state;
    assert_eq!((order.id, order.user_id, order.ticket_id), (request.id, buyer, ticket));
    assert_eq!((order.status, order.price), (OrderStatus::Created, price_of_ticket()));
    assert_eq!(order.fees, FEES, "the fees of the lock");
    assert_eq!(order.expires_at, world.host.now().after(HOLD));
    assert_eq!(world.tickets.hold_of(ticket), Hold::Locked(order.id));
    let [event] = &world.events_of(order.id).await[..] else { panic!("one event") };
    assert!(matches!(&event.event, DomainEvent::OrderCreated(it) if it.id == order.id));
    assert_eq!(event.actor, by(buyer).actor, "AUDIT-1");
}

#[tokio::test]
async fn a_ticket_that_is_not_locked_begins_no_checkout() {
    let world = World::new();
    let ticket = world.list();
    let first = world.place(&world.request(world.user(), ticket)).await.unwrap();
    let seller = first.state.seller_id;
    let other_price = Some(Price::try_from(1).unwrap());
    let refused = [
        (world.request(world.user(), ticket), LockRefusal::Locked),
        (world.request(seller, ticket), LockRefusal::OwnTicket),
        (
            PlaceRequest { price: other_price, ..world.request(world.user(), world.list()) },
            LockRefusal::PriceChanged,
        ),
    ];
    for (request, expected) in refused {
        match world.place(&request).await {
            Err(PlaceError::Refused(refusal)) => assert_eq!(refusal, expected),
            other => panic!("{expected:?}: {other:?}"),
        }
        assert_eq!(world.stored(request.id).await, None, "{expected:?}");
    }
}

/// The hot path: one lock, one save, and the one look that a deleted account needs.
#[tokio::test]
async fn a_hold_under_a_new_id_reads_no_order() {
    let (world, ops) = World::noted(MemoryStore::new());
    world.place(&world.request(world.user(), world.list())).await.unwrap();
    assert_eq!(ops.take(), [Op::Save, Op::Load]);
}

#[tokio::test]
async fn placed_again_under_its_id_it_is_the_same_order_and_locks_nothing_again() {
    let world = World::new();
    let request = PlaceRequest { may_exist: true, ..world.request(world.user(), world.list()) };
    let first = world.place(&request).await.unwrap();
    assert_eq!(world.tickets.take_calls(), [Call::Lock(request.id)]);
    assert_eq!(world.place(&request).await.unwrap(), first);
    world
        .orders
        .leave(&by(request.buyer_id), request.id, request.buyer_id, &Default::default())
        .await
        .unwrap();
    world.tickets.take_calls();
    let left = world.place(&request).await.unwrap();
    assert_eq!((left.state.status, left.version), (OrderStatus::Cancelled, 2));
    assert_eq!(world.tickets.take_calls(), []);
    assert_eq!(world.tickets.hold_of(request.ticket_id), Hold::Free);
}

/// Two tries under one key are at work at once, and the order of the first has ended before the second
/// took its lock.
#[tokio::test]
async fn a_second_try_gives_back_the_lock_that_it_took_for_an_order_that_has_ended() {
    let world = World::new();
    let request = world.request(world.user(), world.list());
    world.place(&request).await.unwrap();
    world
        .orders
        .leave(&by(request.buyer_id), request.id, request.buyer_id, &Default::default())
        .await
        .unwrap();
    // It looked before the first try had saved.
    let second = world.place(&request).await.unwrap();
    assert_eq!(second.state.status, OrderStatus::Cancelled);
    assert_eq!(world.tickets.hold_of(request.ticket_id), Hold::Free);
    assert_eq!(world.events_of(request.id).await.len(), 2);
}

#[tokio::test]
async fn an_answer_of_tickets_that_was_lost_leaves_a_lock_that_expires() {
    let world = World::new();
    let request = world.request(world.user(), world.list());
    world.tickets.fail_next([Fault::AnswerLost]);
    assert!(matches!(world.place(&request).await, Err(PlaceError::Call(_))));
    assert_eq!(world.stored(request.id).await, None);
    assert_eq!(world.tickets.hold_of(request.ticket_id), Hold::Locked(request.id));
    world
        .orders
        .expire(&by(request.buyer_id), world.tickets.expired_lock(request.ticket_id))
        .await
        .unwrap();
    assert_eq!(world.tickets.hold_of(request.ticket_id), Hold::Free);
}

#[tokio::test]
async fn a_tombstone_stops_a_request_that_slept_until_its_lock_had_expired() {
    let world = World::new();
    let request = world.request(world.user(), world.list());
    world.tickets.close_gate().await;
    let (sleeper, slept) = (world.clone(), request.clone());
    let sleeper = tokio::spawn(async move { sleeper.place(&slept).await });
    while world.tickets.hold_of(request.ticket_id) == Hold::Free {
        tokio::task::yield_now().await;
    }
    let lock = world.tickets.expired_lock(request.ticket_id);
    world.orders.expire(&by(request.buyer_id), lock).await.unwrap();
    let expired = (OrderStatus::Cancelled, Some(CancelReason::Expired));
    assert_eq!(world.status(request.id).await, expired);
    world.tickets.open_gate();
    assert!(matches!(sleeper.await.unwrap(), Err(PlaceError::Expired)));
    assert_eq!(world.status(request.id).await, expired);
    assert_eq!(world.tickets.hold_of(request.ticket_id), Hold::Free);
    let [event] = &world.events_of(request.id).await[..] else { panic!("one event") };
    assert!(matches!(event.event, DomainEvent::OrderExpired(_)));
}

#[tokio::test]
async fn a_checkout_that_is_on_its_way_while_its_buyers_account_is_deleted_is_cancelled() {
    let world = World::new();
    let request = world.request(world.user(), world.list());
    world.tickets.close_gate().await;
    let (late, placed) = (world.clone(), request.clone());
    let late = tokio::spawn(async move { late.place(&placed).await });
    while world.tickets.hold_of(request.ticket_id) == Hold::Free {
        tokio::task::yield_now().await;
    }
    world.delete(request.buyer_id).await;
    world.tickets.open_gate();
    assert!(matches!(late.await.unwrap(), Err(PlaceError::BuyerDeleted)));
    let deleted = (OrderStatus::Cancelled, Some(CancelReason::AccountDeleted));
    assert_eq!(world.status(request.id).await, deleted);
    assert_eq!(world.tickets.hold_of(request.ticket_id), Hold::Free);
}

#[tokio::test]
async fn a_deleted_accounts_open_checkouts_are_cancelled_and_no_others() {
    let world = World::new();
    let (buyer, other) = (world.user(), world.checkout().await);
    let mut open = Vec::new();
    for _ in 0..230 {
        open.push(world.checkout_of(buyer).await);
    }
    let paying = world.checkout_of(buyer).await;
    world.orders.secure(&by(buyer), paying.id, world.charge()).await.unwrap();
    world.delete(buyer).await;
    world.delete(buyer).await;
    for order in &open {
        let deleted = (OrderStatus::Cancelled, Some(CancelReason::AccountDeleted));
        assert_eq!(world.status(order.id).await, deleted);
        assert_eq!(world.tickets.hold_of(order.ticket_id), Hold::Free);
    }
    assert_eq!(world.status(paying.id).await.0, OrderStatus::AwaitingPayment);
    assert_eq!(world.status(other.id).await.0, OrderStatus::Created);
}

#[tokio::test]
async fn a_store_that_is_down_saves_nothing_and_says_so() {
    let store = MemoryStore::new();
    let injector = Injector::new(|op, _| match op {
        Op::Save => StoreFault::Fail,
        _ => StoreFault::None,
    });
    let port = Arc::new(FaultyStore::new(Arc::new(store.clone()), injector.clone()));
    let world = World::on(store, port);
    let request = world.request(world.user(), world.list());
    assert!(matches!(world.place(&request).await, Err(PlaceError::Repository(_))));
    assert_eq!(world.stored(request.id).await, None);
    injector.heal();
    // The same request sent again.
    let again = PlaceRequest { may_exist: true, ..request };
    assert_eq!(world.place(&again).await.unwrap().version, 1);
}
