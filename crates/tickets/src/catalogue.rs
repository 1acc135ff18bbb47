//! The catalogue: every show with what can be bought for it now, in memory.
//!
//! Counting the available tickets of a show or finding its cheapest by a query would cost most of a
//! millisecond for a large one (see the bench), and a page lists fifty shows. So each instance keeps
//! the offers of every show: it reads them at the start, and is told of each change by the save that
//! made it and again by the bus, which brings what other instances saved.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{PoisonError, RwLock},
};

use stubmart_contract::{
    EventId, Price, Timestamp,
    api::{Event, TicketStatus},
    event::TicketState,
};
use stubmart_ports::{Cause, key::Key};
use uuid::Uuid;

use crate::{search::Search, show::Show};

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct EventQuery {
    /// Words.
    pub words: Option<String>,
    /// The kind of show, in any case.
    pub category: Option<String>,
    /// The city, in any case.
    pub city: Option<String>,
    /// The earliest start.
    pub from: Option<Timestamp>,
    /// The latest start.
    pub to: Option<Timestamp>,
    /// Cheapest first instead of soonest first; shows with nothing to buy come last.
    pub by_price: bool,
    /// The last key of the page before.
    pub behind: Option<Vec<u8>>,
    /// At most so many.
    pub limit: usize,
}

/// Shows and offers.
pub struct Catalogue {
    inner: RwLock<Inner>,
    search: Search,
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalogue").finish_non_exhaustive()
    }
}

#[derive(Default)]
struct Inner {
    /// Shows by number; a show is never removed.
    shows: Vec<Listed>,
    numbers: HashMap<EventId, u32>,
    by_date: BTreeSet<(Timestamp, EventId)>,
    /// What is known of each ticket on offer, to tell an old change from a new one.
    offers: HashMap<Uuid, Offer>,
    /// Offers of shows that are not known yet.
    revisions: u64,
}

struct Listed {
    show: Show,
    /// What can be bought now, cheapest first.
    offers: BTreeSet<(Price, Uuid)>,
    /// Counts the changes of this show's tickets.
    revision: u64,
}

#[derive(Clone, Copy)]
struct Offer {
    version: u32,
    event: u32,
    price: Price,
    available: bool,
}

impl Default for Catalogue {
    fn default() -> Self {
        Self { inner: RwLock::default(), search: Search::new() }
    }
}

impl Catalogue {
    /// Adds a show, once.
    pub fn add_show(&self, show: Show) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if inner.numbers.contains_key(&show.id) {
            return;
        }
        let Ok(number) = u32::try_from(inner.shows.len()) else { return };
        inner.numbers.insert(show.id, number);
        inner.by_date.insert((show.starts_at, show.id));
        self.search.add(u64::from(number), &show);
        inner.shows.push(Listed { show, offers: BTreeSet::new(), revision: 0 });
    }

    /// Adds what is on offer, as read from the index at the start: version 0, so that any change that
    /// is told of counts as newer.
    pub fn add_offer(&self, ticket: Uuid, event_id: EventId, price: Price, available: bool) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(event) = inner.numbers.get(&event_id).copied() {
            inner.offers.entry(ticket).or_insert(Offer { version: 0, event, price, available });
            inner.set(ticket, event, price, available);
        }
    }

    /// Learns of a ticket's change; an old one changes nothing. False when its show is not known.
    pub fn apply(&self, ticket: &TicketState, version: u64) -> bool {
        let Some(event_id) = ticket.event_id else { return true };
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let Some(event) = inner.numbers.get(&event_id).copied() else { return false };
        let version = u32::try_from(version).unwrap_or(u32::MAX);
        let known = inner.offers.get(&ticket.id.0).copied();
        if known.is_some_and(|known| known.version >= version) {
            return true;
        }
        if let Some(known) = known {
            inner.clear(ticket.id.0, known);
        }
        let available = ticket.status == TicketStatus::Available;
        let offer = Offer { version, event, price: ticket.price, available };
        inner.offers.insert(ticket.id.0, offer);
        inner.set(ticket.id.0, event, ticket.price, available);
        true
    }

    /// Whether the show is known.
    #[must_use]
    pub fn knows(&self, event_id: EventId) -> bool {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).numbers.contains_key(&event_id)
    }

    /// The show as clients see it.
    #[must_use]
    pub fn event(&self, event_id: EventId) -> Option<Event> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        inner.listed(event_id).map(Listed::event)
    }

    /// A number that is another after each change of the show's tickets that this instance knows of.
    #[must_use]
    pub fn revision(&self, event_id: EventId) -> Option<u64> {
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        inner.listed(event_id).map(|listed| listed.revision)
    }

    /// The shows that `query` asks for, each with its key.
    ///
    /// # Errors
    /// The cause, when the search engine fails.
    pub fn find(&self, query: &EventQuery) -> Result<Vec<(Vec<u8>, Event)>, Cause> {
        let found = match &query.words {
            Some(words) => self.search.find(words)?,
            None => None,
        };
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        if query.by_price || found.is_some() {
            let candidates: Box<dyn Iterator<Item = &Listed>> = match &found {
                Some(numbers) => Box::new(
                    numbers
                        .iter()
                        .filter_map(|number| inner.shows.get(usize::try_from(*number).ok()?)),
                ),
                None => Box::new(inner.shows.iter()),
            };
            Ok(sorted_page(candidates, query))
        } else {
            Ok(inner.page_by_date(query))
        }
    }
}

/// The page of shows that are not sorted yet: all of them get their key, the least keys win.
fn sorted_page<'a>(
    candidates: impl Iterator<Item = &'a Listed>,
    query: &EventQuery,
) -> Vec<(Vec<u8>, Event)> {
    let mut page = BTreeMap::new();
    for listed in candidates.filter(|listed| listed.fits(query)) {
        let key = listed.key(query.by_price);
        if query.behind.as_ref().is_some_and(|behind| key <= *behind) {
            continue;
        }
        page.insert(key, listed);
        if page.len() > query.limit {
            page.pop_last();
        }
    }
    page.into_iter().map(|(key, listed)| (key, listed.event())).collect()
}

impl Inner {
    fn listed(&self, event_id: EventId) -> Option<&Listed> {
        let number = *self.numbers.get(&event_id)?;
        self.shows.get(usize::try_from(number).ok()?)
    }

    fn page_by_date(&self, query: &EventQuery) -> Vec<(Vec<u8>, Event)> {
        let from = query.from.unwrap_or(Timestamp::MIN);
        let mut page = Vec::new();
        for (_, id) in self.by_date.range((from, EventId(Uuid::nil()))..) {
            let Some(listed) = self.listed(*id) else { continue };
            if query.to.is_some_and(|to| listed.show.starts_at > to) || page.len() >= query.limit {
                break;
            }
            let key = listed.key(false);
            if listed.fits(query) && query.behind.as_ref().is_none_or(|behind| key > *behind) {
                page.push((key, listed.event()));
            }
        }
        page
    }

    fn set(&mut self, ticket: Uuid, event: u32, price: Price, available: bool) {
        self.revisions += 1;
        let revision = self.revisions;
        if let Some(listed) =
            usize::try_from(event).ok().and_then(|event| self.shows.get_mut(event))
        {
            listed.revision = revision;
            if available {
                listed.offers.insert((price, ticket));
            }
        }
    }

    fn clear(&mut self, ticket: Uuid, known: Offer) {
        let event = usize::try_from(known.event).ok();
        if known.available
            && let Some(listed) = event.and_then(|event| self.shows.get_mut(event))
        {
            listed.offers.remove(&(known.price, ticket));
        }
    }
}

impl Listed {
    fn fits(&self, query: &EventQuery) -> bool {
        let same = |wanted: &Option<String>, is: &str| {
            wanted.as_ref().is_none_or(|wanted| {
                let wanted = wanted.chars().flat_map(char::to_lowercase);
                wanted.eq(is.chars().flat_map(char::to_lowercase))
            })
        };
        query.from.is_none_or(|from| self.show.starts_at >= from)
            && query.to.is_none_or(|to| self.show.starts_at <= to)
            && same(&query.category, &self.show.category)
            && same(&query.city, &self.show.venue.city)
    }

    /// Where it stands in the list.
    fn key(&self, by_price: bool) -> Vec<u8> {
        let key = match (by_price, self.offers.first()) {
            (false, _) => Key::new(),
            (true, Some((price, _))) => Key::new().number(price.minor()),
            (true, None) => Key::new().number(u32::MAX),
        };
        key.time(self.show.starts_at).id(self.show.id.0).into_bytes()
    }

    fn event(&self) -> Event {
        Event {
            id: self.show.id,
            name: self.show.name.clone(),
            category: self.show.category.clone(),
            venue: self.show.venue.clone(),
            starts_at: self.show.starts_at,
            available: u32::try_from(self.offers.len()).unwrap_or(u32::MAX),
            min_price: self.offers.first().map(|(price, _)| *price),
        }
    }
}
