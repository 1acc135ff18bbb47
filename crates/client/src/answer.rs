//! An answer as it came: status, headers, body.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use stubmart_contract::api::ProblemBody;

use crate::{
    error::{BoxError, ClientError, Problem, TransportError},
    session::{SESSION_COOKIE, SessionToken},
};

/// An answer with its headers, for what the typed methods do not hand out.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Answer {
    /// The largest body that is read, in bytes.
    pub const MAX_BYTES: usize = 16 * 1024 * 1024;

    /// The body, read as JSON.
    ///
    /// # Errors
    /// [`TransportError::Unexpected`] when it is no such JSON. The request had its effect.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        serde_json::from_slice(&self.body).map_err(|error| self.unexpected(&error.into()))
    }

    /// The `ETag`, as it can be given to [`Client::if_match`](crate::Client::if_match).
    #[must_use]
    pub fn etag(&self) -> Option<&str> {
        self.header(&header::ETAG)
    }

    /// Every `Set-Cookie` header, for passing them on.
    pub fn set_cookies(&self) -> impl Iterator<Item = &HeaderValue> {
        self.headers.get_all(header::SET_COOKIE).iter()
    }

    /// The session that this answer opens, taken from its `Set-Cookie`.
    #[must_use]
    pub fn session_token(&self) -> Option<SessionToken> {
        self.set_cookies().filter_map(|cookie| cookie.to_str().ok()).find_map(|cookie| {
            let (name, rest) = cookie.split_once('=')?;
            let value = rest.split(';').next().unwrap_or_default().trim();
            (name.trim() == SESSION_COOKIE && !value.is_empty()).then(|| SessionToken::new(value))
        })
    }

    /// This answer, or the problem it is.
    ///
    /// # Errors
    /// [`ClientError::Problem`] for every status that is no success.
    pub fn success(self) -> Result<Self, ClientError> {
        if self.status.is_success() {
            return Ok(self);
        }
        match serde_json::from_slice::<ProblemBody>(&self.body) {
            Ok(body) => Err(ClientError::Problem(Box::new(Problem {
                body,
                retry_after: self.retry_after(),
            }))),
            Err(error) => Err(self.unexpected(&error.into())),
        }
    }

    fn header(&self, name: &header::HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn retry_after(&self) -> Option<Duration> {
        self.header(&header::RETRY_AFTER)?.parse().ok().map(Duration::from_secs)
    }

    pub(crate) fn unexpected(&self, reason: &BoxError) -> ClientError {
        TransportError::Unexpected { status: self.status.as_u16(), reason: reason.to_string() }
            .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Answer {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: map,
            body: Bytes::from_static(body.as_bytes()),
        }
    }

    #[test]
    fn the_session_is_found_among_other_cookies_and_a_cleared_one_is_none() {
        let opened = answer(
            200,
            &[
                ("set-cookie", "other=1; Path=/"),
                ("set-cookie", "stubmart_session=abc.def; HttpOnly; Path=/"),
            ],
            "{}",
        );
        assert_eq!(opened.session_token(), Some(SessionToken::new("abc.def")));
        let cleared = answer(200, &[("set-cookie", "stubmart_session=; Max-Age=0")], "{}");
        assert_eq!(cleared.session_token(), None);
    }

    #[test]
    fn a_problem_keeps_its_code_and_when_to_come_back() {
        let error = answer(
            429,
            &[("retry-after", "7")],
            r#"{"type":"about:blank","title":"t","status":429,"detail":"d","code":"too_many_requests","requestId":"r"}"#,
        )
        .success()
        .unwrap_err();
        assert_eq!(error.code(), Some(stubmart_contract::Code::TooManyRequests));
        assert_eq!(error.problem().unwrap().retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn an_error_without_a_problem_is_told_as_unexpected() {
        let error = answer(502, &[], "<html>bad gateway</html>").success().unwrap_err();
        assert!(
            matches!(error, ClientError::Transport(TransportError::Unexpected { status: 502, .. })),
            "{error:?}"
        );
    }
}
