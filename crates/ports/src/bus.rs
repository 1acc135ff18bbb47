//! The bus: durable, at least once, in no promised order.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use stubmart_contract::{Envelope, EventType};

use crate::Cause;

/// A named, durable group of readers that share one stream of events: each event is handled by one of
/// them, at least once.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Consumer {
    /// Its name, unique in the whole market: the service, a dot, the purpose.
    pub name: &'static str,
    /// The kinds of events it wants.
    pub types: &'static [EventType],
}

impl Consumer {
    /// The service whose readers these are.
    #[must_use]
    pub fn service(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(service, _)| service)
    }
}

/// An event as the bus shows it: read once in a process, however many consumers it has there.
pub type Event = Result<Arc<Envelope>, Unreadable>;

/// An event on the bus that this program cannot read: a newer version of the program published it, or
/// its bytes are damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event cannot be read: {0}")]
pub struct Unreadable(pub Arc<str>);

/// An event that was delivered and has to be settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Names this delivery to [`Subscription::settle`].
    pub token: u64,
    /// 1 the first time, one more each time.
    pub attempt: u32,
    /// The event.
    pub event: Event,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// Handled, durably. It does not come again, save after a crash.
    Done,
    /// Deliver it again after so long.
    RetryAfter(Duration),
    /// It can never be handled; it is put aside, with the reason, for a human.
    Reject(String),
}

/// Why the bus did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// The bus is down or too slow. What was to be published may or may not be on it: publish again.
    #[error("the bus is unavailable: {0}")]
    Unavailable(Cause),
}

/// An event as [`Bus::tail`] shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its place on the bus. Grows, with gaps.
    pub position: u64,
    /// The event.
    pub event: Event,
}

/// Where a tail begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TailFrom {
    /// With the next event that is published.
    Now,
    /// Behind this position.
    Behind(u64),
}

/// The bus.
#[async_trait]
pub trait Bus: Send + Sync + 'static {
    /// Puts events on the bus, durably, in order. One that is on it already (by its id) is not put
    /// there twice, as far back as the bus remembers.
    ///
    /// # Errors
    /// [`BusError::Unavailable`]: some may be on the bus.
    async fn publish(&self, events: &[Arc<Envelope>]) -> Result<(), BusError>;

    /// Joins the readers of `consumer`, which begins with the oldest event on the bus when it is new.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    async fn subscribe(
        &self,
        consumer: &'static Consumer,
    ) -> Result<Box<dyn Subscription>, BusError>;

    /// Follows the bus without a trace: every event of these kinds, to everybody who asks. Nothing is
    /// settled and nothing is kept for a follower that is away.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    async fn tail(
        &self,
        types: &'static [EventType],
        from: TailFrom,
    ) -> Result<Box<dyn Tail>, BusError>;

    /// The position of the newest event; 0 when there is none.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    async fn position(&self) -> Result<u64, BusError>;

    /// Which bus this is. It changes when the bus lost its events: the positions of another one mean nothing.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    async fn life(&self) -> Result<u64, BusError>;

    /// Answers when the bus can be reached.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    async fn ready(&self) -> Result<(), BusError>;
}

/// One reader of a [`Consumer`].
#[async_trait]
pub trait Subscription: Send {
    /// The next deliveries, at least one and at most `limit`; waits for the first. What was
    /// delivered and is not settled (the reader was killed) is delivered again, to any reader.
    ///
    /// Safe to drop while it waits.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    async fn next(&mut self, limit: usize) -> Result<Vec<Delivery>, BusError>;

    /// Says what became of deliveries. Each token is settled once.
    ///
    /// # Errors
    /// [`BusError::Unavailable`]: they may come again.
    async fn settle(&mut self, settled: Vec<(u64, Disposition)>) -> Result<(), BusError>;
}

/// A follower of the bus.
#[async_trait]
pub trait Tail: Send {
    /// The next events, at least one and at most `limit`; waits for the first. Safe to drop while it
    /// waits.
    ///
    /// # Errors
    /// [`BusError::Unavailable`].
    async fn next(&mut self, limit: usize) -> Result<Vec<Seen>, BusError>;
}
