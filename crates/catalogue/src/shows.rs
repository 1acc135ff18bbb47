//! All shows in memory, each with the summary of its offers. Shows are few; the offers are not in here.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    ops::Bound,
};

use stubmart_contract::{
    EventId, Timestamp,
    api::{Event, Facet, Facets},
};
use stubmart_kernel::aggregate::{Key, KeyReader};
use uuid::Uuid;

use crate::{offers::Summary, places::city_key, show::Show, text::folded};

/// Which shows to list.
#[derive(Debug, Clone, Default)]
pub struct ShowQuery {
    /// Words.
    pub words: Option<String>,
    /// The kind of show, in any case.
    pub category: Option<String>,
    /// The city, by any of its names.
    pub city: Option<String>,
    /// The earliest start.
    pub from: Option<Timestamp>,
    /// The latest start.
    pub to: Option<Timestamp>,
    /// Cheapest first instead of soonest first; shows with nothing to buy come last.
    pub by_price: bool,
}

/// Where a show stands in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SortKey {
    /// Its cheapest offer in a list by price, 0 in one by date.
    price: u32,
    starts_at: Timestamp,
    id: EventId,
}

impl SortKey {
    /// Its bytes, for a cursor.
    pub(crate) fn bytes(self) -> Vec<u8> {
        Key::new().number(self.price).time(self.starts_at).id(self.id.0).into_bytes()
    }

    /// The key with these bytes; `None` when they are none's.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = KeyReader::new(bytes);
        let (price, starts_at) = (reader.number()?, reader.time()?);
        let key = Self { price, starts_at, id: EventId(reader.id()?) };
        (key.bytes() == bytes).then_some(key)
    }
}

/// When shows are looked at, and where their pages are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) now: Timestamp,
    /// The beginning of every link.
    pub(crate) public_url: &'a str,
}

/// Every show.
#[derive(Debug, Default)]
pub(crate) struct Shows {
    /// By number; a show is never removed.
    shows: Vec<Listed>,
    numbers: HashMap<EventId, u32>,
    by_date: BTreeSet<SortKey>,
    by_price: BTreeSet<SortKey>,
}

#[derive(Debug)]
struct Listed {
    show: Show,
    version: u64,
    /// The show's category and city, to be compared in any spelling.
    category: String,
    city: String,
    offers: Summary,
}

/// The effect of putting a show in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is new; this is its number.
    Added(u32),
    /// It replaced an older version under this number.
    Replaced(u32),
    /// As much or more was known of it already.
    Known,
}

impl Shows {
    /// Puts a show in, unless as high a version of it is known.
    pub(crate) fn put(&mut self, show: Show, version: u64) -> Put {
        let show = show.completed();
        let known = self.numbers.get(&show.id).copied();
        let before = known.and_then(|number| self.at(number));
        if before.is_some_and(|before| before.version >= version) {
            return Put::Known;
        }
        let offers = before.map_or_else(Summary::default, |before| before.offers);
        let old_keys = before.map(|before| [false, true].map(|by_price| before.key(by_price)));
        if let Some([by_date, by_price]) = old_keys {
            self.by_date.remove(&by_date);
            self.by_price.remove(&by_price);
        }
        let (category, city) = (folded(&show.category), city_key(&show.venue.city));
        let listed = Listed { show, version, category, city, offers };
        self.by_date.insert(listed.key(false));
        self.by_price.insert(listed.key(true));
        match known {
            Some(number) => {
                if let Some(slot) = index(number).and_then(|at| self.shows.get_mut(at)) {
                    *slot = listed;
                }
                Put::Replaced(number)
            }
            None => {
                let number = u32::try_from(self.shows.len()).unwrap_or(u32::MAX);
                self.numbers.insert(listed.show.id, number);
                self.shows.push(listed);
                Put::Added(number)
            }
        }
    }

    /// Notes what is on offer for a show. False when the show is not known.
    pub(crate) fn set_offers(&mut self, id: EventId, offers: Summary) -> bool {
        let Some(at) = self.numbers.get(&id).copied().and_then(index) else { return false };
        let Some(listed) = self.shows.get_mut(at) else { return false };
        let before = listed.key(true);
        listed.offers = offers;
        let after = listed.key(true);
        if before != after {
            self.by_price.remove(&before);
            self.by_price.insert(after);
        }
        true
    }

    /// The show.
    pub(crate) fn show(&self, id: EventId) -> Option<&Show> {
        self.listed(id).map(|listed| &listed.show)
    }

    /// The show as clients see it.
    pub(crate) fn event(&self, id: EventId, seen: &Seen<'_>) -> Option<Event> {
        self.listed(id).map(|listed| listed.event(seen))
    }

    /// The shows that `query` asks for, in its order, behind a key, at most `limit`. `found` holds the
    /// numbers of those that have the query's words.
    pub(crate) fn find(
        &self,
        query: &ShowQuery,
        found: Option<&HashSet<u64>>,
        behind: Option<SortKey>,
        limit: usize,
        seen: &Seen<'_>,
    ) -> Vec<(SortKey, Event)> {
        let filter = Filter {
            category: query.category.as_deref().map(folded),
            city: query.city.as_deref().map(city_key),
            query,
        };
        let page = match found {
            Some(numbers) => {
                let shows =
                    numbers.iter().filter_map(|number| self.at(u32::try_from(*number).ok()?));
                filter.least(shows, behind, limit)
            }
            None => self.page(&filter, behind, limit),
        };
        page.into_iter().map(|(key, listed)| (key, listed.event(seen))).collect()
    }

    /// The categories and cities of the shows that begin at `now` or later.
    pub(crate) fn facets(&self, now: Timestamp) -> Facets {
        let first = SortKey { price: 0, starts_at: now, id: EventId(Uuid::nil()) };
        let mut categories = Count::default();
        let mut cities = Count::default();
        for listed in self.by_date.range(first..).filter_map(|key| self.listed(key.id)) {
            categories.add(&listed.category, &listed.show.category);
            cities.add(&listed.city, &listed.show.venue.city);
        }
        Facets { categories: categories.facets(), cities: cities.facets() }
    }

    fn at(&self, number: u32) -> Option<&Listed> {
        self.shows.get(index(number)?)
    }

    fn listed(&self, id: EventId) -> Option<&Listed> {
        self.at(*self.numbers.get(&id)?)
    }

    /// The page of all shows.
    fn page(
        &self,
        filter: &Filter<'_>,
        behind: Option<SortKey>,
        limit: usize,
    ) -> Vec<(SortKey, &Listed)> {
        let query = filter.query;
        let keys = if query.by_price { &self.by_price } else { &self.by_date };
        let earliest = query.from.filter(|_| !query.by_price).unwrap_or(Timestamp::MIN);
        let first = SortKey { price: 0, starts_at: earliest, id: EventId(Uuid::nil()) };
        let begin = match behind {
            Some(behind) if behind >= first => Bound::Excluded(behind),
            Some(_) | None => Bound::Included(first),
        };
        let mut page = Vec::new();
        for key in keys.range((begin, Bound::Unbounded)) {
            let is_over = !query.by_price && query.to.is_some_and(|to| key.starts_at > to);
            if is_over || page.len() >= limit {
                break;
            }
            if let Some(listed) = self.listed(key.id).filter(|listed| filter.fits(listed)) {
                page.push((*key, listed));
            }
        }
        page
    }
}

impl Listed {
    /// Where it stands in the list.
    fn key(&self, by_price: bool) -> SortKey {
        let lowest = self.offers.lowest.map_or(u32::MAX, |price| price.minor());
        SortKey {
            price: if by_price { lowest } else { 0 },
            starts_at: self.show.starts_at,
            id: self.show.id,
        }
    }

    fn event(&self, seen: &Seen<'_>) -> Event {
        let show = &self.show;
        let local_start = show.local_start();
        Event {
            id: show.id,
            name: show.name.clone(),
            category: show.category.clone(),
            performers: show.performers.clone(),
            venue: show.venue.clone(),
            starts_at: show.starts_at,
            local_start,
            ends_at: show.ends_at(),
            start_time_known: local_start.has_time(),
            status: show.status(seen.now),
            currency: show.currency,
            available: self.offers.available,
            min_price: self.offers.lowest,
            url: format!("{}/events/{}", seen.public_url, show.id),
        }
    }
}

/// A query, ready to be compared with shows.
struct Filter<'a> {
    category: Option<String>,
    city: Option<String>,
    query: &'a ShowQuery,
}

impl Filter<'_> {
    fn fits(&self, listed: &Listed) -> bool {
        let starts_at = listed.show.starts_at;
        self.query.from.is_none_or(|from| starts_at >= from)
            && self.query.to.is_none_or(|to| starts_at <= to)
            && self.category.as_ref().is_none_or(|wanted| *wanted == listed.category)
            && self.city.as_ref().is_none_or(|wanted| *wanted == listed.city)
    }

    /// The page of `shows`, which come in no order.
    fn least<'a>(
        &self,
        shows: impl Iterator<Item = &'a Listed>,
        behind: Option<SortKey>,
        limit: usize,
    ) -> Vec<(SortKey, &'a Listed)> {
        let mut page = BTreeMap::new();
        for listed in shows.filter(|listed| self.fits(listed)) {
            let key = listed.key(self.query.by_price);
            if behind.is_none_or(|behind| key > behind) {
                page.insert(key, listed);
            }
            if page.len() > limit {
                page.pop_last();
            }
        }
        page.into_iter().collect()
    }
}

/// How many shows have each of some values, compared in any case.
#[derive(Default)]
struct Count<'a>(HashMap<&'a str, (&'a str, u32)>);

impl<'a> Count<'a> {
    fn add(&mut self, folded: &'a str, name: &'a str) {
        let (_, count) = self.0.entry(folded).or_insert((name, 0));
        *count = count.saturating_add(1);
    }

    /// The values, the most frequent first.
    fn facets(self) -> Vec<Facet> {
        let mut facets: Vec<Facet> = self
            .0
            .into_values()
            .map(|(name, count)| Facet { name: name.to_owned(), count })
            .collect();
        facets.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.name.cmp(&b.name)));
        facets
    }
}

fn index(number: u32) -> Option<usize> {
    usize::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stubmart_contract::{
        Price, TimeZone,
        api::{CreateEventRequest, Venue},
    };

    use super::*;

    const SEEN: Seen<'_> = Seen { now: Timestamp::EPOCH, public_url: "" };

    fn show(id: u128, category: &str, city: &str, day: u64) -> Show {
        let day = Timestamp::EPOCH.after(Duration::from_secs(day * 24 * 3600));
        let venue = Venue { time_zone: Some(TimeZone::UTC), ..Venue::new("Globe", city) };
        let start = TimeZone::UTC.local(day);
        let asked = CreateEventRequest::new(&format!("Show {id}"), category, venue, start);
        Show::new(EventId(Uuid::from_u128(id)), &asked).unwrap()
    }

    fn ids(found: &[(SortKey, Event)]) -> Vec<u128> {
        found.iter().map(|(_, event)| event.id.0.as_u128()).collect()
    }

    fn shows() -> Shows {
        let mut shows = Shows::default();
        for (id, category, city, day) in
            [(1, "Plays", "London", 3), (2, "Opera", "Paris", 1), (3, "plays", "london", 2)]
        {
            let number = u32::try_from(id - 1).unwrap();
            assert_eq!(shows.put(show(id, category, city, day), 1), Put::Added(number));
        }
        shows
    }

    #[test]
    fn lists_are_by_date_or_by_price_and_go_on_behind_a_key() {
        let mut shows = shows();
        let by_date = ShowQuery::default();
        assert_eq!(ids(&shows.find(&by_date, None, None, 9, &SEEN)), [2, 3, 1]);
        let page = shows.find(&by_date, None, None, 2, &SEEN);
        let behind = SortKey::read(&page[1].0.bytes());
        assert_eq!(ids(&shows.find(&by_date, None, behind, 9, &SEEN)), [1]);
        let lowest = Some(Price::try_from(500).unwrap());
        let offers = Summary { available: 1, lowest };
        assert!(shows.set_offers(EventId(Uuid::from_u128(1)), offers));
        assert!(!shows.set_offers(EventId(Uuid::from_u128(9)), offers));
        let by_price = ShowQuery { by_price: true, ..ShowQuery::default() };
        assert_eq!(ids(&shows.find(&by_price, None, None, 9, &SEEN)), [1, 2, 3]);
        let category = Some("PLAYS".to_owned());
        let plays = ShowQuery { category, ..ShowQuery::default() };
        assert_eq!(ids(&shows.find(&plays, None, None, 9, &SEEN)), [3, 1]);
        let words = HashSet::from([0, 1, 7]);
        assert_eq!(ids(&shows.find(&by_date, Some(&words), None, 1, &SEEN)), [2]);
    }

    #[test]
    fn facets_count_what_is_to_come_in_any_case() {
        let shows = shows();
        let facets = |day: u64| {
            let facets = shows.facets(Timestamp::EPOCH.after(Duration::from_secs(day * 24 * 3600)));
            let pairs = |facets: Vec<Facet>| {
                facets.into_iter().map(|it| (it.name, it.count)).collect::<Vec<_>>()
            };
            (pairs(facets.categories), pairs(facets.cities))
        };
        let counted = |pairs: &[(&str, u32)]| {
            pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Vec<_>>()
        };
        let (categories, cities) = facets(0);
        assert_eq!(categories, counted(&[("plays", 2), ("Opera", 1)]));
        assert_eq!(cities, counted(&[("london", 2), ("Paris", 1)]));
        assert_eq!(facets(3), (counted(&[("Plays", 1)]), counted(&[("London", 1)])));
    }

    #[test]
    fn an_older_version_of_a_show_changes_nothing_and_a_newer_one_keeps_its_offers() {
        let mut shows = shows();
        let id = EventId(Uuid::from_u128(1));
        shows.set_offers(id, Summary { available: 7, lowest: None });
        let moved = show(1, "Plays", "Bath", 9);
        assert_eq!(shows.put(moved.clone(), 1), Put::Known);
        assert_eq!(shows.put(moved, 2), Put::Replaced(0));
        let event = shows.event(id, &SEEN).unwrap();
        assert_eq!((event.venue.city.as_str(), event.available), ("Bath", 7));
        assert_eq!(ids(&shows.find(&ShowQuery::default(), None, None, 9, &SEEN)), [2, 3, 1]);
        let by_price = ShowQuery { by_price: true, ..ShowQuery::default() };
        assert_eq!(shows.find(&by_price, None, None, 9, &SEEN).len(), 3);
    }
}
