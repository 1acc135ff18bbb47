//! The tickets service on a store in memory: its use cases, its calls and its lists.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bulk;
mod events;
mod lines;
mod lists;
mod seats;
mod sellers;
mod world;

use std::{sync::Arc, time::Duration};

use stubmart_contract::{
    DomainEvent, EventId, MessageId, OrderId, TicketId, UserId,
    api::{TicketStatus, UpdateTicketRequest},
    calls::{ListingsOf, ListingsRequest, LockRefusal, LockRequest, OverdueLocksRequest},
    event::UserState,
};
use stubmart_kernel::{Precondition, consumer::Handler};
use stubmart_ports::{
    calls::Tickets as _,
    store::{DocKey, Expect, IndexEntry, Save, SaveId, Store as _},
};
use stubmart_suite::host::START;
use stubmart_tickets::{
    Tickets,
    edit_ticket::EditTicketError,
    list_ticket::ListTicketError,
    list_tickets::{Sort, TicketQuery},
    ticket::{Refusal, TICKETS},
};
use uuid::Uuid;

use crate::world::{BUYER, CONTEXT, HAMLET, OTHER, SELLER, World, listing};

async fn status(tickets: &Tickets, id: TicketId) -> TicketStatus {
    tickets.ticket(id, Some(SELLER)).await.unwrap().unwrap().state.status
}

/// A listing is listed once, however often it is asked for under its id.
#[tokio::test]
async fn a_ticket_is_listed_once_under_its_id() {
    let world = World::new();
    let tickets = world.start();
    let id = TicketId(world.host.uuid());
    let mut listed = Vec::new();
    for price in [100, 200] {
        let listing = listing(Some(HAMLET), 1, price);
        listed.push(tickets.list_ticket(&CONTEXT, id, SELLER, listing).await.unwrap());
    }
    assert_eq!(listed[0], listed[1]);
    assert_eq!((listed[0].version, listed[0].state.price.minor()), (1, 100));
}

#[tokio::test]
async fn a_ticket_for_a_show_that_is_not_known_is_refused() {
    let world = World::new();
    let tickets = world.start();
    let id = TicketId(world.host.uuid());
    let nothing = listing(Some(EventId(Uuid::nil())), 1, 100);
    let refused = tickets.list_ticket(&CONTEXT, id, SELLER, nothing).await.unwrap_err();
    assert!(matches!(refused, ListTicketError::NoSuchEvent));
    *world.catalogue.is_down.lock().unwrap() = true;
    let known = listing(Some(HAMLET), 1, 100);
    let refused = tickets.list_ticket(&CONTEXT, id, SELLER, known).await.unwrap_err();
    assert!(matches!(refused, ListTicketError::Call(_)), "nobody knows, so nobody guesses");
    assert_eq!(tickets.ticket(id, Some(SELLER)).await.unwrap(), None);
}

/// Every change of a listing is said to the catalogue before the request is answered, and a catalogue that
/// is down holds up no change.
#[tokio::test]
async fn the_catalogue_learns_of_each_change_at_once() {
    let world = World::new();
    let tickets = world.start();
    let id = world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 100)).await;
    let order = world.lock(&tickets, id, START).await;
    tickets.release(&CONTEXT, id, order).await.unwrap();
    tickets.release(&CONTEXT, id, order).await.unwrap();
    let changes = std::mem::take(&mut *world.catalogue.changes.lock().unwrap());
    let said: Vec<_> = changes.iter().map(|it| (it.version, it.ticket.status)).collect();
    use TicketStatus::{Available, Locked};
    assert_eq!(said, [(1, Available), (2, Locked), (3, Available)]);
    *world.catalogue.is_down.lock().unwrap() = true;
    world.lock(&tickets, id, START).await;
    assert_eq!(status(&tickets, id).await, Locked);
}

/// Of any number of buyers one gets the ticket, and its retries are answered as the first time.
#[tokio::test]
async fn one_order_locks_a_ticket() {
    let world = World::new();
    let tickets = world.start();
    let ticket_id = world.list(&tickets, SELLER, listing(None, 1, 100)).await;
    let request = |order: u128| LockRequest {
        ticket_id,
        order_id: OrderId(Uuid::from_u128(order)),
        buyer_id: BUYER,
        price: None,
        until: START.after(Duration::from_secs(u64::try_from(order).unwrap())),
    };
    let asked = (1..=20).map(|order| tickets.lock(&CONTEXT, request(order)));
    let answers: Vec<_> = futures_util::future::join_all(asked).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let winners: Vec<_> = answers.iter().filter_map(|it| it.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1);
    let lost = answers.iter().filter(|it| **it == Err(LockRefusal::Locked)).count();
    assert_eq!(lost, 19);
    let winner = tickets.ticket(ticket_id, None).await.unwrap().unwrap().state.order_id.unwrap();
    let again = LockRequest { order_id: winner, ..request(99) };
    assert_eq!(tickets.lock(&CONTEXT, again).await.unwrap().as_ref(), Ok(winners[0]));
    let nothing = LockRequest { ticket_id: TicketId(Uuid::nil()), ..request(1) };
    assert_eq!(tickets.lock(&CONTEXT, nothing).await.unwrap(), Err(LockRefusal::NotFound));
}

/// A ticket is released or sold by the order that holds it, and by no other; again is fine.
#[tokio::test]
async fn a_lock_is_ended_by_its_order_alone() {
    let world = World::new();
    let tickets = world.start();
    for sell in [false, true] {
        let id = world.list(&tickets, SELLER, listing(None, 1, 100)).await;
        let (order, other) = (world.lock(&tickets, id, START).await, OrderId(world.host.uuid()));
        tickets.release(&CONTEXT, id, other).await.unwrap();
        tickets.sell(&CONTEXT, id, other).await.unwrap();
        assert_eq!(status(&tickets, id).await, TicketStatus::Locked);
        let ended = if sell { TicketStatus::Sold } else { TicketStatus::Available };
        for _ in 0..2 {
            if sell {
                tickets.sell(&CONTEXT, id, order).await.unwrap();
            } else {
                tickets.release(&CONTEXT, id, order).await.unwrap();
            }
            assert_eq!(status(&tickets, id).await, ended);
        }
    }
    let nothing = TicketId(world.host.uuid());
    tickets.release(&CONTEXT, nothing, OrderId(world.host.uuid())).await.unwrap();
}

/// The locks that ran out come page by page, the oldest first, each once; the others do not.
#[tokio::test]
async fn overdue_locks_come_page_by_page_the_oldest_first() {
    let world = World::new();
    let tickets = world.start();
    for late in (0..7).rev() {
        let id = world.list(&tickets, SELLER, listing(None, 1, 100)).await;
        world.lock(&tickets, id, START.after(Duration::from_secs(late))).await;
    }
    let due_before = START.after(Duration::from_secs(5));
    let mut cursor = None;
    let mut pages: Vec<Vec<u64>> = Vec::new();
    loop {
        let request = OverdueLocksRequest { due_before, cursor, limit: 2 };
        let page = tickets.overdue_locks(&CONTEXT, request).await.unwrap();
        pages.push(page.locks.into_iter().map(|it| it.until.since(START).as_secs()).collect());
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(pages, [vec![0, 1], vec![2, 3], vec![4]]);
}

/// A change that is meant for another version is refused as stale, but only to the seller.
#[tokio::test]
async fn a_change_is_made_to_the_version_that_is_meant() {
    let world = World::new();
    let tickets = world.start();
    let id = world.list(&tickets, SELLER, listing(None, 1, 100)).await;
    let title = Some("Circle".to_owned());
    let edit = UpdateTicketRequest { title, ..UpdateTicketRequest::default() };
    let edits = async |by: UserId, versions: Vec<u64>| {
        let meant = Precondition::OneOf(versions);
        tickets.edit_ticket(&CONTEXT, id, by, edit.clone(), &meant).await
    };
    let stale = edits(SELLER, vec![7]).await.unwrap_err();
    assert!(matches!(stale, EditTicketError::Stale { version: 1 }));
    let others = edits(OTHER, vec![7]).await.unwrap_err();
    assert!(matches!(others, EditTicketError::Refused(Refusal::NotOwner)));
    assert_eq!(edits(SELLER, vec![1]).await.unwrap().version, 2);
    let again = edits(SELLER, vec![1]).await.unwrap();
    assert_eq!(again.version, 2, "what has happened already may be asked for again");
    let order = world.lock(&tickets, id, START).await;
    let locked = edits(SELLER, vec![3]).await.unwrap_err();
    assert!(matches!(locked, EditTicketError::Refused(Refusal::Locked)));
    let stale = edits(SELLER, vec![2]).await.unwrap_err();
    assert!(matches!(stale, EditTicketError::Stale { version: 3 }));
    tickets.release(&CONTEXT, id, order).await.unwrap();
}

fn event(world: &World, event: DomainEvent) -> stubmart_contract::Envelope {
    let id = MessageId(world.host.uuid());
    stubmart_contract::Envelope {
        id,
        aggregate_id: Uuid::nil(),
        version: 1,
        at: world.host.now(),
        causation_id: id,
        correlation_id: id,
        actor: CONTEXT.actor.clone(),
        request_id: None,
        event,
    }
}

fn handler(tickets: &Tickets, name: &str) -> Arc<dyn Handler> {
    tickets.handlers().into_iter().find(|it| it.consumer().name == name).unwrap()
}

/// Nothing of a deleted seller stays on offer: neither what was listed before, nor what is locked while the
/// account is deleted, nor what is listed at that moment.
#[tokio::test]
async fn a_deleted_seller_offers_nothing() {
    let world = World::new();
    let tickets = world.start();
    let open = world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 100)).await;
    let held = world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 200)).await;
    let order = world.lock(&tickets, held, START).await;
    let others = world.list(&tickets, OTHER, listing(Some(HAMLET), 1, 300)).await;
    let deleted = event(&world, DomainEvent::UserDeleted(UserState { id: SELLER }));
    handler(&tickets, "tickets.users").handle(&CONTEXT, &deleted).await.unwrap();
    assert_eq!(status(&tickets, open).await, TicketStatus::Withdrawn);
    assert_eq!(status(&tickets, held).await, TicketStatus::Locked);
    tickets.release(&CONTEXT, held, order).await.unwrap();
    assert_eq!(status(&tickets, held).await, TicketStatus::Withdrawn);
    assert_eq!(status(&tickets, others).await, TicketStatus::Available);
    let late = TicketId(world.host.uuid());
    let refused = tickets.list_ticket(&CONTEXT, late, SELLER, listing(None, 1, 100)).await;
    assert!(matches!(refused.unwrap_err(), ListTicketError::SellerDeleted));
    assert_eq!(status(&tickets, late).await, TicketStatus::Withdrawn);
}

/// A listing whose request was killed before it looked for the deleted account is found by its event.
#[tokio::test]
async fn a_listing_of_a_deleted_seller_is_withdrawn_by_its_event() {
    let world = World::new();
    let tickets = world.start();
    let id = world.list(&tickets, SELLER, listing(None, 1, 100)).await;
    let listed = tickets.ticket(id, None).await.unwrap().unwrap().state.state();
    let deleted = event(&world, DomainEvent::UserDeleted(UserState { id: OTHER }));
    handler(&tickets, "tickets.users").handle(&CONTEXT, &deleted).await.unwrap();
    let listings = handler(&tickets, "tickets.listings");
    let created = event(&world, DomainEvent::TicketCreated(listed.clone()));
    listings.handle(&CONTEXT, &created).await.unwrap();
    assert_eq!(status(&tickets, id).await, TicketStatus::Available, "another account was deleted");
    let mine = event(&world, DomainEvent::UserDeleted(UserState { id: SELLER }));
    // Only the mark: the listing is saved while the seller's tickets are being looked up.
    handler(&tickets, "tickets.users").handle(&CONTEXT, &mine).await.unwrap();
    let late = TicketId(world.host.uuid());
    let kept = stubmart_contract::event::TicketState { id: late, ..listed };
    let kept = event(&world, DomainEvent::TicketCreated(kept));
    let events = [kept, created].map(|event| (CONTEXT.clone(), Arc::new(event)));
    let answers = listings.handle_all(&events).await;
    assert!(answers.into_iter().all(|answer| answer.is_ok()), "also of what is not there");
    assert_eq!(status(&tickets, id).await, TicketStatus::Withdrawn);
}

/// The live pages get what is on the market and what was sold, page by page; of one ticket, whatever it is.
#[tokio::test]
async fn listings_as_they_are_now_come_page_by_page() {
    let world = World::new();
    let tickets = world.start();
    let mut ids = Vec::new();
    for price in 101..=105 {
        ids.push(world.list(&tickets, SELLER, listing(Some(HAMLET), 1, price)).await);
    }
    world.sell(&tickets, ids[0]).await;
    let any = Precondition::None;
    tickets.withdraw_ticket(&CONTEXT, ids[1], SELLER, &any).await.unwrap();
    let mut cursor = None;
    let mut found = Vec::new();
    loop {
        let of = ListingsOf::Event(HAMLET);
        let request = ListingsRequest { of, cursor, limit: 3 };
        let page = tickets.listings(&CONTEXT, request).await.unwrap();
        found.extend(page.listings.into_iter().map(|it| it.ticket.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    found.sort();
    let mut shown = vec![ids[0], ids[2], ids[3], ids[4]];
    shown.sort();
    assert_eq!(found, shown);
    let request = ListingsRequest { of: ListingsOf::Ticket(ids[1]), cursor: None, limit: 1 };
    let alone = tickets.listings(&CONTEXT, request).await.unwrap();
    assert_eq!(alone.listings[0].ticket.status, TicketStatus::Withdrawn);
    assert_eq!(alone.listings[0].version, 2);
}

/// Tickets that an earlier version indexed otherwise are found after the upgrade, and are not saved again
/// by the next one.
#[tokio::test]
async fn tickets_of_an_earlier_version_are_brought_into_the_indexes_of_today() {
    let world = World::new();
    let tickets = world.start();
    for (number, retired) in [(1_u128, "newest"), (2, "quantity_price"), (3, "quantity_price")] {
        let id = Uuid::from_u128(number);
        let body = format!(
            "{{\"id\":\"{id}\",\"userId\":\"{}\",\"title\":\"Stalls\",\"price\":100,\
             \"currency\":\"usd\",\"status\":\"available\",\"quantity\":2,\
             \"createdAt\":\"2026-01-01T00:00:00.000Z\",\"updatedAt\":\"2026-01-01T00:00:00.000Z\"}}",
            SELLER.0
        );
        let key = stubmart_ports::key::Key::new().number(0).id(id);
        let save = Save {
            key: DocKey { collection: &TICKETS, id },
            expect: Expect::Absent,
            save_id: SaveId(id),
            body: body.into_bytes(),
            entries: vec![IndexEntry { index: retired, key }],
            version: 0,
            events: Vec::new(),
        };
        world.store.save(Arc::new(save)).await.unwrap();
    }
    let query = TicketQuery {
        event_id: None,
        seller_id: None,
        status: None,
        section: None,
        min_price: None,
        max_price: None,
        quantity: Some(2),
        external_id: None,
        words: Vec::new(),
        sort: Sort::Price,
        viewer: None,
    };
    let listed =
        async || tickets.list_tickets(&query, &Default::default()).await.unwrap().items.len();
    assert_eq!(listed().await, 0);
    tickets.upgrade().await.unwrap();
    assert_eq!(listed().await, 3);
    world.store.take_found();
    tickets.upgrade().await.unwrap();
    assert_eq!(world.store.take_found(), 0, "there is nothing left to bring over");
}
