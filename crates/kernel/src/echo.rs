//! Waits until the effect of a change has come back from another service as an event.
//!
//! An order that is left frees its ticket by an event. The answer to the request that left it should
//! not be given before, or a client that looks at the ticket next may still find it locked. The wait is
//! a courtesy with a limit: where the other service is down, the answer is given without it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use stubmart_contract::{Envelope, EventType};
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{
    follow::{Follow, Sink},
    worker::{Shutdown, Worker},
};
use stubmart_ports::{
    Cause,
    bus::{Bus, Seen},
    host::Host,
};

/// How long a request waits at the most.
const WAIT_MAX: Duration = Duration::from_secs(2);

type Waiting = HashMap<Uuid, Vec<mpsc::UnboundedSender<Arc<Envelope>>>>;

/// Shows events about an aggregate to who waits for them.
#[derive(Clone)]
pub struct Echo {
    waiting: Arc<Mutex<Waiting>>,
    host: Host,
}

impl std::fmt::Debug for Echo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Echo").finish_non_exhaustive()
    }
}

impl Echo {
    /// An echo that hears nothing until its worker runs.
    #[must_use]
    pub fn new(host: Host) -> Self {
        Self { waiting: Arc::default(), host }
    }

    /// The worker that listens for events of `types`, from behind position `behind` of the bus on.
    #[must_use]
    pub fn worker(
        &self,
        bus: Arc<dyn Bus>,
        types: &'static [EventType],
        behind: u64,
        shutdown: Shutdown,
    ) -> Arc<dyn Worker> {
        let sink = Arc::new(self.clone());
        Arc::new(Follow::new(bus, types, behind, shutdown, sink))
    }

    /// Begins to listen for events about `aggregate`. To be called before the change whose effect is
    /// waited for.
    #[must_use]
    pub fn listen(&self, aggregate: Uuid) -> Listener {
        let (sender, heard) = mpsc::unbounded_channel();
        self.lock().entry(aggregate).or_default().push(sender);
        Listener { echo: self.clone(), aggregate, heard }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sink for Echo {
    fn name(&self) -> &'static str {
        "echo"
    }

    async fn see(&self, seen: &[Seen]) -> Result<(), Cause> {
        for seen in seen {
            if self.lock().is_empty() {
                continue;
            }
            // An event that cannot be read is put aside by the consumers, with a log line.
            let Ok(envelope) = &seen.event else { continue };
            if let Some(listeners) = self.lock().get(&envelope.aggregate_id) {
                for listener in listeners {
                    // A listener that has gone misses nothing.
                    drop(listener.send(Arc::clone(envelope)));
                }
            }
        }
        Ok(())
    }
}

/// Hears the events about one aggregate.
#[derive(Debug)]
pub struct Listener {
    echo: Echo,
    aggregate: Uuid,
    heard: mpsc::UnboundedReceiver<Arc<Envelope>>,
}

impl Listener {
    /// Waits for an event that `is_it` takes for the awaited one, for two seconds at the most.
    /// Whether it came.
    pub async fn hear(mut self, is_it: impl Fn(&Envelope) -> bool + Send) -> bool {
        let host = self.echo.host.clone();
        let hear = async {
            while let Some(envelope) = self.heard.recv().await {
                if is_it(&envelope) {
                    return true;
                }
            }
            false
        };
        host.timeout(WAIT_MAX, hear).await.unwrap_or(false)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.heard.close();
        let mut waiting = self.echo.lock();
        if let Some(listeners) = waiting.get_mut(&self.aggregate) {
            listeners.retain(|listener| !listener.is_closed());
            if listeners.is_empty() {
                waiting.remove(&self.aggregate);
            }
        }
    }
}
