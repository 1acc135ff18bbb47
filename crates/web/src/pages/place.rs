//! What is on in a city, at a venue, or by a performer: pages that people link to.

use std::collections::BTreeSet;

use askama::Template;
use axum::{extract::Path, response::Response};
use serde_json::{Value, json};
use stubmart_client::{EventQuery, EventSort};
use stubmart_contract::{
    DayOrMoment, Timestamp,
    api::{Event, Venue},
};

use crate::{
    failure::Failure,
    form::{Form, Query},
    format::safe_json,
    layout::Layout,
    slug::{self, Link},
    view::EventView,
    visitor::Visitor,
};

/// Events on a page.
const PAGE: u32 = 24;

/// Links to other pages in a list.
const LINKS_MAX: usize = 12;

#[derive(Template)]
#[template(path = "place.html")]
struct PlacePage {
    layout: Layout,
    crumbs: Vec<Link>,
    /// The place itself, as the last crumb.
    name: String,
    title: String,
    lead: String,
    events: Vec<EventView>,
    next: Option<String>,
    links_title: &'static str,
    links: Vec<Link>,
    /// What is on elsewhere, when nothing is on here.
    instead: Vec<EventView>,
    /// The performer whom the page is about, for an alert.
    performer: Option<String>,
}

/// What a page is about.
#[derive(Debug, Clone)]
enum About {
    City(String),
    Venue { city: String, venue: String },
    Performer(String),
}

/// `GET /cities/{city}`.
pub(crate) async fn city(
    visitor: Visitor,
    Path(city): Path<String>,
    Query(form): Query,
) -> Result<Response, Failure> {
    page(&visitor, About::City(city), &form).await
}

/// `GET /venues/{city}/{venue}`.
pub(crate) async fn venue(
    visitor: Visitor,
    Path((city, venue)): Path<(String, String)>,
    Query(form): Query,
) -> Result<Response, Failure> {
    page(&visitor, About::Venue { city, venue }, &form).await
}

/// `GET /performers/{performer}`.
pub(crate) async fn performer(
    visitor: Visitor,
    Path(performer): Path<String>,
    Query(form): Query,
) -> Result<Response, Failure> {
    page(&visitor, About::Performer(performer), &form).await
}

impl About {
    /// What is on, soonest first.
    fn query(&self) -> EventQuery {
        let (city, venue, performer) = match self {
            Self::City(city) => (Some(city), None, None),
            Self::Venue { city, venue } => (Some(city), Some(venue), None),
            Self::Performer(performer) => (None, None, Some(performer)),
        };
        EventQuery {
            city: city.cloned(),
            venue: venue.cloned(),
            performer: performer.cloned(),
            sort: Some(EventSort::Date),
            limit: Some(PAGE),
            ..EventQuery::default()
        }
    }

    /// The same with the names of one of its events, which are written as people write them.
    fn named(&self, event: &Event) -> Self {
        let Venue { name, city, .. } = &event.venue;
        match self {
            Self::City(_) => Self::City(city.clone()),
            Self::Venue { .. } => Self::Venue { city: city.clone(), venue: name.clone() },
            Self::Performer(asked) => {
                let is_asked = |it: &&String| slug::slug(it) == slug::slug(asked);
                let performer = event.performers.iter().find(is_asked).unwrap_or(&event.name);
                Self::Performer(performer.clone())
            }
        }
    }

    fn path(&self) -> String {
        match self {
            Self::City(city) => slug::city(city),
            Self::Venue { city, venue } => slug::venue(city, venue),
            Self::Performer(performer) => slug::performer(performer),
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::City(name) | Self::Venue { venue: name, .. } | Self::Performer(name) => name,
        }
    }

    fn title(&self) -> String {
        match self {
            Self::City(city) => format!("Events in {city}"),
            Self::Venue { venue, city } => format!("{venue}, {city}"),
            Self::Performer(performer) => format!("{performer} tickets"),
        }
    }

    fn crumbs(&self) -> Vec<Link> {
        let home = Link::new("Events", "/events");
        match self {
            Self::Venue { city, .. } => vec![home, Link::new(city, slug::city(city))],
            Self::City(_) | Self::Performer(_) => vec![home],
        }
    }

    /// Where one may want to go on to.
    fn links(&self, events: &[Event]) -> (&'static str, Vec<Link>) {
        let link = |event: &Event| {
            let Venue { name, city, .. } = &event.venue;
            match self {
                Self::City(_) => Link::new(name, slug::venue(city, name)),
                Self::Venue { .. } => Link::new(&event.name, slug::performer(&event.name)),
                Self::Performer(_) => Link::new(city, slug::city(city)),
            }
        };
        let links: BTreeSet<Link> = events.iter().map(link).collect();
        let title = match self {
            Self::City(_) => "Venues",
            Self::Venue { .. } => "On here",
            Self::Performer(_) => "Cities",
        };
        (title, links.into_iter().take(LINKS_MAX).collect())
    }

    fn lead(&self, events: &[Event]) -> String {
        let Some(first) = events.first() else {
            return "Nothing is coming up here right now.".to_owned();
        };
        let when = crate::format::When::at_venue(first.local_start);
        let next = format!("{}, {}", when.weekday, when.day_alone());
        match self {
            Self::City(city) => format!("Everything coming up in {city}, soonest first."),
            Self::Venue { venue, .. } => format!("What’s on at {venue}. Next up: {next}."),
            Self::Performer(_) => format!("All dates, soonest first. Next up: {next}."),
        }
    }

    /// What search engines read (<https://schema.org/BreadcrumbList>, <https://schema.org/ItemList>).
    fn structured_data(&self, crumbs: &[Link], events: &[Event], public: Option<&str>) -> String {
        let at =
            |path: &str| public.map(|public| format!("{}{path}", public.trim_end_matches('/')));
        let itself = Link::new(self.name(), self.path());
        let crumb = |(at_place, link): (usize, &Link)| {
            json!({
                "@type": "ListItem", "position": at_place.saturating_add(1), "name": link.label,
                "item": at(&link.href),
            })
        };
        let crumbs: Vec<Value> =
            crumbs.iter().chain([&itself]).enumerate().map(crumb).map(without_nulls).collect();
        let listed = |(at_place, event): (usize, &Event)| {
            json!({
                "@type": "ListItem", "position": at_place.saturating_add(1), "name": event.name,
                "url": at(&format!("/events/{}", event.id)),
            })
        };
        let listed: Vec<Value> = events.iter().enumerate().map(listed).map(without_nulls).collect();
        let kind = match self {
            Self::City(_) => "City",
            Self::Venue { .. } => "EventVenue",
            Self::Performer(_) => "PerformingGroup",
        };
        let about = json!({"@type": kind, "name": self.name(), "url": at(&self.path())});
        safe_json(&json!({
            "@context": "https://schema.org",
            "@graph": [
                {"@type": "BreadcrumbList", "itemListElement": crumbs},
                without_nulls(about),
                {"@type": "ItemList", "itemListElement": listed},
            ],
        }))
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, field| !field.is_null());
    }
    value
}

async fn page(visitor: &Visitor, about: About, form: &Form) -> Result<Response, Failure> {
    let api = visitor.api();
    let query = EventQuery { cursor: form.optional("cursor"), ..about.query() };
    let (user, found) = tokio::try_join!(visitor.user(), async {
        match api.events(&query).await {
            Ok(found) => Ok(found),
            // A name that is too long for any, or a cursor of another page.
            Err(error) if error.code() == Some(stubmart_contract::Code::ValidationFailed) => {
                Err(Failure::NotFound)
            }
            Err(error) => Err(error.into()),
        }
    })?;
    let known = match found.items.first() {
        Some(event) => event.clone(),
        // What was on tells the name; a place where nothing ever was is none.
        None => {
            let ever = Some(DayOrMoment::Moment(Timestamp::EPOCH));
            let past = EventQuery { from: ever, limit: Some(1), ..about.query() };
            api.events(&past).await?.items.into_iter().next().ok_or(Failure::NotFound)?
        }
    };
    let about = about.named(&known);
    let view = |event: &Event| EventView::new(event, &visitor.site);
    let mut instead = Vec::new();
    if found.items.is_empty() {
        let limit = Some(4);
        let popular = EventQuery { sort: Some(EventSort::Popular), limit, ..EventQuery::default() };
        instead = api.events(&popular).await?.items.iter().map(view).collect();
    }
    let crumbs = about.crumbs();
    let (links_title, links) = about.links(&found.items);
    let mut layout = visitor.layout(user, about.title()).public();
    layout.address = Some(about.path());
    layout.description = format!("{}. {}", about.title(), about.lead(&found.items));
    let public = visitor.site.config.public_url.as_deref();
    layout.json_ld = Some(about.structured_data(&crumbs, &found.items, public));
    let next = found.next_cursor.as_deref().map(|cursor| {
        let query = serde_urlencoded::to_string([("cursor", cursor)]).unwrap_or_default();
        format!("{}?{query}", about.path())
    });
    visitor.page(&PlacePage {
        name: about.name().to_owned(),
        title: about.title(),
        lead: about.lead(&found.items),
        events: found.items.iter().map(view).collect(),
        next,
        crumbs,
        links_title,
        links,
        instead,
        performer: match about {
            About::Performer(name) => Some(name),
            About::City(_) | About::Venue { .. } => None,
        },
        layout,
    })
}
