//! Event pages for visitors who are not signed in, kept together with what they were made from.
//!
//! A page is given out again only when the API's answers are the same to the byte as those it was made
//! from, so it is never older than they are; and only to visitors whom nothing on a page tells apart
//! ([`Visitor::is_anybody`](crate::visitor::Visitor::is_anybody)).

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::{Weighter, sync::Cache};
use stubmart_contract::EventId;

use crate::{prices::Prices, visitor::Finished};

/// How many bytes of pages, and of what they were made from, are kept.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// About how many pages that is.
const PAGES: usize = 200;

/// Which page, and whether it is compressed.
pub(crate) type Name = (EventId, bool);

/// Everything that an event's page depends on, but for the prices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The API's answer about the event.
    pub(crate) event: Bytes,
    /// The API's answer about its tickets.
    pub(crate) tickets: Bytes,
    /// Whether the event has begun.
    pub(crate) over: bool,
}

/// A page.
#[derive(Debug, Clone)]
pub(crate) struct KeptPage {
    pub(crate) source: Source,
    /// The prices it shows.
    pub(crate) prices: Option<Arc<Prices>>,
    pub(crate) page: Finished,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Name, KeptPage> for Weight {
    fn weight(&self, _: &Name, kept: &KeptPage) -> u64 {
        let Source { event, tickets, over: _ } = &kept.source;
        u64::try_from(event.len() + tickets.len() + kept.page.size() + 256).unwrap_or(u64::MAX)
    }
}

/// The pages that are kept.
#[derive(Debug)]
pub(crate) struct KeptPages(Cache<Name, KeptPage, Weight>);

impl Default for KeptPages {
    fn default() -> Self {
        Self(Cache::with_weighter(PAGES, BYTES_MAX, Weight))
    }
}

impl KeptPages {
    /// The page of this name, if it was made from this very source.
    pub(crate) fn find(&self, name: Name, source: &Source) -> Option<KeptPage> {
        self.0.get(&name).filter(|kept| kept.source == *source)
    }

    /// Keeps a page in place of the one of its name.
    pub(crate) fn keep(&self, name: Name, page: KeptPage) {
        self.0.insert(name, page);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(tickets: &'static str) -> Source {
        Source {
            event: Bytes::from_static(b"{}"),
            tickets: Bytes::from_static(tickets.as_bytes()),
            over: false,
        }
    }

    fn name(number: usize) -> Name {
        (EventId(uuid::Uuid::from_u128(u128::try_from(number).unwrap())), true)
    }

    fn page(source: Source) -> KeptPage {
        KeptPage { source, prices: None, page: Finished::default() }
    }

    #[test]
    fn a_page_is_found_only_by_the_very_source_it_was_made_from() {
        let pages = KeptPages::default();
        pages.keep(name(1), page(source("a")));
        assert!(pages.find(name(1), &source("a")).is_some());
        assert!(pages.find(name(1), &source("b")).is_none());
        assert!(pages.find(name(1), &Source { over: true, ..source("a") }).is_none());
        assert!(pages.find((name(1).0, false), &source("a")).is_none(), "it is another page plain");
    }

    #[test]
    fn the_bytes_of_all_pages_are_bounded() {
        let pages = KeptPages::default();
        let tickets = Bytes::from(vec![b' '; 100_000]);
        for number in 0..1000 {
            pages.keep(name(number), page(Source { tickets: tickets.clone(), ..source("a") }));
        }
        let last = Source { tickets, ..source("a") };
        assert!((0..1000).any(|number| pages.find(name(number), &last).is_some()));
        assert!(pages.0.weight() <= BYTES_MAX, "{} bytes are kept", pages.0.weight());
    }
}
