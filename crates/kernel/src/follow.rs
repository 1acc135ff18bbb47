//! Follows the bus from one position on and shows every event to a sink, again after a failure.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_contract::EventType;
use tokio::sync::Mutex;

use crate::worker::{Next, Shutdown, Worker};
use stubmart_ports::{
    Cause,
    bus::{Bus, Seen, Tail, TailFrom},
};

/// How many events are read at once.
const BATCH: usize = 256;

/// Who is shown the events.
#[async_trait]
pub trait Sink: Send + Sync + 'static {
    /// Its name in logs.
    fn name(&self) -> &'static str;

    /// Takes events, in the order of the bus. After an error they are shown again.
    ///
    /// # Errors
    /// The cause.
    async fn see(&self, seen: &[Seen]) -> Result<(), Cause>;
}

/// The worker that follows.
pub struct Follow {
    bus: Arc<dyn Bus>,
    types: &'static [EventType],
    shutdown: Shutdown,
    sink: Arc<dyn Sink>,
    state: Mutex<State>,
}

struct State {
    tail: Option<Box<dyn Tail>>,
    behind: u64,
}

impl std::fmt::Debug for Follow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follow").field("sink", &self.sink.name()).finish_non_exhaustive()
    }
}

impl Follow {
    /// Shows `sink` every event of `types` behind position `behind`.
    #[must_use]
    pub fn new(
        bus: Arc<dyn Bus>,
        types: &'static [EventType],
        behind: u64,
        shutdown: Shutdown,
        sink: Arc<dyn Sink>,
    ) -> Self {
        Self { bus, types, shutdown, sink, state: Mutex::new(State { tail: None, behind }) }
    }
}

#[async_trait]
impl Worker for Follow {
    fn name(&self) -> &'static str {
        self.sink.name()
    }

    async fn step(&self) -> Result<Next, Cause> {
        let mut state = self.state.lock().await;
        // Taken out, so that after an error the next step begins with a new tail.
        let mut tail = match state.tail.take() {
            Some(tail) => tail,
            None => self.bus.tail(self.types, TailFrom::Behind(state.behind)).await?,
        };
        let seen = tokio::select! {
            biased;
            () = self.shutdown.signalled() => None,
            seen = tail.next(BATCH) => Some(seen?),
        };
        if let Some(seen) = seen {
            self.sink.see(&seen).await?;
            if let Some(last) = seen.last() {
                state.behind = last.position;
            }
        }
        state.tail = Some(tail);
        Ok(Next::Again)
    }
}
