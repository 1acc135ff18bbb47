//! Many of a seller's listings at once.

use axum::{
    body::Body,
    http::{HeaderValue, Method, Request, header},
};
use bytes::Bytes;
use serde::Serialize;
use stubmart_contract::api::{BulkListingsRequest, BulkListingsResult, BulkMode, ImportResult};

use crate::{call::Client, error::ClientError, error::TransportError};

/// How `POST /api/tickets/import` reads a file, and what is done with it.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImportQuery {
    /// Only say what would be done.
    pub dry_run: bool,
    /// What becomes of the other listings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<BulkMode>,
    /// Which column has what: FIELD=HEADING, with commas between.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub columns: Option<String>,
    /// The currency of prices that name none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// `dmy`, `mdy` or `ymd`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dates: Option<String>,
}

/// A problem means that nothing happened, but for those of the server: what is done then stays done, and the same
/// request sent again does the rest.
impl Client {
    /// `POST /api/tickets/bulk`.
    ///
    /// # Errors
    /// `validation_failed`, `not_signed_in`, `email_unverified`.
    pub async fn bulk_tickets(
        &self,
        request: &BulkListingsRequest,
    ) -> Result<BulkListingsResult, ClientError> {
        self.send(Method::POST, "/api/tickets/bulk", Some(request)).await?.json()
    }

    /// `POST /api/tickets/import`, with a file.
    ///
    /// # Errors
    /// `validation_failed` where the file cannot be read, `not_signed_in`, `email_unverified`, `body_too_large`.
    pub async fn import_tickets(
        &self,
        query: &ImportQuery,
        file: Bytes,
    ) -> Result<ImportResult, ClientError> {
        let query = serde_urlencoded::to_string(query)
            .map_err(|error| TransportError::Request(error.into()))?;
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(format!("/api/tickets/import?{query}"))
            .body(Body::from(file))
            .map_err(|error| TransportError::Request(error.into()))?;
        let csv = HeaderValue::from_static("text/csv");
        request.headers_mut().insert(header::CONTENT_TYPE, csv);
        self.ask(request).await?.success()?.json()
    }
}
