//! All shows in memory, each with the summary of its offers. Shows are few; the offers are not in here.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use stubmart_contract::{
    DayOrMoment, EventId, TimeZone, Timestamp,
    api::{Event, Facet, Facets},
    names::{folded, plain},
};

mod keys;
mod listed;

pub use self::listed::Order;
pub(crate) use self::listed::SortKey;
use self::{
    keys::{Keys, from},
    listed::{Listed, Part},
};
use crate::{
    days::Days,
    offers::Summary,
    places::city_key,
    search::{Fit, Hit},
    show::Show,
};

/// How far clocks in the world are apart from UTC at the most.
const CLOCKS_APART: Duration = Duration::from_secs(26 * 3600);

/// Which shows to list.
#[derive(Debug, Clone, Default)]
pub struct ShowQuery {
    /// Words.
    pub words: Option<String>,
    /// The kind of show, in any spelling.
    pub category: Option<String>,
    /// The city, by any of its names.
    pub city: Option<String>,
    /// The venue, in any spelling.
    pub venue: Option<String>,
    /// Who performs, in any spelling; a show that names nobody has its own name.
    pub performer: Option<String>,
    /// The earliest start. What is over is left out where this is not given.
    pub from: Option<DayOrMoment>,
    /// The latest start.
    pub to: Option<DayOrMoment>,
    /// In which order; what fits best first where it is not given and there are words, else by date.
    pub order: Option<Order>,
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
    keys: Keys,
    /// Each text that shows are compared by, once.
    texts: HashSet<Arc<str>>,
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
        if let Some(slot) = known.and_then(index).and_then(|at| self.shows.get(at)) {
            self.keys.remove(slot);
        }
        let parts = self.parts(&show);
        let listed = Listed { show, version, parts, offers };
        self.keys.insert(&listed);
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

    fn parts(&mut self, show: &Show) -> Vec<Part> {
        let category = Part::Category(self.shared(folded(&show.category)));
        let city = Part::City(self.shared(city_key(&show.venue.city)));
        let venue = Part::Venue(self.shared(plain(&show.venue.name)));
        let mut parts = vec![category, city, venue];
        for name in show.performers_or_name() {
            let performer = Part::Performer(self.shared(plain(name)));
            if !parts.contains(&performer) {
                parts.push(performer);
            }
        }
        parts
    }

    fn shared(&mut self, text: String) -> Arc<str> {
        if let Some(known) = self.texts.get(text.as_str()) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&text));
        text
    }

    /// Notes what is on offer for a show. False when the show is not known.
    pub(crate) fn set_offers(&mut self, id: EventId, offers: Summary) -> bool {
        let Some(at) = self.numbers.get(&id).copied().and_then(index) else { return false };
        let Some(listed) = self.shows.get_mut(at) else { return false };
        self.keys.remove_offers(listed);
        listed.offers = offers;
        self.keys.insert_offers(listed);
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

    /// The shows that `query` asks for, in its order, behind a key, at most `limit`. `hits` are those that
    /// have the query's words, `days` those that it names.
    pub(crate) fn find(
        &self,
        query: &ShowQuery,
        (hits, days): (Option<&[Hit]>, Option<Days>),
        behind: Option<SortKey>,
        limit: usize,
        seen: &Seen<'_>,
    ) -> Vec<(SortKey, Event)> {
        let usual = if hits.is_some() { Order::Fit } else { Order::Date };
        let (category, city) = (query.category.as_deref(), query.city.as_deref());
        let (venue, performer) = (query.venue.as_deref(), query.performer.as_deref());
        let parts = [
            category.map(|it| Part::Category(folded(it).into())),
            city.map(|it| Part::City(city_key(it).into())),
            venue.map(|it| Part::Venue(plain(it).into())),
            performer.map(|it| Part::Performer(plain(it).into())),
        ];
        let filter = Filter {
            parts: parts.into_iter().flatten().collect(),
            order: query.order.unwrap_or(usual),
            days,
            now: seen.now,
            query,
        };
        let page = match hits {
            Some(hits) => {
                let shows = hits.iter().filter_map(|hit| Some((self.at(hit.number)?, hit.fit)));
                filter.least(shows, behind, limit)
            }
            None => self.page(&filter, behind, limit),
        };
        page.into_iter().map(|(key, listed)| (key, listed.event(seen))).collect()
    }

    /// The categories and cities of the shows that are not over at `now`.
    pub(crate) fn facets(&self, now: Timestamp) -> Facets {
        let mut categories = Count::default();
        let mut cities = Count::default();
        let to_come = self.keys.not_long_over(now, None).filter_map(|key| self.listed(key.id));
        for listed in to_come.filter(|listed| !listed.show.is_past(now)) {
            for part in &listed.parts {
                match part {
                    Part::Category(folded) => categories.add(folded, &listed.show.category),
                    Part::City(folded) => cities.add(folded, &listed.show.venue.city),
                    Part::Venue(_) | Part::Performer(_) => {}
                }
            }
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
        let part = filter.parts.iter().map(|part| self.keys.of(part)).min_by_key(|it| it.len());
        let is_by_date = filter.order == Order::Date;
        if let (Some(part), false) = (part, is_by_date) {
            let listed = part.iter().filter_map(|key| Some((self.listed(key.id)?, Fit::Named)));
            return filter.least(listed, behind, limit);
        }
        let first = filter.query.from.map(|earliest| SortKey::starting(bounds(earliest).0));
        let keys: Box<dyn Iterator<Item = &SortKey>> = match (filter.order, part, first) {
            (Order::Price, ..) => Box::new(from(&self.keys.by_price, None, behind)),
            (Order::Popular, ..) => Box::new(from(&self.keys.by_offers, None, behind)),
            (Order::Date | Order::Fit, Some(part), first) => Box::new(from(part, first, behind)),
            (Order::Date | Order::Fit, None, Some(first)) => {
                Box::new(from(&self.keys.by_date, Some(first), behind))
            }
            (Order::Date | Order::Fit, None, None) => {
                Box::new(self.keys.not_long_over(filter.now, behind))
            }
        };
        let latest = filter.query.to.filter(|_| is_by_date).map(|latest| bounds(latest).1);
        keys.take_while(|key| latest.is_none_or(|latest| key.starts_at <= latest))
            .filter_map(|key| Some((*key, self.listed(key.id)?)))
            .filter(|(_, listed)| filter.fits(listed))
            .take(limit)
            .collect()
    }
}

/// The first and the last moment that a day has anywhere in the world.
fn bounds(edge: DayOrMoment) -> (Timestamp, Timestamp) {
    match edge {
        DayOrMoment::Moment(at) => (at, at),
        DayOrMoment::Day(day) => {
            let (begin, end) = (TimeZone::UTC.instant(day), TimeZone::UTC.day_after(day));
            (begin.before(CLOCKS_APART), end.after(CLOCKS_APART))
        }
    }
}

impl Listed {
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
            status: show.status_at(seen.now),
            currency: show.currency,
            available: self.offers.available,
            min_price: self.offers.lowest,
            url: format!("{}/events/{}", seen.public_url, show.id),
        }
    }
}

/// A query, ready to be compared with shows.
struct Filter<'a> {
    parts: Vec<Part>,
    order: Order,
    days: Option<Days>,
    now: Timestamp,
    query: &'a ShowQuery,
}

impl Filter<'_> {
    fn fits(&self, listed: &Listed) -> bool {
        let show = &listed.show;
        let is_from = match self.query.from {
            None => !show.is_past(self.now),
            Some(DayOrMoment::Moment(from)) => show.starts_at >= from,
            Some(DayOrMoment::Day(from)) => show.local_start().day() >= from,
        };
        let is_to = match self.query.to {
            None => true,
            Some(DayOrMoment::Moment(to)) => show.starts_at <= to,
            Some(DayOrMoment::Day(to)) => show.local_start().day() <= to,
        };
        is_from
            && is_to
            && self.parts.iter().all(|part| listed.parts.contains(part))
            && self.days.is_none_or(|days| days.include(show, self.now))
    }

    /// The page of `shows`, which come in no order.
    fn least<'a>(
        &self,
        shows: impl Iterator<Item = (&'a Listed, Fit)>,
        behind: Option<SortKey>,
        limit: usize,
    ) -> Vec<(SortKey, &'a Listed)> {
        let mut page = BTreeMap::new();
        for (listed, fit) in shows.filter(|(listed, _)| self.fits(listed)) {
            let key = listed.key(self.order, fit);
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
mod tests;
