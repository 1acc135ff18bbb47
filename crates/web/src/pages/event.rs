//! An event with its tickets, live.

use std::sync::Arc;

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use serde_json::json;
use stubmart_contract::{
    EventId,
    api::{Event, Page, Ticket, User},
};

use super::{id, lots::LotFilter};
use crate::{
    failure::Failure,
    form::Query,
    layout::Layout,
    page_cache::{CachedPage, Source},
    prices::Prices,
    view::{EventView, Lot, LotState},
    visitor::Visitor,
};

#[derive(Template)]
#[template(path = "event.html")]
struct EventPage {
    layout: Layout,
    event: EventView,
    filter: LotFilter,
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
    over: bool,
}

/// `GET /events/{id}`.
pub(crate) async fn event(
    visitor: Visitor,
    Path(event): Path<String>,
    Query(form): Query,
) -> Result<Response, Failure> {
    let event: EventId = id(&event)?;
    let filter = LotFilter::read(&form, visitor.site.config.currency);
    let api = visitor.api();
    let query = filter.query(event);
    let (user, event, tickets) = tokio::try_join!(
        visitor.user(),
        async { api.event_unread(event).await.map_err(Failure::from) },
        async { api.tickets_unread(&query).await.map_err(Failure::from) },
    )?;
    let show: Event = event.json()?;
    let over = show.starts_at < visitor.site.host.now();
    let source = Source { event: event.body, tickets: tickets.body.clone(), over };
    let key = (show.id, visitor.takes_gzip());
    let is_shared = visitor.is_anonymous() && visitor.path == format!("/events/{}", show.id);
    let prices = visitor.site.prices.of(&api, &show, visitor.site.host.now()).await?;
    if is_shared
        && let Some(cached) = visitor.site.pages.find(key, &source)
        && cached.prices == prices
    {
        return Ok(visitor.answer(StatusCode::OK, cached.page));
    }
    let tickets: Page<Ticket> = tickets.json()?;
    let made = view(&visitor, user, &show, filter, &tickets, prices.clone(), over);
    let page = visitor.render(&made)?;
    if is_shared {
        let cached = CachedPage { source, prices, page: page.clone() };
        visitor.site.pages.insert(key, cached);
    }
    Ok(visitor.answer(StatusCode::OK, page))
}

fn view(
    visitor: &Visitor,
    user: Option<User>,
    event: &Event,
    filter: LotFilter,
    tickets: &Page<Ticket>,
    prices: Option<Arc<Prices>>,
    over: bool,
) -> EventPage {
    let viewer = user.as_ref().map(|user| user.id);
    let shown = EventView::new(event, visitor.site.config.currency);
    let lots = tickets.items.iter().map(|it| Lot::new(it, Some(&event.name), viewer)).collect();
    let mut layout = visitor.layout(user, format!("{} tickets", event.name)).public();
    layout.description = match &shown.from {
        Some(from) => format!(
            "{}, {}, {}: {} from {from}.",
            event.name,
            shown.venue,
            shown.when.short(),
            shown.listings
        ),
        None => format!("{}, {}, {}.", event.name, shown.venue, shown.when.short()),
    };
    layout.json_ld = Some(structured_data(event, prices.as_deref(), layout.url()));
    EventPage {
        next: tickets.next_cursor.as_deref().map(|cursor| filter.href(event.id, cursor)),
        lots,
        prices,
        key: viewer.map(|_| visitor.site.form_key()).unwrap_or_default(),
        query: filter.query_text(event.id),
        filter,
        viewer: viewer.map(|it| it.to_string()).unwrap_or_default(),
        blank: blank(),
        over,
        event: shown,
        layout,
    }
}

/// A row without anything in it, for the script to fill.
fn blank() -> Lot {
    Lot {
        id: String::new(),
        place: String::new(),
        detail: String::new(),
        note: Some(String::new()),
        quantity: String::new(),
        price: String::new(),
        each: Some(String::new()),
        minor: 0,
        version: 0,
        status: "available",
        state: LotState::Free,
    }
}

/// The event for search engines (<https://schema.org/Event>), as JSON that cannot end the script
/// element it stands in.
fn structured_data(event: &Event, prices: Option<&Prices>, url: Option<String>) -> String {
    let mut data = json!({
        "@context": "https://schema.org",
        "@type": "Event",
        "name": event.name,
        "startDate": event.starts_at,
        "eventStatus": "https://schema.org/EventScheduled",
        "location": {
            "@type": "Place",
            "name": event.venue.name,
            "address": {
                "@type": "PostalAddress",
                "addressLocality": event.venue.city,
                "addressRegion": event.venue.region,
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
    let text = data.to_string();
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}
