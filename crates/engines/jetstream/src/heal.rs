//! Fills a stream again that has lost its events.
//!
//! A mark in the stream says that a service's history is in it. It goes when the events go, by whatever
//! way: the stream was deleted, purged, or its disk was lost.

use std::{sync::Arc, time::Duration};

use async_nats::jetstream::message::PublishMessage;
use async_trait::async_trait;
use stubmart_kernel::worker::{Next, Worker};
use stubmart_ports::{Cause, host::Host, store::Store};
use stubmart_relay::refill;

use crate::connection::JetstreamBus;

/// How often a worker looks for its service's mark.
const LOOK: Duration = Duration::from_secs(5);

struct Heal {
    bus: JetstreamBus,
    service: &'static str,
    store: Arc<dyn Store>,
    host: Host,
}

impl JetstreamBus {
    /// The worker that publishes the history of `service` to a stream that does not have it. Any number of
    /// processes may run one.
    #[must_use]
    pub fn heal(
        &self,
        service: &'static str,
        store: Arc<dyn Store>,
        host: Host,
    ) -> Arc<dyn Worker> {
        Arc::new(Heal { bus: self.clone(), service, store, host })
    }
}

#[async_trait]
impl Worker for Heal {
    fn name(&self) -> &'static str {
        "heal"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let mark = format!("{}.filled.{}", self.bus.options.stream, self.service);
        if self.bus.last(&mark).await?.is_none() {
            let count = refill(self.service, &*self.store, &self.bus).await?;
            let filled = self.bus.context.send_publish(mark, PublishMessage::build()).await?;
            filled.await?;
            if count > 0 {
                tracing::warn!(
                    service = self.service,
                    count,
                    "the bus was filled from the history"
                );
            }
        }
        Ok(Next::At(self.host.now().after(LOOK)))
    }
}
