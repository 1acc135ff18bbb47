//! What routes share: the service behind them, and where a request came from.

use axum::{
    Json,
    extract::{FromRef, FromRequestParts},
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use stubmart_contract::Language;
use stubmart_http_kit::{
    SessionGate, cookies, etag,
    ingress::{ClientAddr, OverHttps},
    session::COOKIE,
};

use crate::{
    log_in::{Client, SignedIn},
    service::Auth,
};

/// How long a browser keeps the cookie, in seconds: 400 days, the longest that browsers grant. When
/// the session in it ends is up to the server, which counts from the last use.
const COOKIE_AGE: u32 = 400 * 24 * 3600;

/// How much of a `User-Agent` is kept, in characters.
const USER_AGENT_MAX: usize = 256;

#[derive(Clone)]
pub(super) struct AppState {
    pub(super) auth: Auth,
    pub(super) gate: SessionGate,
}

impl FromRef<AppState> for SessionGate {
    fn from_ref(state: &AppState) -> Self {
        state.gate.clone()
    }
}

impl FromRef<AppState> for Auth {
    fn from_ref(state: &AppState) -> Self {
        state.auth.clone()
    }
}

/// Where a request came from, and the cookies that suit it.
pub(super) struct Connection {
    pub(super) client: Client,
    over_https: bool,
}

impl FromRequestParts<AppState> for Connection {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Self::Rejection> {
        let user_agent = parts.headers.get(header::USER_AGENT).and_then(|it| it.to_str().ok());
        let language = parts.headers.get(header::ACCEPT_LANGUAGE).and_then(|it| it.to_str().ok());
        let client = Client {
            language: language.map(Language::accepted).unwrap_or_default(),
            address: parts.extensions.get::<ClientAddr>().map(|address| address.0),
            user_agent: user_agent.unwrap_or_default().chars().take(USER_AGENT_MAX).collect(),
        };
        let over_https = parts.extensions.get().is_some_and(|OverHttps(it)| *it);
        Ok(Self { client, over_https })
    }
}

impl Connection {
    /// The header that makes the browser keep `token`, or drop the one that it has.
    pub(super) fn set_cookie(&self, token: Option<&str>) -> Option<[(HeaderName, HeaderValue); 1]> {
        let cookie = match token {
            Some(token) => cookies::set(COOKIE, token, COOKIE_AGE, self.over_https),
            None => cookies::clear(COOKIE, self.over_https),
        };
        cookie.map(|cookie| [(header::SET_COOKIE, cookie)])
    }

    /// The response to somebody who is signed in from now on.
    pub(super) fn signed_in(&self, status: StatusCode, signed_in: SignedIn) -> Response {
        let SignedIn { version, user, token } = signed_in;
        (status, self.set_cookie(Some(&token)), [etag(version)], Json(user)).into_response()
    }
}
