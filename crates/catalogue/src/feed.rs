//! The live feed: every change of a ticket, to the streams of this instance that are about it. The most
//! recent changes are kept, so that a client that lost its connection gets what it missed.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use stubmart_contract::{DomainEvent, Envelope, EventId, TicketId, event::TicketState};
use tokio::sync::{broadcast, mpsc, oneshot};

/// The number of recent changes that an instance keeps for clients that come back.
pub(crate) const RECENT_MAX: usize = 4_096;

/// How many changes of a show's tickets a slow stream may be behind before it is cut off; its client
/// comes back and resumes.
const BEHIND_MAX: usize = 1_024;

/// How many changes of one ticket.
const BEHIND_MAX_TICKET: usize = 32;

/// The subject of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Topic {
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
    fn fits(self, ticket: &TicketState) -> bool {
        match self {
            Self::Event(event_id) => ticket.event_id == Some(event_id),
            Self::Ticket(ticket_id) => ticket.id == ticket_id,
        }
    }
}

/// A change, ready to be sent to anybody: it holds what the public may see.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// Its place on the bus, which is the id of the sent event.
    pub(crate) position: u64,
    /// The ticket.
    pub(crate) ticket: TicketId,
    /// Its version.
    pub(crate) version: u64,
    /// The ticket as JSON.
    pub(crate) data: Arc<str>,
}

/// How far a bus was followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// Which bus: positions begin again on one that was wiped.
    pub(crate) life: u64,
    /// The position up to which it was followed.
    pub(crate) position: u64,
}

/// Where streams get their changes from.
#[derive(Debug)]
pub(crate) struct Feed {
    state: Mutex<State>,
    /// Asks the worker that follows the bus to say when it has shown all that is there.
    ask: mpsc::UnboundedSender<oneshot::Sender<()>>,
    asked: tokio::sync::Mutex<mpsc::UnboundedReceiver<oneshot::Sender<()>>>,
}

#[derive(Debug, Default)]
struct State {
    /// One for each topic that somebody listens to.
    channels: HashMap<Topic, Channel>,
    /// The most recent changes, with their positions.
    recent: VecDeque<(u64, Arc<Envelope>)>,
    /// Every change behind this position, up to `reached`, is in `recent`.
    recent_behind: u64,
    /// How far the bus was followed; `None` before following has begun.
    reached: Option<Mark>,
}

#[derive(Debug)]
struct Channel {
    changes: broadcast::Sender<Change>,
    listeners: usize,
    /// The version of each ticket that was sent last. An event can come again, or behind a newer one; it is
    /// not sent then.
    sent: HashMap<TicketId, u64>,
}

impl Default for Feed {
    fn default() -> Self {
        let (ask, asked) = mpsc::unbounded_channel();
        Self { state: Mutex::default(), ask, asked: tokio::sync::Mutex::new(asked) }
    }
}

/// The changes that a client missed since the last event that it saw.
#[derive(Debug)]
pub(crate) enum Missed {
    /// These changes, oldest first.
    Changes(Vec<Change>),
    /// More changes than the instance keeps.
    TooMuch,
}

impl Feed {
    /// Begins to follow behind this mark, and forgets the changes before it and those of another bus.
    pub(crate) fn begin(&self, behind: Mark) {
        let mut state = self.state();
        state.recent.clear();
        state.recent_behind = behind.position;
        state.reached = Some(behind);
    }

    /// How far the bus was followed.
    pub(crate) fn reached(&self) -> Option<Mark> {
        self.state().reached
    }

    /// Tells those who listen of an event, and keeps it for those who come back.
    pub(crate) fn publish(&self, position: u64, envelope: &Arc<Envelope>) {
        let mut state = self.state();
        let Some(reached) = state.reached.filter(|it| it.position < position) else { return };
        state.reached = Some(Mark { position, ..reached });
        let Some(ticket) = ticket(envelope) else { return };
        state.recent.push_back((position, Arc::clone(envelope)));
        if state.recent.len() > RECENT_MAX
            && let Some((oldest, _)) = state.recent.pop_front()
        {
            state.recent_behind = oldest;
        }
        let mut change = None;
        let topics = [Some(Topic::Ticket(ticket.id)), ticket.event_id.map(Topic::Event)];
        for topic in topics.into_iter().flatten() {
            let Some(channel) = state.channels.get_mut(&topic) else { continue };
            if channel.sent.get(&ticket.id).is_some_and(|sent| *sent >= envelope.version) {
                continue;
            }
            channel.sent.insert(ticket.id, envelope.version);
            let change = change.get_or_insert_with(|| Change::of(position, envelope, ticket));
            // Nobody listening any more is no fault.
            drop(channel.changes.send(change.clone()));
        }
    }

    /// All changes of `topic` from now on, and those behind position `last` if a client saw that last. Nothing
    /// falls between the two.
    pub(crate) fn listen(self: &Arc<Self>, topic: Topic, last: Option<u64>) -> (Listener, Missed) {
        let mut state = self.state();
        let missed = state.missed(topic, last);
        let reached = state.reached.map_or(0, |it| it.position);
        let channel = state.channels.entry(topic).or_insert_with(|| Channel {
            changes: broadcast::channel(topic.behind_max()).0,
            listeners: 0,
            sent: HashMap::new(),
        });
        channel.listeners += 1;
        let changes = channel.changes.subscribe();
        (Listener { feed: Arc::clone(self), topic, changes, since: reached }, missed)
    }

    /// Waits until everything was followed that is on the bus now, as far as the bus shows it at once.
    pub(crate) async fn caught_up(&self) {
        let (caught_up, answer) = oneshot::channel();
        if self.ask.send(caught_up).is_ok() {
            // An error means that nobody follows the bus any more.
            drop(answer.await);
        }
    }

    /// The next one who waits in [`Self::caught_up`].
    pub(crate) async fn asked(&self) -> Option<oneshot::Sender<()>> {
        self.asked.lock().await.recv().await
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn missed(&self, topic: Topic, last: Option<u64>) -> Missed {
        let Some(last) = last else { return Missed::Changes(Vec::new()) };
        // A position that was not reached yet is one of another bus.
        if last < self.recent_behind || self.reached.is_none_or(|reached| last > reached.position) {
            return Missed::TooMuch;
        }
        let first = self.recent.partition_point(|(position, _)| *position <= last);
        let mut sent = HashMap::new();
        let mut changes = Vec::new();
        for (position, envelope) in self.recent.range(first..) {
            let Some(ticket) = ticket(envelope).filter(|ticket| topic.fits(ticket)) else {
                continue;
            };
            let known = sent.insert(ticket.id, envelope.version);
            match known.filter(|known| *known >= envelope.version) {
                Some(known) => {
                    sent.insert(ticket.id, known);
                }
                None => changes.push(Change::of(*position, envelope, ticket)),
            }
        }
        Missed::Changes(changes)
    }
}

impl Change {
    fn of(position: u64, envelope: &Envelope, ticket: &TicketState) -> Self {
        let (version, data) = (envelope.version, data(ticket.clone(), envelope.version));
        Self { position, ticket: ticket.id, version, data }
    }
}

/// The ticket that an event tells of.
fn ticket(envelope: &Envelope) -> Option<&TicketState> {
    match &envelope.event {
        DomainEvent::TicketCreated(ticket)
        | DomainEvent::TicketUpdated(ticket)
        | DomainEvent::TicketDeleted(ticket) => Some(ticket),
        _ => None,
    }
}

/// The ticket as the public sees it, as JSON.
pub(crate) fn data(ticket: TicketState, version: u64) -> Arc<str> {
    serde_json::to_string(&ticket.seen_by(None, version)).unwrap_or_default().into()
}

/// Hears the changes of one topic.
#[derive(Debug)]
pub(crate) struct Listener {
    feed: Arc<Feed>,
    topic: Topic,
    changes: broadcast::Receiver<Change>,
    /// The position that was reached when listening began.
    pub(crate) since: u64,
}

impl Listener {
    /// The next change; `None` when some were missed, for being too slow.
    pub(crate) async fn next(&mut self) -> Option<Change> {
        self.changes.recv().await.ok()
    }

    /// The position up to which every change was heard; `None` while some wait to be heard.
    pub(crate) fn heard_up_to(&self) -> Option<u64> {
        // Read first: every change up to there is in the channel by then.
        let reached = self.feed.reached();
        reached.filter(|_| self.changes.is_empty()).map(|it| it.position)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut state = self.feed.state();
        if let Some(channel) = state.channels.get_mut(&self.topic) {
            channel.listeners -= 1;
            if channel.listeners == 0 {
                state.channels.remove(&self.topic);
            }
        }
    }
}

#[cfg(test)]
mod tests;
