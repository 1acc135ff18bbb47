//! `ETag` and `If-Match` (RFC 9110, 8.8.3 and 13.1.1).

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
};
use stubmart_contract::Code;

use crate::problem::Problem;

/// The versions a change is meant for; any, when the client names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    /// Any version.
    pub const ANY: Self = Self(None);

    /// Whether the change may be made to `version`.
    ///
    /// # Errors
    /// `version_mismatch`.
    pub fn check(&self, version: u64) -> Result<(), Problem> {
        match &self.0 {
            Some(tags) if !tags.iter().any(|tag| tag == "*" || *tag == quoted(version)) => {
                Err(Problem::with_detail(
                    Code::VersionMismatch,
                    format!(
                        "It was changed in the meantime: the present ETag is {}",
                        quoted(version)
                    ),
                ))
            }
            _ => Ok(()),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut tags: Option<Vec<String>> = None;
        for value in parts.headers.get_all(header::IF_MATCH) {
            // What is no text is no tag either.
            let text = value.to_str().unwrap_or_default();
            let named = text.split(',').map(str::trim);
            if !named.clone().all(is_tag) {
                let detail = "If-Match names no ETag, such as \"3\"";
                return Err(Problem::with_detail(Code::VersionMismatch, detail));
            }
            tags.get_or_insert_default().extend(named.map(ToOwned::to_owned));
        }
        Ok(Self(tags))
    }
}

/// Whether this is `*` or an entity tag, be it one that none of ours is.
fn is_tag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let quoted = opaque.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    text == "*" || quoted.is_some_and(|it| !it.contains('"'))
}

/// The `ETag` of a version.
#[must_use]
pub fn etag(version: u64) -> (header::HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(&quoted(version));
    (header::ETAG, value.unwrap_or_else(|_| HeaderValue::from_static("\"0\"")))
}

fn quoted(version: u64) -> String {
    format!("\"{version}\"")
}
