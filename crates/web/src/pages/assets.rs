//! What is served beside the pages: assets and what crawlers ask for.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderName, header},
    response::{IntoResponse, Response},
};
use flate2::Compression;

use crate::{assets, failure::Failure, poster::Poster, site::Site};

/// What is named by its content never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// `GET /assets/{name}`.
pub(crate) async fn asset(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let asset = site.assets.find(&name).ok_or(Failure::NotFound)?;
    Ok(asset.respond(&headers, FOR_EVER))
}

/// `GET /posters/{name}`: the picture of an event. It is made of its name alone.
pub(crate) async fn poster(
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let svg = Poster::parse(&name).ok_or(Failure::NotFound)?.svg();
    let fixed = [
        (header::CONTENT_TYPE, "image/svg+xml"),
        (header::CACHE_CONTROL, FOR_EVER),
        (header::VARY, "accept-encoding"),
    ];
    let gzip = assets::accepts_gzip(&headers)
        .then(|| assets::gzip(svg.as_bytes(), Compression::new(3)))
        .flatten();
    Ok(match gzip {
        Some(body) => (fixed, [(header::CONTENT_ENCODING, "gzip")], body).into_response(),
        None => (fixed, svg).into_response(),
    })
}

/// `GET /favicon.ico`: asked for by browsers that have read no page.
pub(crate) async fn favicon(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    site.assets.icon.respond(&headers, "public, max-age=86400")
}

/// `GET /robots.txt`: what is public may be found, what belongs to one visitor needs no crawling.
pub(crate) async fn robots(
    State(site): State<Arc<Site>>,
) -> ([(HeaderName, &'static str); 2], String) {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=86400"),
    ];
    let text = "User-agent: *\nDisallow: /account\nDisallow: /login\nDisallow: /orders\n\
                Disallow: /sell\nDisallow: /selling\nDisallow: /signup\nDisallow: /api/\n";
    let public = site.config.public_url.as_deref().map(|url| url.trim_end_matches('/'));
    let sitemap = public.map(|url| format!("Sitemap: {url}/sitemap.xml\n"));
    (headers, format!("{text}{}", sitemap.unwrap_or_default()))
}
