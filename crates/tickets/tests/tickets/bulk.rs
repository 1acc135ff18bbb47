//! Many listings at once: what is there already is recognised, seats move between items, and one item's
//! fault harms no other.

use stubmart_contract::{
    Price, TicketId,
    api::{BulkListing, BulkMode, BulkOutcome, DeliveryKind, FieldError, TicketStatus},
};
use stubmart_suite::host::START;
use stubmart_tickets::{
    Tickets,
    bulk::{Bulk, BulkError, Done, Item, Refused},
    edit_ticket::EditTicketError,
    list_ticket::ListTicketError,
    list_tickets::{Sort, TicketQuery},
    ticket::{Refusal, Ticket},
};

use crate::world::{CONTEXT, FAUST, HAMLET, OTHER, SELLER, World, listing};

use BulkMode::{Replace, Upsert};
use BulkOutcome::{Changed, Created, Unchanged, Withdrawn};

/// A lot in row A of the stalls.
fn item(name: &str, price: i64, seats: &[&str]) -> BulkListing {
    BulkListing {
        external_id: name.to_owned(),
        title: None,
        price: Price::try_from(price).unwrap(),
        currency: None,
        event_id: Some(HAMLET),
        event: None,
        section: Some("Stalls".to_owned()),
        row: Some("A".to_owned()),
        seats: Some(seats.iter().map(|it| (*it).to_owned()).collect()),
        quantity: None,
        delivery_kind: None,
    }
}

fn items(asked: Vec<BulkListing>) -> Vec<Item> {
    let item = |it: BulkListing| Item { external_id: Some(it.external_id.clone()), asked: Ok(it) };
    asked.into_iter().map(item).collect()
}

async fn send(tickets: &Tickets, mode: BulkMode, asked: Vec<BulkListing>) -> Vec<Done> {
    let how = Bulk { mode, dry_run: false, is_established: false };
    let tried = Bulk { mode, dry_run: true, is_established: false };
    let would = tickets.bulk(&CONTEXT, SELLER, tried, items(asked.clone()), &|| ()).await.unwrap();
    let done = tickets.bulk(&CONTEXT, SELLER, how, items(asked), &|| ()).await.unwrap();
    assert_eq!(outcomes(&would), outcomes(&done), "what was said before it was done");
    done
}

/// The names with what was done, or with the beginning of why nothing was.
fn outcomes(done: &[Done]) -> Vec<(&str, Result<BulkOutcome, String>)> {
    let why = |refused: &Refused| match refused {
        Refused::NotListed(ListTicketError::SeatsListed(seats))
        | Refused::NotListed(ListTicketError::Refused(Refusal::SeatsListed(seats)))
        | Refused::NotChanged(EditTicketError::SeatsListed(seats)) => {
            format!("seats {}", seats.join(" "))
        }
        Refused::NotChanged(EditTicketError::Refused(refusal))
        | Refused::NotListed(ListTicketError::Refused(refusal)) => format!("{refusal:?}"),
        Refused::Invalid(errors) => {
            errors.iter().map(|it| it.field.as_str()).collect::<Vec<_>>().join(" ")
        }
        other => format!("{other:?}"),
    };
    done.iter()
        .map(|it| {
            let name = it.external_id.as_deref().unwrap_or("-");
            (name, it.outcome.as_ref().copied().map_err(why))
        })
        .collect()
}

fn no(why: &str) -> Result<BulkOutcome, String> {
    Err(why.to_owned())
}

async fn on_sale(tickets: &Tickets) -> Vec<Ticket> {
    let query = TicketQuery {
        event_id: None,
        seller_id: Some(SELLER),
        status: Some(vec![TicketStatus::Available, TicketStatus::Locked]),
        section: None,
        min_price: None,
        max_price: None,
        quantity: None,
        external_id: None,
        words: Vec::new(),
        sort: Sort::Price,
        viewer: Some(SELLER),
    };
    let page = tickets.list_tickets(&query, &Default::default()).await.unwrap();
    page.items.into_iter().map(|it| it.state).collect()
}

/// What is on sale: name, price, seats.
async fn shelf(tickets: &Tickets) -> Vec<(String, u32, String)> {
    let mut shelf: Vec<_> = on_sale(tickets)
        .await
        .into_iter()
        .map(|it| (it.external_id.unwrap_or_default(), it.price.minor(), it.seats.join(" ")))
        .collect();
    shelf.sort();
    shelf
}

fn row(name: &str, price: u32, seats: &str) -> (String, u32, String) {
    (name.to_owned(), price, seats.to_owned())
}

#[tokio::test]
async fn a_batch_that_is_sent_again_changes_nothing_and_a_new_one_what_differs() {
    let tickets = World::new().start();
    let batch = || vec![item("1", 9_000, &["1", "2"]), item("2", 8_000, &["3"])];
    let done = send(&tickets, Upsert, batch()).await;
    assert_eq!(outcomes(&done), [("1", Ok(Created)), ("2", Ok(Created))]);
    let listed = tickets.ticket(done[0].id.unwrap(), None).await.unwrap().unwrap();
    assert_eq!(listed.state.title, "Hamlet", "the event's name");
    let again = send(&tickets, Upsert, batch()).await;
    assert_eq!(outcomes(&again), [("1", Ok(Unchanged)), ("2", Ok(Unchanged))]);
    assert_eq!(again[0].id, done[0].id);
    let unchanged = tickets.ticket(done[0].id.unwrap(), None).await.unwrap().unwrap();
    assert_eq!(unchanged.version, 1);
    let named = BulkListing { title: Some("Aisle".to_owned()), ..item("1", 9_500, &["1"]) };
    let done = send(&tickets, Upsert, vec![named, item("3", 7_000, &["2"])]).await;
    assert_eq!(outcomes(&done), [("1", Ok(Changed)), ("3", Ok(Created))]);
    let shelf = shelf(&tickets).await;
    assert_eq!(shelf, [row("1", 9_500, "1"), row("2", 8_000, "3"), row("3", 7_000, "2")]);
    let kept = send(&tickets, Upsert, vec![item("1", 9_500, &["1"])]).await;
    assert_eq!(outcomes(&kept), [("1", Ok(Unchanged))], "a title that is left out stays");
}

/// FOUND F: a withdrawn lot is listed again; one that was sold here is not, although the file still has it.
#[tokio::test]
async fn a_withdrawn_lot_is_listed_again_and_a_sold_one_is_not() {
    let world = World::new();
    let tickets = world.start();
    let general =
        |name: &str| BulkListing { seats: None, quantity: Some(2), ..item(name, 9_000, &[]) };
    let done = send(&tickets, Upsert, vec![general("1"), general("2")]).await;
    let none = &stubmart_kernel::Precondition::None;
    tickets.withdraw_ticket(&CONTEXT, done[0].id.unwrap(), SELLER, none).await.unwrap();
    world.sell(&tickets, done[1].id.unwrap()).await;
    let again = send(&tickets, Upsert, vec![general("1"), general("2")]).await;
    assert_eq!(outcomes(&again), [("1", Ok(Created)), ("2", no("Sold"))]);
    assert_ne!(again[0].id, done[0].id);
}

/// PRICE-1: what a buyer holds is not changed; as it is, it is no fault.
#[tokio::test]
async fn what_is_in_a_checkout_is_refused_only_where_it_would_change() {
    let world = World::new();
    let tickets = world.start();
    let done =
        send(&tickets, Upsert, vec![item("1", 9_000, &["1"]), item("2", 9_000, &["2"])]).await;
    world.lock(&tickets, done[0].id.unwrap(), START).await;
    let again = vec![item("1", 8_000, &["1"]), item("2", 8_000, &["2"])];
    assert_eq!(
        outcomes(&send(&tickets, Upsert, again).await),
        [("1", no("Locked")), ("2", Ok(Changed))]
    );
    let same = send(&tickets, Replace, vec![item("1", 9_000, &["1"])]).await;
    assert_eq!(outcomes(&same), [("1", Ok(Unchanged)), ("2", Ok(Withdrawn))]);
    let replaced = send(&tickets, Replace, vec![item("3", 9_000, &["3"])]).await;
    assert_eq!(outcomes(&replaced), [("3", Ok(Created)), ("1", no("Locked"))]);
}

/// `replace` is about the events that the items name, and about the seller's own listings.
#[tokio::test]
async fn replacing_withdraws_the_sellers_other_listings_of_those_events_alone() {
    let world = World::new();
    let tickets = world.start();
    world.list(&tickets, OTHER, listing(Some(HAMLET), 1, 5_000)).await;
    let by_hand = world.list(&tickets, SELLER, listing(Some(HAMLET), 1, 6_000)).await;
    world.list(&tickets, SELLER, listing(Some(FAUST), 1, 7_000)).await;
    send(&tickets, Upsert, vec![item("1", 9_000, &["1"]), item("2", 9_000, &["2"])]).await;
    let wrong = BulkListing { price: Price::try_from(1).unwrap(), ..item("2", 1, &["2"]) };
    let done = send(&tickets, Replace, vec![item("3", 9_000, &["1"]), wrong]).await;
    let (last, first) = (&done[..2], &done[2..]);
    assert_eq!(outcomes(last)[0], ("3", Ok(Created)), "its seat was that of a withdrawn listing");
    assert!(outcomes(last)[1].1.is_err(), "and the listing of a bad item stays");
    let withdrawn: Vec<Option<TicketId>> = first.iter().map(|it| it.id).collect();
    assert!(withdrawn.contains(&Some(by_hand)) && withdrawn.len() == 2, "{done:?}");
    assert_eq!(
        shelf(&tickets).await,
        [row("", 7_000, ""), row("2", 9_000, "2"), row("3", 9_000, "1")]
    );
}

/// SEAT-1: seats move between items of one batch, in a line and in a ring.
#[tokio::test]
async fn seats_move_between_the_items_of_a_batch() {
    let tickets = World::new().start();
    let batch = vec![item("1", 9_000, &["1"]), item("2", 9_000, &["2"]), item("3", 9_000, &["3"])];
    let done = send(&tickets, Upsert, batch).await;
    let moved = vec![item("1", 9_000, &["2"]), item("2", 9_000, &["3"]), item("3", 9_000, &["4"])];
    let line = send(&tickets, Upsert, moved).await;
    assert_eq!(outcomes(&line), [("1", Ok(Changed)), ("2", Ok(Changed)), ("3", Ok(Changed))]);
    assert_eq!(
        line.iter().map(|it| it.id).collect::<Vec<_>>(),
        done.iter().map(|it| it.id).collect::<Vec<_>>()
    );
    let ring = vec![item("1", 9_000, &["3"]), item("2", 9_100, &["4"]), item("3", 9_000, &["2"])];
    let ring = send(&tickets, Upsert, ring).await;
    assert_eq!(outcomes(&ring), [("1", Ok(Changed)), ("2", Ok(Changed)), ("3", Ok(Changed))]);
    let rows = [row("1", 9_000, "3"), row("2", 9_100, "4"), row("3", 9_000, "2")];
    assert_eq!(shelf(&tickets).await, rows);
}

/// A ring that somebody's checkout breaks leaves every listing on sale with the seats that it had.
#[tokio::test]
async fn a_ring_that_cannot_be_closed_leaves_its_seats_as_they_were() {
    for held in [0, 1] {
        let world = World::new();
        let tickets = world.start();
        let batch = vec![item("1", 9_000, &["1"]), item("2", 9_000, &["2"])];
        let done = send(&tickets, Upsert, batch).await;
        world.lock(&tickets, done[held].id.unwrap(), START).await;
        let how = Bulk { mode: Upsert, dry_run: false, is_established: false };
        let swapped = items(vec![item("1", 9_000, &["2"]), item("2", 9_000, &["1"])]);
        let done = tickets.bulk(&CONTEXT, SELLER, how, swapped, &|| ()).await.unwrap();
        assert!(done.iter().all(|it| it.outcome.is_err()), "{done:?}");
        assert_eq!(shelf(&tickets).await, [row("1", 9_000, "1"), row("2", 9_000, "2")], "{held}");
    }
}

/// One item's fault harms no other: a seat of somebody else's, a name given twice, an event that is not
/// there, a count that does not fit.
#[tokio::test]
async fn one_items_fault_harms_no_other() {
    let world = World::new();
    let tickets = world.start();
    let theirs = item("x", 5_000, &["9"]).listing("Theirs".to_owned(), Some(HAMLET));
    world.list(&tickets, OTHER, theirs).await;
    let batch = vec![
        item("1", 9_000, &["9", "10"]),
        item("2", 9_000, &["1"]),
        item("2", 9_000, &["2"]),
        BulkListing {
            event_id: Some(stubmart_contract::EventId(uuid::Uuid::nil())),
            ..item("3", 9_000, &["3"])
        },
        BulkListing { quantity: Some(3), ..item("4", 9_000, &["4"]) },
        item("5", 1, &["5"]),
        item("6", 9_000, &["6"]),
        item("7", 9_000, &["6"]),
    ];
    let done = send(&tickets, Upsert, batch).await;
    assert_eq!(done.iter().filter(|it| it.outcome.is_err()).count(), 7, "{done:?}");
    assert_eq!(outcomes(&done)[0], ("1", no("seats 9")));
    assert_eq!(outcomes(&done)[1], ("2", no("externalId")));
    assert_eq!(outcomes(&done)[2], ("2", no("externalId")));
    assert_eq!(outcomes(&done)[3], ("3", no("eventId")));
    assert_eq!(outcomes(&done)[6], ("6", Ok(Created)));
    assert_eq!(outcomes(&done)[7], ("7", no("seats 6")));
    assert_eq!(shelf(&tickets).await, [row("6", 9_000, "6")]);
}

#[tokio::test]
async fn an_event_is_named_by_what_it_is_called() {
    let tickets = World::new().start();
    let named = |number: &str, name: &str, venue: &str| BulkListing {
        event_id: None,
        event: Some(stubmart_contract::api::EventByName {
            name: name.to_owned(),
            venue: venue.to_owned(),
            city: None,
            local_start: "2027-03-01T19:30".parse().unwrap(),
        }),
        ..item(number, 9_000, &[number])
    };
    let hamlet = HAMLET.to_string();
    let batch = vec![
        named("1", &hamlet, "Globe"),
        named("2", &hamlet, "Twice"),
        named("3", "Cats", "Globe"),
    ];
    let done = send(&tickets, Upsert, batch).await;
    assert_eq!(outcomes(&done), [("1", Ok(Created)), ("2", no("event")), ("3", no("event"))]);
    assert_eq!(on_sale(&tickets).await[0].event_id, Some(HAMLET));
}

/// Nobody knows which listing a nameless item means, so nothing is withdrawn for not being named.
#[tokio::test]
async fn nothing_is_replaced_by_what_has_no_name() {
    let tickets = World::new().start();
    send(&tickets, Upsert, vec![item("1", 9_000, &["1"])]).await;
    let error = FieldError { field: "externalId".to_owned(), message: "is required".to_owned() };
    let mut batch = items(vec![item("2", 9_000, &["2"])]);
    batch.push(Item { external_id: None, asked: Err(vec![error]) });
    let how = Bulk { mode: Replace, dry_run: false, is_established: false };
    let refused = tickets.bulk(&CONTEXT, SELLER, how, batch, &|| ()).await;
    assert!(matches!(refused, Err(BulkError::Nameless(2))), "{refused:?}");
    assert_eq!(shelf(&tickets).await, [row("1", 9_000, "1")]);
}

/// Two batches of one inventory at the same time list each lot once.
#[tokio::test]
async fn two_batches_at_once_list_each_lot_once() {
    let tickets = World::new().start();
    let general = |name: usize| BulkListing {
        seats: None,
        quantity: Some(2),
        ..item(&name.to_string(), 9_000, &[])
    };
    let how = Bulk { mode: Upsert, dry_run: false, is_established: false };
    let batch = || items((0..40).map(general).collect());
    let sent = (0..4).map(|_| tickets.bulk(&CONTEXT, SELLER, how, batch(), &|| ()));
    for done in futures_util::future::join_all(sent).await {
        assert!(done.unwrap().iter().all(|it| it.outcome.is_ok()));
    }
    assert_eq!(on_sale(&tickets).await.len(), 40);
}

/// A store that is down ends the batch; sent again, it is done.
#[tokio::test]
async fn a_store_that_fails_is_no_refusal() {
    let world = World::new();
    let tickets = world.start();
    world.store.fail_next_save();
    let how = Bulk { mode: Upsert, dry_run: false, is_established: false };
    let batch = || items(vec![item("1", 9_000, &["1"]), item("2", 9_000, &["2"])]);
    let failed = tickets.bulk(&CONTEXT, SELLER, how, batch(), &|| ()).await;
    assert!(matches!(failed, Err(BulkError::Repository(_))), "{failed:?}");
    tickets.bulk(&CONTEXT, SELLER, how, batch(), &|| ()).await.unwrap();
    assert_eq!(shelf(&tickets).await.len(), 2);
}

/// A new account lists so many in a day, in batches as one by one; what is there already is changed as often
/// as one likes, and what was not listed is listed once there is room.
#[tokio::test]
async fn what_is_created_counts_against_what_a_new_account_may_list() {
    let world = World::new();
    let tickets = world.start();
    let general = |name: usize, price: i64| BulkListing {
        seats: None,
        quantity: Some(2),
        ..item(&name.to_string(), price, &[])
    };
    let how = Bulk { mode: Upsert, dry_run: false, is_established: false };
    let batch = |price: i64| items((0..210).map(|it| general(it, price)).collect());
    let created =
        |done: &[Done]| done.iter().filter(|it| matches!(it.outcome, Ok(Created))).count();
    let limited = |done: &[Done]| {
        done.iter().filter(|it| matches!(it.outcome, Err(Refused::Limited(_)))).count()
    };
    let try_out = async || {
        let tried = Bulk { dry_run: true, ..how };
        let would = tickets.bulk(&CONTEXT, SELLER, tried, batch(9_000), &|| ()).await.unwrap();
        (created(&would), limited(&would))
    };
    assert_eq!(try_out().await, (200, 10), "what would be done");
    let done = tickets.bulk(&CONTEXT, SELLER, how, batch(9_000), &|| ()).await.unwrap();
    assert_eq!((created(&done), limited(&done)), (200, 10), "trying counted nothing");
    assert_eq!(try_out().await, (0, 10));
    let done = tickets.bulk(&CONTEXT, SELLER, how, batch(9_500), &|| ()).await.unwrap();
    assert_eq!((created(&done), limited(&done)), (0, 10), "changes are not counted");
    let known = Bulk { is_established: true, ..how };
    let done = tickets.bulk(&CONTEXT, SELLER, known, batch(9_500), &|| ()).await.unwrap();
    assert_eq!((created(&done), limited(&done)), (10, 0));
}

/// An item says how it comes to its buyer. A listing keeps its kind where nothing is said of it, also where
/// its seats are exchanged.
#[tokio::test]
async fn an_item_says_how_it_is_delivered() {
    let tickets = World::new().start();
    let paper = |name: &str, seat: &str| BulkListing {
        delivery_kind: Some(DeliveryKind::Paper),
        ..item(name, 9_000, &[seat])
    };
    let done = send(&tickets, Upsert, vec![paper("1", "1"), paper("2", "2")]).await;
    assert_eq!(outcomes(&done), [("1", Ok(Created)), ("2", Ok(Created))]);
    let again = vec![paper("1", "1"), item("2", 9_000, &["2"])];
    let done = send(&tickets, Upsert, again).await;
    assert_eq!(outcomes(&done), [("1", Ok(Unchanged)), ("2", Ok(Unchanged))]);
    let link = BulkListing { delivery_kind: Some(DeliveryKind::Link), ..paper("1", "1") };
    let done = send(&tickets, Upsert, vec![link]).await;
    assert_eq!(outcomes(&done), [("1", no("deliveryKind"))]);
    send(&tickets, Upsert, vec![item("1", 9_000, &["2"]), item("2", 9_000, &["1"])]).await;
    let kinds: Vec<_> = on_sale(&tickets).await.iter().map(|it| it.delivery_kind).collect();
    assert_eq!(kinds, [DeliveryKind::Paper; 2]);
}
