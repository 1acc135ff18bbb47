//! The worker that follows the bus: it brings the catalogue every change of shows and tickets, and streams
//! too. Each instance follows for itself.

use async_trait::async_trait;
use stubmart_contract::{DomainEvent, Envelope, EventType, calls::Listing};
use stubmart_kernel::worker::{Next, Worker};
use stubmart_ports::{
    Cause,
    bus::{Seen, Tail, TailFrom},
};
use tokio::sync::{Mutex, oneshot};

use crate::{
    feed::{Mark, RECENT_MAX},
    service::Catalogue,
    show::Show,
    stored::ProgressId,
};

/// The events of shows and tickets.
const TYPES: &[EventType] = &[
    EventType::ShowCreated,
    EventType::ShowUpdated,
    EventType::TicketCreated,
    EventType::TicketUpdated,
    EventType::TicketDeleted,
];

/// How many events are read at once.
const BATCH: usize = 256;

/// Follows the bus.
pub(crate) struct Follow {
    catalogue: Catalogue,
    tail: Mutex<Option<Box<dyn Tail>>>,
}

/// The end of one wait of the worker.
enum Heard {
    Events(Vec<Seen>),
    /// Somebody waits until all was followed that is there.
    Asked(Option<oneshot::Sender<()>>),
    End,
}

impl Follow {
    pub(crate) fn new(catalogue: Catalogue) -> Self {
        Self { catalogue, tail: Mutex::default() }
    }

    /// Joins the bus behind what was followed, or else behind what the catalogue kept; another bus, at its
    /// beginning.
    async fn join(&self) -> Result<Box<dyn Tail>, Cause> {
        let (bus, feed) = (self.catalogue.bus(), self.catalogue.feed());
        let followed = feed.reached();
        let mark = match followed {
            Some(mark) => Some(mark),
            None => self.catalogue.progress().load(ProgressId::ONE).await?.map(|it| it.state.mark),
        };
        let mut position = mark.map_or(0, |mark| mark.position);
        if followed.is_none() {
            // So far back, clients that come back after a restart get what they missed.
            let recent = bus.position().await?.saturating_sub(u64::try_from(RECENT_MAX)?);
            position = position.min(recent);
        }
        let tail = bus.tail(TYPES, TailFrom::Behind(position)).await?;
        // Asked afterwards: a bus that is wiped from now on ends the tail.
        let life = bus.life().await?;
        if mark.is_some_and(|mark| mark.life != life) {
            tracing::warn!("another bus is followed from its beginning");
            let tail = bus.tail(TYPES, TailFrom::Behind(0)).await?;
            feed.begin(Mark { life, position: 0 });
            return Ok(tail);
        }
        if followed.is_none() {
            feed.begin(Mark { life, position });
        }
        Ok(tail)
    }

    async fn learn(&self, envelope: &Envelope) -> Result<(), Cause> {
        let version = envelope.version;
        match &envelope.event {
            DomainEvent::ShowCreated(show) | DomainEvent::ShowUpdated(show) => {
                self.catalogue.learn_version(Show::from(show.clone()), version).await?;
            }
            DomainEvent::TicketCreated(ticket)
            | DomainEvent::TicketUpdated(ticket)
            | DomainEvent::TicketDeleted(ticket) => {
                let listing = Listing { version, ticket: ticket.clone() };
                self.catalogue.learn_listing(&listing).await?;
            }
            _ => {}
        }
        Ok(())
    }

    async fn take(&self, seen: &Seen) -> Result<(), Cause> {
        match &seen.event {
            Ok(envelope) => {
                self.learn(envelope).await?;
                self.catalogue.feed().publish(seen.position, envelope);
            }
            // It would stop the catalogue for ever.
            Err(error) => {
                tracing::error!(%error, position = seen.position, "event left out of the catalogue");
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Worker for Follow {
    fn name(&self) -> &'static str {
        "catalogue-follow"
    }

    async fn step(&self) -> Result<Next, Cause> {
        self.catalogue.load().await?;
        let mut kept = self.tail.lock().await;
        // Taken out, so that after an error the next step joins again, behind what was followed.
        let mut tail = match kept.take() {
            Some(tail) => tail,
            None => self.join().await?,
        };
        // Events that are there come first, so that a caller is answered when there are none.
        let heard = tokio::select! {
            biased;
            () = self.catalogue.shutdown().signalled() => Heard::End,
            seen = tail.next(BATCH) => Heard::Events(seen?),
            asked = self.catalogue.feed().asked() => Heard::Asked(asked),
        };
        match heard {
            Heard::Events(seen) => {
                for seen in &seen {
                    self.take(seen).await?;
                }
            }
            // The caller may have gone.
            Heard::Asked(Some(asked)) => drop(asked.send(())),
            Heard::Asked(None) | Heard::End => {}
        }
        *kept = Some(tail);
        Ok(Next::Again)
    }
}
