//! What is shown of sellers: where it comes from, and that no event counts twice.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use serde_json::Value;
use stubmart_contract::{Context, DomainEvent, Envelope, UserId, event::UserState};
use stubmart_kernel::consumer::HandleError;
use stubmart_ports::store::Store as _;
use stubmart_testkit::Api;
use stubmart_tickets::{SERVICE, Tickets};

use crate::{
    event, handler,
    world::{CONTEXT, HAMLET, OTHER, SELLER, World, listing},
};

/// The events that tickets have published so far.
async fn published(world: &World) -> Vec<Arc<Envelope>> {
    world.store.history(SERVICE, None, usize::MAX).await.unwrap()
}

async fn handle(tickets: &Tickets, events: &[Arc<Envelope>]) -> Vec<Result<(), HandleError>> {
    let sellers = handler(tickets, "tickets.sellers");
    let wanted = |it: &&Arc<Envelope>| sellers.consumer().types.contains(&it.event.event_type());
    let events: Vec<(Context, Arc<Envelope>)> =
        events.iter().filter(wanted).map(|it| (CONTEXT.clone(), it.clone())).collect();
    sellers.handle_all(&events).await
}

/// What a visitor sees of the seller of each ticket of the event.
async fn shown(world: &World, tickets: &Tickets) -> Vec<Value> {
    let api = Api::of_service(&world.host, |gate| tickets.router(gate));
    let page =
        api.get(&format!("/api/tickets?eventId={HAMLET}&status=available,sold")).await.json();
    page["items"].as_array().unwrap().iter().map(|it| it["seller"].clone()).collect()
}

fn updated(world: &World, user: UserId) -> Envelope {
    event(world, DomainEvent::UserUpdated(UserState { id: user }))
}

/// A listing shows its seller at once, and a second one asks auth no more.
#[tokio::test]
async fn a_first_listing_shows_its_seller_and_asks_auth_once() {
    let world = World::new();
    world.auth.opens(SELLER, 1, "Ada");
    let tickets = world.start();
    for _ in 0..3 {
        world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 1_000)).await;
    }
    handle(&tickets, &published(&world).await).await;
    assert_eq!(world.auth.asked.load(Ordering::SeqCst), 1);
    let seller = &shown(&world, &tickets).await[0];
    assert_eq!((&seller["name"], &seller["sold"]), (&"Ada".into(), &0.into()));
}

/// A call that is lost costs nothing but that moment: the event of the listing asks again until it is answered.
#[tokio::test]
async fn a_seller_whom_auth_did_not_tell_of_is_learned_by_the_event() {
    let world = World::new();
    world.auth.opens(SELLER, 1, "Ada");
    world.auth.is_down.store(true, Ordering::SeqCst);
    let tickets = world.start();
    world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 1_000)).await;
    assert_eq!(shown(&world, &tickets).await, [Value::Null]);
    let events = published(&world).await;
    assert!(matches!(handle(&tickets, &events).await[..], [Err(HandleError::Retry(_))]));
    world.auth.is_down.store(false, Ordering::SeqCst);
    assert!(matches!(handle(&tickets, &events).await[..], [Ok(())]));
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(shown(&world, &tickets).await[0]["name"], "Ada");
}

/// EVT-1: sales are counted by what is sold, so that events may come twice, late, shuffled, or to several instances.
#[tokio::test]
async fn every_sale_counts_once_however_its_event_comes() {
    let world = World::new();
    world.auth.opens(SELLER, 1, "Ada");
    world.auth.opens(OTHER, 1, "Eve");
    let (tickets, twin) = (world.start(), world.start());
    world.list(&tickets, OTHER, listing(Some(HAMLET), 1, 500)).await;
    for _ in 0..3 {
        let ticket = world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 1_000)).await;
        world.sell(&tickets, ticket).await;
    }
    let mut events = published(&world).await;
    events.reverse();
    for events in [&events[..2], &events[..], &events[1..]] {
        handle(&twin, events).await.into_iter().for_each(|it| it.unwrap());
        handle(&tickets, events).await.into_iter().for_each(|it| it.unwrap());
    }
    let sold: Vec<_> = shown(&world, &tickets).await.iter().map(|it| it["sold"].clone()).collect();
    assert_eq!(sold, [0, 3, 3, 3], "and only the seller's own");
}

/// A name follows the account; an answer of auth that was asked for earlier and comes later changes nothing.
#[tokio::test]
async fn a_name_follows_the_account_and_goes_with_it() {
    let world = World::new();
    world.auth.opens(SELLER, 1, "Ada");
    let tickets = world.start();
    world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 1_000)).await;
    let sellers = handler(&tickets, "tickets.sellers");
    let changed = updated(&world, SELLER);
    for (version, name, expected) in [(3, "Countess", "Countess"), (2, "Late", "Countess")] {
        world.auth.opens(SELLER, version, name);
        sellers.handle(&CONTEXT, &changed).await.unwrap();
        assert_eq!(shown(&world, &tickets).await[0]["name"], expected);
    }
    let ticket = world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 900)).await;
    world.sell(&tickets, ticket).await;
    let deleted = event(&world, DomainEvent::UserDeleted(UserState { id: SELLER }));
    handler(&tickets, "tickets.users").handle(&CONTEXT, &deleted).await.unwrap();
    sellers.handle(&CONTEXT, &changed).await.unwrap();
    let left = shown(&world, &tickets).await;
    assert_eq!(left.len(), 1, "what is sold stays, what was on offer is withdrawn");
    assert_eq!((&left[0]["name"], &left[0]["level"]), (&Value::Null, &"closed".into()));
}

/// Buyers are nobody's sellers: nothing is kept of them.
#[tokio::test]
async fn nothing_is_kept_of_who_never_listed() {
    let world = World::new();
    world.auth.opens(OTHER, 1, "Eve");
    let tickets = world.start();
    handler(&tickets, "tickets.sellers").handle(&CONTEXT, &updated(&world, OTHER)).await.unwrap();
    assert_eq!(world.auth.asked.load(Ordering::SeqCst), 0);
}
