//! What payments asks: to look at an order, to secure, complete and cancel it.

use stubmart_contract::{
    DomainEvent,
    api::{CancelReason, OrderStatus},
    calls::SecureRefusal,
};
use stubmart_memory::MemoryStore;
use stubmart_ports::calls::Orders as Calls;
use stubmart_suite::fault::Op;

use crate::support::{Call, Fault, HOLD, Hold, World, by, unknown_order};

const EXPIRED: (OrderStatus, Option<CancelReason>) =
    (OrderStatus::Cancelled, Some(CancelReason::Expired));

#[tokio::test]
async fn an_order_is_secured_for_one_charge_and_again_for_the_same() {
    let world = World::new();
    let order = world.checkout().await;
    let (context, charge) = (by(order.user_id), world.charge());
    let calls: &dyn Calls = &world.orders;
    for _ in 0..2 {
        assert_eq!(calls.secure(&context, order.id, charge).await.unwrap(), Ok(()));
    }
    let other = calls.secure(&context, order.id, world.charge()).await.unwrap();
    assert_eq!(other, Err(SecureRefusal::PaymentInProgress));
    let seen = calls.order(&context, order.user_id, order.id).await.unwrap().unwrap();
    assert_eq!((seen.status, seen.charge_id), (OrderStatus::AwaitingPayment, Some(charge)));
    assert_eq!((seen.amount, seen.currency), (order.breakdown().total, order.currency));
    assert!(!seen.has_expired);
    assert_eq!(world.events_of(order.id).await.len(), 2);
}

#[tokio::test]
async fn an_order_that_has_ended_is_not_secured_and_payments_learns_why() {
    let world = World::new();
    let calls: &dyn Calls = &world.orders;
    let left = world.checkout().await;
    world
        .orders
        .leave(&by(left.user_id), left.id, left.user_id, &Default::default())
        .await
        .unwrap();
    let (sold, charge) = world.secured().await;
    calls.complete(&by(sold.user_id), sold.id, charge).await.unwrap();
    let expired = world.checkout().await;
    let lock = world.tickets.expired_lock(expired.ticket_id);
    calls.expire(&by(expired.user_id), lock).await.unwrap();
    for (id, expected) in [
        (unknown_order(), SecureRefusal::NotFound),
        (left.id, SecureRefusal::Cancelled),
        (sold.id, SecureRefusal::Completed),
        (expired.id, SecureRefusal::Expired),
    ] {
        let secured = calls.secure(&by(left.user_id), id, world.charge()).await.unwrap();
        assert_eq!(secured, Err(expected));
    }
    let seen = calls.order(&by(expired.user_id), expired.user_id, expired.id).await.unwrap();
    assert!(seen.unwrap().has_expired);
}

#[tokio::test]
async fn a_checkout_whose_time_is_up_is_ended_by_the_question_though_its_timer_is_late() {
    let world = World::new();
    let calls: &dyn Calls = &world.orders;
    let (secured, looked_at) = (world.checkout().await, world.checkout().await);
    world.clock.advance(HOLD);
    let refused = calls.secure(&by(secured.user_id), secured.id, world.charge()).await.unwrap();
    assert_eq!(refused, Err(SecureRefusal::Expired));
    let buyer = looked_at.user_id;
    let seen = calls.order(&by(buyer), buyer, looked_at.id).await.unwrap().unwrap();
    assert!(seen.has_expired && seen.status == OrderStatus::Cancelled);
    for order in [secured, looked_at] {
        assert_eq!(world.status(order.id).await, EXPIRED);
        assert_eq!(world.tickets.hold_of(order.ticket_id), Hold::Free);
        let events = world.events_of(order.id).await;
        assert!(matches!(events[1].event, DomainEvent::OrderExpired(_)));
    }
}

#[tokio::test]
async fn nobody_elses_order_is_shown() {
    let world = World::new();
    let (order, other) = (world.checkout().await, world.user());
    let calls: &dyn Calls = &world.orders;
    assert_eq!(calls.order(&by(other), other, order.id).await.unwrap(), None);
    assert_eq!(calls.order(&by(other), other, unknown_order()).await.unwrap(), None);
}

#[tokio::test]
async fn a_charge_that_took_its_money_completes_its_order_and_sells_the_ticket() {
    let world = World::new();
    let calls: &dyn Calls = &world.orders;
    let (order, charge) = world.secured().await;
    let context = by(order.user_id);
    calls.complete(&context, order.id, world.charge()).await.unwrap();
    assert_eq!(world.status(order.id).await.0, OrderStatus::AwaitingPayment, "another charge");
    calls.complete(&context, order.id, charge).await.unwrap();
    assert_eq!(world.status(order.id).await.0, OrderStatus::Completed);
    assert_eq!(world.tickets.hold_of(order.ticket_id), Hold::Sold(order.id));
    assert_eq!(world.tickets.take_calls(), [Call::Sell(order.id)]);
    calls.complete(&context, order.id, charge).await.unwrap();
    calls.fail(&context, order.id, charge).await.unwrap();
    calls.expire(&context, world.tickets.expired_lock(order.ticket_id)).await.unwrap();
    assert_eq!(world.status(order.id).await.0, OrderStatus::Completed);
    assert_eq!(world.tickets.hold_of(order.ticket_id), Hold::Sold(order.id));
    assert_eq!(world.events_of(order.id).await.len(), 3);
}

/// The hot path: one save for each step, and one call to tickets.
#[tokio::test]
async fn securing_and_completing_take_one_save_each() {
    let (world, ops) = World::noted(MemoryStore::new());
    let (order, charge) = (world.checkout().await, world.charge());
    ops.take();
    world.orders.secure(&by(order.user_id), order.id, charge).await.unwrap();
    assert_eq!(ops.take(), [Op::Load, Op::Save]);
    world.orders.complete(&by(order.user_id), order.id, charge).await.unwrap();
    assert_eq!(ops.take(), [Op::Load, Op::Save]);
    assert_eq!(world.tickets.take_calls(), [Call::Sell(order.id)]);
}

#[tokio::test]
async fn a_charge_that_failed_for_good_cancels_its_order_and_frees_the_ticket() {
    let world = World::new();
    let calls: &dyn Calls = &world.orders;
    let (secured, charge) = world.secured().await;
    let (created, another) = (world.checkout().await, world.charge());
    let (other, _) = world.secured().await;
    for (order, charge) in [(&secured, charge), (&created, another), (&other, world.charge())] {
        calls.fail(&by(order.user_id), order.id, charge).await.unwrap();
    }
    let failed = (OrderStatus::Cancelled, Some(CancelReason::PaymentFailed));
    for order in [&secured, &created] {
        assert_eq!(world.status(order.id).await, failed);
        assert_eq!(world.tickets.hold_of(order.ticket_id), Hold::Free);
    }
    assert_eq!(world.status(other.id).await.0, OrderStatus::AwaitingPayment);
    calls.fail(&by(created.user_id), unknown_order(), charge).await.unwrap();
}

#[tokio::test]
async fn a_sale_that_tickets_was_not_told_of_is_made_up_for_by_the_event() {
    for fault in [Fault::Lost, Fault::AnswerLost] {
        let world = World::new();
        let (order, charge) = world.secured().await;
        world.tickets.fail_next([fault]);
        world.orders.complete(&by(order.user_id), order.id, charge).await.unwrap();
        assert_eq!(world.status(order.id).await.0, OrderStatus::Completed, "{fault:?}");
        world.deliver().await;
        assert_eq!(world.tickets.hold_of(order.ticket_id), Hold::Sold(order.id));
    }
}

/// The charge's event may end the order before the call of payments does; the ticket has followed when
/// the call is answered all the same.
#[tokio::test]
async fn a_call_that_comes_after_its_event_answers_when_the_ticket_has_followed() {
    let world = World::new();
    let calls: &dyn Calls = &world.orders;
    let [(paid, charge), (failed, declined)] = [world.secured().await, world.secured().await];
    world.tickets.fail_next([Fault::Lost, Fault::Lost]);
    world.orders.complete(&by(paid.user_id), paid.id, charge).await.unwrap();
    world.orders.fail(&by(failed.user_id), failed.id, declined).await.unwrap();
    assert_eq!(world.tickets.hold_of(paid.ticket_id), Hold::Locked(paid.id));
    calls.complete(&by(paid.user_id), paid.id, charge).await.unwrap();
    calls.fail(&by(failed.user_id), failed.id, declined).await.unwrap();
    assert_eq!(world.tickets.hold_of(paid.ticket_id), Hold::Sold(paid.id));
    assert_eq!(world.tickets.hold_of(failed.ticket_id), Hold::Free);
}

#[tokio::test]
async fn what_payments_did_not_say_by_a_call_its_events_say() {
    use stubmart_contract::{Context, Envelope, MessageId, api::ChargeStatus, event::ChargeState};
    let world = World::new();
    let (sold, charge) = world.secured().await;
    let (declined, tried) = (world.checkout().await, world.charge());
    let state = |order: &stubmart_orders::order::Order, id, status, ends_order| ChargeState {
        id,
        order_id: order.id,
        user_id: order.user_id,
        status,
        amount: order.price,
        currency: order.currency,
        stripe_id: None,
        stripe_refund_id: None,
        refunds: Vec::new(),
        failure_code: None,
        ends_order,
    };
    let failed =
        |ends| DomainEvent::ChargeFailed(state(&declined, tried, ChargeStatus::Failed, ends));
    let completed =
        DomainEvent::ChargeCompleted(state(&sold, charge, ChargeStatus::Completed, false));
    let handlers = world.orders.handlers();
    let handler = handlers.iter().find(|it| it.consumer().name == "orders.charges").unwrap();
    let handle = async |event: DomainEvent| {
        let id = MessageId(world.host.uuid());
        let envelope = Envelope {
            id,
            aggregate_id: charge.0,
            version: 2,
            at: world.host.now(),
            causation_id: id,
            correlation_id: id,
            actor: by(sold.user_id).actor,
            request_id: None,
            event,
        };
        let context = Context::handling("orders", &envelope);
        handler.handle(&context, &envelope).await.unwrap();
    };
    handle(failed(false)).await;
    assert_eq!(world.status(declined.id).await.0, OrderStatus::Created, "more tries are allowed");
    for _ in 0..2 {
        handle(completed.clone()).await;
        handle(failed(true)).await;
    }
    assert_eq!(world.status(sold.id).await.0, OrderStatus::Completed);
    assert_eq!(world.status(declined.id).await.0, OrderStatus::Cancelled);
    assert_eq!(world.tickets.hold_of(sold.ticket_id), Hold::Sold(sold.id));
    assert_eq!(world.tickets.hold_of(declined.ticket_id), Hold::Free);
    let last = world.events_of(sold.id).await.pop().unwrap();
    assert_eq!(last.actor.to_string(), "service:orders");
    assert_ne!(last.causation_id, last.id, "caused by the charge's event");
}
