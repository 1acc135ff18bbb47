//! A cache of event pages for visitors who are not signed in.
//!
//! A cached page is sent only if the API's answers equal, byte for byte, those that the page was made from,
//! so it is never older than they are. It is sent only to visitors for whom the page is the same
//! ([`Visitor::is_anonymous`](crate::visitor::Visitor::is_anonymous)).

use std::sync::Arc;

use bytes::Bytes;
use quick_cache::{Weighter, sync::Cache};
use stubmart_contract::{EventId, api::EventFacets};

use crate::{prices::Prices, rendered::Rendered};

/// The most bytes of pages and their sources in the cache.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// About how many pages that is; it sizes the cache's table.
const PAGES: usize = 200;

/// The event of a page, and whether the page is compressed.
pub(crate) type Key = (EventId, bool);

/// Everything that an event's page depends on, except the prices and the facets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Source {
    /// The API's answer about the event.
    pub(crate) event: Bytes,
    /// The API's answer about its tickets.
    pub(crate) tickets: Bytes,
}

/// A page in the cache.
#[derive(Debug, Clone)]
pub(crate) struct CachedPage {
    pub(crate) source: Source,
    /// The prices it shows.
    pub(crate) prices: Option<Arc<Prices>>,
    /// The facets it shows.
    pub(crate) facets: Arc<EventFacets>,
    pub(crate) page: Rendered,
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Key, CachedPage> for Weight {
    fn weight(&self, _: &Key, cached: &CachedPage) -> u64 {
        let Source { event, tickets } = &cached.source;
        u64::try_from(event.len() + tickets.len() + cached.page.size() + 256).unwrap_or(u64::MAX)
    }
}

/// The cache. It drops the pages that are used least.
#[derive(Debug)]
pub(crate) struct PageCache(Cache<Key, CachedPage, Weight>);

impl Default for PageCache {
    fn default() -> Self {
        Self(Cache::with_weighter(PAGES, BYTES_MAX, Weight))
    }
}

impl PageCache {
    /// The cached page, if it was made from this source.
    pub(crate) fn find(&self, key: Key, source: &Source) -> Option<CachedPage> {
        self.0.get(&key).filter(|cached| cached.source == *source)
    }

    /// Caches a page and replaces the one of this key.
    pub(crate) fn insert(&self, key: Key, page: CachedPage) {
        self.0.insert(key, page);
    }
}

#[cfg(test)]
mod tests {
    use stubmart_contract::Currency;

    use super::*;

    fn source(tickets: &'static str) -> Source {
        Source { event: Bytes::from_static(b"{}"), tickets: Bytes::from_static(tickets.as_bytes()) }
    }

    fn key(number: usize) -> Key {
        (EventId(uuid::Uuid::from_u128(u128::try_from(number).unwrap())), true)
    }

    fn page(source: Source) -> CachedPage {
        let facets = EventFacets {
            currency: Currency::USD,
            count: 0,
            min_price: None,
            sections: Vec::new(),
            quantities: Vec::new(),
        };
        let (prices, facets) = (None, Arc::new(facets));
        CachedPage { source, prices, facets, page: Rendered::default() }
    }

    #[test]
    fn a_page_is_found_only_by_the_source_it_was_made_from() {
        let pages = PageCache::default();
        pages.insert(key(1), page(source("a")));
        assert!(pages.find(key(1), &source("a")).is_some());
        assert!(pages.find(key(1), &source("b")).is_none());
        let event = Bytes::from_static(b"{ }");
        assert!(pages.find(key(1), &Source { event, ..source("a") }).is_none());
        assert!(pages.find((key(1).0, false), &source("a")).is_none(), "it is another page plain");
    }

    #[test]
    fn the_bytes_of_all_pages_are_bounded() {
        let pages = PageCache::default();
        let tickets = Bytes::from(vec![b' '; 100_000]);
        for number in 0..1000 {
            pages.insert(key(number), page(Source { tickets: tickets.clone(), ..source("a") }));
        }
        let last = Source { tickets, ..source("a") };
        assert!((0..1000).any(|number| pages.find(key(number), &last).is_some()));
        assert!(pages.0.weight() <= BYTES_MAX, "{} bytes", pages.0.weight());
    }
}
