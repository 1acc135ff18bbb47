use stubmart_contract::{Actor, Currency, MessageId, Price, Timestamp, UserId, api::TicketStatus};
use uuid::Uuid;

use super::*;

fn change(ticket: u128, event: u128, version: u64) -> Arc<Envelope> {
    let id = MessageId(Uuid::nil());
    let ticket = TicketState {
        id: TicketId(Uuid::from_u128(ticket)),
        user_id: UserId(Uuid::nil()),
        title: "Stalls".to_owned(),
        price: Price::try_from(1).unwrap(),
        fees: stubmart_contract::fees::SaleFees::NONE,
        currency: Currency::USD,
        status: TicketStatus::Available,
        event_id: Some(EventId(Uuid::from_u128(event))),
        section: None,
        row: None,
        seats: Vec::new(),
        quantity: 1,
        delivery_kind: Default::default(),
        external_id: None,
        order_id: None,
        buyer_id: None,
        locked_until: None,
        turn: None,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
    };
    Arc::new(Envelope {
        id,
        aggregate_id: ticket.id.0,
        version,
        at: Timestamp::EPOCH,
        causation_id: id,
        correlation_id: id,
        actor: Actor::System,
        request_id: None,
        event: DomainEvent::TicketUpdated(ticket),
    })
}

fn feed() -> Arc<Feed> {
    let feed = Arc::new(Feed::default());
    feed.begin(Mark { life: 0, position: 0 });
    feed
}

fn topic(event: u128) -> Topic {
    Topic::Event(EventId(Uuid::from_u128(event)))
}

fn positions(missed: Missed) -> Option<Vec<u64>> {
    match missed {
        Missed::Changes(changes) => Some(changes.iter().map(|it| it.position).collect()),
        Missed::TooMuch => None,
    }
}

/// However many changes of other topics there are, they neither wake a listener nor crowd out what it
/// listens for.
#[tokio::test]
async fn a_listener_hears_its_own_topic_only() {
    let feed = feed();
    let (mut listener, _) = feed.listen(topic(1), None);
    feed.publish(1, &change(10, 1, 1));
    for version in 1..=2 * u64::try_from(BEHIND_MAX).unwrap() {
        feed.publish(1 + version, &change(20, 2, version));
    }
    assert_eq!(listener.heard_up_to(), None, "one change waits");
    assert_eq!(listener.next().await.unwrap().position, 1);
    assert_eq!(listener.heard_up_to(), Some(2049));
}

#[tokio::test]
async fn an_event_that_comes_again_is_no_news_and_does_not_hide_a_newer_one() {
    let feed = feed();
    let (mut listener, _) = feed.listen(Topic::Ticket(TicketId(Uuid::from_u128(10))), None);
    for (position, version) in [(1, 3), (2, 4), (3, 3), (4, 4), (5, 5)] {
        feed.publish(position, &change(10, 1, version));
    }
    for position in [1, 2, 5] {
        assert_eq!(listener.next().await.unwrap().position, position);
    }
    assert_eq!(listener.heard_up_to(), Some(5));
    let (_, missed) = feed.listen(topic(1), Some(0));
    assert_eq!(positions(missed), Some(vec![1, 2, 5]));
}

#[test]
fn a_client_that_comes_back_gets_what_it_missed_as_far_as_that_is_kept() {
    let feed = feed();
    let max = u64::try_from(RECENT_MAX).unwrap();
    for position in 1..=max {
        feed.publish(position, &change(u128::from(position), u128::from(position % 2), 1));
    }
    let missed = |last| positions(feed.listen(topic(1), last).1);
    assert_eq!(missed(None), Some(vec![]));
    assert_eq!(missed(Some(max)), Some(vec![]));
    assert_eq!(missed(Some(max - 4)), Some(vec![max - 3, max - 1]));
    assert_eq!(missed(Some(0)).map(|it| it.len()), Some(RECENT_MAX / 2));
    assert_eq!(missed(Some(max + 1)), None, "an id of another bus");
    feed.publish(max + 1, &change(1, 1, 2));
    assert_eq!(missed(Some(0)), None, "the first change is no longer kept");
    assert_eq!(missed(Some(1)).map(|it| it.len()), Some(RECENT_MAX / 2));
    feed.begin(Mark { life: 1, position: 7 });
    assert_eq!(missed(Some(6)), None);
    assert_eq!(missed(Some(7)), Some(vec![]));
}

#[test]
fn a_channel_lasts_as_long_as_somebody_listens() {
    let feed = feed();
    let (first, second) = (feed.listen(topic(1), None), feed.listen(topic(1), None));
    drop(first);
    assert_eq!(feed.state().channels.len(), 1);
    drop(second);
    assert_eq!(feed.state().channels.len(), 0);
}
