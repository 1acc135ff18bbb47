//! A user's feed: what happened to what is theirs, in one order.
//!
//! A reader who goes by position must never pass over an event that is saved a moment later. So the
//! feed's own document hands out the numbers, and keeps each event until it has a document of its own
//! ([`Entry`]): everything up to the first event that the feed still keeps can be read.

use serde::{Deserialize, Serialize};
use std::time::Duration;
use stubmart_contract::{Timestamp, UserId, WebhookEventId, api::WebhookEvent};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};

/// The feeds.
pub(crate) static FEEDS: Collection = Collection { name: "notify.feeds", indexes: &[] };

/// Their events.
pub(crate) static ENTRIES: Collection = Collection {
    name: "notify.feed_events",
    indexes: &[Index { name: FEED, unique: false }, Index { name: PURGE, unique: false }],
};

/// The index of events by their feed and their number in it.
pub(crate) const FEED: &str = "feed";

/// The index of events by when they are deleted.
pub(crate) const PURGE: &str = "purge";

/// How old an event is when it leaves the feed.
pub(crate) const KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// A day more, so that an event that is brought again is known for as long as it is taken.
const PURGED_AFTER: Duration = Duration::from_secs(31 * 24 * 3600);

/// A user's feed. It begins with the user's first webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Feed {
    pub(crate) user_id: UserId,
    /// What happened before is not in it.
    pub(crate) begun_at: Timestamp,
    /// The number of the last event.
    last: u32,
    /// Events that may have no document of their own yet, by their numbers.
    pub(crate) tail: Vec<(u32, WebhookEvent)>,
}

/// A command to a feed.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// The user wants one.
    Begin(UserId),
    /// Something happened.
    Append(Box<WebhookEvent>),
    /// The events up to this number have documents of their own.
    Flushed(u32),
}

/// The user has no feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoFeed;

impl Feed {
    /// The number of the first event that cannot be read yet.
    pub(crate) fn end(&self) -> u32 {
        self.tail.first().map_or(self.last.saturating_add(1), |(number, _)| *number)
    }
}

impl Aggregate for Feed {
    type Id = UserId;
    type Command = Command;
    type Refusal = NoFeed;

    fn id(&self) -> UserId {
        self.user_id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        Vec::new()
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, NoFeed> {
        let Some(feed) = current else {
            let Command::Begin(user_id) = command else { return Err(NoFeed) };
            let (user_id, tail) = (*user_id, Vec::new());
            return Ok(Decision::silent(Self { user_id, begun_at: now, last: 0, tail }));
        };
        let mut after = feed.clone();
        match command {
            Command::Begin(_) => {}
            Command::Append(event) if feed.tail.iter().any(|(_, it)| it.id == event.id) => {}
            Command::Append(event) => {
                after.last = after.last.saturating_add(1);
                after.tail.push((after.last, (**event).clone()));
            }
            Command::Flushed(number) => after.tail.retain(|(it, _)| it > number),
        }
        Ok(if after == *feed { Decision::Unchanged } else { Decision::silent(after) })
    }
}

/// An event in a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) user_id: UserId,
    /// Its number in the feed. Some numbers are left out.
    pub(crate) number: u32,
    pub(crate) event: WebhookEvent,
    pub(crate) recorded_at: Timestamp,
}

/// Gives an event a document, with its number. What is recorded first stays.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) user_id: UserId,
    pub(crate) number: u32,
    pub(crate) event: WebhookEvent,
}

impl Entry {
    /// When it is deleted.
    pub(crate) fn purge_at(&self) -> Timestamp {
        self.recorded_at.after(PURGED_AFTER)
    }

    /// The beginning of the places of a user's events.
    pub(crate) fn of(user_id: UserId) -> Key {
        Key::new().id(user_id.0)
    }

    /// The place of this number in a feed.
    pub(crate) fn key(user_id: UserId, number: u32) -> Key {
        Self::of(user_id).number(number)
    }
}

impl Aggregate for Entry {
    type Id = WebhookEventId;
    type Command = Record;
    type Refusal = std::convert::Infallible;

    fn id(&self) -> WebhookEventId {
        self.event.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        vec![
            (FEED, Self::key(self.user_id, self.number)),
            (PURGE, Key::new().time(self.purge_at())),
        ]
    }

    fn decide(
        current: Option<&Self>,
        command: &Record,
        now: Timestamp,
    ) -> Result<Decision<Self>, Self::Refusal> {
        if current.is_some() {
            return Ok(Decision::Unchanged);
        }
        let Record { user_id, number, event } = command.clone();
        Ok(Decision::silent(Self { user_id, number, event, recorded_at: now }))
    }
}

#[cfg(test)]
mod tests {
    use stubmart_contract::api::{WebhookData, WebhookEventType};
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn event(number: u128) -> WebhookEvent {
        WebhookEvent {
            id: WebhookEventId(Uuid::from_u128(number)),
            kind: WebhookEventType::TicketSold,
            created_at: NOW,
            data: WebhookData::default(),
        }
    }

    fn after(commands: &[Command]) -> Option<Feed> {
        let mut feed = None;
        for command in commands {
            if let Ok(Decision::Changed { state, .. }) = Feed::decide(feed.as_ref(), command, NOW) {
                feed = Some(state);
            }
        }
        feed
    }

    /// A reader gets to the first event that has no document of its own, and no further.
    #[test]
    fn what_is_not_saved_yet_holds_the_end_back() {
        let user = UserId(Uuid::from_u128(1));
        assert_eq!(after(&[Command::Append(Box::new(event(1)))]), None);
        let mut commands = vec![Command::Begin(user)];
        assert_eq!(after(&commands).unwrap().end(), 1);
        commands.push(Command::Append(Box::new(event(1))));
        commands.push(Command::Append(Box::new(event(2))));
        // Brought again, it keeps its number.
        commands.push(Command::Append(Box::new(event(1))));
        let feed = after(&commands).unwrap();
        assert_eq!((feed.end(), feed.tail.len()), (1, 2));
        commands.push(Command::Flushed(1));
        assert_eq!(after(&commands).unwrap().end(), 2);
        commands.push(Command::Append(Box::new(event(3))));
        assert_eq!(after(&commands).unwrap().end(), 2);
        commands.push(Command::Flushed(3));
        let feed = after(&commands).unwrap();
        assert_eq!((feed.end(), feed.tail.len()), (4, 0));
    }
}
