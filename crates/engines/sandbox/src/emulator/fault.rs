//! What can go wrong on the way to Stripe and back, by order of a test.

use serde::Deserialize;

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// No answer comes, and nothing is done.
    HangBefore,
    /// It is done, and no answer comes.
    HangAfter,
    /// The connection breaks before anything is done.
    CutBefore,
    /// It is done, and the connection breaks.
    CutAfter,
    /// 500, and nothing is done. The answer is kept under the request's key.
    ErrorBefore,
    /// It is done, and answered with 500. The answer is kept under the request's key.
    ErrorAfter,
    /// 409: another request with the same key is under way.
    Conflict,
    /// 429: too many requests.
    RateLimited,
    /// 429: another request has the object locked.
    Locked,
}

/// A fault, and for which requests it is meant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Fault {
    /// What happens.
    pub kind: FaultKind,
    /// The requests whose path ends so, such as `/capture`; of `POST` alone.
    pub path: String,
    /// How many of them.
    pub times: u32,
}

impl FaultKind {
    /// Whether the request is done.
    pub(super) const fn has_effect(self) -> bool {
        matches!(self, Self::HangAfter | Self::CutAfter | Self::ErrorAfter)
    }
}
