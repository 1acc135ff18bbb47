//! An event with its tickets, live.

use std::sync::Arc;

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use serde_json::json;
use stubmart_contract::{
    EventId,
    api::{Event, EventFacets, EventStatus, Page, Ticket},
};

use super::{
    id,
    lots::{Choice, LotFilter},
};
use crate::{
    failure::Failure,
    form::Query,
    format::safe_json,
    hold::Member,
    layout::Layout,
    page_cache::{CachedPage, Source},
    prices::Prices,
    seller::SellerView,
    view::{EventView, Lot, LotState},
    visitor::Visitor,
};

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    layout: Layout,
    event: EventView,
    filter: LotFilter,
    quantities: Vec<Choice>,
    sections: Vec<Choice>,
    lots: Vec<Lot>,
    prices: Option<Arc<Prices>>,
    next: Option<String>,
    /// Makes a double click on any of the buttons count once. Anonymous visitors get none: they have to log
    /// in before they buy.
    key: String,
    /// The API query for this page's tickets, with which the script catches up.
    query: String,
    /// The visitor, so that the script knows their own listings.
    viewer: String,
    /// The row that the script copies when it adds one.
    blank: Lot,
    /// Why nothing is sold for it, or what has changed about it.
    notice: &'static str,
    on_sale: bool,
}

/// `GET /events/{id}`.
pub(crate) async fn event(
    visitor: Visitor,
    Path(event): Path<String>,
    Query(form): Query,
) -> Result<Response, Failure> {
    let event: EventId = id(&event)?;
    let api = visitor.api();
    // Only an amount that was typed needs the event's currency to be read.
    let currency = match form.get("max") {
        "" => visitor.site.config.currency,
        _ => api.event(event).await?.currency,
    };
    let filter = LotFilter::read(&form, currency);
    let query = filter.query(event);
    let (user, event, tickets) = tokio::try_join!(
        visitor.user(),
        async { api.event_unread(event).await.map_err(Failure::from) },
        async { api.tickets_unread(&query).await.map_err(Failure::from) },
    )?;
    let show: Event = event.json()?;
    let source = Source { event: event.body, tickets: tickets.body.clone() };
    let key = (show.id, visitor.takes_gzip());
    let is_shared = visitor.is_anonymous() && visitor.path == format!("/events/{}", show.id);
    let (prices, facets) = tokio::try_join!(
        visitor.site.prices(&api, &show),
        visitor.site.event_facets(&api, &show),
    )?;
    if is_shared
        && let Some(cached) = visitor.site.pages.find(key, &source)
        && (&cached.prices, &cached.facets) == (&prices, &facets)
    {
        return Ok(visitor.answer(StatusCode::OK, cached.page));
    }
    let tickets: Page<Ticket> = tickets.json()?;
    let made = view(&visitor, user, &show, filter, &tickets, &facets, prices.clone());
    let page = visitor.render(&made)?;
    if is_shared {
        let cached = CachedPage { source, prices, facets, page: page.clone() };
        visitor.site.pages.insert(key, cached);
    }
    Ok(visitor.answer(StatusCode::OK, page))
}

fn view(
    visitor: &Visitor,
    user: Option<Member>,
    event: &Event,
    filter: LotFilter,
    tickets: &Page<Ticket>,
    facets: &EventFacets,
    prices: Option<Arc<Prices>>,
) -> EventPage {
    let viewer = user.as_ref().map(|user| user.id);
    let shown = EventView::new(event, &visitor.site);
    let on_sale = event.status.is_on_sale();
    let lot = |it: &Ticket| {
        let lot = Lot::new(it, Some(&event.name), viewer);
        if on_sale { lot } else { lot.ended() }
    };
    let lots = tickets.items.iter().map(lot).collect();
    let mut layout = visitor.layout(user, format!("{} tickets", event.name)).public();
    layout.description = match &shown.from {
        Some(from) => format!(
            "{}: {} at {}, {}. {} from {from}.",
            event.name, shown.date, shown.venue, shown.city, shown.listings
        ),
        None => format!("{}: {} at {}, {}.", event.name, shown.date, shown.venue, shown.city),
    };
    layout.json_ld = Some(structured_data(event, prices.as_deref(), layout.url()));
    EventPage {
        next: tickets.next_cursor.as_deref().map(|cursor| filter.href(event.id, cursor)),
        lots,
        prices,
        key: viewer.map(|_| visitor.site.form_key()).unwrap_or_default(),
        query: filter.query_text(event.id),
        quantities: filter.quantities(event.id, facets),
        sections: filter.sections(facets),
        filter,
        viewer: viewer.map(|it| it.to_string()).unwrap_or_default(),
        blank: blank(),
        notice: notice(event.status),
        on_sale,
        event: shown,
        layout,
    }
}

fn notice(status: EventStatus) -> &'static str {
    match status {
        EventStatus::Scheduled => "",
        EventStatus::Postponed => {
            "This event is postponed. Tickets stay valid for the new date, which isn’t set yet."
        }
        EventStatus::Moved => "This event has a new date or venue.",
        EventStatus::Cancelled => "This event is canceled.",
        EventStatus::Over => "This event is over.",
    }
}

/// A row without anything in it, for the script to fill.
fn blank() -> Lot {
    Lot {
        id: String::new(),
        place: String::new(),
        detail: String::new(),
        note: Some(String::new()),
        seller: SellerView::default(),
        quantity: String::new(),
        each: String::new(),
        each_minor: 0,
        price: String::new(),
        several: true,
        minor: 0,
        asked: String::new(),
        version: 0,
        status: "available",
        state: LotState::Free,
    }
}

/// Who performs: the event itself, where nobody is named.
fn performers(event: &Event) -> Vec<serde_json::Value> {
    let itself = std::slice::from_ref(&event.name);
    let names = if event.performers.is_empty() { itself } else { &event.performers };
    names.iter().map(|name| json!({"@type": "PerformingGroup", "name": name})).collect()
}

/// The start with the venue's offset, as schema.org wants it: `2026-11-28T19:30:00-05:00`, or the day alone.
fn start(event: &Event) -> String {
    let local = event.local_start;
    if !local.has_time() {
        return local.to_string();
    }
    let zone = event.venue.time_zone.as_ref();
    let offset = zone.map_or(0, |zone| zone.offset_seconds(event.starts_at)) / 60;
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes) = (offset.abs() / 60, offset.abs() % 60);
    let seconds = if local.to_string().len() == "2026-11-28T19:30".len() { ":00" } else { "" };
    format!("{local}{seconds}{sign}{hours:02}:{minutes:02}")
}

/// The event for search engines (<https://schema.org/Event>), as JSON that cannot end the script
/// element it stands in.
fn structured_data(event: &Event, prices: Option<&Prices>, url: Option<String>) -> String {
    let mut data = json!({
        "@context": "https://schema.org",
        "@type": "Event",
        "name": event.name,
        "startDate": start(event),
        "performer": performers(event),
        "endDate": event.ends_at,
        "eventStatus": match event.status {
            EventStatus::Scheduled | EventStatus::Over => "https://schema.org/EventScheduled",
            EventStatus::Postponed => "https://schema.org/EventPostponed",
            EventStatus::Moved => "https://schema.org/EventRescheduled",
            EventStatus::Cancelled => "https://schema.org/EventCancelled",
        },
        "location": {
            "@type": "Place",
            "name": event.venue.name,
            "address": {
                "@type": "PostalAddress",
                "addressLocality": event.venue.city,
                "addressRegion": event.venue.region,
                "addressCountry": event.venue.country,
            },
        },
    });
    if let (Some(prices), Some(lowest), Some(fields)) =
        (prices, event.min_price, data.as_object_mut())
    {
        let mut offers = json!({
            "@type": "AggregateOffer",
            "lowPrice": crate::format::money_input(lowest.minor(), prices.currency),
            "priceCurrency": prices.currency.as_str().to_ascii_uppercase(),
            "offerCount": event.available,
            "availability": "https://schema.org/InStock",
        });
        if let (Some(offers), Some(url)) = (offers.as_object_mut(), url) {
            offers.insert("url".to_owned(), json!(url));
        }
        fields.insert("offers".to_owned(), offers);
    }
    safe_json(&data)
}
