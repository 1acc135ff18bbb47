//! What runs around every page.
//!
//! Posts are protected against other sites' pages in two ways: the session cookie is `SameSite=Lax`, so
//! it does not come with them, and a post is refused when the browser says that it comes from elsewhere
//! (`Ingress::is_cross_site`, the API's own rule).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    failure::{EarlyRefusal, Failure},
    pages::error,
    site::Site,
    visitor::{Visitor, safe_path},
};

/// Refuses posts from other sites, turns a failure into its page, and sets the security headers.
pub(crate) async fn around_pages(
    State(site): State<Arc<Site>>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let visitor = Visitor::read(&parts, &site);
    let method = parts.method.clone();
    let mut response = if let Some(refusal) = parts.extensions.remove::<EarlyRefusal>() {
        Failure::Early(refusal).into_response()
    } else if site.ingress.is_cross_site(&method, &parts.headers) {
        Failure::CrossOrigin.into_response()
    } else {
        parts.extensions.insert(visitor.clone());
        next.run(Request::from_parts(parts, body)).await
    };
    if let Some(failure) = response.extensions_mut().remove::<Arc<Failure>>() {
        let headers = std::mem::take(response.headers_mut());
        response = page_of(&visitor, &method, &failure).await;
        for name in [header::ALLOW, header::SET_COOKIE] {
            if let Some(value) = headers.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
    }
    secure(response.headers_mut(), &site);
    response
}

/// The page of a failure. A visitor who must sign in first is sent to the login page.
async fn page_of(visitor: &Visitor, method: &Method, failure: &Failure) -> Response {
    match failure {
        Failure::SignIn(next) => {
            let here =
                if method.is_safe() { safe_path(&visitor.path) } else { visitor.came_from() };
            let next = next.as_deref().unwrap_or(here);
            let query = serde_urlencoded::to_string([("next", next)]).unwrap_or_default();
            return visitor.go(&format!("/login?{query}"));
        }
        Failure::Unreachable(cause) => {
            tracing::warn!(request.id = visitor.request_id, error = %cause, "api not reached");
        }
        Failure::Template(cause) => {
            tracing::error!(request.id = visitor.request_id, error = %cause, "page not rendered");
        }
        _ => {}
    }
    error::page(visitor, failure, method).await.unwrap_or_else(|_| {
        (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side.").into_response()
    })
}

/// Headers that keep a page to itself.
fn secure(headers: &mut HeaderMap, site: &Site) {
    // What a stranger made has a stricter one.
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| site.csp.clone());
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), PERMISSIONS),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if site.config.public_url.as_deref().is_some_and(|url| url.starts_with("https://")) {
        // Not includeSubDomains: other hosts of the domain are the operator's decision.
        let year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
}

const PERMISSIONS: &str = "camera=(), geolocation=(), microphone=(), usb=(), browsing-topics=()";
