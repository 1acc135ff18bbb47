//! Finished pages of an event's tickets, for visitors who are not signed in: what everybody looks at when a
//! sale is on. They are compressed, so that the first page of some thousand events has room.
//!
//! A page stands until this instance changes a ticket of its event, and for a second at the most: another
//! instance may have changed one.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use quick_cache::{Weighter, sync::Cache};
use stubmart_contract::{EventId, Timestamp};
use stubmart_ports::host::Host;

/// How many bytes of pages are kept.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// About how many pages that is.
const PAGES: usize = 4_096;

/// How long a page is kept.
const KEPT: Duration = Duration::from_secs(1);

/// How many counters of changes there are. Events share them by chance, and then lose pages together.
const COUNTERS: usize = 4_096;

/// A page.
#[derive(Clone)]
struct Page {
    event_id: EventId,
    /// The event's changes before the page was read.
    changes: u64,
    kept_at: Timestamp,
    /// The length before it was compressed.
    length: usize,
    body: Bytes,
}

#[derive(Clone)]
struct Weight;

impl Weighter<String, Page> for Weight {
    fn weight(&self, query: &String, page: &Page) -> u64 {
        u64::try_from(query.len() + page.body.len() + 160).unwrap_or(u64::MAX)
    }
}

/// The kept pages, by the query as it was asked.
pub(crate) struct Pages {
    pages: Cache<String, Page, Weight>,
    changes: Box<[AtomicU64]>,
    host: Host,
}

/// How many changes of an event this instance has made; not the number itself, which other events share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Changes(u64);

impl Pages {
    /// No pages, on `host`'s clock.
    pub(crate) fn new(host: Host) -> Self {
        Self {
            pages: Cache::with_weighter(PAGES, BYTES_MAX, Weight),
            changes: (0..COUNTERS).map(|_| AtomicU64::new(0)).collect(),
            host,
        }
    }

    /// The page that answers `query`.
    pub(crate) fn get(&self, query: &str) -> Option<Vec<u8>> {
        let page = self.pages.get(query)?;
        let now = self.host.now();
        let is_fresh = now >= page.kept_at && now.since(page.kept_at) < KEPT;
        if !is_fresh || self.changes(page.event_id) != Changes(page.changes) {
            return None;
        }
        lz4_flex::block::decompress(&page.body, page.length).ok()
    }

    /// The changes of an event, to be read before a page of it is.
    pub(crate) fn changes(&self, event_id: EventId) -> Changes {
        Changes(self.counter(event_id).map_or(0, |it| it.load(Ordering::SeqCst)))
    }

    /// Keeps a page. A change that came since `changes` were read has the page never shown.
    pub(crate) fn keep(&self, query: &str, event_id: EventId, changes: Changes, body: &[u8]) {
        let page = Page {
            event_id,
            changes: changes.0,
            kept_at: self.host.now(),
            length: body.len(),
            body: lz4_flex::block::compress(body).into(),
        };
        self.pages.insert(query.to_owned(), page);
    }

    /// A ticket of the event has changed.
    pub(crate) fn changed(&self, event_id: EventId) {
        if let Some(counter) = self.counter(event_id) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn counter(&self, event_id: EventId) -> Option<&AtomicU64> {
        // The end of an id is random.
        let at = event_id.0.as_u128().checked_rem(u128::try_from(self.changes.len()).ok()?)?;
        self.changes.get(usize::try_from(at).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use stubmart_suite::host::manual;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_page_stands_for_a_second_and_until_its_event_changes() {
        let (host, clock) = manual(1);
        let pages = Pages::new(host);
        let event_id = EventId(Uuid::from_u128(1));
        let body = b"{\"items\":[]}".repeat(100);
        let keep = || pages.keep("q", event_id, pages.changes(event_id), &body);
        keep();
        assert_eq!(pages.get("q"), Some(body.clone()));
        assert_eq!(pages.get("other"), None);
        pages.changed(event_id);
        assert_eq!(pages.get("q"), None);
        keep();
        clock.advance(KEPT);
        assert_eq!(pages.get("q"), None);
    }

    /// A change that comes while a page is read outdates the page, although it is kept after the change.
    #[test]
    fn a_page_that_was_read_before_a_change_is_not_shown_after_it() {
        let pages = Pages::new(manual(1).0);
        let event_id = EventId(Uuid::from_u128(1));
        let changes = pages.changes(event_id);
        pages.changed(event_id);
        pages.keep("q", event_id, changes, b"{}");
        assert_eq!(pages.get("q"), None);
    }
}
