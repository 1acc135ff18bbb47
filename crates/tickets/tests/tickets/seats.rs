//! SEAT-1: at one event no seat is in two listings that are on sale or sold; who bought a seat, and nobody
//! else, may list it again.

use std::{collections::BTreeMap, sync::Arc};

use stubmart_contract::{
    EventId, TicketId, UserId,
    api::{CreateTicketRequest, Patch, TicketStatus, UpdateTicketRequest},
};
use stubmart_kernel::Precondition;
use stubmart_ports::{
    key::Key,
    store::{DocKey, Expect, IndexEntry, Save, SaveId, Store as _},
};
use stubmart_tickets::{
    Tickets,
    edit_ticket::EditTicketError,
    list_ticket::ListTicketError,
    ticket::{Refusal, TICKETS},
};
use uuid::Uuid;

use crate::world::{BUYER, CONTEXT, FAUST, HAMLET, OTHER, SELLER, World, listing};

fn seats(event_id: EventId, section: &str, row: &str, seats: &[&str]) -> CreateTicketRequest {
    CreateTicketRequest {
        section: Some(section.to_owned()),
        row: Some(row.to_owned()),
        seats: Some(seats.iter().map(|it| (*it).to_owned()).collect()),
        quantity: None,
        external_id: None,
        ..listing(Some(event_id), 1, 100)
    }
}

fn row_a(names: &[&str]) -> CreateTicketRequest {
    seats(HAMLET, "Stalls", "A", names)
}

/// Lists under a fresh id. The error is the seats that are listed already.
async fn list(
    world: &World,
    tickets: &Tickets,
    seller: UserId,
    listing: CreateTicketRequest,
) -> Result<TicketId, Vec<String>> {
    let id = TicketId(world.host.uuid());
    match tickets.list_ticket(&CONTEXT, id, seller, listing).await {
        Ok(listed) => Ok(listed.state.id),
        Err(ListTicketError::SeatsListed(seats)) => Err(seats),
        Err(other) => panic!("{other:?}"),
    }
}

async fn edit(
    tickets: &Tickets,
    id: TicketId,
    row: &str,
    names: &[&str],
) -> Result<(), EditTicketError> {
    let edit = UpdateTicketRequest {
        row: Patch::Set(row.to_owned()),
        seats: Patch::Set(names.iter().map(|it| (*it).to_owned()).collect()),
        ..UpdateTicketRequest::default()
    };
    tickets.edit_ticket(&CONTEXT, id, SELLER, edit, &Precondition::None).await.map(drop)
}

fn is_listed(edited: &Result<(), EditTicketError>, names: &[&str]) -> bool {
    matches!(edited, Err(EditTicketError::SeatsListed(seats)) if seats == names)
}

async fn withdraw(tickets: &Tickets, id: TicketId, seller: UserId) {
    tickets.withdraw_ticket(&CONTEXT, id, seller, &Precondition::None).await.unwrap();
}

/// FOUND A: the same seats twice, by one seller or two, in any spelling of section and row.
#[tokio::test]
async fn seats_are_listed_once_by_whoever_and_in_whatever_spelling() {
    let world = World::new();
    let tickets = world.start();
    list(&world, &tickets, SELLER, row_a(&["1", "2"])).await.unwrap();
    for (section, row, names, taken) in [
        ("Stalls", "A", &["1", "2"][..], &["1", "2"][..]),
        ("STALLS", "Row a", &["02", "3"], &["02"]),
        ("Sec. Stalls", " a ", &["2"], &["2"]),
        ("Block stalls", "A.", &["Seat 1"], &["Seat 1"]),
    ] {
        for seller in [SELLER, OTHER] {
            let again = seats(HAMLET, section, row, names);
            let refused = list(&world, &tickets, seller, again).await.unwrap_err();
            assert_eq!(refused, taken, "{section} {row}");
        }
    }
    for other in [
        seats(HAMLET, "Stalls", "A", &["3", "4"]),
        seats(HAMLET, "Stalls", "B", &["1", "2"]),
        seats(HAMLET, "Circle", "A", &["1", "2"]),
        seats(FAUST, "Stalls", "A", &["1", "2"]),
        CreateTicketRequest { event_id: None, ..row_a(&["1", "2"]) },
        CreateTicketRequest { seats: None, ..row_a(&[]) },
        CreateTicketRequest { seats: None, ..row_a(&[]) },
    ] {
        list(&world, &tickets, OTHER, other).await.unwrap();
    }
    let twice = tickets
        .list_ticket(&CONTEXT, TicketId(world.host.uuid()), OTHER, row_a(&["7", "07"]))
        .await
        .unwrap_err();
    assert!(matches!(twice, ListTicketError::Refused(Refusal::SeatTwice)), "{twice:?}");
}

/// A listing that was refused has claimed nothing, and one that is withdrawn or edited away keeps nothing.
#[tokio::test]
async fn seats_are_free_when_their_listing_lets_go_of_them() {
    let world = World::new();
    let tickets = world.start();
    let id = list(&world, &tickets, SELLER, row_a(&["1", "2"])).await.unwrap();
    list(&world, &tickets, OTHER, row_a(&["2", "3"])).await.unwrap_err();
    list(&world, &tickets, OTHER, row_a(&["3"])).await.unwrap();
    edit(&tickets, id, "B", &["1", "2"]).await.unwrap();
    let theirs = list(&world, &tickets, OTHER, row_a(&["1"])).await.unwrap();
    let back = edit(&tickets, id, "a", &["1", "2"]).await;
    assert!(is_listed(&back, &["1"]), "{back:?}");
    withdraw(&tickets, theirs, OTHER).await;
    edit(&tickets, id, "a", &["1", "2"]).await.unwrap();
    list(&world, &tickets, OTHER, row_a(&["1"])).await.unwrap_err();
    withdraw(&tickets, id, SELLER).await;
    list(&world, &tickets, OTHER, row_a(&["1", "2"])).await.unwrap();
}

/// SEAT-1: a seat that is in a checkout or sold stays listed, but for who bought it.
#[tokio::test]
async fn who_bought_a_seat_and_nobody_else_may_list_it_again() {
    let world = World::new();
    let tickets = world.start();
    let id = list(&world, &tickets, SELLER, row_a(&["1", "2"])).await.unwrap();
    let order = world.lock(&tickets, id, stubmart_suite::host::START).await;
    list(&world, &tickets, BUYER, row_a(&["1"])).await.unwrap_err();
    stubmart_ports::calls::Tickets::sell(&tickets, &CONTEXT, id, order).await.unwrap();
    for seller in [SELLER, OTHER] {
        list(&world, &tickets, seller, row_a(&["1"])).await.unwrap_err();
    }
    let relisted = list(&world, &tickets, BUYER, row_a(&["1"])).await.unwrap();
    for seller in [SELLER, OTHER, BUYER] {
        list(&world, &tickets, seller, row_a(&["1"])).await.unwrap_err();
    }
    withdraw(&tickets, relisted, BUYER).await;
    for seller in [SELLER, OTHER] {
        list(&world, &tickets, seller, row_a(&["1"])).await.unwrap_err();
    }
    list(&world, &tickets, BUYER, row_a(&["1", "2"])).await.unwrap();
}

/// Seats that were claimed by a listing that failed to be saved are no one's: the next seller lists them,
/// and the first request cannot save them later under its id.
#[tokio::test]
async fn a_listing_that_was_claimed_for_and_never_saved_is_never_saved_later() {
    let world = World::new();
    let tickets = world.start();
    let id = TicketId(world.host.uuid());
    world.store.fail_next_save();
    let failed = tickets.list_ticket(&CONTEXT, id, SELLER, row_a(&["1"])).await;
    assert!(matches!(failed, Err(ListTicketError::Repository(_))));
    let again = tickets.list_ticket(&CONTEXT, id, SELLER, row_a(&["1"])).await.unwrap();
    assert_eq!(again.state.id, id, "nobody wanted the seat meanwhile");
    let late = TicketId(world.host.uuid());
    world.store.fail_next_save();
    tickets.list_ticket(&CONTEXT, late, SELLER, row_a(&["2"])).await.unwrap_err();
    list(&world, &tickets, OTHER, row_a(&["2"])).await.unwrap();
    let refused = tickets.list_ticket(&CONTEXT, late, SELLER, row_a(&["2"])).await;
    assert!(matches!(refused, Err(ListTicketError::SeatsListed(_))), "{refused:?}");
    assert_eq!(tickets.ticket(late, Some(SELLER)).await.unwrap(), None, "it is nobody's");
}

#[tokio::test]
async fn a_listing_that_was_asleep_finds_its_seats_gone() {
    let world = World::new();
    let tickets = world.start();
    let (wake, id) = (world.store.put_next_save_to_sleep(), TicketId(world.host.uuid()));
    let sleeper = {
        let tickets = tickets.clone();
        tokio::spawn(async move { tickets.list_ticket(&CONTEXT, id, SELLER, row_a(&["1"])).await })
    };
    world.store.until_asleep().await;
    list(&world, &tickets, OTHER, row_a(&["1"])).await.unwrap();
    wake.notify_one();
    let refused = sleeper.await.unwrap();
    assert!(matches!(refused, Err(ListTicketError::SeatsListed(_))), "{refused:?}");
}

#[tokio::test]
async fn an_edit_that_was_asleep_finds_its_seats_gone() {
    let world = World::new();
    let tickets = world.start();
    let id = list(&world, &tickets, SELLER, row_a(&["1"])).await.unwrap();
    let wake = world.store.put_next_save_to_sleep();
    let sleeper = {
        let tickets = tickets.clone();
        tokio::spawn(async move { edit(&tickets, id, "A", &["2"]).await })
    };
    world.store.until_asleep().await;
    list(&world, &tickets, OTHER, row_a(&["2"])).await.unwrap();
    wake.notify_one();
    let refused = sleeper.await.unwrap();
    assert!(is_listed(&refused, &["2"]), "{refused:?}");
    let kept = tickets.ticket(id, Some(SELLER)).await.unwrap().unwrap();
    assert_eq!((kept.state.seats, kept.version), (vec!["1".to_owned()], 1));
}

/// Many sellers, many rounds: each seat has one winner, and a seller who loses one seat of a lot claims
/// none of the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_any_number_of_sellers_one_lists_a_seat() {
    let world = Arc::new(World::new());
    let tickets = world.start();
    for round in 0..20_u32 {
        let row = format!("R{round}");
        let mut asked = Vec::new();
        for number in 0..24_u128 {
            let (world, tickets, row) = (Arc::clone(&world), tickets.clone(), row.clone());
            asked.push(tokio::spawn(async move {
                let seller = UserId(Uuid::from_u128(1000 + number));
                let first = number % 4;
                let names = [first.to_string(), (first + 1).to_string()];
                let section =
                    ["Stalls", "STALLS", "sec. Stalls"][usize::try_from(number % 3).unwrap()];
                let listing = seats(HAMLET, section, &row, &[&names[0], &names[1]]);
                let won = list(&world, &tickets, seller, listing).await.is_ok();
                (won, names)
            }));
        }
        let mut winners: BTreeMap<String, u32> = BTreeMap::new();
        for answer in asked {
            let (won, names) = answer.await.unwrap();
            for name in names.into_iter().filter(|_| won) {
                *winners.entry(name).or_default() += 1;
            }
        }
        assert!(winners.values().all(|count| *count == 1), "{winners:?}");
        assert!(winners.len() >= 2, "somebody wins: {winners:?}");
    }
}

/// Listings of an earlier version have their seats claimed at the start: what is sold keeps its seats, then
/// the first listed does, and what was listed after it is withdrawn.
#[tokio::test]
async fn seats_that_an_earlier_version_listed_twice_go_to_the_first() {
    let world = World::new();
    let tickets = world.start();
    let save = async |number: u128, status: &str, phase: u32, seat: &str, row: &str| {
        let id = Uuid::from_u128(number);
        let (seller, event) = (SELLER.0, HAMLET.0);
        let body = format!(
            "{{\"id\":\"{id}\",\"userId\":\"{seller}\",\"title\":\"Stalls\",\"price\":100,\"currency\":\"usd\",\
             \"status\":\"{status}\",\"eventId\":\"{event}\",\"row\":\"{row}\",\"seats\":[\"{seat}\"],\
             \"quantity\":1,\"createdAt\":\"2026-01-01T00:00:00.000Z\",\
             \"updatedAt\":\"2026-01-01T00:00:00.000Z\"}}"
        );
        let key = Key::new().id(event).number(phase).id(id);
        let save = Save {
            key: DocKey { collection: &TICKETS, id },
            expect: Expect::Absent,
            save_id: SaveId(id),
            body: body.into_bytes(),
            entries: vec![IndexEntry { index: "event_newest", key }],
            version: 0,
            events: Vec::new(),
        };
        world.store.save(Arc::new(save)).await.unwrap();
    };
    save(1, "available", 0, "1", "A").await;
    save(2, "available", 0, "01", "row a").await;
    save(3, "available", 0, "2", "A").await;
    save(4, "sold", 1, "2", "A").await;
    save(5, "withdrawn", 2, "3", "A").await;
    tickets.upgrade().await.unwrap();
    let status = async |number: u128| {
        let id = TicketId(Uuid::from_u128(number));
        tickets.ticket(id, Some(SELLER)).await.unwrap().unwrap().state.status
    };
    use TicketStatus::{Available, Sold, Withdrawn};
    let mut statuses = Vec::new();
    for number in 1..=5 {
        statuses.push(status(number).await);
    }
    assert_eq!(statuses, [Available, Withdrawn, Withdrawn, Sold, Withdrawn]);
    for seat in ["1", "2"] {
        let listing = CreateTicketRequest { section: None, ..row_a(&[seat]) };
        list(&world, &tickets, OTHER, listing).await.unwrap_err();
    }
    let free = CreateTicketRequest { section: None, ..row_a(&["3"]) };
    list(&world, &tickets, OTHER, free).await.unwrap();
    world.store.take_found();
    tickets.upgrade().await.unwrap();
    assert_eq!(world.store.take_found(), 0, "it is done once");
}
