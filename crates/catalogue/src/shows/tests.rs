use stubmart_contract::{
    Price,
    api::{CreateEventRequest, EventStatus, Venue},
};
use uuid::Uuid;

use super::*;

const SEEN: Seen<'_> = Seen { now: Timestamp::EPOCH, public_url: "" };
const ALL: (Option<&[Hit]>, Option<Days>) = (None, None);

fn day(number: u64) -> Timestamp {
    Timestamp::EPOCH.after(Duration::from_secs(number * 24 * 3600))
}

fn show(id: u128, category: &str, city: &str, on: u64) -> Show {
    let venue = Venue { time_zone: Some(TimeZone::UTC), ..Venue::new("Globe", city) };
    let start = TimeZone::UTC.local(day(on));
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
    assert_eq!(ids(&shows.find(&by_date, ALL, None, 9, &SEEN)), [2, 3, 1]);
    let page = shows.find(&by_date, ALL, None, 2, &SEEN);
    let behind = SortKey::read(&page[1].0.bytes());
    assert_eq!(ids(&shows.find(&by_date, ALL, behind, 9, &SEEN)), [1]);
    let lowest = Some(Price::try_from(500).unwrap());
    let offers = Summary { available: 1, lowest };
    assert!(shows.set_offers(EventId(Uuid::from_u128(1)), offers));
    assert!(!shows.set_offers(EventId(Uuid::from_u128(9)), offers));
    let by_price = ShowQuery { order: Some(Order::Price), ..ShowQuery::default() };
    assert_eq!(ids(&shows.find(&by_price, ALL, None, 9, &SEEN)), [1, 2, 3]);
    let category = Some("PLAYS".to_owned());
    let plays = ShowQuery { category, ..ShowQuery::default() };
    assert_eq!(ids(&shows.find(&plays, ALL, None, 9, &SEEN)), [3, 1]);
    let hit = |number: u32, fit: Fit| Hit { number, fit };
    let hits = [hit(0, Fit::Begun), hit(1, Fit::Begun), hit(2, Fit::Named), hit(7, Fit::Named)];
    let found = |order: Option<Order>, behind: Option<SortKey>| {
        let query = ShowQuery { order, ..ShowQuery::default() };
        shows.find(&query, (Some(&hits), None), behind, 2, &SEEN)
    };
    assert_eq!(ids(&found(Some(Order::Date), None)), [2, 3]);
    let first = found(None, None);
    assert_eq!(ids(&first), [1, 3], "what is on sale, and then what fits best");
    let behind = SortKey::read(&first[1].0.bytes());
    assert_eq!(ids(&found(None, behind)), [2]);
}

/// FOUND C: prices are compared in one currency only.
#[test]
fn a_list_by_price_goes_currency_by_currency() {
    let mut shows = Shows::default();
    for (id, currency, price) in
        [(1, "usd", 500), (2, "jpy", 12_000), (3, "usd", 400), (4, "jpy", 9_000)]
    {
        let mut state = (*show(id, "Plays", "London", 1)).clone();
        state.currency = currency.parse().unwrap();
        shows.put(state.into(), 1);
        let lowest = Price::try_from(price).ok();
        shows.set_offers(EventId(Uuid::from_u128(id)), Summary { available: 1, lowest });
    }
    shows.put(show(5, "Plays", "London", 1), 1);
    let by_price = ShowQuery { order: Some(Order::Price), ..ShowQuery::default() };
    assert_eq!(ids(&shows.find(&by_price, ALL, None, 9, &SEEN)), [4, 2, 3, 1, 5]);
}

/// FOUND D: a show is listed until it is over, and then only where `from` asks for it.
#[test]
fn what_is_over_is_left_out_unless_from_asks_for_it() {
    let mut shows = Shows::default();
    let long = |id: u128, begin: u64, end: u64| {
        let mut state = (*show(id, "Plays", "London", begin)).clone();
        state.ends_at = Some(day(end));
        Show::from(state)
    };
    for show in
        [show(1, "Plays", "London", 3), long(2, 1, 9), long(3, 1, 5), show(4, "Plays", "London", 8)]
    {
        shows.put(show, 1);
    }
    let mut postponed = (*show(5, "Plays", "London", 2)).clone();
    postponed.status = EventStatus::Postponed;
    shows.put(postponed.into(), 1);
    let at = |now: Timestamp, query: &ShowQuery| {
        ids(&shows.find(query, ALL, None, 9, &Seen { now, public_url: "" }))
    };
    let all = ShowQuery::default();
    assert_eq!(at(day(0), &all), [2, 3, 5, 1, 4]);
    let ends = day(3).after(Duration::from_secs(3 * 3600));
    assert_eq!(at(ends.before(Duration::from_millis(1)), &all), [2, 3, 5, 1, 4], "it is on");
    assert_eq!(at(ends, &all), [2, 3, 5, 4]);
    assert_eq!(at(day(6), &all), [2, 5, 4]);
    let by_price = ShowQuery { order: Some(Order::Price), ..ShowQuery::default() };
    assert_eq!(at(day(6), &by_price), [2, 5, 4]);
    let from = Some(DayOrMoment::Moment(day(2)));
    assert_eq!(at(day(6), &ShowQuery { from, ..ShowQuery::default() }), [5, 1, 4]);
    let page = shows.find(&all, ALL, None, 2, &Seen { now: day(6), public_url: "" });
    let behind = SortKey::read(&page[1].0.bytes());
    assert_eq!(ids(&shows.find(&all, ALL, behind, 9, &Seen { now: day(6), public_url: "" })), [4]);
    let counted = |now: Timestamp| shows.facets(now).cities.first().map(|it| it.count);
    assert_eq!([day(0), ends, day(10)].map(counted), [Some(5), Some(4), Some(1)]);
}

/// FOUND D: a day is that of the venue, wherever it is.
#[test]
fn dates_are_days_at_the_venue() {
    let mut shows = Shows::default();
    for (id, zone) in [(1, "America/Los_Angeles"), (2, "Pacific/Auckland"), (3, "UTC")] {
        let venue = Venue { time_zone: zone.parse().ok(), ..Venue::new("Globe", "City") };
        let start = "2031-07-02T19:30".parse().unwrap();
        let asked = CreateEventRequest::new("Show", "Plays", venue, start);
        shows.put(Show::new(EventId(Uuid::from_u128(id)), &asked).unwrap(), 1);
    }
    let found = |from: &str, to: &str| {
        let edge = |text: &str| text.parse().ok();
        let query = ShowQuery { from: edge(from), to: edge(to), ..ShowQuery::default() };
        ids(&shows.find(&query, ALL, None, 9, &SEEN))
    };
    assert_eq!(found("2031-07-02", "2031-07-02"), [2, 3, 1]);
    assert_eq!(found("2031-07-03", ""), Vec::<u128>::new());
    assert_eq!(found("", "2031-07-01"), Vec::<u128>::new());
    assert_eq!(found("2031-07-03T00:00:00Z", ""), [1], "a moment is one everywhere");
}

#[test]
fn facets_count_what_is_to_come_in_any_case() {
    let shows = shows();
    let facets = |on: u64| {
        let facets = shows.facets(day(on));
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
    assert_eq!(ids(&shows.find(&ShowQuery::default(), ALL, None, 9, &SEEN)), [2, 3, 1]);
    let by_price = ShowQuery { order: Some(Order::Price), ..ShowQuery::default() };
    assert_eq!(shows.find(&by_price, ALL, None, 9, &SEEN).len(), 3);
}

/// A show of the model: what it is found by and where it stands.
struct Modelled {
    id: u64,
    category: String,
    city: String,
    venue: String,
    performers: Vec<String>,
    offers: Summary,
}

/// Shows that share what they are found by in every combination, and the same in plain.
fn modelled() -> (Shows, Vec<Modelled>) {
    let mut shows = Shows::default();
    let mut model = Vec::new();
    for id in 0..240_u64 {
        let at = |list: &[&str], step: u64| {
            list[usize::try_from(id / step).unwrap() % list.len()].to_owned()
        };
        let city = at(&["London", "Zürich", "New York City"], 1);
        let venue = at(&["Old Globe", "St. Mary’s", "O2"], 3);
        let category = at(&["Plays", "Opera"], 2);
        let mut state = (*show(u128::from(id), &category, &city, id / 4)).clone();
        state.name = at(&["Hamlet", "Faust", "Ada"], 7);
        state.venue.name.clone_from(&venue);
        state.performers = match id % 5 {
            0 => vec!["The Killers".to_owned(), "Ada".to_owned()],
            1 => vec!["Ada".to_owned()],
            _ => Vec::new(),
        };
        let itself = vec![state.name.clone()];
        let performers =
            if state.performers.is_empty() { itself } else { state.performers.clone() };
        shows.put(state.into(), 1);
        let available = u32::try_from(id * 7 % 11).unwrap();
        let price = Price::try_from(i64::try_from(id * 13 % 17).unwrap() + 50).unwrap();
        let offers = Summary { available, lowest: (available > 0).then_some(price) };
        let event = EventId(Uuid::from_u128(u128::from(id)));
        shows.set_offers(event, Summary { available: 99, lowest: None });
        shows.set_offers(event, offers);
        model.push(Modelled { id, category, city, venue, performers, offers });
    }
    (shows, model)
}

impl Modelled {
    fn fits(&self, [category, city, venue, performer]: [&str; 4]) -> bool {
        let key = |name: &str| city_key(&plain(name));
        let is = |asked: &str, name: &str| asked.is_empty() || key(name) == key(asked);
        is(category, &self.category)
            && is(city, &self.city)
            && is(venue, &self.venue)
            && self.performers.iter().any(|name| is(performer, name))
    }

    fn place(&self, order: Order) -> (bool, u32, u64, u64) {
        let (is_last, rank) = match order {
            Order::Price => {
                (self.offers.lowest.is_none(), self.offers.lowest.map_or(0, Price::minor))
            }
            Order::Popular => (false, u32::MAX - self.offers.available),
            Order::Date | Order::Fit => (false, 0),
        };
        (is_last, rank, self.id / 4, self.id)
    }
}

/// FOUND B, O: every filter alone, with others, in every order, page by page, against a plain model: all that fit
/// and no neighbour.
#[test]
fn every_list_has_what_fits_and_nothing_else() {
    let (shows, model) = modelled();
    let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut asked = Vec::new();
    for category in ["", "PLAYS", "None"] {
        for city in ["", "zurich", "new-york-city", "Bath"] {
            for venue in ["", "st-marys", "O2", "globe"] {
                asked.extend(
                    ["", "the-killers", "ada", "HAMLET"].map(|it| [category, city, venue, it]),
                );
            }
        }
    }
    for [category, city, venue, performer] in asked {
        for order in [Order::Date, Order::Price, Order::Popular] {
            let query = ShowQuery {
                category: given(category),
                city: given(city),
                venue: given(venue),
                performer: given(performer),
                order: Some(order),
                ..ShowQuery::default()
            };
            let fits = |it: &&Modelled| it.fits([category, city, venue, performer]);
            let mut expected: Vec<&Modelled> = model.iter().filter(fits).collect();
            expected.sort_by_key(|it| it.place(order));
            let expected: Vec<u128> = expected.iter().map(|it| u128::from(it.id)).collect();
            let (mut found, mut behind) = (Vec::new(), None);
            loop {
                let page = shows.find(&query, ALL, behind, 7, &SEEN);
                found.extend(ids(&page));
                let Some((last, _)) = page.last() else { break };
                behind = SortKey::read(&last.bytes());
            }
            assert_eq!(found, expected, "{query:?}");
        }
    }
}

/// A show that moves to another house leaves nothing behind in the lists of the first.
#[test]
fn a_show_is_listed_where_it_is_now() {
    let mut shows = shows();
    let id = EventId(Uuid::from_u128(1));
    shows.set_offers(id, Summary { available: 3, lowest: None });
    let mut moved = (*show(1, "Plays", "Bath", 9)).clone();
    moved.venue.name = "Theatre Royal".to_owned();
    shows.put(moved.into(), 2);
    let at = |city: &str, venue: &str| {
        let (city, venue) = (Some(city.to_owned()), Some(venue.to_owned()));
        ids(&shows.find(&ShowQuery { city, venue, ..ShowQuery::default() }, ALL, None, 9, &SEEN))
    };
    assert_eq!(at("London", "Globe"), [3]);
    assert_eq!(at("Bath", "Globe"), Vec::<u128>::new());
    assert_eq!(at("Bath", "theatre-royal"), [1]);
    let popular = ShowQuery { order: Some(Order::Popular), ..ShowQuery::default() };
    assert_eq!(ids(&shows.find(&popular, ALL, None, 1, &SEEN)), [1]);
}
