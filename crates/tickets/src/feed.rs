//! The live feed: every change of a ticket, to every stream that this instance serves.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use stubmart_contract::{DomainEvent, Envelope, EventId, EventType, TicketId, event::TicketState};
use stubmart_ports::{
    Cause,
    bus::{Tail, TailFrom},
    worker::{Next, Worker},
};
use tokio::sync::{Mutex, broadcast};

use crate::{Tickets, ticket::public};

/// The events that tell of tickets.
pub(crate) const TYPES: &[EventType] =
    &[EventType::TicketCreated, EventType::TicketUpdated, EventType::TicketDeleted];

/// How many changes a slow stream may be behind before it is cut off; its client comes back and
/// resumes.
const BEHIND_MAX: usize = 4096;

/// How many events are read at once.
pub(crate) const BATCH: usize = 256;

/// How long the bus is listened to before the worker looks whether it should end.
const LISTEN_MAX: Duration = Duration::from_secs(5);

/// A change, ready to be sent to anybody: it holds what the public may see.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// Its place on the bus, which is the id of the sent event.
    pub(crate) position: u64,
    pub(crate) ticket_id: TicketId,
    pub(crate) event_id: Option<EventId>,
    /// The ticket as JSON.
    pub(crate) data: String,
}

/// Where streams get their changes from.
pub struct Feed {
    changes: broadcast::Sender<Arc<Change>>,
    starts_behind: u64,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").finish_non_exhaustive()
    }
}

impl Feed {
    /// A feed of what comes behind this position of the bus.
    pub(crate) fn new(starts_behind: u64) -> Self {
        Self { changes: broadcast::channel(BEHIND_MAX).0, starts_behind }
    }

    /// All changes from now on.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Arc<Change>> {
        self.changes.subscribe()
    }
}

/// Reads an event of the bus that tells of a ticket.
pub(crate) fn read(body: &[u8]) -> Result<Option<(TicketState, u64)>, Cause> {
    let envelope = Envelope::decode(body)?;
    let version = envelope.version;
    Ok(match envelope.event {
        DomainEvent::TicketCreated(ticket)
        | DomainEvent::TicketUpdated(ticket)
        | DomainEvent::TicketDeleted(ticket) => Some((ticket, version)),
        _ => None,
    })
}

/// The change as the public sees it.
pub(crate) fn change(position: u64, ticket: TicketState, version: u64) -> Result<Change, Cause> {
    let (ticket_id, event_id) = (ticket.id, ticket.event_id);
    let data = serde_json::to_string(&public(ticket, version, None))?;
    Ok(Change { position, ticket_id, event_id, data })
}

/// Follows the bus: brings the catalogue what other instances saved, and the streams every change.
pub(crate) struct Follow {
    tickets: Tickets,
    tail: Mutex<Follower>,
}

struct Follower {
    tail: Option<Box<dyn Tail>>,
    behind: u64,
}

impl Follow {
    pub(crate) fn new(tickets: Tickets) -> Self {
        let behind = tickets.0.feed.starts_behind;
        Self { tickets, tail: Mutex::new(Follower { tail: None, behind }) }
    }
}

#[async_trait]
impl Worker for Follow {
    fn name(&self) -> &'static str {
        "tickets-feed"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let it = &self.tickets.0;
        let mut follower = self.tail.lock().await;
        let mut tail = match follower.tail.take() {
            Some(tail) => tail,
            None => it.bus.tail(TYPES, TailFrom::Behind(follower.behind)).await?,
        };
        if it.shutdown.is_signalled() {
            return Ok(Next::Idle);
        }
        let listen = async {
            tokio::select! {
                seen = tail.next(BATCH) => Some(seen),
                () = it.shutdown.signalled() => None,
            }
        };
        let Ok(Some(seen)) = it.host.timeout(LISTEN_MAX, listen).await else {
            follower.tail = Some(tail);
            return Ok(Next::Again);
        };
        for seen in seen? {
            follower.behind = seen.position;
            let Some((ticket, version)) = read(&seen.body)? else { continue };
            if !it.catalogue.apply(&ticket, version)
                && let Some(event_id) = ticket.event_id
            {
                self.tickets.learn_show(event_id).await?;
                it.catalogue.apply(&ticket, version);
            }
            if it.feed.changes.receiver_count() > 0 {
                // Nobody listening any more is no fault.
                drop(it.feed.changes.send(Arc::new(change(seen.position, ticket, version)?)));
            }
        }
        follower.tail = Some(tail);
        Ok(Next::Again)
    }
}
