//! What search engines are told to read: `/sitemap.xml` (<https://www.sitemaps.org/protocol.html>).

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    sync::{Arc, PoisonError},
    time::Duration,
};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use stubmart_client::{ClientError, EventQuery};
use stubmart_contract::api::Venue;

use crate::{failure::Failure, site::Site, slug};

/// How long a sitemap is kept.
const KEPT: Duration = Duration::from_secs(3600);

/// Events on a page of the API.
const PAGE: u32 = 200;

/// How many pages are read: the 10,000 events that come next, of the 50,000 that a sitemap may have.
const PAGES_MAX: u32 = 50;

/// How many pages of cities, venues and performers are named.
const PLACES_MAX: usize = 30_000;

/// `GET /sitemap.xml`. Addresses in it are whole ones, so there is none until the operator has set the
/// site's.
pub(crate) async fn sitemap(State(site): State<Arc<Site>>) -> Result<Response, Failure> {
    let public = site.config.public_url.as_deref().ok_or(Failure::NotFound)?;
    let now = site.host.now();
    let kept = site.sitemap.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let fresh = kept.filter(|(at, _)| now >= *at && now.since(*at) < KEPT);
    let body = match fresh {
        Some((_, body)) => body,
        None => {
            let body = Bytes::from(make(&site, public.trim_end_matches('/')).await?);
            let mut kept = site.sitemap.lock().unwrap_or_else(PoisonError::into_inner);
            *kept = Some((now, body.clone()));
            body
        }
    };
    let headers = [
        (header::CONTENT_TYPE, "application/xml"),
        (header::CACHE_CONTROL, "public, max-age=3600"),
    ];
    Ok((headers, body).into_response())
}

async fn make(site: &Site, public: &str) -> Result<String, ClientError> {
    let mut xml = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\">\n",
    );
    let mut add = |path: std::fmt::Arguments<'_>| {
        // Writing to a text cannot fail.
        let _written = writeln!(xml, "<url><loc>{public}{path}</loc></url>");
    };
    add(format_args!("/"));
    add(format_args!("/events"));
    let mut pages = BTreeSet::new();
    let mut query = EventQuery { limit: Some(PAGE), ..EventQuery::default() };
    for _ in 0..PAGES_MAX {
        let page = site.api.events(&query).await?;
        for event in &page.items {
            add(format_args!("/events/{}", event.id));
            let Venue { name, city, .. } = &event.venue;
            pages.extend([slug::city(city), slug::venue(city, name)]);
            let itself = std::slice::from_ref(&event.name);
            let names = if event.performers.is_empty() { itself } else { &event.performers };
            pages.extend(names.iter().map(|name| slug::performer(name)));
        }
        query.cursor = page.next_cursor;
        if query.cursor.is_none() {
            break;
        }
    }
    for page in pages.iter().take(PLACES_MAX) {
        add(format_args!("{page}"));
    }
    xml.push_str("</urlset>\n");
    Ok(xml)
}
