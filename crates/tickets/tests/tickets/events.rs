//! Listings and their event: one currency, and an end.

use std::time::Duration;

use stubmart_contract::{
    Currency, DomainEvent, TicketId,
    api::{CreateTicketRequest, EventStatus, TicketStatus, Venue},
    calls::{LockRefusal, LockRequest, ShowForListing},
    event::ShowState,
};
use stubmart_ports::calls::Tickets as _;
use stubmart_suite::host::START;
use stubmart_tickets::{Tickets, list_ticket::ListTicketError, ticket::Refusal};

use crate::{
    event, handler, status,
    world::{BUYER, CONTEXT, FAUST, HAMLET, SELLER, World, listing, show},
};

const HOUR: Duration = Duration::from_secs(3600);

async fn list(
    world: &World,
    tickets: &Tickets,
    listing: CreateTicketRequest,
) -> Result<TicketId, ListTicketError> {
    let id = TicketId(world.host.uuid());
    tickets.list_ticket(&CONTEXT, id, SELLER, listing).await.map(|listed| listed.state.id)
}

/// Runs the sweep that ends listings.
async fn sweep(tickets: &Tickets) {
    let workers = tickets.workers();
    let ends = workers.iter().find(|it| it.name() == "tickets.end_listings").unwrap();
    ends.step().await.unwrap();
}

fn change(world: &World, show: ShowForListing) {
    world.catalogue.otherwise.lock().unwrap().insert(show.id, show);
}

/// FOUND C: an event has one currency, and its tickets are listed in it.
#[tokio::test]
async fn a_listing_is_in_the_currency_of_its_event() {
    let world = World::new();
    let tickets = world.start();
    let jpy: Currency = "jpy".parse().unwrap();
    change(&world, ShowForListing { currency: jpy, ..show(HAMLET) });
    let id = list(&world, &tickets, listing(Some(HAMLET), 1, 12_000)).await.unwrap();
    assert_eq!(tickets.ticket(id, None).await.unwrap().unwrap().state.currency, jpy);
    let dollars =
        |event| CreateTicketRequest { currency: Some(Currency::USD), ..listing(event, 1, 12_000) };
    let refused = list(&world, &tickets, dollars(Some(HAMLET))).await.unwrap_err();
    assert!(matches!(refused, ListTicketError::OtherCurrency(it) if it == jpy), "{refused:?}");
    list(&world, &tickets, dollars(Some(FAUST))).await.unwrap();
    list(&world, &tickets, dollars(None)).await.unwrap();
}

/// FOUND D: a listing of the past never ended. It ends with its event, and one that a checkout holds with
/// the checkout.
#[tokio::test]
async fn listings_end_with_their_event() {
    let world = World::new();
    let tickets = world.start();
    let open = world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 100)).await;
    let held = world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 200)).await;
    let bought = world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 300)).await;
    let other = world.list(&tickets, SELLER, listing(None, 1, 400)).await;
    let order = world.lock(&tickets, held, START.after(HOUR * 4)).await;
    let paid = world.lock(&tickets, bought, START.after(HOUR * 4)).await;
    world.clock.advance(HOUR * 3 - Duration::from_millis(1));
    sweep(&tickets).await;
    assert_eq!(status(&tickets, open).await, TicketStatus::Available, "it is still on");
    world.clock.advance(Duration::from_millis(1));
    sweep(&tickets).await;
    assert_eq!(status(&tickets, open).await, TicketStatus::Withdrawn);
    assert_eq!(status(&tickets, held).await, TicketStatus::Locked);
    tickets.release(&CONTEXT, held, order).await.unwrap();
    assert_eq!(status(&tickets, held).await, TicketStatus::Withdrawn);
    tickets.sell(&CONTEXT, bought, paid).await.unwrap();
    assert_eq!(status(&tickets, bought).await, TicketStatus::Sold);
    assert_eq!(status(&tickets, other).await, TicketStatus::Available, "it is of no event");
    let late = list(&world, &tickets, listing(Some(HAMLET), 1, 100)).await.unwrap_err();
    assert!(matches!(late, ListTicketError::Refused(Refusal::EventOver)), "{late:?}");
}

/// A show that moves takes its listings along; one that is cancelled ends them.
#[tokio::test]
async fn listings_follow_their_event() {
    let world = World::new();
    let tickets = world.start();
    let id = world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 100)).await;
    let updated = event(
        &world,
        DomainEvent::ShowUpdated(ShowState {
            id: HAMLET,
            name: "Hamlet".to_owned(),
            category: "Plays".to_owned(),
            performers: Vec::new(),
            venue: Venue::new("Globe", "London"),
            starts_at: START,
            local_start: None,
            ends_at: None,
            status: EventStatus::Scheduled,
            currency: Currency::USD,
            created_at: START,
        }),
    );
    let shows = handler(&tickets, "tickets.shows");
    change(&world, ShowForListing { ends_at: START.after(HOUR * 50), ..show(HAMLET) });
    shows.handle(&CONTEXT, &updated).await.unwrap();
    world.clock.advance(HOUR * 49);
    sweep(&tickets).await;
    assert_eq!(status(&tickets, id).await, TicketStatus::Available);
    let status_now = EventStatus::Cancelled;
    let cancelled =
        ShowForListing { ends_at: START.after(HOUR * 50), status: status_now, ..show(HAMLET) };
    change(&world, cancelled);
    shows.handle(&CONTEXT, &updated).await.unwrap();
    let request = LockRequest {
        ticket_id: id,
        order_id: stubmart_contract::OrderId(world.host.uuid()),
        buyer_id: BUYER,
        price: None,
        until: START.after(HOUR * 60),
    };
    assert_eq!(tickets.lock(&CONTEXT, request).await.unwrap(), Err(LockRefusal::EventOver));
    sweep(&tickets).await;
    assert_eq!(status(&tickets, id).await, TicketStatus::Withdrawn);
    let late = list(&world, &tickets, listing(Some(HAMLET), 1, 100)).await.unwrap_err();
    assert!(matches!(late, ListTicketError::EventOver), "{late:?}");
}
