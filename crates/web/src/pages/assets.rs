//! What is served beside the pages: assets and what crawlers ask for.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderName, header},
    response::Response,
};

use crate::{failure::Failure, site::Site};

/// `GET /assets/{name}`.
pub(crate) async fn asset(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let asset = site.assets.find(&name).ok_or(Failure::NotFound)?;
    Ok(asset.respond(&headers, "public, max-age=31536000, immutable"))
}

/// `GET /favicon.ico`: asked for by browsers that have read no page.
pub(crate) async fn favicon(State(site): State<Arc<Site>>, headers: HeaderMap) -> Response {
    site.assets.icon.respond(&headers, "public, max-age=86400")
}

/// `GET /robots.txt`: what is public may be found, what belongs to one visitor needs no crawling.
pub(crate) async fn robots() -> ([(HeaderName, &'static str); 2], &'static str) {
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CACHE_CONTROL, "public, max-age=86400"),
    ];
    let text = "User-agent: *\nDisallow: /account\nDisallow: /login\nDisallow: /orders\n\
                Disallow: /sell\nDisallow: /selling\nDisallow: /signup\nDisallow: /api/\n";
    (headers, text)
}
