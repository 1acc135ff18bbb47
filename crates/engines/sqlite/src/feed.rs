//! The newest part of the event log in memory, and the wake-up of those who wait for more.
//!
//! Readers of the bus are nearly always at the end of the log: they are served from here without
//! touching the file. Who has fallen behind reads the file.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use stubmart_contract::{Envelope, EventType};
use stubmart_ports::bus::{Event, Unreadable};
use tokio::sync::watch;

use crate::packed;

/// How many bytes of events are kept in memory.
const BYTES_MAX: usize = 2 * 1024 * 1024;

/// What an event takes in memory beside what it takes on the disk, about.
const EVENT_OVERHEAD: usize = 1000;

/// An event that this process recorded.
#[derive(Debug, Clone)]
pub(crate) struct Logged {
    /// Its place in the log.
    pub(crate) seq: u64,
    /// The event.
    pub(crate) event: Arc<Envelope>,
    /// How many bytes it has on disk.
    pub(crate) size: usize,
}

impl Logged {
    fn weight(&self) -> usize {
        self.size.saturating_add(EVENT_OVERHEAD)
    }
}

/// Reads an event of the file.
pub(crate) fn read(body: &[u8]) -> Event {
    let unreadable = |error: &dyn std::error::Error| Unreadable(error.to_string().into());
    let decoded = packed::unpack(body, Envelope::decode).map_err(|error| unreadable(&error))?;
    decoded.map(Arc::new).map_err(|error| unreadable(&error))
}

/// A stretch of the log.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    /// Its events of the wanted kinds with their places in the log, in order.
    pub(crate) events: Vec<(u64, Event)>,
    /// Up to where the log was looked at.
    pub(crate) read_to: u64,
    /// Whether the log ends here, as far as is known.
    pub(crate) at_end: bool,
}

/// The newest events.
#[derive(Debug)]
pub(crate) struct Feed {
    recent: Mutex<Recent>,
    newest: watch::Sender<u64>,
}

/// An unbroken run of the log, up to the newest event that this process recorded.
#[derive(Debug, Default)]
struct Recent {
    events: VecDeque<Logged>,
    bytes: usize,
}

impl Default for Feed {
    fn default() -> Self {
        Self { recent: Mutex::default(), newest: watch::Sender::new(0) }
    }
}

impl Feed {
    /// Takes up events that were just committed and wakes everybody who waits for some.
    pub(crate) fn append(&self, committed: Vec<Logged>) {
        let Some(last) = committed.last().map(|event| event.seq) else { return };
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).append(committed);
        self.newest.send_replace(last);
    }

    /// Changes whenever events were appended.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Whether the newest event that this process knows of is at `position`.
    pub(crate) fn ends_at(&self, position: u64) -> bool {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.events.back().is_some_and(|last| last.seq == position)
    }

    /// What comes behind `position`, or `None` when that is not in memory.
    pub(crate) fn behind(
        &self,
        position: u64,
        types: &[EventType],
        limit: usize,
    ) -> Option<Stretch> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let first = recent.events.front()?.seq;
        let last = recent.events.back()?.seq;
        let skip = usize::try_from(position.checked_add(1)?.checked_sub(first)?).ok()?;
        if position >= last {
            return None;
        }
        let mut stretch = Stretch { events: Vec::new(), read_to: last, at_end: true };
        for event in recent.events.iter().skip(skip) {
            if types.contains(&event.event.event.event_type()) {
                stretch.events.push((event.seq, Ok(Arc::clone(&event.event))));
                if stretch.events.len() == limit {
                    stretch.read_to = event.seq;
                    stretch.at_end = event.seq == last;
                    break;
                }
            }
        }
        Some(stretch)
    }
}

impl Recent {
    fn append(&mut self, committed: Vec<Logged>) {
        for event in committed {
            match self.events.back() {
                // Another handle on the file was faster to tell; what it told of stays the newest.
                Some(last) if event.seq <= last.seq => continue,
                // Others recorded events in between: only what follows is an unbroken run.
                Some(last) if last.seq.checked_add(1) != Some(event.seq) => *self = Self::default(),
                _ => {}
            }
            self.bytes = self.bytes.saturating_add(event.weight());
            self.events.push_back(event);
        }
        while self.bytes > BYTES_MAX {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(oldest.weight());
        }
    }
}

#[cfg(test)]
mod tests {
    use stubmart_contract::{Actor, DomainEvent, MessageId, Timestamp, UserId, event::UserState};
    use uuid::Uuid;

    use super::*;

    fn event(seq: u64, event_type: EventType) -> Logged {
        let id = MessageId(Uuid::from_u128(seq.into()));
        let state = UserState { id: UserId(id.0) };
        let event = Arc::new(Envelope {
            id,
            aggregate_id: id.0,
            version: 1,
            at: Timestamp::EPOCH,
            causation_id: id,
            correlation_id: id,
            actor: Actor::System,
            request_id: None,
            event: match event_type {
                EventType::UserUpdated => DomainEvent::UserUpdated(state),
                _ => DomainEvent::UserCreated(state),
            },
        });
        Logged { seq, event, size: 8 }
    }

    fn seqs(stretch: &Stretch) -> Vec<u64> {
        stretch.events.iter().map(|(seq, _)| *seq).collect()
    }

    #[test]
    fn a_stretch_holds_the_wanted_kinds_and_says_how_far_it_looked() {
        let feed = Feed::default();
        let kinds = [EventType::UserCreated, EventType::UserUpdated, EventType::UserCreated];
        feed.append((5..).zip(kinds).map(|(seq, kind)| event(seq, kind)).collect());

        assert!(feed.behind(3, &[EventType::UserCreated], 9).is_none(), "4 is not in memory");
        let all = feed.behind(4, &[EventType::UserCreated], 9).unwrap();
        assert_eq!((seqs(&all), all.read_to, all.at_end), (vec![5, 7], 7, true));
        let one = feed.behind(4, &[EventType::UserCreated], 1).unwrap();
        assert_eq!((seqs(&one), one.read_to, one.at_end), (vec![5], 5, false));
        assert!(feed.behind(7, &[EventType::UserCreated], 9).is_none(), "nothing behind the end");
    }

    #[test]
    fn a_gap_in_the_log_ends_the_run_that_is_served_from_memory() {
        let feed = Feed::default();
        feed.append(vec![event(1, EventType::UserCreated)]);
        feed.append(vec![event(3, EventType::UserCreated)]);
        assert!(feed.behind(0, &[EventType::UserCreated], 9).is_none());
        assert_eq!(seqs(&feed.behind(2, &[EventType::UserCreated], 9).unwrap()), vec![3]);
    }

    #[test]
    fn events_that_are_told_of_late_do_not_hide_newer_ones() {
        let feed = Feed::default();
        feed.append(vec![event(2, EventType::UserCreated)]);
        feed.append(vec![event(1, EventType::UserCreated)]);
        assert!(feed.ends_at(2) && !feed.ends_at(1));
        assert!(feed.behind(0, &[EventType::UserCreated], 9).is_none(), "1 is not in memory");
        assert_eq!(seqs(&feed.behind(1, &[EventType::UserCreated], 9).unwrap()), vec![2]);
    }

    #[test]
    fn memory_is_bounded() {
        let feed = Feed::default();
        for seq in 1..=100 {
            let size = BYTES_MAX / 10;
            feed.append(vec![Logged { size, ..event(seq, EventType::UserCreated) }]);
        }
        let recent = feed.recent.lock().unwrap();
        assert!(recent.bytes <= BYTES_MAX && recent.events.len() < 10);
    }
}
