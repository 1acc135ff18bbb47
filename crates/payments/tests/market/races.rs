//! Many at the same moment, on several threads.

use std::sync::Arc;

use stubmart_contract::api::{CancelReason, OrderStatus};
use stubmart_ports::bank::TestBank as _;
use tokio::{sync::Barrier, task::JoinSet};

use crate::support::{AUTHENTICATES, Answer, CARD, DECLINED, World};

/// Runs these at the same moment, and gives their answers.
async fn at_once<T: Send + 'static>(
    tasks: Vec<impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let barrier = Arc::new(Barrier::new(tasks.len()));
    let mut running = JoinSet::new();
    for task in tasks {
        let barrier = Arc::clone(&barrier);
        running.spawn(async move {
            barrier.wait().await;
            task.await
        });
    }
    running.join_all().await
}

/// Several payments for one order at once: one is made, the others are refused for it, and the price is taken
/// once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_payments_for_one_order_one_is_made() {
    let world = World::new(1);
    let service = Arc::new(world.start());
    for round in 0..1_000 {
        let order = world.orders.place(500);
        let pay = |_| {
            let service = Arc::clone(&service);
            async move { service.pay(&order, CARD).await }
        };
        let answers = at_once((0..3).map(pay).collect()).await;
        let paid = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(paid, 1, "round {round}: {answers:?}");
        let others_told = |answer: &&Answer| {
            answer.is(409, "payment_in_progress") || answer.is(409, "order_completed")
        };
        assert_eq!(answers.iter().filter(others_told).count(), 2, "{answers:?}");
    }
    world.recover_and_check().await;
}

/// A payment and the end of its order at the same moment: the order is bought and paid for, or it has
/// ended and nothing is charged; and the answer says which.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_races_cleanly_with_the_end_of_its_order() {
    let world = World::new(1);
    let service = Arc::new(world.start());
    let (mut bought, mut ended) = (0, 0);
    for round in 0..3_000 {
        let order = world.orders.place(500);
        let reason = if round % 2 == 0 { CancelReason::Expired } else { CancelReason::Left };
        let tasks = [true, false].map(|pays| {
            let (service, world) = (Arc::clone(&service), world.clone());
            async move {
                if pays {
                    return Some(service.pay(&order, CARD).await);
                }
                for _ in 0..round % 40 {
                    tokio::task::yield_now().await;
                }
                world.orders.cancel(order.1, reason);
                None
            }
        });
        let answers = at_once(tasks.into()).await;
        let answer = answers.into_iter().flatten().next().unwrap();
        let code = if reason == CancelReason::Left { "order_cancelled" } else { "order_expired" };
        match world.orders.status(order.1) {
            OrderStatus::Completed => {
                assert_eq!(answer.status, 201, "{answer:?}");
                bought += 1;
            }
            OrderStatus::Cancelled => {
                assert!(answer.is(409, code), "{answer:?}");
                ended += 1;
            }
            other => panic!("{other:?} after {answer:?}"),
        }
    }
    assert!(bought > 0 && ended > 0, "no race: {bought} bought, {ended} ended");
    world.recover_and_check().await;
}

/// The buyer authenticates, asks again, takes another card and leaves, all at once, while the reconciler
/// looks: the money agrees with the order in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_buyer_does_at_once_the_money_agrees_with_the_order() {
    let world = World::new(1);
    let service = Arc::new(world.start());
    for round in 0..1_000 {
        let order = world.orders.place(500);
        let secret = service.pay(&order, AUTHENTICATES).await.client_secret();
        let tasks = (0..5).map(|what| {
            let (service, world, secret) = (Arc::clone(&service), world.clone(), secret.clone());
            async move {
                match (what, round % 3) {
                    (0, _) => drop(service.authenticate(order.0, &secret, true).await),
                    (1, _) => drop(service.pay(&order, AUTHENTICATES).await),
                    (2, 0) => drop(service.pay(&order, CARD).await),
                    (2, 1) => drop(service.pay(&order, DECLINED).await),
                    (3, 1) => world.orders.cancel(order.1, CancelReason::Left),
                    (3, _) => drop(world.sandbox.authenticate(&secret, true).await),
                    _ => drop(service.payments.workers()[0].step().await),
                }
            }
        });
        at_once(tasks.collect()).await;
    }
    world.recover_and_check().await;
}
