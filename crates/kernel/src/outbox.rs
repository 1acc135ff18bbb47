//! The relay: takes a service's events from its store to the bus.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    mutant,
    worker::{Next, Wake, Worker},
};
use stubmart_ports::{Cause, bus::Bus, store::Store};

/// How many events go to the bus at once.
const BATCH: usize = 256;

/// Publishes what a service's store has pending. Two relays of one service may run at once: consumers
/// drop what they saw already.
#[derive(Clone)]
pub struct Relay {
    service: &'static str,
    store: Arc<dyn Store>,
    bus: Arc<dyn Bus>,
    wake: Wake,
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay").field("service", &self.service).finish_non_exhaustive()
    }
}

impl Relay {
    /// The relay of `service`; `wake` is the one its repositories wake.
    #[must_use]
    pub fn new(
        service: &'static str,
        store: Arc<dyn Store>,
        bus: Arc<dyn Bus>,
        wake: Wake,
    ) -> Self {
        Self { service, store, bus, wake }
    }

    /// Publishes the service's whole past again, from its record: for a bus that was wiped.
    ///
    /// # Errors
    /// The cause, when the store or the bus failed; part of the past may be published.
    pub async fn replay(&self) -> Result<u64, Cause> {
        let (mut after, mut count) = (0, 0);
        if mutant!("a wiped bus is not filled again") {
            return Ok(count);
        }
        loop {
            let batch = self.store.record(self.service, after, BATCH).await?;
            let Some(last) = batch.last() else { return Ok(count) };
            after = last.position;
            count += u64::try_from(batch.len())?;
            let events: Vec<_> = batch.into_iter().map(|recorded| recorded.event).collect();
            self.bus.publish(&events).await?;
        }
    }
}

#[async_trait]
impl Worker for Relay {
    fn name(&self) -> &'static str {
        "relay"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let pending = self.store.pending(self.service, BATCH).await?;
        if pending.is_empty() {
            return Ok(Next::Idle);
        }
        let events: Vec<_> = pending.iter().map(|recorded| recorded.event.clone()).collect();
        if mutant!("struck off before it is published") {
            self.store.published(self.service, &pending).await?;
        }
        self.bus.publish(&events).await?;
        self.store.published(self.service, &pending).await?;
        Ok(Next::Again)
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.wake.clone())
    }
}
