//! What the API said about an event a moment ago, and what the pages made of it.

use std::time::Duration;

use quick_cache::sync::Cache;
use stubmart_contract::{EventId, Price, Timestamp, api::Event};

/// How long it is kept.
const KEPT: Duration = Duration::from_secs(10);

/// Of how many events.
const EVENTS_MAX: usize = 500;

/// Something about events that were looked at a moment ago.
#[derive(Debug)]
pub(crate) struct KeptByEvent<T>(Cache<EventId, Kept<T>>);

#[derive(Debug, Clone)]
struct Kept<T> {
    at: Timestamp,
    /// What the event said then: once it says something else, the rest has changed as well.
    offer: (u32, Option<Price>),
    value: T,
}

impl<T: Clone> Default for KeptByEvent<T> {
    fn default() -> Self {
        Self(Cache::new(EVENTS_MAX))
    }
}

impl<T: Clone> KeptByEvent<T> {
    /// What is kept of the event, less than ten seconds old; else what `read` reads. It is read again at
    /// once when the number of the event's tickets or its cheapest price has changed.
    ///
    /// # Errors
    /// Those of `read`.
    pub(crate) async fn of<E>(
        &self,
        event: &Event,
        now: Timestamp,
        read: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let offer = (event.available, event.min_price);
        let is_fresh = |kept: &Kept<T>| now >= kept.at && now.since(kept.at) < KEPT;
        let kept = self.0.get(&event.id).filter(|kept| kept.offer == offer && is_fresh(kept));
        if let Some(kept) = kept {
            return Ok(kept.value);
        }
        let value = read.await?;
        self.0.insert(event.id, Kept { at: now, offer, value: value.clone() });
        Ok(value)
    }
}
