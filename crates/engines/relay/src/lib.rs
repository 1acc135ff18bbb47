//! Takes saved events from a store to a bus, for engines in which store and bus are two.
//!
//! Such an engine cannot write to both at once. Its store therefore keeps each event in an [`Outbox`] by
//! the write that saved it, and a [`Relay`] publishes what the outbox holds before it strikes it off. A
//! crash in between publishes an event twice, and the bus drops the second one by its id.
//!
//! An engine whose store is its bus needs none of this.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use stubmart_contract::Envelope;
use stubmart_kernel::{
    mutant,
    worker::{Next, Wake, Worker},
};
use stubmart_ports::{
    Cause,
    bus::Bus,
    store::{Store, StoreError},
};

/// How many events go to the bus at once.
const BATCH: usize = 256;

/// The events of one service that are saved and, as far as the store knows, not on the bus yet.
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// The first `limit` of them. Those of one document come in the order of their versions.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    async fn pending(&self, limit: usize) -> Result<Vec<Arc<Envelope>>, StoreError>;

    /// Strikes off events that [`Self::pending`] returned, which are on the bus by now. Striking one off
    /// twice does no harm.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Indeterminate`]: they may be pending again.
    async fn published(&self, events: &[Arc<Envelope>]) -> Result<(), StoreError>;

    /// Woken by each save that puts events into the outbox.
    fn saved(&self) -> Wake;
}

/// Publishes what a service's outbox holds. Several relays of one outbox may run at once.
pub struct Relay {
    outbox: Arc<dyn Outbox>,
    bus: Arc<dyn Bus>,
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").finish_non_exhaustive()
    }
}

impl Relay {
    /// A relay from `outbox` to `bus`.
    #[must_use]
    pub fn new(outbox: Arc<dyn Outbox>, bus: Arc<dyn Bus>) -> Self {
        Self { outbox, bus }
    }
}

#[async_trait]
impl Worker for Relay {
    fn name(&self) -> &'static str {
        "relay"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let pending = self.outbox.pending(BATCH).await?;
        if pending.is_empty() {
            return Ok(Next::Idle);
        }
        if mutant!("struck off before it is published") {
            self.outbox.published(&pending).await?;
        }
        self.bus.publish(&pending).await?;
        self.outbox.published(&pending).await?;
        Ok(Next::Again)
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.outbox.saved())
    }
}

/// Publishes the whole history of `service` again, for a bus that was wiped. The answer is how many
/// events that were.
///
/// # Errors
/// The cause, when the store or the bus failed. A part of the history may be published: publish it
/// again.
pub async fn refill(service: &'static str, store: &dyn Store, bus: &dyn Bus) -> Result<u64, Cause> {
    let (mut after, mut count) = (None, 0);
    if mutant!("a wiped bus is not filled again") {
        return Ok(count);
    }
    loop {
        let events = store.history(service, after, BATCH).await?;
        let Some(last) = events.last() else { return Ok(count) };
        after = Some((last.aggregate_id, last.version));
        count += u64::try_from(events.len())?;
        bus.publish(&events).await?;
    }
}
