//! Lists of one's own orders.

use std::sync::Arc;

use stubmart_contract::{OrderId, UserId, api::OrderStatus};
use stubmart_kernel::{
    aggregate::Key,
    page::{Cursor, PageError, PageRequest},
};
use stubmart_memory::MemoryStore;
use stubmart_orders::order::{ORDERS, Order, index};
use stubmart_ports::store::{DocKey, Expect, IndexEntry, Save, SaveId, Store};
use stubmart_suite::fault::Op;

use crate::support::{World, by};

const STATUSES: [OrderStatus; 4] = [
    OrderStatus::Created,
    OrderStatus::AwaitingPayment,
    OrderStatus::Completed,
    OrderStatus::Cancelled,
];

impl World {
    /// A buyer's order with this status.
    async fn order_in(&self, buyer: UserId, status: OrderStatus) -> OrderId {
        let (id, charge, context) = (self.checkout_of(buyer).await.id, self.charge(), by(buyer));
        match status {
            OrderStatus::Created => {}
            OrderStatus::Cancelled => {
                self.orders.leave(&context, id, buyer, &Default::default()).await.unwrap();
            }
            OrderStatus::AwaitingPayment => {
                self.orders.secure(&context, id, charge).await.unwrap();
            }
            OrderStatus::Completed => {
                self.orders.secure(&context, id, charge).await.unwrap();
                self.orders.complete(&context, id, charge).await.unwrap();
            }
        }
        id
    }

    /// A whole list, by pages of `limit`.
    async fn pages(
        &self,
        buyer: UserId,
        statuses: Option<&[OrderStatus]>,
        limit: usize,
    ) -> Vec<OrderId> {
        let (mut ids, mut cursor) = (Vec::new(), None);
        loop {
            let request = PageRequest { limit, cursor };
            let page = self.orders.list(&by(buyer), buyer, statuses, &request).await.unwrap();
            let is_full = page.items.len() == limit;
            assert!(is_full || page.next.is_none(), "a page is short only when nothing is left");
            ids.extend(page.items.into_iter().map(|it| it.state.id));
            cursor = page.next;
            if cursor.is_none() {
                return ids;
            }
        }
    }
}

/// FOUND O: a filter of a list is asked by a user while others have rows that fit it.
#[tokio::test]
async fn every_list_holds_all_of_ones_own_orders_that_fit_newest_first_and_nobody_elses() {
    let world = World::new();
    let (buyer, other, nobody) = (world.user(), world.user(), world.user());
    let mut own: Vec<(OrderId, OrderStatus)> = Vec::new();
    for round in 0..3 {
        for status in STATUSES {
            own.push((world.order_in(buyer, status).await, status));
            // Neighbours on both sides of each of the buyer's rows.
            if round != 1 {
                world.order_in(other, status).await;
            }
        }
    }
    own.reverse();
    let [created, awaiting, completed, cancelled] = STATUSES;
    let filters = [
        None,
        Some(&STATUSES[..]),
        Some(&[created]),
        Some(&[awaiting]),
        Some(&[completed]),
        Some(&[cancelled]),
        Some(&[cancelled, created]),
        Some(&[completed, awaiting, completed]),
    ];
    for filter in filters {
        let fits =
            |it: &&(OrderId, OrderStatus)| filter.is_none_or(|statuses| statuses.contains(&it.1));
        let expected: Vec<_> = own.iter().filter(fits).map(|it| it.0).collect();
        for limit in [1, 2, 3, 50] {
            assert_eq!(world.pages(buyer, filter, limit).await, expected, "{filter:?} by {limit}");
        }
        assert_eq!(world.pages(nobody, filter, 50).await, [], "{filter:?}");
    }
}

/// A cursor of somebody else's list, or of another filter, opens neither.
#[tokio::test]
async fn a_cursor_of_another_list_is_refused() {
    let world = World::new();
    let (buyer, other) = (world.user(), world.user());
    for user in [buyer, other] {
        for _ in 0..2 {
            world.order_in(user, OrderStatus::Created).await;
            world.order_in(user, OrderStatus::Completed).await;
        }
    }
    let first = |cursor| PageRequest { limit: 1, cursor };
    let cursor_of = async |user: UserId, statuses| -> Cursor {
        world.orders.list(&by(user), user, statuses, &first(None)).await.unwrap().next.unwrap()
    };
    let completed = Some(&[OrderStatus::Completed][..]);
    let created = Some(&[OrderStatus::Created][..]);
    let both = Some(&[OrderStatus::Created, OrderStatus::Completed][..]);
    let foreign = [
        (cursor_of(other, completed).await, completed),
        (cursor_of(buyer, completed).await, created),
        (cursor_of(buyer, completed).await, both),
        (cursor_of(buyer, both).await, completed),
        (cursor_of(other, both).await, both),
        (cursor_of(other, None).await, None),
        (Cursor::behind(vec![0xff; 40]), None),
    ];
    for (cursor, statuses) in foreign {
        let page = world.orders.list(&by(buyer), buyer, statuses, &first(Some(cursor))).await;
        assert!(matches!(page, Err(PageError::ForeignCursor)), "{page:?}");
    }
}

/// A page is read by the index of its filter, and not by looking at everything that does not fit.
#[tokio::test]
async fn a_filter_costs_one_read_however_many_other_orders_there_are() {
    let (world, ops) = World::noted(MemoryStore::new());
    let buyer = world.user();
    let oldest = world.order_in(buyer, OrderStatus::Completed).await;
    for _ in 0..600 {
        world.order_in(buyer, OrderStatus::Cancelled).await;
    }
    ops.take();
    assert_eq!(world.pages(buyer, Some(&[OrderStatus::Completed]), 50).await, [oldest]);
    assert_eq!(ops.take(), [Op::Find]);
}

/// Orders that the version before this one saved are in other indexes.
#[tokio::test]
async fn orders_that_an_earlier_version_saved_are_in_every_list_after_the_upgrade() {
    let world = World::new();
    let buyer = world.user();
    let mut ids = Vec::new();
    for number in 0..1_200 {
        let status = if number % 2 == 0 { OrderStatus::Completed } else { OrderStatus::Cancelled };
        let id = OrderId(world.host.uuid());
        world.save_as_before(&world.order_before(id, buyer, status)).await;
        ids.push(id);
    }
    // One that cannot be read keeps no other from being brought over.
    world.save_unreadable(buyer).await;
    assert_eq!(world.pages(buyer, Some(&[OrderStatus::Completed]), 200).await.len(), 0);
    world.orders.upgrade().await.unwrap();
    world.orders.upgrade().await.unwrap();
    for filter in [OrderStatus::Completed, OrderStatus::Cancelled] {
        assert_eq!(world.pages(buyer, Some(&[filter]), 200).await.len(), 600, "{filter:?}");
    }
    assert_eq!(world.pages(buyer, None, 200).await.len(), 1_200);
    assert_eq!(world.events().await, [], "nothing has happened to them");
}

impl World {
    fn order_before(&self, id: OrderId, buyer: UserId, status: OrderStatus) -> Order {
        let body = serde_json::json!({
            "id": id, "userId": buyer, "sellerId": self.user(), "status": status,
            "ticketId": self.host.uuid(), "price": 5000, "currency": "usd",
            "expiresAt": self.host.now(), "createdAt": self.host.now(), "updatedAt": self.host.now(),
            "ticket": { "title": "A seat", "eventId": null, "section": null, "row": null,
                "seats": [], "quantity": 1 },
        });
        serde_json::from_value(body).unwrap()
    }

    /// Saves an order with the index entries that version 57b01eb gave it.
    async fn save_as_before(&self, order: &Order) {
        let body = serde_json::to_vec(order).unwrap();
        let mut entries = vec![("buyer", Key::new().id(order.user_id.0).id(order.id.0))];
        if order.status != OrderStatus::Cancelled {
            entries.push((index::LIVE_TICKET, Key::new().id(order.ticket_id.0)));
        }
        self.save_raw(order.id, body, entries).await;
    }

    async fn save_unreadable(&self, buyer: UserId) {
        let id = OrderId(self.host.uuid());
        let entries = vec![("buyer", Key::new().id(buyer.0).id(id.0))];
        self.save_raw(id, b"{}".to_vec(), entries).await;
    }

    async fn save_raw(&self, id: OrderId, body: Vec<u8>, entries: Vec<(&'static str, Key)>) {
        let save = Save {
            key: DocKey { collection: &ORDERS, id: id.0 },
            expect: Expect::Absent,
            save_id: SaveId(self.host.uuid()),
            body,
            entries: entries.into_iter().map(|(index, key)| IndexEntry { index, key }).collect(),
            version: 1,
            events: Vec::new(),
        };
        self.store.save(Arc::new(save)).await.unwrap();
    }
}
