//! Event pages for visitors who are not signed in, kept together with what they were made from.
//!
//! A page is given out again only when the API's answers are the same to the byte as those it was made
//! from, so it is never older than they are; and only to visitors whom nothing on a page tells apart
//! ([`Visitor::is_anybody`](crate::visitor::Visitor::is_anybody)).

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use stubmart_contract::EventId;

use crate::{prices::Prices, visitor::Finished};

/// How many pages each of the two generations holds: with what they were made from some 20 MB in all.
const PAGES_MAX: usize = 100;

/// Which page, and whether it is compressed.
pub(crate) type Name = (EventId, bool);

/// Everything that an event's page depends on, but for the prices of tickets beyond it.
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
    /// The prices it shows, where they were not taken from its own tickets alone.
    pub(crate) prices: Option<Option<Arc<Prices>>>,
    pub(crate) page: Finished,
}

/// The pages that are kept: those asked for since the last turn, and those of the turn before.
#[derive(Debug, Default)]
pub(crate) struct KeptPages(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Name, KeptPage>,
    old: HashMap<Name, KeptPage>,
}

impl KeptPages {
    /// The page of this name, if it was made from this very source.
    pub(crate) fn find(&self, name: Name, source: &Source) -> Option<KeptPage> {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = pages.young.get(&name) {
            return (kept.source == *source).then(|| kept.clone());
        }
        let kept = pages.old.remove(&name).filter(|kept| kept.source == *source)?;
        pages.keep(name, kept.clone());
        Some(kept)
    }

    /// Keeps a page in place of the one of its name.
    pub(crate) fn keep(&self, name: Name, page: KeptPage) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).keep(name, page);
    }
}

impl Generations {
    fn keep(&mut self, name: Name, page: KeptPage) {
        if self.young.len() >= PAGES_MAX && !self.young.contains_key(&name) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(name, page);
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
    fn the_number_of_pages_is_bounded_and_those_in_use_stay() {
        let pages = KeptPages::default();
        for number in 0..10 * PAGES_MAX {
            pages.keep(name(number), page(source("a")));
            assert!(pages.find(name(0), &source("a")).is_some(), "asked for all the time");
        }
        let held = pages.0.lock().unwrap();
        assert!(held.young.len() + held.old.len() <= 2 * PAGES_MAX);
    }
}
