//! Search: events by words and filters.

use std::sync::Arc;

use askama::Template;
use axum::response::Response;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use stubmart_client::{Client, EventQuery, EventSort, TicketQuery, TicketSort};
use stubmart_contract::{
    Currency, DayOrMoment, LocalTime,
    api::{Event, TicketStatus},
};

use super::CALLS_MAX;
use crate::{
    failure::Failure,
    form::{Form, Query},
    format::{count, money, read_day, read_price},
    layout::Layout,
    site::Facets,
    slug::{self, Link},
    view::EventView,
    visitor::Visitor,
};

/// Links to pages of what the words name.
const LINKS_MAX: usize = 4;

/// Events on a page.
const PAGE: u32 = 24;

/// How many pages of the API are looked through for events with fitting tickets until the visitor is
/// asked to go on.
const ROUNDS_MAX: u32 = 8;

#[derive(Template)]
#[template(path = "search.html")]
struct Search {
    layout: Layout,
    filter: Filter,
    facets: Arc<Facets>,
    events: Vec<EventView>,
    next: Option<String>,
    /// What to take away when nothing was found: a label and where it leads.
    without: Vec<(String, String)>,
    /// What is on anyway, when nothing was found.
    instead: Vec<EventView>,
    /// Pages of what the words name.
    named: Vec<Link>,
}

/// What was asked for, as typed and as understood.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    pub(crate) q: String,
    pub(crate) category: String,
    pub(crate) city: String,
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) max: String,
    pub(crate) qty: String,
    pub(crate) sort: String,
    pub(crate) date_error: Option<&'static str>,
    pub(crate) max_error: Option<String>,
    cursor: Option<String>,
    max_minor: Option<u32>,
    seats: Option<u32>,
    not_before: Option<LocalTime>,
    not_after: Option<LocalTime>,
}

impl Filter {
    /// Reads a query; what cannot be read is marked and does not narrow the search.
    pub(crate) fn read(form: &Form, currency: Currency) -> Self {
        let text = |name: &str| form.get(name).to_owned();
        let mut filter = Self {
            q: text("q"),
            category: text("category"),
            city: text("city"),
            from: text("from"),
            to: text("to"),
            max: text("max"),
            qty: text("qty"),
            sort: text("sort"),
            cursor: form.optional("cursor"),
            ..Self::default()
        };
        filter.not_before = read_day(&filter.from);
        filter.not_after = read_day(&filter.to);
        if (!filter.from.is_empty() && filter.not_before.is_none())
            || (!filter.to.is_empty() && filter.not_after.is_none())
        {
            filter.date_error = Some("Enter dates like 2026-11-28.");
            // A date field cannot show what is no date.
            for (text, read) in
                [(&mut filter.from, filter.not_before), (&mut filter.to, filter.not_after)]
            {
                if read.is_none() {
                    text.clear();
                }
            }
        } else if filter.not_after.is_some_and(|to| filter.not_before.is_some_and(|from| from > to))
        {
            filter.date_error = Some("The first date is after the last one.");
            filter.not_after = None;
        }
        if !filter.max.is_empty() {
            match read_price(&filter.max, currency) {
                Ok(price) => filter.max_minor = Some(price.minor()),
                Err(error) => filter.max_error = Some(error),
            }
        }
        filter.seats = filter.qty.parse().ok().filter(|it| (1..=50).contains(it));
        filter
    }

    fn query(&self) -> EventQuery {
        let text = |value: &str| Some(value.to_owned()).filter(|it| !it.is_empty());
        EventQuery {
            q: text(&self.q).map(|q| q.chars().take(200).collect()),
            category: text(&self.category),
            city: text(&self.city),
            venue: None,
            performer: None,
            from: self.not_before.map(DayOrMoment::Day),
            to: self.not_after.map(DayOrMoment::Day),
            sort: (self.sort == "price").then_some(EventSort::Price),
            limit: Some(PAGE),
            cursor: self.cursor.clone(),
        }
    }

    /// The filters that are set: name, label, value.
    fn set(&self) -> Vec<(&'static str, String, &str)> {
        let seats =
            self.qty.parse().map_or_else(|_| self.qty.clone(), |n| count(n, "ticket", "tickets"));
        [
            ("q", format!("“{}”", self.q), self.q.as_str()),
            ("category", self.category.clone(), &self.category),
            ("city", self.city.clone(), &self.city),
            ("from", format!("from {}", self.from), &self.from),
            ("to", format!("to {}", self.to), &self.to),
            ("max", format!("up to {}", self.max), &self.max),
            ("qty", seats, &self.qty),
        ]
        .into_iter()
        .filter(|(_, _, value)| !value.is_empty())
        .collect()
    }

    /// The address of this search, without one of its filters or behind a cursor.
    fn href(&self, without: Option<&str>, cursor: Option<&str>) -> String {
        let mut pairs: Vec<(&str, &str)> = self
            .set()
            .into_iter()
            .filter(|(name, _, _)| Some(*name) != without)
            .map(|(name, _, value)| (name, value))
            .collect();
        if self.sort == "price" {
            pairs.push(("sort", "price"));
        }
        pairs.extend(cursor.map(|cursor| ("cursor", cursor)));
        let query = serde_urlencoded::to_string(pairs).unwrap_or_default();
        if query.is_empty() { "/events".to_owned() } else { format!("/events?{query}") }
    }

    /// How many filters stand behind the words.
    pub(crate) fn narrowed(&self) -> usize {
        self.set().iter().filter(|(name, _, _)| *name != "q").count()
    }

    fn title(&self) -> String {
        match (self.q.as_str(), self.category.as_str(), self.city.as_str()) {
            ("", "", "") => "All events".to_owned(),
            ("", "", city) => format!("Events in {city}"),
            ("", category, "") => category.to_owned(),
            ("", category, city) => format!("{category} in {city}"),
            (q, _, _) => format!("Results for “{q}”"),
        }
    }
}

/// `GET /events`.
pub(crate) async fn search(visitor: Visitor, Query(form): Query) -> Result<Response, Failure> {
    let currency = visitor.site.config.currency;
    let filter = Filter::read(&form, currency);
    let api = visitor.api();
    let (user, facets, (events, cursor)) = tokio::try_join!(
        visitor.user(),
        async { visitor.site.facets().await.map_err(Failure::from) },
        find(&visitor, &api, &filter),
    )?;
    let nothing = events.is_empty() && filter.cursor.is_none();
    let mut without = Vec::new();
    let mut instead = Vec::new();
    if nothing {
        without = filter
            .set()
            .into_iter()
            .map(|(name, label, _)| (label, filter.href(Some(name), None)))
            .collect();
        let soon = EventQuery { limit: Some(4), ..EventQuery::default() };
        let soon = api.events(&soon).await?.items;
        instead = soon.iter().map(|event| EventView::new(event, &visitor.site)).collect();
    }
    let named = named(&filter.q, &events);
    let mut layout = visitor.layout(user, filter.title()).public();
    layout.address = Some(filter.href(None, None));
    let page = Search {
        layout,
        next: cursor.map(|cursor| filter.href(None, Some(&cursor))),
        filter,
        facets,
        events,
        named,
        without,
        instead,
    };
    visitor.page(&page)
}

/// The pages of the venue, the city and the performer that the words name.
fn named(words: &str, events: &[EventView]) -> Vec<Link> {
    let asked = slug::slug(words);
    let is_asked = |name: &str| !asked.is_empty() && slug::slug(name) == asked;
    let mut links = Vec::new();
    for event in events {
        let venue = is_asked(&event.venue)
            .then(|| Link::new(format!("{}, {}", event.venue, event.city_name), &event.venue_href));
        let city = is_asked(&event.city_name)
            .then(|| Link::new(format!("Everything in {}", event.city_name), &event.city_href));
        let show = is_asked(&event.name)
            .then(|| Link::new(format!("All {} dates", event.name), slug::performer(&event.name)));
        let performers = event.performers.iter().filter(|it| is_asked(&it.label));
        let performers =
            performers.map(|it| Link::new(format!("All {} dates", it.label), &it.href));
        for link in venue.into_iter().chain(city).chain(show).chain(performers) {
            if !links.contains(&link) {
                links.push(link);
            }
        }
    }
    links.truncate(LINKS_MAX);
    links
}

/// A page of events that fit, and where the next one begins.
///
/// The API narrows by words, kind, city and date. Price and seats belong to tickets: they are asked for
/// each event, and further pages are looked through until this one is full.
async fn find(
    visitor: &Visitor,
    api: &Client,
    filter: &Filter,
) -> Result<(Vec<EventView>, Option<String>), Failure> {
    let mut query = filter.query();
    let mut views = Vec::new();
    for _ in 0..ROUNDS_MAX {
        let page = match api.events(&query).await {
            Ok(page) => page,
            // A cursor of another time, or a filter that the API takes for too long: nothing fits.
            Err(error) if error.code() == Some(stubmart_contract::Code::ValidationFailed) => {
                return Ok((views, None));
            }
            Err(error) => return Err(error.into()),
        };
        query.cursor = page.next_cursor;
        let fitting: Vec<Option<EventView>> = stream::iter(page.items)
            .map(|event| fitting(visitor, api, filter, event))
            .buffered(CALLS_MAX)
            .try_collect()
            .await?;
        views.extend(fitting.into_iter().flatten());
        let full = views.len() >= usize::try_from(PAGE).unwrap_or(usize::MAX);
        if full || query.cursor.is_none() {
            break;
        }
    }
    Ok((views, query.cursor))
}

/// The event, if it has a ticket that fits.
async fn fitting(
    visitor: &Visitor,
    api: &Client,
    filter: &Filter,
    event: Event,
) -> Result<Option<EventView>, Failure> {
    let mut view = EventView::new(&event, &visitor.site);
    if let Some(seats) = filter.seats {
        let query = TicketQuery {
            event_id: Some(event.id),
            status: Some(TicketStatus::Available),
            max_price: filter.max_minor,
            quantity: Some(seats),
            sort: Some(TicketSort::Price),
            limit: Some(1),
            ..TicketQuery::default()
        };
        if event.available == 0 {
            return Ok(None);
        }
        let cheapest = api.tickets(&query).await?.items.into_iter().next();
        view.from = cheapest.as_ref().map(|it| money(it.total.minor(), it.currency));
        return Ok(cheapest.map(|_| view));
    }
    // An amount is one of the site's currency, and says nothing about any other.
    let is_ours = event.currency == visitor.site.config.currency;
    let fits = filter.max_minor.is_none_or(|max| {
        is_ours && event.min_price.is_some_and(|cheapest| cheapest.minor() <= max)
    });
    Ok(fits.then_some(view))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Filter {
        Filter::read(&Form::of(pairs), Currency::USD)
    }

    #[test]
    fn what_cannot_be_read_is_marked_and_does_not_narrow() {
        let filter = read(&[("from", "soon"), ("max", "cheap"), ("qty", "many")]);
        assert!(filter.date_error.is_some() && filter.max_error.is_some());
        assert_eq!((filter.max_minor, filter.seats), (None, None));
        let swapped = read(&[("from", "2026-12-02"), ("to", "2026-12-01")]);
        assert!(swapped.date_error.is_some() && swapped.not_after.is_none());
    }

    #[test]
    fn an_address_keeps_every_filter_but_the_one_taken_away() {
        let filter = read(&[("q", "a & b"), ("city", "Boston"), ("sort", "price"), ("x", "y")]);
        assert_eq!(
            filter.href(None, Some("c")),
            "/events?q=a+%26+b&city=Boston&sort=price&cursor=c"
        );
        assert_eq!(filter.href(Some("q"), None), "/events?city=Boston&sort=price");
        assert_eq!(read(&[]).href(None, None), "/events");
    }
}
