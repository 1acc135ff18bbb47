//! Checkouts whose page was closed.

use std::{sync::Arc, time::Duration};

use stubmart_contract::{
    OrderId,
    api::{CancelReason, OrderStatus},
};
use stubmart_kernel::{
    ApplyError,
    worker::{Next, Worker},
};
use stubmart_orders::order::Refusal;

use crate::support::{GRACE, Hold, World, by};

const LEFT: (OrderStatus, Option<CancelReason>) =
    (OrderStatus::Cancelled, Some(CancelReason::Left));

fn sweep(world: &World) -> Arc<dyn Worker> {
    let workers = world.orders.workers();
    workers.into_iter().find(|it| it.name() == "orders-closed-checkouts").unwrap()
}

impl World {
    async fn closed(&self) -> OrderId {
        let order = self.checkout().await;
        self.orders.close(&by(order.user_id), order.id, order.user_id).await.unwrap();
        order.id
    }
}

#[tokio::test]
async fn a_closed_checkout_is_left_after_the_grace_and_not_before() {
    let world = World::new();
    let id = world.closed().await;
    let sweep = sweep(&world);
    let at = world.host.now().after(GRACE);
    assert_eq!(sweep.step().await.unwrap(), Next::At(at));
    world.clock.advance(GRACE - Duration::from_millis(1));
    assert_eq!(sweep.step().await.unwrap(), Next::At(at));
    assert_eq!(world.status(id).await.0, OrderStatus::Created);
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(sweep.step().await.unwrap(), Next::Idle);
    assert_eq!(world.status(id).await, LEFT);
    let ticket = world.stored(id).await.unwrap().ticket_id;
    assert_eq!(world.tickets.hold_of(ticket), Hold::Free);
}

#[tokio::test]
async fn a_buyer_who_looks_at_the_order_again_keeps_it() {
    let world = World::new();
    let id = world.closed().await;
    let buyer = world.stored(id).await.unwrap().user_id;
    let back = world.orders.come_back(&by(buyer), id, buyer).await.unwrap();
    assert_eq!((back.state.leaving_at, back.version), (None, 1), "nobody else's business");
    world.clock.advance(GRACE * 2);
    assert_eq!(sweep(&world).step().await.unwrap(), Next::Idle);
    assert_eq!(world.status(id).await.0, OrderStatus::Created);
    assert_eq!(world.events_of(id).await.len(), 1);
}

#[tokio::test]
async fn a_payment_keeps_a_closed_checkout_and_a_look_of_payments_does_not() {
    let world = World::new();
    let (paid, looked_at) = (world.closed().await, world.closed().await);
    let buyer = world.stored(looked_at).await.unwrap().user_id;
    world.orders.secure(&by(buyer), paid, world.charge()).await.unwrap();
    world.orders.order_now(&by(buyer), looked_at, buyer).await.unwrap().unwrap();
    world.clock.advance(GRACE);
    sweep(&world).step().await.unwrap();
    assert_eq!(world.status(paid).await.0, OrderStatus::AwaitingPayment);
    assert_eq!(world.status(looked_at).await, LEFT);
}

#[tokio::test]
async fn nobody_elses_page_closes_a_checkout_or_takes_it_back() {
    let world = World::new();
    let (order, other) = (world.checkout().await, world.user());
    let closed = world.orders.close(&by(other), order.id, other).await;
    let back = world.orders.come_back(&by(other), order.id, other).await;
    for refused in [closed, back.map(drop)] {
        let Err(ApplyError::Refused { refusal, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(refusal, Refusal::NotFound);
    }
    assert_eq!(world.stored(order.id).await.unwrap().leaving_at, None);
}

#[tokio::test]
async fn more_closed_checkouts_than_are_left_at_once_are_all_left() {
    let world = World::new();
    let mut closed = Vec::new();
    for _ in 0..450 {
        closed.push(world.closed().await);
    }
    world.clock.advance(GRACE);
    assert_eq!(sweep(&world).step().await.unwrap(), Next::Idle);
    for id in closed {
        assert_eq!(world.status(id).await, LEFT);
    }
}
