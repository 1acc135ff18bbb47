//! What was answered.

use std::fmt;

use axum::http::{HeaderMap, header::SET_COOKIE};
use bytes::Bytes;
use serde_json::Value;

/// An answer, whatever its status.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub bytes: Bytes,
    /// The body read as JSON; null when it is empty or no JSON.
    pub body: Value,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = String::from_utf8_lossy(&self.bytes);
        write!(f, "{} {:?} {text}", self.status, self.headers)
    }
}

impl Answer {
    pub(crate) fn new(status: u16, headers: HeaderMap, bytes: Bytes) -> Self {
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Self { status, headers, bytes, body }
    }

    /// A header's text; empty when the answer has no such header.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The body, which must be JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The body, which must be text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes).unwrap()
    }

    /// Fails unless the body contains this text.
    #[track_caller]
    pub fn has(&self, part: &str) {
        assert!(self.text().contains(part), "no {part:?} in {}", self.text());
    }

    /// Fails if the body contains this text.
    #[track_caller]
    pub fn lacks(&self, part: &str) {
        assert!(!self.text().contains(part), "{part:?} in {}", self.text());
    }

    /// Where the answer leads to, which must be a redirect after a form (303).
    #[must_use]
    #[track_caller]
    pub fn location(&self) -> &str {
        assert_eq!(self.status, 303, "{}", self.text());
        self.header("location")
    }

    /// The cookies that it sets.
    #[must_use]
    pub fn cookies(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).iter().map(|it| it.to_str().unwrap()).collect()
    }

    /// The id of the document that the body shows.
    #[must_use]
    #[track_caller]
    pub fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id: {self:?}"))
    }

    /// The session token in the cookie that was set.
    #[must_use]
    #[track_caller]
    pub fn token(&self) -> &str {
        let cookie = self.cookies().first().copied();
        let token = cookie.and_then(|it| it.strip_prefix("stubmart_session=")?.split(';').next());
        token.unwrap_or_else(|| panic!("no session: {self:?}"))
    }

    /// The status and, of a problem, the code; else an empty one.
    #[must_use]
    pub fn outcome(&self) -> (u16, &str) {
        (self.status, self.code())
    }

    /// The code of the problem it is; empty when it is none.
    #[must_use]
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// Status and code of the problem it must be, in the one form that every error has.
    #[must_use]
    #[track_caller]
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let body = &self.body;
        for field in ["type", "title", "detail", "code", "requestId"] {
            assert!(body[field].as_str().is_some_and(|it| !it.is_empty()), "no {field}: {self:?}");
        }
        assert_eq!(body["status"], self.status, "{self:?}");
        assert_eq!(body["requestId"], self.header("x-request-id"), "{self:?}");
        (self.status, self.code().to_owned())
    }

    /// Fails unless it is the problem with this status and code.
    #[track_caller]
    pub fn is(&self, status: u16, code: &str) {
        assert_eq!(self.problem(), (status, code.to_owned()), "{self:?}");
    }

    /// The fields that a refused body has wrong, sorted.
    #[must_use]
    #[track_caller]
    pub fn bad_fields(&self) -> Vec<String> {
        self.is(400, "validation_failed");
        let errors = self.body["errors"].as_array().unwrap();
        let mut fields: Vec<_> = errors.iter().map(|it| text(it, "field")).collect();
        fields.sort();
        fields
    }
}

/// The text in a field of a document.
#[must_use]
#[track_caller]
pub fn text(document: &Value, field: &str) -> String {
    let value = document[field].as_str();
    value.unwrap_or_else(|| panic!("no text {field:?} in {document}")).to_owned()
}
