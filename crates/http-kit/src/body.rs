//! JSON bodies.

use axum::{
    extract::{FromRequest, Request},
    http::{HeaderMap, header},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::Value;
use stubmart_contract::Code;

use crate::{fields::Fields, problem::Problem};

/// The largest body a route takes, in bytes.
pub const BODY_MAX: usize = 64 * 1024;

/// A body that is one JSON object.
#[derive(Debug)]
pub struct JsonBody(Value);

impl JsonBody {
    /// Its fields, to be read one by one.
    ///
    /// # Errors
    /// `validation_failed` when it is JSON and yet no object.
    pub fn fields(self) -> Result<Fields, Problem> {
        match self.0 {
            Value::Object(map) => Ok(Fields::new(map)),
            _ => Err(Problem::invalid_field("body", "must be a JSON object")),
        }
    }

    /// The body as one text that is the same for every spelling of the same JSON.
    #[must_use]
    pub fn canonical(&self) -> String {
        // serde_json keeps objects sorted by key.
        self.0.to_string()
    }
}

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(Code::UnsupportedMediaType));
        }
        let bytes = bytes(request).await?;
        let value = serde_json::from_slice(&bytes).map_err(|error| {
            Problem::with_detail(
                Code::MalformedJson,
                format!("The body is not valid JSON: {error}"),
            )
        })?;
        Ok(Self(value))
    }
}

/// The body's bytes.
///
/// # Errors
/// `body_too_large` beyond [`BODY_MAX`]; `request_timeout` when it broke off.
pub async fn bytes(request: Request) -> Result<bytes::Bytes, Problem> {
    match Limited::new(request.into_body(), BODY_MAX).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::with_detail(
            Code::BodyTooLarge,
            format!("The body is larger than {BODY_MAX} bytes"),
        )),
        Err(error) => {
            Err(Problem::with_detail(Code::RequestTimeout, "The body broke off").caused_by(error))
        }
    }
}

/// Whether the body says it is JSON: `application/json` or `application/…+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).map(str::trim);
    essence.is_some_and(|essence| {
        let essence = essence.to_ascii_lowercase();
        essence == "application/json"
            || (essence.starts_with("application/") && essence.ends_with("+json"))
    })
}
