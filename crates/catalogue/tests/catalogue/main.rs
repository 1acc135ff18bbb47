//! The catalogue on engines in memory: what it learns, what it keeps, and what it streams.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unimplemented,
    reason = "a test fails by panicking"
)]

mod world;

use std::{sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _};
use stubmart_catalogue::{
    Catalogue,
    feed::Topic,
    show::Show,
    shows::{Order, ShowQuery},
    stream::{StreamError, Update},
};
use stubmart_contract::{
    EventId, Price, TicketId, TimeZone, UserId,
    api::{CreateEventRequest, Event, TicketStatus, Venue},
    calls::{NotFoundByName, ShowByName},
};
use stubmart_kernel::page::{Cursor, PageRequest};
use stubmart_ports::{
    bus::Bus as _,
    calls::Catalogue as _,
    store::{Collection, DocKey, Expect, Index, IndexEntry, Save, SaveId, Store as _},
};
use stubmart_suite::host::START;
use uuid::Uuid;

use crate::world::{CONTEXT, Instance, World, names, show};

const SECOND: Duration = Duration::from_secs(1);

/// How many can be bought, and the lowest price.
async fn offers(catalogue: &Catalogue, id: EventId) -> (u32, Option<u32>) {
    let event = catalogue.event(id).await.unwrap().unwrap();
    (event.available, event.min_price.map(Price::minor))
}

async fn list(catalogue: &Catalogue, query: ShowQuery) -> Vec<Event> {
    catalogue.find_shows(&query, &PageRequest::default()).await.unwrap().items
}

/// Everything that two instances can be compared by.
async fn all(catalogue: &Catalogue) -> (Vec<Event>, Vec<Event>, Vec<u32>) {
    let by_date = list(catalogue, ShowQuery::default()).await;
    let by_price =
        list(catalogue, ShowQuery { order: Some(Order::Price), ..ShowQuery::default() }).await;
    let mut sold = Vec::new();
    for event in &by_date {
        sold.push(catalogue.event_prices(event.id).await.unwrap().unwrap().sold.count);
    }
    (by_date, by_price, sold)
}

/// One instance has run for long, the other starts now, from what the first has kept; both show the same
/// within a second of an event.
#[tokio::test]
async fn two_instances_started_at_different_times_show_the_same_within_a_second() {
    let mut world = World::new();
    let first = world.start();
    let (hamlet, faust) = (world.add(&first, "Hamlet").await, world.add(&first, "Faust").await);
    let mut tickets = Vec::new();
    for price in 1..=9 {
        tickets.push(world.list(if price % 2 == 0 { hamlet } else { faust }, price).await);
    }
    first.follows(SECOND).await;
    first.saves().await;
    world.change(tickets[0], TicketStatus::Sold, 1).await;
    world.list(hamlet, 50).await;
    let second = world.start();
    first.follows(SECOND).await;
    second.follows(SECOND).await;
    assert_eq!(offers(&second, hamlet).await, (5, Some(2)));
    assert_eq!(offers(&second, faust).await, (4, Some(3)));
    assert_eq!(all(&first).await, all(&second).await);
    let carmen = world.add(&second, "Carmen").await;
    world.list(carmen, 7).await;
    world.change(tickets[1], TicketStatus::Locked, 2).await;
    world.change(tickets[1], TicketStatus::Sold, 2).await;
    first.follows(SECOND).await;
    second.follows(SECOND).await;
    assert_eq!(offers(&first, carmen).await, (1, Some(7)));
    assert_eq!(all(&first).await, all(&second).await);
    second.saves().await;
    first.saves().await;
    let third = world.start();
    third.follows(SECOND).await;
    assert_eq!(all(&third).await, all(&first).await);
}

/// A start needs nothing of the bus for what was kept: the whole past may be gone from it.
#[tokio::test]
async fn an_instance_starts_from_what_was_kept() {
    let mut world = World::new();
    let first = world.start();
    let hamlet = world.add(&first, "Hamlet").await;
    let ticket = world.list(hamlet, 500).await;
    world.list(hamlet, 700).await;
    first.follows(SECOND).await;
    first.saves().await;
    world.bus.wipe();
    let second = world.start();
    assert_eq!(offers(&second, hamlet).await, (2, Some(500)));
    second.follows(SECOND).await;
    world.change(ticket, TicketStatus::Locked, 500).await;
    second.follows(SECOND).await;
    assert_eq!(offers(&second, hamlet).await, (1, Some(700)));
    assert_eq!(second.event_prices(hamlet).await.unwrap().unwrap().on_sale.count, 1);
}

/// An instance that is killed loses only what it had not saved, and the bus still has that.
#[tokio::test]
async fn an_instance_that_was_killed_serves_what_it_kept_and_catches_up() {
    let mut world = World::new();
    let killed = world.start();
    let hamlet = world.add(&killed, "Hamlet").await;
    let ticket = world.list(hamlet, 500).await;
    killed.follows(SECOND).await;
    killed.saves().await;
    world.change(ticket, TicketStatus::Sold, 500).await;
    world.list(hamlet, 300).await;
    killed.follows(SECOND).await;
    assert_eq!(offers(&killed, hamlet).await, (1, Some(300)));
    drop(killed);
    let next = world.start();
    assert_eq!(offers(&next, hamlet).await, (1, Some(500)), "what was kept");
    next.follows(SECOND).await;
    assert_eq!(offers(&next, hamlet).await, (1, Some(300)));
}

/// What another instance has saved since the start is in the lists as soon as it is read, although its events
/// are no news by then.
#[tokio::test]
async fn what_another_instance_saved_meanwhile_is_shown() {
    let mut world = World::new();
    let first = world.start();
    let hamlet = world.add(&first, "Hamlet").await;
    let second = world.start();
    assert_eq!(offers(&second, hamlet).await, (0, None));
    world.list(hamlet, 500).await;
    world.list(hamlet, 700).await;
    first.follows(SECOND).await;
    first.saves().await;
    second.follows(SECOND).await;
    assert_eq!(offers(&second, hamlet).await, (2, Some(500)));
}

/// Positions begin again when the bus is wiped; nothing that is published after that is passed over, and
/// the past that is published again changes nothing.
#[tokio::test]
async fn a_wiped_bus_loses_nothing() {
    let mut world = World::new();
    let catalogue = world.start();
    let hamlet = world.add(&catalogue, "Hamlet").await;
    let ticket = world.list(hamlet, 500).await;
    for _ in 0..5 {
        world.change(ticket, TicketStatus::Locked, 500).await;
        world.change(ticket, TicketStatus::Available, 500).await;
    }
    catalogue.follows(SECOND).await;
    world.bus.wipe();
    world.change(ticket, TicketStatus::Sold, 500).await;
    catalogue.follows(SECOND).await;
    assert_eq!(offers(&catalogue, hamlet).await, (0, None));
    world.publish_all().await;
    catalogue.follows(SECOND).await;
    assert_eq!(offers(&catalogue, hamlet).await, (0, None));
    catalogue.saves().await;
    let next = world.start();
    next.follows(SECOND).await;
    assert_eq!(offers(&next, hamlet).await, (0, None));
}

/// A bus that was wiped and has more events again than were followed is another bus all the same, for an
/// instance that runs and for one that starts from what was kept.
#[tokio::test]
async fn a_wiped_bus_that_has_grown_again_is_followed_from_its_beginning() {
    let mut world = World::new();
    let catalogue = world.start();
    let hamlet = world.add(&catalogue, "Hamlet").await;
    let ticket = world.list(hamlet, 500).await;
    catalogue.follows(SECOND).await;
    catalogue.saves().await;
    world.bus.wipe();
    world.change(ticket, TicketStatus::Sold, 500).await;
    let faust = world.add(&catalogue, "Faust").await;
    for price in 1..=9 {
        world.list(faust, price).await;
    }
    let next = world.start();
    for instance in [&catalogue, &next] {
        instance.follows(SECOND).await;
        assert_eq!(offers(instance, hamlet).await, (0, None));
        assert_eq!(offers(instance, faust).await, (9, Some(1)));
    }
}

/// Whatever order the events of a ticket come in, and however often, the last version counts.
#[tokio::test]
async fn reordered_and_repeated_events_are_counted_once() {
    let mut world = World::new();
    let catalogue = world.start();
    let hamlet = world.add(&catalogue, "Hamlet").await;
    for price in 1..=4 {
        let ticket = world.list(hamlet, price).await;
        world.change(ticket, TicketStatus::Locked, price).await;
        world.change(ticket, TicketStatus::Available, price + 10).await;
    }
    world.bus.wipe();
    world.publish_backwards().await;
    catalogue.follows(SECOND).await;
    assert_eq!(offers(&catalogue, hamlet).await, (4, Some(11)));
    world.publish_all().await;
    world.publish_backwards().await;
    catalogue.follows(SECOND).await;
    assert_eq!(offers(&catalogue, hamlet).await, (4, Some(11)));
}

/// Tickets says at once what it has changed, so that a seller who lists and then looks sees the listing. The
/// event of the change comes later, and an older call may come after it.
#[tokio::test]
async fn a_call_counts_a_change_before_its_event_does() {
    let mut world = World::new();
    let catalogue = world.start();
    let hamlet = world.add(&catalogue, "Hamlet").await;
    let ticket = world.list(hamlet, 500).await;
    let listed = world.tickets.listing(ticket);
    catalogue.listing_changed(&CONTEXT, listed.clone()).await.unwrap();
    assert_eq!(offers(&catalogue, hamlet).await, (1, Some(500)));
    world.change(ticket, TicketStatus::Locked, 500).await;
    let locked = world.tickets.listing(ticket);
    catalogue.listing_changed(&CONTEXT, locked).await.unwrap();
    catalogue.listing_changed(&CONTEXT, listed).await.unwrap();
    assert_eq!(offers(&catalogue, hamlet).await, (0, None));
    catalogue.follows(SECOND).await;
    assert_eq!(offers(&catalogue, hamlet).await, (0, None));
}

/// A show is there for every instance as soon as its request was answered, and a listing can count for it
/// before its event has come.
#[tokio::test]
async fn a_show_of_another_instance_is_known_at_once() {
    let mut world = World::new();
    let (one, other) = (world.start(), world.start());
    one.follows(SECOND).await;
    let hamlet = world.add_quietly(&other, "Hamlet").await;
    assert_eq!(one.show(&CONTEXT, hamlet).await.unwrap().unwrap().id, hamlet);
    let faust = world.add_quietly(&other, "Faust").await;
    let ticket = world.list(faust, 9).await;
    one.follows(SECOND).await;
    assert_eq!(offers(&one, faust).await, (1, Some(9)));
    world.change(ticket, TicketStatus::Sold, 9).await;
    world.relay().await;
    one.follows(SECOND).await;
    let words = Some("faust".to_owned());
    let found = list(&one, ShowQuery { words, ..ShowQuery::default() }).await;
    assert_eq!(names(&found), ["Faust"]);
    let nothing = EventId(Uuid::from_u128(1));
    assert_eq!(one.show(&CONTEXT, nothing).await.unwrap(), None);
}

/// The same show is added once, by any user, in any spelling and under any id.
#[tokio::test]
async fn a_show_is_added_once() {
    let world = World::new();
    let (one, other) = (world.start(), world.start());
    let first = one.add_show(&CONTEXT, EventId(Uuid::from_u128(1)), &show("Hamlet")).await.unwrap();
    assert!(first.is_new);
    for (catalogue, id, name) in [(&one, 1, "Hamlet"), (&one, 2, "HAMLET"), (&other, 3, "Hamlet")] {
        let id = EventId(Uuid::from_u128(id));
        let again = catalogue.add_show(&CONTEXT, id, &show(name)).await.unwrap();
        assert_eq!((again.event.id, again.is_new), (first.event.id, id == first.event.id));
    }
    world.relay().await;
    assert_eq!(world.bus.position().await.unwrap(), 1, "one event");
}

/// A show is found by what it is called, in any spelling, where one show only is called so.
#[tokio::test]
async fn a_show_is_found_by_name_venue_and_start() {
    let world = World::new();
    let catalogue = world.start();
    let add = async |city: &str, local_start: &str| {
        let venue = Venue::new("Globe", city);
        let start = local_start.parse().unwrap();
        let asked = CreateEventRequest::new("Les Mis\u{e9}rables", "Plays", venue, start);
        let id = EventId(world.host.uuid());
        catalogue.add_show(&CONTEXT, id, &asked).await.unwrap();
        id
    };
    let matinee = add("London", "2027-03-01T14:30").await;
    let evening = add("London", "2027-03-01T19:30").await;
    let unknown_time = add("London", "2027-03-02").await;
    let paris = add("Paris", "2027-03-01T19:30").await;
    let named = async |city: Option<&str>, local_start: &str| {
        let asked = ShowByName {
            name: "LES  mise\u{301}rables".to_owned(),
            venue: "globe".to_owned(),
            city: city.map(ToOwned::to_owned),
            local_start: local_start.parse().unwrap(),
        };
        catalogue.show_by_name(&CONTEXT, asked).await.unwrap().map(|it| it.id)
    };
    assert_eq!(named(None, "2027-03-01T14:30").await, Ok(matinee));
    assert_eq!(named(None, "2027-03-01T19:30").await, Err(NotFoundByName::Several));
    assert_eq!(named(Some("LONDON"), "2027-03-01T19:30").await, Ok(evening));
    assert_eq!(named(Some("Paris"), "2027-03-01").await, Ok(paris), "the day alone");
    assert_eq!(named(Some("London"), "2027-03-01").await, Err(NotFoundByName::Several));
    assert_eq!(named(None, "2027-03-02T20:00").await, Ok(unknown_time), "its time is not known");
    assert_eq!(named(None, "2027-03-03").await, Err(NotFoundByName::Unknown));
}

/// FOUND G: a query without a word finds nothing; one that names days finds what is on then, and where
/// nothing is, they are words like others.
#[tokio::test]
async fn a_query_finds_by_words_and_days_or_nothing() {
    let world = World::new();
    let catalogue = world.start();
    for name in ["Hamlet", "Tonight, Tonight"] {
        world.add(&catalogue, name).await;
    }
    let tomorrow = TimeZone::UTC.local(START).days_later(1);
    let faust = CreateEventRequest { local_start: Some(tomorrow), ..show("Faust") };
    catalogue.add_show(&CONTEXT, EventId(world.host.uuid()), &faust).await.unwrap();
    let found = async |words: &str| {
        let words = Some(words.to_owned());
        let found = list(&catalogue, ShowQuery { words, ..ShowQuery::default() }).await;
        let mut names: Vec<_> = found.into_iter().map(|it| it.name).collect();
        names.sort_unstable();
        names
    };
    for (query, expected) in [
        (" ?! ", &[][..]),
        ("tomorrow", &["Faust"]),
        ("today", &["Hamlet", "Tonight, Tonight"]),
        ("hamlet today", &["Hamlet"]),
        ("hamlet tomorrow", &[]),
        ("tonight tonight", &["Tonight, Tonight"]),
    ] {
        assert_eq!(found(query).await, expected, "{query}");
    }
}

/// Lists go page by page, behind the cursor of the page before.
#[tokio::test]
async fn shows_are_listed_page_by_page() {
    let world = World::new();
    let catalogue = world.start();
    for name in ["Hamlet", "Faust", "Carmen"] {
        world.add(&catalogue, name).await;
    }
    let mut page = PageRequest { limit: 2, cursor: None };
    let first = catalogue.find_shows(&ShowQuery::default(), &page).await.unwrap();
    assert_eq!(first.items.len(), 2);
    page.cursor = first.next;
    let second = catalogue.find_shows(&ShowQuery::default(), &page).await.unwrap();
    assert_eq!((second.items.len(), second.next), (1, None));
    page.cursor = Some(Cursor::behind(vec![1, 2, 3]));
    catalogue.find_shows(&ShowQuery::default(), &page).await.unwrap_err();
}

/// Shows that an earlier version kept for tickets, without an event, are taken over: they are found, and
/// others hear of them.
#[tokio::test]
async fn shows_of_an_earlier_version_are_taken_over() {
    static FORMER: Collection = Collection {
        name: "tickets.event",
        indexes: &[Index { name: "natural", unique: true }, Index { name: "added", unique: false }],
    };
    let world = World::new();
    for number in 1..=3 {
        let id = Uuid::from_u128(number);
        let body = format!(
            "{{\"id\":\"{id}\",\"name\":\"Show {number}\",\"category\":\"Plays\",\
             \"venue\":{{\"name\":\"Globe\",\"city\":\"London\",\"region\":null}},\
             \"startsAt\":\"2031-01-01T00:00:00.000Z\",\"createdAt\":\"2026-01-01T00:00:00.000Z\"}}"
        );
        let read: Show = serde_json::from_str(&body).unwrap();
        let key = stubmart_catalogue::show::natural_key(&read);
        let added = stubmart_ports::key::Key::new().time(read.created_at).id(id);
        let save = Save {
            key: DocKey { collection: &FORMER, id },
            expect: Expect::Absent,
            save_id: SaveId(id),
            body: body.into_bytes(),
            entries: vec![
                IndexEntry { index: "natural", key },
                IndexEntry { index: "added", key: added },
            ],
            version: 0,
            events: Vec::new(),
        };
        world.store.save(Arc::new(save)).await.unwrap();
    }
    let catalogue = world.start();
    for _ in 0..2 {
        catalogue.upgrade().await.unwrap();
        assert_eq!(list(&catalogue, ShowQuery::default()).await.len(), 3);
    }
    world.relay().await;
    assert_eq!(world.bus.position().await.unwrap(), 3, "an event for each");
    let local_start = "2031-01-01T00:00".parse().ok();
    let again = CreateEventRequest { local_start, ..show("Show 1") };
    let added = catalogue.add_show(&CONTEXT, EventId(world.host.uuid()), &again);
    assert!(!added.await.unwrap().is_new);
}

/// One event that cannot be read does not keep the catalogue from those behind it.
#[tokio::test]
async fn an_unreadable_event_does_not_stop_the_catalogue() {
    let mut world = World::new();
    let catalogue = world.start_where_one_event_is_damaged();
    let hamlet = world.add(&catalogue, "Hamlet").await;
    world.list(hamlet, 500).await;
    world.list(hamlet, 700).await;
    catalogue.follows(SECOND).await;
    assert_eq!(offers(&catalogue, hamlet).await, (1, Some(700)));
}

type Updates = std::pin::Pin<Box<dyn Stream<Item = Update> + Send>>;

async fn stream(catalogue: &Instance, topic: Topic, last: Option<u64>) -> Updates {
    let stream = catalogue.stream(&CONTEXT, topic, None, last);
    Box::pin(catalogue.while_following(stream).await.unwrap())
}

/// The next update.
async fn next(catalogue: &Instance, stream: &mut Updates) -> Update {
    catalogue.while_following(stream.next()).await.unwrap()
}

fn told(update: &Update) -> (Option<u64>, u64, String) {
    let Update::Ticket { id, data } = update else { panic!("{update:?}") };
    let ticket: serde_json::Value = serde_json::from_str(data).unwrap();
    (*id, ticket["version"].as_u64().unwrap(), ticket["status"].as_str().unwrap().to_owned())
}

/// A stream tells of its own topic from the moment it begins.
#[tokio::test]
async fn a_stream_tells_every_change_of_its_topic_from_now_on() {
    let mut world = World::new();
    let catalogue = world.start();
    let (hamlet, faust) =
        (world.add(&catalogue, "Hamlet").await, world.add(&catalogue, "Faust").await);
    let ticket = world.list(hamlet, 500).await;
    let mut streams = Vec::new();
    for topic in [Topic::Ticket(ticket), Topic::Event(hamlet)] {
        let mut stream = stream(&catalogue, topic, None).await;
        assert!(matches!(next(&catalogue, &mut stream).await, Update::SeenTo(_)));
        streams.push(stream);
    }
    world.list(faust, 1).await;
    world.change(ticket, TicketStatus::Locked, 500).await;
    world.change(ticket, TicketStatus::Available, 500).await;
    for stream in &mut streams {
        assert_eq!(told(&next(&catalogue, stream).await).1, 2);
        assert_eq!(told(&next(&catalogue, stream).await).1, 3);
    }
    world.runs.shut_down();
    for mut stream in streams {
        assert_eq!(stream.next().await, None, "it ends with the server");
    }
}

/// A client that comes back gets what it missed, also from an instance that started in between.
#[tokio::test]
async fn a_stream_resumes_behind_the_last_event_that_was_seen() {
    let mut world = World::new();
    let first = world.start();
    let hamlet = world.add(&first, "Hamlet").await;
    let ticket = world.list(hamlet, 500).await;
    let mut before = stream(&first, Topic::Event(hamlet), None).await;
    next(&first, &mut before).await;
    world.change(ticket, TicketStatus::Locked, 500).await;
    let (last, version, _) = told(&next(&first, &mut before).await);
    assert_eq!(version, 2);
    drop(before);
    world.change(ticket, TicketStatus::Available, 500).await;
    world.change(ticket, TicketStatus::Locked, 500).await;
    let second = world.start();
    for catalogue in [&first, &second] {
        let mut resumed = stream(catalogue, Topic::Event(hamlet), last).await;
        assert_eq!(next(catalogue, &mut resumed).await, Update::SeenTo(last.unwrap()));
        assert_eq!(told(&next(catalogue, &mut resumed).await).1, 3);
        assert_eq!(told(&next(catalogue, &mut resumed).await).1, 4);
    }
}

/// A client that was away for too long gets what there is now, without ids but for the end, and changes
/// that it has seen in there are no news.
#[tokio::test]
async fn a_stream_that_cannot_be_resumed_begins_with_the_present_state() {
    let mut world = World::new();
    let catalogue = world.start();
    let hamlet = world.add(&catalogue, "Hamlet").await;
    let (sold, open) = (world.list(hamlet, 2).await, world.list(hamlet, 3).await);
    let gone = world.list(hamlet, 4).await;
    world.change(sold, TicketStatus::Sold, 2).await;
    world.change(gone, TicketStatus::Withdrawn, 4).await;
    let mut resumed = stream(&catalogue, Topic::Event(hamlet), Some(9_000_000_000)).await;
    assert_eq!(next(&catalogue, &mut resumed).await, Update::SeenTo(9_000_000_000));
    // This change is in the present state already when its event comes.
    world.change(open, TicketStatus::Locked, 3).await;
    let mut state = Vec::new();
    loop {
        match next(&catalogue, &mut resumed).await {
            Update::SeenTo(_) => break,
            update => {
                let (id, version, status) = told(&update);
                assert_eq!(id, None);
                state.push((version, status));
            }
        }
    }
    state.sort();
    assert_eq!(state, [(2, "locked".to_owned()), (2, "sold".to_owned())]);
    world.change(open, TicketStatus::Available, 3).await;
    assert_eq!(told(&next(&catalogue, &mut resumed).await).1, 3);
    let mut alone = stream(&catalogue, Topic::Ticket(sold), Some(9_000_000_000)).await;
    next(&catalogue, &mut alone).await;
    assert_eq!(told(&next(&catalogue, &mut alone).await).2, "sold");
}

/// What nobody may see has no stream: a show or ticket that does not exist, and another's withdrawn ticket.
#[tokio::test]
async fn there_is_no_stream_of_what_one_may_not_see() {
    let mut world = World::new();
    let catalogue = world.start();
    let hamlet = world.add(&catalogue, "Hamlet").await;
    let ticket = world.list(hamlet, 500).await;
    world.change(ticket, TicketStatus::Withdrawn, 500).await;
    let nothing = Uuid::from_u128(1);
    for topic in
        [Topic::Event(EventId(nothing)), Topic::Ticket(TicketId(nothing)), Topic::Ticket(ticket)]
    {
        let refused = catalogue.stream(&CONTEXT, topic, None, None).await;
        assert!(matches!(refused.err(), Some(StreamError::NotFound)), "{topic:?}");
    }
    let seller = Some(world::SELLER);
    let stream = catalogue.stream(&CONTEXT, Topic::Ticket(ticket), seller, None);
    assert!(catalogue.while_following(stream).await.is_ok());
    let other = Some(UserId(nothing));
    assert!(catalogue.stream(&CONTEXT, Topic::Ticket(ticket), other, None).await.is_err());
}

/// A stream that has nothing to tell says that it is alive, and up to where its client has seen everything.
#[tokio::test]
async fn a_silent_stream_says_that_it_is_alive() {
    let mut world = World::new();
    let catalogue = world.start();
    let (hamlet, faust) =
        (world.add(&catalogue, "Hamlet").await, world.add(&catalogue, "Faust").await);
    let mut stream = stream(&catalogue, Topic::Event(hamlet), None).await;
    let Update::SeenTo(begin) = next(&catalogue, &mut stream).await else { panic!("no id") };
    world.list(faust, 1).await;
    catalogue.follows(SECOND).await;
    let mut waiting = Box::pin(stream.next());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    world.clock.advance(Duration::from_secs(20));
    let Some(Update::SeenTo(seen)) = waiting.await else { panic!("not alive") };
    assert!(seen > begin, "{seen} {begin}");
}
