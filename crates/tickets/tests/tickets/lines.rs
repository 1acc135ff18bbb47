//! Waiting in line, with buyers who race and instances that are stopped.

use std::{collections::BTreeSet, time::Duration};

use stubmart_contract::{
    OrderId, TicketId, UserId,
    calls::{LockRefusal, LockRequest},
};
use stubmart_ports::calls::Tickets as _;
use stubmart_suite::host::Seeded;
use stubmart_tickets::{
    Tickets,
    ticket::{Line, TICKETS, Ticket},
};
use uuid::Uuid;

use crate::world::{CONTEXT, SELLER, World, listing};

const TURN: Duration = Duration::from_secs(180);

fn user(number: u64) -> UserId {
    UserId(Uuid::from_u128(u128::from(number) + 100))
}

async fn join(tickets: &Tickets, id: TicketId, user_id: UserId) {
    // Who finds the line full is not in it.
    drop(tickets.join_line(&CONTEXT, id, user_id).await);
}

impl World {
    async fn line(&self, id: TicketId) -> Line {
        let key = stubmart_ports::store::DocKey { collection: &TICKETS, id: id.0 };
        let stored = stubmart_ports::store::Store::load(&self.store, key).await.unwrap().unwrap();
        serde_json::from_slice::<Ticket>(&stored.body).unwrap().line
    }

    /// Tries to lock the ticket for a fresh order of this user.
    async fn try_to_buy(
        &self,
        tickets: &Tickets,
        ticket_id: TicketId,
        buyer_id: UserId,
    ) -> Result<OrderId, LockRefusal> {
        let order_id = OrderId(self.host.uuid());
        let until = self.host.now().after(Duration::from_secs(900));
        let request = LockRequest { ticket_id, order_id, buyer_id, price: None, until };
        tickets.lock(&CONTEXT, request).await.unwrap().map(|_| order_id)
    }
}

/// Everything that two instances have to do now.
async fn work(instances: &[Tickets]) {
    for worker in instances.iter().flat_map(Tickets::workers) {
        worker.step().await.unwrap();
    }
}

/// In many rounds, buyers on two instances race for a ticket that is freed while five wait: each turn is that of the
/// first who waits, nobody else gets the ticket meanwhile, and everybody who waited is served or has had their time.
#[tokio::test]
async fn the_line_is_served_in_order_whoever_races() {
    for seed in 0..60 {
        let world = World::new();
        let instances = [world.start(), world.start()];
        let mut random = Seeded::new(seed);
        let id = world.list(&instances[0], SELLER, listing(None, 1, 5000)).await;
        let mut held = Some(world.try_to_buy(&instances[0], id, user(0)).await.unwrap());
        let mut expected: Vec<UserId> = Vec::new();
        let joining =
            (1..=7).map(|number| join(&instances[usize::from(number % 2 == 0)], id, user(number)));
        futures_util::future::join_all(joining).await;
        expected.extend(world.line(id).await.people());
        assert_eq!(expected.len(), 5, "seed {seed}");
        assert_eq!(expected.iter().collect::<BTreeSet<_>>().len(), 5);
        while !expected.is_empty() {
            if let Some(order) = held.take() {
                // The event and the call of the end of an order may come to both instances.
                let (a, b) = (
                    instances[0].release(&CONTEXT, id, order),
                    instances[1].release(&CONTEXT, id, order),
                );
                let (a, b) = tokio::join!(a, b);
                a.and(b).unwrap();
            }
            let turn = expected.remove(0);
            assert_eq!(world.line(id).await.turn().unwrap().user_id, turn, "seed {seed}");
            // Everybody tries, on both instances, in any order.
            let mut buyers: Vec<UserId> = (0..9).map(user).collect();
            random.shuffle(&mut buyers);
            let takes_it = random.happens(500);
            let tries = buyers.iter().filter(|it| takes_it || **it != turn).enumerate();
            let tries = tries.map(|(at, buyer)| world.try_to_buy(&instances[at % 2], id, *buyer));
            let won: Vec<_> =
                futures_util::future::join_all(tries).await.into_iter().flatten().collect();
            assert_eq!(won.len(), usize::from(takes_it), "seed {seed}");
            if takes_it {
                assert_eq!(world.line(id).await.turn(), None);
                held = won.first().copied();
                continue;
            }
            if random.happens(300) {
                instances[1].leave_line(&CONTEXT, id, turn).await.unwrap();
            } else {
                world.clock.advance(TURN);
                let (a, b) = (work(&instances[..1]), work(&instances[1..]));
                tokio::join!(a, b);
            }
        }
        if let Some(order) = held {
            instances[1].release(&CONTEXT, id, order).await.unwrap();
        }
        assert!(world.line(id).await.is_empty());
        world.try_to_buy(&instances[0], id, user(50)).await.unwrap();
    }
}

/// A turn ends although the instance that began it was stopped: any other one passes it on.
#[tokio::test]
async fn a_turn_outlives_the_instance_that_began_it() {
    let world = World::new();
    let first = world.start();
    let id = world.list(&first, SELLER, listing(None, 1, 5000)).await;
    let order = world.try_to_buy(&first, id, user(0)).await.unwrap();
    join(&first, id, user(1)).await;
    join(&first, id, user(2)).await;
    first.release(&CONTEXT, id, order).await.unwrap();
    drop(first);
    let second = [world.start()];
    work(&second).await;
    assert_eq!(world.line(id).await.turn().unwrap().user_id, user(1));
    world.clock.advance(TURN);
    work(&second).await;
    assert_eq!(world.line(id).await.turn().unwrap().user_id, user(2));
    world.clock.advance(TURN);
    work(&second).await;
    assert!(world.line(id).await.is_empty());
}
