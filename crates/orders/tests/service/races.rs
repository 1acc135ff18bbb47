//! Many requests at once: one outcome, whichever comes first.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::{BoxFuture, join_all};
use stubmart_contract::{
    DomainEvent, OrderId,
    api::{CancelReason, OrderStatus},
    calls::LockRefusal,
};
use stubmart_kernel::ApplyError;
use stubmart_memory::MemoryStore;
use stubmart_orders::{order::Refusal, place::PlaceError};
use stubmart_suite::{
    fault::{Call, Fault, Faults, FaultyStore},
    host::Seeded,
};
use tokio::sync::Barrier;

use crate::support::{Hold, World, by};

const ROUNDS: u64 = 400;

/// Makes every call wait for a while, so that others come in between a load and a save.
#[derive(Debug)]
struct Uneven(Mutex<Seeded>);

#[async_trait]
impl Faults for Uneven {
    async fn begin(&self, _: Call) -> Fault {
        let turns = self.0.lock().unwrap().below(4);
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
        Fault::None
    }

    fn later(&self, _: Call, _: BoxFuture<'static, ()>) {}

    fn delay(&self) -> Duration {
        Duration::ZERO
    }
}

impl World {
    /// A world whose store is now and then slow.
    fn uneven(seed: u64) -> Self {
        let (store, uneven) = (MemoryStore::new(), Uneven(Mutex::new(Seeded::new(seed))));
        Self::on(store.clone(), Arc::new(FaultyStore::new(Arc::new(store), Arc::new(uneven))))
    }
}

/// Runs all at the same moment, each on a task of its own.
async fn at_once<T: Send + 'static>(all: Vec<BoxFuture<'static, T>>) -> Vec<T> {
    let barrier = Arc::new(Barrier::new(all.len()));
    let started = all.into_iter().map(|one| {
        let barrier = Arc::clone(&barrier);
        tokio::spawn(async move {
            barrier.wait().await;
            one.await
        })
    });
    join_all(started.collect::<Vec<_>>()).await.into_iter().map(Result::unwrap).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_buyers_of_one_ticket_one_gets_it() {
    for seed in 0..20 {
        let world = World::uneven(seed);
        let ticket = world.list();
        let requests: Vec<_> = (0..50).map(|_| world.request(world.user(), ticket)).collect();
        let placed = at_once(
            requests
                .into_iter()
                .map(|request| -> BoxFuture<'static, _> {
                    let world = world.clone();
                    Box::pin(async move { world.place(&request).await })
                })
                .collect(),
        )
        .await;
        let (won, lost): (Vec<_>, Vec<_>) = placed.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1);
        assert!(
            lost.iter().all(|it| matches!(it, Err(PlaceError::Refused(LockRefusal::Locked)))),
            "{lost:?}"
        );
    }
}

/// What raced for an order.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Secured(Result<(), Refusal>),
    Left(Result<(), Refusal>),
    Expired,
}

async fn race(world: &World, order_id: OrderId) -> Vec<Ended> {
    let order = world.stored(order_id).await.unwrap();
    let (id, buyer) = (order.id, order.user_id);
    let (secure, leave, expire) = (world.clone(), world.clone(), world.clone());
    let (charge, lock) = (world.charge(), world.tickets.expired_lock(order.ticket_id));
    let refusal = |error| match error {
        ApplyError::Refused { refusal, .. } => refusal,
        other => panic!("{other:?}"),
    };
    at_once(vec![
        Box::pin(async move {
            let secured = secure.orders.secure(&by(buyer), id, charge).await;
            Ended::Secured(secured.map_err(refusal))
        }),
        Box::pin(async move {
            let left = leave.orders.leave(&by(buyer), id, buyer, &Default::default()).await;
            Ended::Left(left.map(drop).map_err(refusal))
        }),
        Box::pin(async move {
            expire.orders.expire(&by(buyer), lock).await.unwrap();
            Ended::Expired
        }),
    ])
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_order_is_secured_or_left_or_expires_and_never_two_of_them() {
    let mut outcomes = std::collections::BTreeMap::<String, usize>::new();
    for seed in 0..ROUNDS {
        let world = World::uneven(seed);
        let order = world.checkout().await;
        let ended = race(&world, order.id).await;
        let (status, reason) = world.status(order.id).await;
        *outcomes.entry(format!("{status:?} {reason:?}")).or_default() += 1;
        let expected = match (status, reason) {
            (OrderStatus::AwaitingPayment, None) => {
                [Ended::Secured(Ok(())), Ended::Left(Err(Refusal::PaymentInProgress))]
            }
            (OrderStatus::Cancelled, Some(CancelReason::Left)) => {
                [Ended::Secured(Err(Refusal::Cancelled)), Ended::Left(Ok(()))]
            }
            (OrderStatus::Cancelled, Some(CancelReason::Expired)) => {
                [Ended::Secured(Err(Refusal::Expired)), Ended::Left(Ok(()))]
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(ended[..2], expected);
        let events = world.events_of(order.id).await;
        assert_eq!(events.len(), 2, "{events:?}");
        let (is_told, hold) = match status {
            OrderStatus::AwaitingPayment => (
                matches!(events[1].event, DomainEvent::OrderAwaitingPayment(_)),
                Hold::Locked(order.id),
            ),
            _ if reason == Some(CancelReason::Expired) => {
                (matches!(events[1].event, DomainEvent::OrderExpired(_)), Hold::Free)
            }
            _ => (matches!(events[1].event, DomainEvent::OrderCancelled(_)), Hold::Free),
        };
        assert!(is_told, "{events:?}");
        assert_eq!(world.tickets.hold_of(order.ticket_id), hold);
    }
    assert_eq!(outcomes.len(), 3, "each of them wins sometimes: {outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_charge_completes_or_fails_its_order_and_never_both() {
    for seed in 0..ROUNDS {
        let world = World::uneven(seed);
        let (order, charge) = world.secured().await;
        let (one, two, id, buyer) = (world.clone(), world.clone(), order.id, order.user_id);
        at_once::<()>(vec![
            Box::pin(async move { one.orders.complete(&by(buyer), id, charge).await.unwrap() }),
            Box::pin(async move { two.orders.fail(&by(buyer), id, charge).await.unwrap() }),
        ])
        .await;
        let hold = match world.status(order.id).await {
            (OrderStatus::Completed, None) => Hold::Sold(order.id),
            (OrderStatus::Cancelled, Some(CancelReason::PaymentFailed)) => Hold::Free,
            other => panic!("{other:?}"),
        };
        assert_eq!(world.tickets.hold_of(order.ticket_id), hold);
        assert_eq!(world.events_of(order.id).await.len(), 3);
    }
}

/// Expiration writes a tombstone for an order while the request that saves it is on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_order_is_placed_or_has_a_tombstone_and_its_ticket_is_held_only_by_a_placed_one() {
    for seed in 0..ROUNDS {
        let world = World::uneven(seed);
        let request = world.request(world.user(), world.list());
        let (placing, expiring, id) = (world.clone(), world.clone(), request.id);
        let (asked, ticket) = (request.clone(), request.ticket_id);
        at_once::<()>(vec![
            Box::pin(async move {
                match placing.place(&asked).await {
                    Ok(_) | Err(PlaceError::Expired) => {}
                    other => panic!("{other:?}"),
                }
            }),
            Box::pin(async move {
                while expiring.tickets.hold_of(ticket) == Hold::Free {
                    tokio::task::yield_now().await;
                }
                let lock = expiring.tickets.expired_lock(ticket);
                expiring.orders.expire(&by(lock.buyer_id), lock).await.unwrap();
            }),
        ])
        .await;
        let order = world.stored(id).await.unwrap();
        assert!(order.has_expired(), "{order:?}");
        assert_eq!(world.tickets.hold_of(ticket), Hold::Free);
    }
}
