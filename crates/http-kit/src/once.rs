//! `Idempotency-Key`: a request that is sent again is done once and answered as the first time
//! ([`stubmart_kernel::idempotency`]).

use std::future::{Future, Ready, ready};

use axum::{
    extract::FromRequestParts,
    http::{HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use stubmart_contract::{Code, Context, api::ProblemBody};
use stubmart_kernel::idempotency::{BeginError, Begun, Idempotency, Scope};
use uuid::Uuid;

use crate::{conditional::etag, problem::Problem};

/// The header that carries the key.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// Marks an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// The longest key.
pub(crate) const KEY_MAX: usize = 255;

/// The key of a request, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(pub Option<String>);

impl IdempotencyKey {
    /// Which request the key belongs to: `caller` is the user or another word for whose keys these are,
    /// and `request` must be the same when the key comes again.
    #[must_use]
    pub fn scope<'a>(
        &'a self,
        caller: &'a str,
        operation: &'static str,
        request: &'a str,
    ) -> Option<Scope<'a>> {
        let key = self.0.as_deref()?;
        Some(Scope { caller, operation, key, request: request.as_bytes() })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(HEADER) else { return Ok(Self(None)) };
        let key = value.to_str().unwrap_or_default();
        let is_visible = key.bytes().all(|byte| byte.is_ascii_graphic());
        if key.is_empty() || key.len() > KEY_MAX || !is_visible {
            let message = format!("must be 1 to {KEY_MAX} visible ASCII characters");
            return Err(Problem::invalid_field("Idempotency-Key", message));
        }
        Ok(Self(Some(key.to_owned())))
    }
}

/// An answer that can be kept and given again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    #[serde(with = "status")]
    status: StatusCode,
    etag: Option<u64>,
    body: Box<RawValue>,
}

/// A status code as its number.
mod status {
    use axum::http::StatusCode;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(status: &StatusCode, out: S) -> Result<S::Ok, S::Error> {
        status.as_u16().serialize(out)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<StatusCode, D::Error> {
        StatusCode::from_u16(u16::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl Answer {
    /// An answer with a JSON body.
    ///
    /// # Errors
    /// `internal` when `body` cannot be written as JSON.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Result<Self, Problem> {
        let body = serde_json::value::to_raw_value(body).map_err(Problem::internal)?;
        Ok(Self { status, etag: None, body })
    }

    /// With the aggregate's version as `ETag`.
    #[must_use]
    pub const fn version(mut self, version: u64) -> Self {
        self.etag = Some(version);
        self
    }

    /// The body, as JSON.
    #[must_use]
    pub fn body(&self) -> &RawValue {
        &self.body
    }

    /// This answer as the response, for a request that has nothing to add to it.
    pub fn as_it_is(self) -> Ready<Result<Response, Problem>> {
        ready(Ok(self.into_response()))
    }

    /// The outcome of a request as it is kept. An outcome that says "not now" is not kept: the next try is
    /// meant to work.
    fn to_keep(outcome: &Result<Self, Problem>) -> Option<Self> {
        match outcome {
            // A request that was only accepted has no outcome yet: the next try under the key looks for it.
            Ok(answer) => (answer.status != StatusCode::ACCEPTED).then(|| answer.clone()),
            Err(problem) => match (problem.code(), problem.status().as_u16()) {
                (Code::Contended | Code::PaymentInProgress, _) | (_, 401 | 408 | 429 | 500..) => {
                    None
                }
                _ => Self::json(problem.status(), &problem.body("")).ok(),
            },
        }
    }

    /// The outcome that was kept.
    fn revive(self) -> Result<Self, Problem> {
        if self.status.is_success() {
            return Ok(self);
        }
        let body: ProblemBody = serde_json::from_str(self.body.get()).map_err(Problem::internal)?;
        Err(body.into())
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let content_type = if self.status.is_success() {
            HeaderValue::from_static("application/json")
        } else {
            HeaderValue::from_static("application/problem+json")
        };
        let body = <Box<str>>::from(self.body).into_string();
        let etag = self.etag.map(|version| [etag(version)]);
        let content_type = [(header::CONTENT_TYPE, content_type)];
        (self.status, content_type, etag, body).into_response()
    }
}

/// Does `work` once for a key, or at once for a request without one (`scope` is `None`). `work` gets the
/// id of what it creates; that may exist already, and `work` then answers as if it had just made it.
/// `finish` makes the response of the answer each time the key comes: it adds parts that must not be kept,
/// such as a secret. [`Answer::as_it_is`] adds nothing.
///
/// # Errors
/// `idempotency_key_reused`, `idempotency_key_in_use`, `unavailable`: nothing happened. Else the problem of `work`,
/// or that of `finish`: the work is done then, and the next try under the key finishes it.
pub async fn once<W, F>(
    records: &Idempotency,
    context: &Context,
    scope: Option<Scope<'_>>,
    work: impl FnOnce(Uuid) -> W + Send,
    finish: impl FnOnce(Answer) -> F + Send,
) -> Result<Response, Problem>
where
    W: Future<Output = Result<Answer, Problem>> + Send,
    F: Future<Output = Result<Response, Problem>> + Send,
{
    let Some(scope) = scope else { return finish(work(records.fresh_id()).await?).await };
    let (creates, record) = match records.begin(context, scope).await? {
        Begun::Work { creates, record } => (creates, record),
        Begun::Replay(kept) => {
            let answer: Answer = serde_json::from_str(kept.get()).map_err(Problem::internal)?;
            let response = match answer.revive() {
                Ok(answer) => finish(answer).await?,
                Err(problem) => problem.into_response(),
            };
            return Ok(replayed(response));
        }
    };
    let outcome = work(creates).await;
    let kept = Answer::to_keep(&outcome);
    let kept = kept.and_then(|answer| serde_json::value::to_raw_value(&answer).ok());
    // The work is done whether or not this is saved: without it, the next try under the key finds the
    // creation.
    if let Err(error) = records.end(context, record, kept).await {
        tracing::warn!(%error, "answer of an idempotent request not kept");
    }
    finish(outcome?).await
}

impl From<BeginError> for Problem {
    fn from(error: BeginError) -> Self {
        match error {
            BeginError::Reused => Self::new(Code::IdempotencyKeyReused),
            BeginError::InUse => Self::new(Code::IdempotencyKeyInUse),
            BeginError::Repository(error) => error.into(),
        }
    }
}

/// Marks a response as one that was given before.
fn replayed(mut response: Response) -> Response {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
