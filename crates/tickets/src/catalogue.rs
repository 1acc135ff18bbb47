//! The catalogue: every show with what can be bought for it now, in memory.
//!
//! Counting the available tickets of a show or finding its cheapest by a query would cost most of a
//! millisecond for a large one (see the bench), and a page lists fifty shows. So each instance keeps
//! the offers of every show: it reads them at the start, and is told of each change by the save that
//! made it and again by the bus, which brings what other instances saved.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque, hash_map::Entry},
    ops::Bound,
    sync::{Arc, PoisonError, RwLock},
};

use stubmart_contract::{
    EventId, Price, TicketId, Timestamp,
    api::{Event, TicketStatus},
    event::TicketState,
};
use stubmart_ports::{Cause, host::Host, key::Key};
use uuid::Uuid;

use crate::{search::Search, show::Show};

/// How many sold and withdrawn tickets are remembered. Word of an older change can come after word of
/// the end, but not after so many other ends.
const ENDED_MAX: usize = 50_000;

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
    /// Where the page before ended.
    pub behind: Option<Place>,
    /// At most so many.
    pub limit: usize,
}

/// Where a show stands in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Its cheapest offer in a list by price, 0 in one by date.
    price: u32,
    starts_at: Timestamp,
    id: EventId,
}

impl Place {
    /// Its bytes, for a cursor.
    #[must_use]
    pub fn key(self) -> Vec<u8> {
        Key::new().number(self.price).time(self.starts_at).id(self.id.0).into_bytes()
    }

    /// The place with these bytes; `None` when they are none's.
    #[must_use]
    pub fn read(key: &[u8]) -> Option<Self> {
        let (price, rest) = key.split_first_chunk()?;
        let (starts_at, rest) = rest.split_first_chunk()?;
        // A key has the sign bit of a time flipped.
        let starts_at = i64::from_be_bytes(*starts_at) ^ i64::MIN;
        Some(Self {
            price: u32::from_be_bytes(*price),
            starts_at: Timestamp::from_millis(starts_at),
            id: EventId(Uuid::from_slice(rest).ok()?),
        })
    }
}

/// How a ticket stands after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The ticket.
    pub ticket: TicketId,
    /// The change's number.
    pub version: u64,
    /// The show it is for.
    pub event_id: Option<EventId>,
    /// What it costs.
    pub price: Price,
    /// Where the listing stands.
    pub status: TicketStatus,
}

impl Standing {
    /// How it stands according to an event.
    #[must_use]
    pub const fn of(ticket: &TicketState, version: u64) -> Self {
        let TicketState { id, event_id, price, status, .. } = *ticket;
        Self { ticket: id, version, event_id, price, status }
    }
}

/// Shows and offers.
pub struct Catalogue {
    inner: RwLock<Inner>,
    search: Arc<Search>,
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
    by_date: BTreeSet<Place>,
    by_price: BTreeSet<Place>,
    /// What is known of each ticket, to tell an old change from a new one.
    offers: HashMap<TicketId, Offer>,
    /// The tickets that were sold or withdrawn last, which `offers` still knows.
    ended: VecDeque<TicketId>,
    /// Counts the changes of all tickets.
    revisions: u64,
}

struct Listed {
    show: Show,
    /// The show's category and city, to be compared in any case.
    category: String,
    city: String,
    /// What can be bought now, cheapest first.
    offers: BTreeSet<(Price, TicketId)>,
    /// Another number after each change of this show's tickets.
    revision: u64,
}

#[derive(Clone, Copy)]
struct Offer {
    version: u64,
    event: u32,
    price: Price,
    available: bool,
}

impl Catalogue {
    /// An empty catalogue.
    ///
    /// # Errors
    /// The cause, when the search engine does not start.
    pub fn new() -> Result<Self, Cause> {
        Ok(Self { inner: RwLock::default(), search: Arc::new(Search::new()?) })
    }

    /// Adds a show, once.
    pub fn add_show(&self, show: Show) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if inner.numbers.contains_key(&show.id) {
            return;
        }
        let Ok(number) = u32::try_from(inner.shows.len()) else { return };
        self.search.add(u64::from(number), &show);
        inner.numbers.insert(show.id, number);
        let (category, city) = (folded(&show.category), folded(&show.venue.city));
        let listed = Listed { show, category, city, offers: BTreeSet::new(), revision: 0 };
        inner.by_date.insert(listed.place(false));
        inner.by_price.insert(listed.place(true));
        inner.shows.push(listed);
    }

    /// Adds what is on offer, as read from the index at the start: version 0, so that any change that
    /// is told of counts as newer.
    pub fn add_offer(&self, ticket: TicketId, event_id: EventId, price: Price, available: bool) {
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let Some(event) = inner.numbers.get(&event_id).copied() else { return };
        let offer = Offer { version: 0, event, price, available };
        if let Entry::Vacant(entry) = inner.offers.entry(ticket) {
            entry.insert(offer);
            inner.replace(ticket, None, offer);
        }
    }

    /// Learns of a ticket's change; an old one changes nothing. False when its show is not known.
    pub fn apply(&self, standing: &Standing) -> bool {
        let Some(event_id) = standing.event_id else { return true };
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let Some(event) = inner.numbers.get(&event_id).copied() else { return false };
        let (ticket, version) = (standing.ticket, standing.version);
        let known = inner.offers.get(&ticket).copied();
        if known.is_some_and(|known| known.version >= version) {
            return true;
        }
        let available = standing.status == TicketStatus::Available;
        let offer = Offer { version, event, price: standing.price, available };
        inner.offers.insert(ticket, offer);
        inner.replace(ticket, known, offer);
        if matches!(standing.status, TicketStatus::Sold | TicketStatus::Withdrawn) {
            inner.end(ticket);
        }
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

    /// Sees to it that words find every show that was added.
    ///
    /// # Errors
    /// The cause, when the search engine fails.
    pub async fn catch_up(&self, host: &Host) -> Result<(), Cause> {
        self.search.catch_up(host).await
    }

    /// The shows that `query` asks for, each with its place. Words find what was added before the
    /// last [`Self::catch_up`].
    ///
    /// # Errors
    /// The cause, when the search engine fails.
    pub fn find(&self, query: &EventQuery) -> Result<Vec<(Place, Event)>, Cause> {
        let found = match &query.words {
            Some(words) => self.search.find(words)?,
            None => None,
        };
        let wanted = Wanted {
            category: query.category.as_deref().map(folded),
            city: query.city.as_deref().map(folded),
            query,
        };
        let inner = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        Ok(match found {
            Some(numbers) => {
                let shows = numbers.iter().filter_map(|number| usize::try_from(*number).ok());
                wanted.least(shows.filter_map(|number| inner.shows.get(number)))
            }
            None => inner.page(&wanted),
        })
    }
}

/// A text to be compared in any case.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// A query, ready to be compared with shows.
struct Wanted<'a> {
    category: Option<String>,
    city: Option<String>,
    query: &'a EventQuery,
}

impl Wanted<'_> {
    fn fits(&self, listed: &Listed) -> bool {
        let starts_at = listed.show.starts_at;
        self.query.from.is_none_or(|from| starts_at >= from)
            && self.query.to.is_none_or(|to| starts_at <= to)
            && self.category.as_ref().is_none_or(|wanted| *wanted == listed.category)
            && self.city.as_ref().is_none_or(|wanted| *wanted == listed.city)
    }

    /// The page of `shows`, which come in no order.
    fn least<'a>(&self, shows: impl Iterator<Item = &'a Listed>) -> Vec<(Place, Event)> {
        let mut page = BTreeMap::new();
        for listed in shows.filter(|listed| self.fits(listed)) {
            let place = listed.place(self.query.by_price);
            if self.query.behind.is_none_or(|behind| place > behind) {
                page.insert(place, listed);
            }
            if page.len() > self.query.limit {
                page.pop_last();
            }
        }
        page.into_iter().map(|(place, listed)| (place, listed.event())).collect()
    }
}

impl Inner {
    fn listed(&self, event_id: EventId) -> Option<&Listed> {
        let number = *self.numbers.get(&event_id)?;
        self.shows.get(usize::try_from(number).ok()?)
    }

    /// The page of all shows.
    fn page(&self, wanted: &Wanted<'_>) -> Vec<(Place, Event)> {
        let query = wanted.query;
        let places = if query.by_price { &self.by_price } else { &self.by_date };
        let earliest = query.from.filter(|_| !query.by_price).unwrap_or(Timestamp::MIN);
        let first = Place { price: 0, starts_at: earliest, id: EventId(Uuid::nil()) };
        let begin = match query.behind {
            Some(behind) if behind >= first => Bound::Excluded(behind),
            Some(_) | None => Bound::Included(first),
        };
        let mut page = Vec::new();
        for place in places.range((begin, Bound::Unbounded)) {
            let over = !query.by_price && query.to.is_some_and(|to| place.starts_at > to);
            if over || page.len() >= query.limit {
                break;
            }
            if let Some(listed) = self.listed(place.id).filter(|listed| wanted.fits(listed)) {
                page.push((*place, listed.event()));
            }
        }
        page
    }

    /// Puts a ticket where it stands now.
    fn replace(&mut self, ticket: TicketId, before: Option<Offer>, after: Offer) {
        self.revisions += 1;
        let revision = self.revisions;
        let Some(listed) =
            usize::try_from(after.event).ok().and_then(|event| self.shows.get_mut(event))
        else {
            return;
        };
        listed.revision = revision;
        let place = listed.place(true);
        if let Some(before) = before.filter(|before| before.available) {
            listed.offers.remove(&(before.price, ticket));
        }
        if after.available {
            listed.offers.insert((after.price, ticket));
        }
        let moved = listed.place(true);
        if moved != place {
            self.by_price.remove(&place);
            self.by_price.insert(moved);
        }
    }

    /// Remembers that a ticket was sold or withdrawn, and forgets one that was long ago.
    fn end(&mut self, ticket: TicketId) {
        self.ended.push_back(ticket);
        if self.ended.len() > ENDED_MAX
            && let Some(oldest) = self.ended.pop_front()
        {
            self.offers.remove(&oldest);
        }
    }
}

impl Listed {
    /// Where it stands in the list.
    fn place(&self, by_price: bool) -> Place {
        let cheapest = self.offers.first().map_or(u32::MAX, |(price, _)| price.minor());
        Place {
            price: if by_price { cheapest } else { 0 },
            starts_at: self.show.starts_at,
            id: self.show.id,
        }
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
