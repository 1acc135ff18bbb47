//! The visitor: their session, what the API learns about them, and how they are answered.
//!
//! Pages are compressed here and not by a layer such as tower-http's, which would compress a cached page
//! again for every visitor.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use askama::Template;
use axum::{
    body::Body,
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use stubmart_client::{Client, Forwarded, SESSION_COOKIE, SessionToken};
use stubmart_http_kit::cookies;

use crate::{
    assets,
    failure::Failure,
    flash::{Flash, Word},
    hold::Member,
    rendered::Rendered,
    site::Site,
    slug,
};

/// The cookie that keeps the city the visitor chose, as its slug.
pub(crate) const CITY_COOKIE: &str = "stubmart_city";

/// One request's visitor.
#[derive(Debug, Clone)]
pub(crate) struct Visitor {
    pub(crate) site: Arc<Site>,
    /// The sessions that the visitor's cookies name; dead ones may be among them.
    pub(crate) sessions: Vec<SessionToken>,
    pub(crate) flash: Option<Flash>,
    /// Path and query of the page.
    pub(crate) path: String,
    pub(crate) request_id: Option<String>,
    /// Whether the visitor came over https, as far as the proxy in front says.
    pub(crate) secure: bool,
    /// The slug of the city that the visitor chose on the first page.
    pub(crate) city: Option<String>,
    referer: Option<String>,
    forwarded: Forwarded,
    gzip: bool,
}

impl Visitor {
    pub(crate) fn read(parts: &Parts, site: &Arc<Site>) -> Self {
        let headers = &parts.headers;
        let request_id = headers.get(HeaderName::from_static("x-request-id")).cloned();
        let secure = site.ingress.is_https(headers);
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.0.ip());
        Self {
            site: Arc::clone(site),
            sessions: cookies::values(headers, SESSION_COOKIE).map(SessionToken::new).collect(),
            flash: Flash::read(headers),
            path: parts.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned(),
            request_id: request_id.as_ref().and_then(|it| it.to_str().ok()).map(ToOwned::to_owned),
            secure,
            city: cookies::values(headers, CITY_COOKIE).find_map(slug::decoded),
            referer: own_referer(headers),
            forwarded: Forwarded {
                client_ip: peer,
                user_agent: headers.get(header::USER_AGENT).cloned(),
                accept_language: headers.get(header::ACCEPT_LANGUAGE).cloned(),
                request_id,
                proto: Some(if secure { "https" } else { "http" }),
            },
            gzip: assets::accepts_gzip(headers),
        }
    }

    /// The same visitor, answered without compression.
    pub(crate) fn uncompressed(&self) -> Self {
        Self { gzip: false, ..self.clone() }
    }

    /// The API, called as this visitor.
    pub(crate) fn api(&self) -> Client {
        let api = self.site.api.forwarded(&self.forwarded);
        if self.sessions.is_empty() { api } else { api.with_sessions(&self.sessions) }
    }

    /// The same visitor, signed in just now.
    pub(crate) fn signed_in(&self, session: SessionToken) -> Self {
        Self { sessions: vec![session], ..self.clone() }
    }

    /// The user who is signed in, if anybody is.
    pub(crate) async fn user(&self) -> Result<Option<Member>, Failure> {
        if self.sessions.is_empty() {
            return Ok(None);
        }
        Ok(Member::of(&self.api()).await?)
    }

    /// The user who is signed in.
    ///
    /// # Errors
    /// [`Failure::SignIn`] when nobody is.
    pub(crate) async fn member(&self) -> Result<Member, Failure> {
        self.user().await?.ok_or(Failure::SignIn(None))
    }

    /// A page.
    pub(crate) fn page(&self, page: &impl Template) -> Result<Response, Failure> {
        self.page_with(StatusCode::OK, page)
    }

    /// A page with a status of its own.
    ///
    /// # Errors
    /// [`Failure::Template`] when a template fails, which none of ours can.
    pub(crate) fn page_with(
        &self,
        status: StatusCode,
        page: &impl Template,
    ) -> Result<Response, Failure> {
        Ok(self.answer(status, self.render(page)?))
    }

    /// A page as it goes out to this visitor.
    ///
    /// # Errors
    /// [`Failure::Template`] when a template fails, which none of ours can.
    pub(crate) fn render(&self, page: &impl Template) -> Result<Rendered, Failure> {
        Rendered::new(page, self.gzip).map_err(Failure::Template)
    }

    /// The answer that carries a page.
    pub(crate) fn answer(&self, status: StatusCode, page: Rendered) -> Response {
        let signed_in = !self.sessions.is_empty();
        let cache = if signed_in { "private, no-store" } else { "private, no-cache" };
        let mut response = (status, Body::from(page.body)).into_response();
        let headers = response.headers_mut();
        for (name, value) in [
            (header::CONTENT_TYPE, "text/html; charset=utf-8"),
            (header::CACHE_CONTROL, cache),
            (header::VARY, "accept-encoding, cookie"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if page.gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if self.flash.is_some()
            && let Some(cookie) = Flash::clear(self.secure)
        {
            headers.append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// Whether every such visitor sees the same page: nobody is signed in and no message waits to be
    /// shown.
    pub(crate) fn is_anonymous(&self) -> bool {
        self.sessions.is_empty() && self.flash.is_none()
    }

    /// Whether pages go out to this visitor compressed.
    pub(crate) fn takes_gzip(&self) -> bool {
        self.gzip
    }

    /// Sends the visitor on to `path`, which is one of ours.
    pub(crate) fn go(&self, path: &str) -> Response {
        // The values are our own paths; one that no header can carry leads home.
        let location = HeaderValue::try_from(path).unwrap_or(HeaderValue::from_static("/"));
        (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response()
    }

    /// Sends the visitor on to `path`, where a message is shown.
    pub(crate) fn go_with(&self, path: &str, flash: Flash) -> Response {
        let mut response = self.go(path);
        if let Some(cookie) = flash.set(self.secure) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// Sends the visitor on to `path`, where a message is shown.
    pub(crate) fn tell(&self, path: &str, word: Word) -> Response {
        self.go_with(path, Flash::new(word))
    }

    /// The page of ours that the visitor was on.
    pub(crate) fn came_from(&self) -> &str {
        self.referer.as_deref().map_or("/", safe_path)
    }
}

impl FromRequestParts<Arc<Site>> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Infallible> {
        Ok(match parts.extensions.get::<Self>() {
            Some(visitor) => visitor.clone(),
            None => Self::read(parts, site),
        })
    }
}

/// The path of the `Referer`, when it is a page of this host.
fn own_referer(headers: &HeaderMap) -> Option<String> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let (_, rest) = text(header::REFERER)?.split_once("://")?;
    let path = rest.strip_prefix(text(header::HOST)?)?;
    path.starts_with('/').then(|| path.to_owned())
}

/// `path`, when it leads to a page of ours, else `/`: what comes from a link must not send a visitor to
/// another site after login.
pub(crate) fn safe_path(path: &str) -> &str {
    let ours = path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= 512
        // Browsers read a backslash as a slash and drop tabs and line ends.
        && path.bytes().all(|byte| (0x21..0x7f).contains(&byte) && byte != b'\\');
    if ours { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_path_never_leaves_the_site() {
        for ours in ["/", "/events/1?qty=2#t-1", "/orders"] {
            assert_eq!(safe_path(ours), ours);
        }
        for theirs in [
            "",
            "//evil.example",
            "https://evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "javascript:alert(1)",
            " /orders",
            "/ä",
        ] {
            assert_eq!(safe_path(theirs), "/", "{theirs:?}");
        }
        assert_eq!(safe_path(&format!("/{}", "a".repeat(600))), "/");
    }

    #[test]
    fn only_a_referer_of_this_host_is_gone_back_to() {
        let referer = |referer: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("tickets.example"));
            headers.insert(header::REFERER, HeaderValue::from_static(referer));
            own_referer(&headers)
        };
        assert_eq!(referer("https://tickets.example/events?q=a"), Some("/events?q=a".to_owned()));
        assert_eq!(referer("https://tickets.example.evil.example/x"), None);
        assert_eq!(referer("https://evil.example/"), None);
        assert_eq!(referer("about:blank"), None);
    }
}
