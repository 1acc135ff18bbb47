//! Finished pages of an event's tickets, for visitors who are not signed in: what everybody looks at when
//! a sale is on. A page stands until any ticket of its event changes.

use axum::body::Bytes;
use quick_cache::{Weighter, sync::Cache};
use stubmart_contract::EventId;

/// How many bytes of pages are kept.
const BYTES_MAX: u64 = 8 * 1024 * 1024;

/// About how many pages that is.
const PAGES: usize = 512;

/// Which page: the event, and the query as it was asked.
type PageKey = (EventId, String);

/// A page and the revision of its event that it shows.
#[derive(Clone)]
struct Kept {
    revision: u64,
    body: Bytes,
}

#[derive(Clone)]
struct Weight;

impl Weighter<PageKey, Kept> for Weight {
    fn weight(&self, key: &PageKey, kept: &Kept) -> u64 {
        u64::try_from(key.1.len() + kept.body.len() + 128).unwrap_or(u64::MAX)
    }
}

/// The kept pages.
pub(crate) struct Pages(Cache<PageKey, Kept, Weight>);

impl Default for Pages {
    fn default() -> Self {
        Self(Cache::with_weighter(PAGES, BYTES_MAX, Weight))
    }
}

impl Pages {
    /// The page, if it shows this revision of the event.
    pub(crate) fn get(&self, event_id: EventId, query: &str, revision: u64) -> Option<Bytes> {
        let kept = self.0.get(&(event_id, query.to_owned()))?;
        (kept.revision == revision).then_some(kept.body)
    }

    /// Keeps a page. `revision` must have been read before the page was: a change that came in between
    /// has another one by then, and the page is not shown again.
    pub(crate) fn keep(&self, event_id: EventId, query: &str, revision: u64, body: Bytes) {
        self.0.insert((event_id, query.to_owned()), Kept { revision, body });
    }
}
