//! `ETag` and `If-Match` (RFC 9110, 8.8.3 and 13.1.1).

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
};
use stubmart_contract::Code;
use stubmart_kernel::Precondition;

use crate::problem::Problem;

/// The versions that a change is meant for, as `If-Match` names them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IfMatch(pub Precondition);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut versions: Option<Vec<u64>> = None;
        let mut is_any = false;
        for value in parts.headers.get_all(header::IF_MATCH) {
            // A header that is no text holds no tag either.
            for tag in value.to_str().unwrap_or_default().split(',').map(str::trim) {
                if !is_tag(tag) {
                    let detail = "If-Match names no ETag, such as \"3\"";
                    return Err(Problem::with_detail(Code::VersionMismatch, detail));
                }
                is_any |= tag == "*";
                versions.get_or_insert_default().extend(version(tag));
            }
        }
        let one_of = versions.filter(|_| !is_any);
        Ok(Self(one_of.map_or(Precondition::None, Precondition::OneOf)))
    }
}

/// Whether this is `*` or an entity tag, be it one that names no version.
fn is_tag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let quoted = opaque.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    text == "*" || quoted.is_some_and(|it| !it.contains('"'))
}

/// The version that a tag names, in the one spelling that [`quoted`] writes.
fn version(tag: &str) -> Option<u64> {
    let version = tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()?;
    (quoted(version) == tag).then_some(version)
}

/// The `ETag` of a version.
#[must_use]
pub fn etag(version: u64) -> (header::HeaderName, HeaderValue) {
    let value = HeaderValue::from_str(&quoted(version));
    (header::ETAG, value.unwrap_or_else(|_| HeaderValue::from_static("\"0\"")))
}

/// The text of a version's `ETag`.
pub(crate) fn quoted(version: u64) -> String {
    format!("\"{version}\"")
}
