//! The live feed: every change of a ticket, to the streams of this instance that are about it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use stubmart_contract::{DomainEvent, Envelope, EventId, EventType, TicketId, event::TicketState};
use stubmart_kernel::follow::{Follow, Sink};
use stubmart_ports::{Cause, bus::Seen};
use tokio::sync::broadcast::{self, error::RecvError};

use crate::{catalogue::Standing, service::Tickets, ticket::public};

/// The events that tell of tickets.
pub(crate) const TYPES: &[EventType] =
    &[EventType::TicketCreated, EventType::TicketUpdated, EventType::TicketDeleted];

/// How many changes of a show's tickets a slow stream may be behind before it is cut off; its client
/// comes back and resumes.
const BEHIND_MAX: usize = 1024;

/// How many changes of one ticket.
const BEHIND_MAX_TICKET: usize = 32;

/// What a stream is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Topic {
    /// All tickets of a show.
    Event(EventId),
    /// One ticket.
    Ticket(TicketId),
}

impl Topic {
    const fn behind_max(self) -> usize {
        match self {
            Self::Event(_) => BEHIND_MAX,
            Self::Ticket(_) => BEHIND_MAX_TICKET,
        }
    }

    /// Whether a ticket is part of it.
    pub(crate) fn fits(self, ticket: &TicketState) -> bool {
        match self {
            Self::Event(event_id) => ticket.event_id == Some(event_id),
            Self::Ticket(ticket_id) => ticket.id == ticket_id,
        }
    }
}

impl std::fmt::Display for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Event(event_id) => event_id.fmt(f),
            Self::Ticket(ticket_id) => ticket_id.fmt(f),
        }
    }
}

/// A change, ready to be sent to anybody: it holds what the public may see.
#[derive(Debug)]
pub(crate) struct Change {
    /// Its place on the bus, which is the id of the sent event.
    pub(crate) position: u64,
    /// The ticket as JSON.
    pub(crate) data: String,
}

/// Where streams get their changes from.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

struct Shared {
    /// One for each topic that somebody listens to.
    channels: Mutex<HashMap<Topic, Channel>>,
    /// The position of the last event that was told of.
    reached: AtomicU64,
    starts_behind: u64,
}

struct Channel {
    changes: broadcast::Sender<Arc<Change>>,
    listeners: usize,
    /// The version of each ticket that was told last: a state that is announced anew can come behind a
    /// newer one, and is no news.
    told: HashMap<TicketId, u64>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

impl Feed {
    /// A feed of what comes behind this position of the bus.
    pub(crate) fn new(starts_behind: u64) -> Self {
        let reached = AtomicU64::new(starts_behind);
        Self(Arc::new(Shared { channels: Mutex::default(), reached, starts_behind }))
    }

    /// All changes of `topic` from now on.
    pub(crate) fn listen(&self, topic: Topic) -> Listener {
        let mut channels = self.channels();
        let channel = channels.entry(topic).or_insert_with(|| Channel {
            changes: broadcast::channel(topic.behind_max()).0,
            listeners: 0,
            told: HashMap::new(),
        });
        channel.listeners += 1;
        Listener { feed: self.clone(), topic, changes: channel.changes.subscribe() }
    }

    /// Tells those who listen of a ticket's change.
    fn tell(&self, position: u64, ticket: &TicketState, version: u64) -> Result<(), Cause> {
        let topics = [Some(Topic::Ticket(ticket.id)), ticket.event_id.map(Topic::Event)];
        let mut channels = self.channels();
        let mut change = None;
        for topic in topics.into_iter().flatten() {
            let Some(channel) = channels.get_mut(&topic) else { continue };
            if channel.told.get(&ticket.id).is_some_and(|told| *told >= version) {
                continue;
            }
            channel.told.insert(ticket.id, version);
            let change = match &change {
                Some(change) => Arc::clone(change),
                None => {
                    let data = data(ticket.clone(), version)?;
                    Arc::clone(change.insert(Arc::new(Change { position, data })))
                }
            };
            // Nobody listening any more is no fault.
            drop(channel.changes.send(change));
        }
        drop(channels);
        self.0.reached.store(position, Ordering::SeqCst);
        Ok(())
    }

    fn channels(&self) -> MutexGuard<'_, HashMap<Topic, Channel>> {
        self.0.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hears the changes of one topic.
pub(crate) struct Listener {
    feed: Feed,
    topic: Topic,
    changes: broadcast::Receiver<Arc<Change>>,
}

impl Listener {
    /// The next change.
    ///
    /// # Errors
    /// When some were missed, for being too slow.
    pub(crate) async fn next(&mut self) -> Result<Arc<Change>, RecvError> {
        self.changes.recv().await
    }

    /// The position up to which every change was heard; `None` while some wait to be heard.
    pub(crate) fn heard_up_to(&self) -> Option<u64> {
        // Read first: whatever was told up to there is in the channel by then.
        let reached = self.feed.0.reached.load(Ordering::SeqCst);
        self.changes.is_empty().then_some(reached)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut channels = self.feed.channels();
        if let Some(channel) = channels.get_mut(&self.topic) {
            channel.listeners -= 1;
            if channel.listeners == 0 {
                channels.remove(&self.topic);
            }
        }
    }
}

/// The ticket that an event tells of, and its version.
pub(crate) fn read(envelope: &Envelope) -> Option<(TicketState, u64)> {
    match &envelope.event {
        DomainEvent::TicketCreated(ticket)
        | DomainEvent::TicketUpdated(ticket)
        | DomainEvent::TicketDeleted(ticket) => Some((ticket.clone(), envelope.version)),
        _ => None,
    }
}

/// The ticket as the public sees it, as JSON.
pub(crate) fn data(ticket: TicketState, version: u64) -> Result<String, Cause> {
    Ok(serde_json::to_string(&public(ticket, version, None))?)
}

impl Tickets {
    /// The worker that follows the bus: it brings the catalogue what other instances saved, and the
    /// streams every change.
    pub(crate) fn follow(&self) -> Follow {
        let (bus, sink) = (Arc::clone(self.bus()), Arc::new(self.clone()));
        let behind = self.feed().0.starts_behind;
        Follow::new(bus, TYPES, behind, self.shutdown().clone(), sink)
    }
}

#[async_trait]
impl Sink for Tickets {
    fn name(&self) -> &'static str {
        "tickets-feed"
    }

    async fn see(&self, seen: &[Seen]) -> Result<(), Cause> {
        for seen in seen {
            let (ticket, version) = match seen.event.as_ref().map(|event| read(event)) {
                Ok(Some(read)) => read,
                Ok(None) => continue,
                Err(error) => {
                    // It would stop the feed for ever.
                    tracing::error!(%error, position = seen.position, "event left out of the feed");
                    continue;
                }
            };
            let standing = Standing::of(&ticket, version);
            if !self.catalogue().apply(&standing)
                && let Some(event_id) = ticket.event_id
            {
                self.learn_show(event_id).await?;
                self.catalogue().apply(&standing);
            }
            self.feed().tell(seen.position, &ticket, version)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stubmart_contract::{Currency, Price, Timestamp, UserId, api::TicketStatus};
    use uuid::Uuid;

    fn ticket(id: u128, event_id: u128) -> TicketState {
        TicketState {
            id: TicketId(Uuid::from_u128(id)),
            user_id: UserId(Uuid::nil()),
            title: "Stalls".to_owned(),
            price: Price::try_from(1).unwrap(),
            currency: Currency::USD,
            status: TicketStatus::Available,
            event_id: Some(EventId(Uuid::from_u128(event_id))),
            section: None,
            row: None,
            seats: Vec::new(),
            quantity: 1,
            order_id: None,
            buyer_id: None,
            locked_until: None,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        }
    }

    fn topic(event_id: u128) -> Topic {
        Topic::Event(EventId(Uuid::from_u128(event_id)))
    }

    /// However many changes of other topics there are, they neither wake a listener nor crowd out what
    /// it listens for.
    #[tokio::test]
    async fn a_listener_hears_its_own_topic_only() {
        let feed = Feed::new(0);
        let mut listener = feed.listen(topic(1));
        feed.tell(1, &ticket(10, 1), 1).unwrap();
        for version in 1..=2 * u64::try_from(BEHIND_MAX).unwrap() {
            feed.tell(1 + version, &ticket(20, 2), version).unwrap();
        }
        assert_eq!(listener.heard_up_to(), None, "one change waits");
        assert_eq!(listener.next().await.unwrap().position, 1);
        assert_eq!(listener.heard_up_to(), Some(2049));
    }

    #[tokio::test]
    async fn a_state_that_is_announced_again_is_no_news_and_does_not_hide_a_newer_one() {
        let feed = Feed::new(0);
        let mut listener = feed.listen(Topic::Ticket(TicketId(Uuid::from_u128(10))));
        for (position, version) in [(1, 3), (2, 4), (3, 3), (4, 4), (5, 5)] {
            feed.tell(position, &ticket(10, 1), version).unwrap();
        }
        for position in [1, 2, 5] {
            assert_eq!(listener.next().await.unwrap().position, position);
        }
        assert_eq!(listener.heard_up_to(), Some(5));
    }

    #[test]
    fn a_channel_lasts_as_long_as_somebody_listens() {
        let feed = Feed::new(0);
        let (first, second) = (feed.listen(topic(1)), feed.listen(topic(1)));
        drop(first);
        assert_eq!(feed.channels().len(), 1);
        drop(second);
        assert_eq!(feed.channels().len(), 0);
    }
}
