//! Errors as clients see them: RFC 9457, `application/problem+json`.

use std::{borrow::Cow, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use stubmart_contract::{
    Code,
    api::{FieldError, ProblemBody},
};
use stubmart_kernel::limited::Limited;
use stubmart_ports::{
    Cause,
    calls::CallError,
    host::{Busy, TimedOut},
    limits::LimitsUnavailable,
};

/// How long a client is asked to wait when something is down, or in the way for a moment.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// An error on its way to a client, with the cause for the log, which the client never sees.
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    decline_code: Option<String>,
    attempts_left: Option<u32>,
    retry_after: Option<Duration>,
    cause: Option<Arc<Cause>>,
}

impl Problem {
    /// A problem whose detail is the code's title.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self::with_detail(code, code.title())
    }

    /// A problem with a detail of its own.
    #[must_use]
    pub fn with_detail(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let passes = matches!(code, Code::Contended | Code::IdempotencyKeyInUse);
        let retry_after = (passes || code.status() == 503).then_some(RETRY_AFTER);
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            decline_code: None,
            attempts_left: None,
            retry_after,
            cause: None,
        }
    }

    /// Bad fields, all at once.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        let detail = format!("Not valid: {}", fields.join(", "));
        Self { errors, ..Self::with_detail(Code::ValidationFailed, detail) }
    }

    /// One bad field.
    #[must_use]
    pub fn invalid_field(field: &str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldError { field: field.to_owned(), message: message.into() }])
    }

    /// Nothing is there, or nothing that the caller may know of.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Code::NotFound)
    }

    /// A fault of ours.
    #[must_use]
    pub fn internal(cause: impl Into<Cause>) -> Self {
        Self::new(Code::Internal).caused_by(cause)
    }

    /// A dependency is down.
    #[must_use]
    pub fn unavailable(cause: impl Into<Cause>) -> Self {
        Self::new(Code::Unavailable).caused_by(cause)
    }

    /// Adds the cause, for the log.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(Arc::new(cause.into()));
        self
    }

    /// Adds when to come back.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// Adds how many payments may still be tried for the order.
    #[must_use]
    pub fn attempts_left(mut self, attempts: u32) -> Self {
        self.attempts_left = Some(attempts);
        self
    }

    /// Adds why the bank declined.
    #[must_use]
    pub fn declined(mut self, decline_code: Option<String>) -> Self {
        self.decline_code = decline_code;
        self
    }

    /// Its code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// When to come back, if that is known.
    #[must_use]
    pub const fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Its HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The cause, for the log.
    #[must_use]
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_deref()
    }

    /// The body, for the request of this id.
    #[must_use]
    pub fn body(&self, request_id: &str) -> ProblemBody {
        ProblemBody {
            type_url: format!("/api/problems#{}", self.code.word()),
            title: self.code.title().to_owned(),
            status: self.code.status(),
            detail: self.detail.clone().into_owned(),
            code: self.code,
            errors: self.errors.clone(),
            decline_code: self.decline_code.clone(),
            attempts_left: self.attempts_left,
            request_id: request_id.to_owned(),
        }
    }

    /// The response, for the request of this id.
    #[must_use]
    pub fn respond(self, request_id: &str) -> Response {
        let body = serde_json::to_vec(&self.body(request_id)).unwrap_or_default();
        let mut response = (self.status(), Body::from(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(wait) = self.retry_after {
            // Rounded up, so that a client that obeys is not early.
            let seconds = wait.as_millis().div_ceil(1000).max(1);
            if let Ok(value) = HeaderValue::from_str(&seconds.to_string()) {
                headers.insert(header::RETRY_AFTER, value);
            }
        }
        if self.code.status() == 401 {
            // RFC 9110, 11.6.1: a 401 names a scheme.
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Problem {
    /// Renders it without a request id; [`crate::layer`] renders it again with one.
    fn into_response(self) -> Response {
        self.respond("")
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        Self::unavailable(error)
    }
}

impl From<Limited> for Problem {
    fn from(limited: Limited) -> Self {
        match limited {
            Limited::TooMany { wait } => Self::new(Code::TooManyRequests).retry_after(wait),
            Limited::Unavailable(error) => error.into(),
        }
    }
}

impl From<LimitsUnavailable> for Problem {
    fn from(error: LimitsUnavailable) -> Self {
        Self::unavailable(error)
    }
}

impl From<Busy> for Problem {
    fn from(error: Busy) -> Self {
        Self::unavailable(error)
    }
}

impl From<TimedOut> for Problem {
    fn from(error: TimedOut) -> Self {
        Self::unavailable(error)
    }
}

impl From<ProblemBody> for Problem {
    /// A problem that was kept and is given again.
    fn from(body: ProblemBody) -> Self {
        Self {
            errors: body.errors,
            decline_code: body.decline_code,
            attempts_left: body.attempts_left,
            ..Self::with_detail(body.code, body.detail)
        }
    }
}
