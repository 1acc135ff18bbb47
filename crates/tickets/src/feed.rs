//! The live feed: every change of a ticket, to every stream that this instance serves.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_contract::{DomainEvent, Envelope, EventId, EventType, TicketId, event::TicketState};
use stubmart_ports::{
    Cause,
    bus::Seen,
    follow::{Follow, Sink},
};
use tokio::sync::broadcast;

use crate::{Tickets, ticket::public};

/// The events that tell of tickets.
pub(crate) const TYPES: &[EventType] =
    &[EventType::TicketCreated, EventType::TicketUpdated, EventType::TicketDeleted];

/// How many changes a slow stream may be behind before it is cut off; its client comes back and
/// resumes.
const BEHIND_MAX: usize = 4096;

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

impl Tickets {
    /// The worker that follows the bus: it brings the catalogue what other instances saved, and the
    /// streams every change.
    pub(crate) fn follow(&self) -> Follow {
        let it = &self.0;
        let (bus, sink) = (Arc::clone(&it.bus), Arc::new(self.clone()));
        Follow::new(bus, TYPES, it.feed.starts_behind, it.host.clone(), it.shutdown.clone(), sink)
    }
}

#[async_trait]
impl Sink for Tickets {
    fn name(&self) -> &'static str {
        "tickets-feed"
    }

    async fn see(&self, seen: &[Seen]) -> Result<(), Cause> {
        let it = &self.0;
        for seen in seen {
            let Some((ticket, version)) = read(&seen.body)? else { continue };
            if !it.catalogue.apply(&ticket, version)
                && let Some(event_id) = ticket.event_id
            {
                self.learn_show(event_id).await?;
                it.catalogue.apply(&ticket, version);
            }
            if it.feed.changes.receiver_count() > 0 {
                // Nobody listening any more is no fault.
                drop(it.feed.changes.send(Arc::new(change(seen.position, ticket, version)?)));
            }
        }
        Ok(())
    }
}
