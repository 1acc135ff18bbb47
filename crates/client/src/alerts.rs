//! Alerts.

use axum::http::Method;
use stubmart_contract::{
    AlertId,
    api::{Alert, CreateAlertRequest, Page, StopAlertRequest},
};

use crate::{call::Client, error::ClientError};

/// Every error of these methods is a [`ClientError`]: a problem means that nothing happened.
impl Client {
    /// `GET /api/alerts`: all that a user may have.
    ///
    /// # Errors
    /// `not_signed_in`.
    pub async fn alerts(&self) -> Result<Page<Alert>, ClientError> {
        self.get("/api/alerts").await
    }

    /// `POST /api/alerts`.
    ///
    /// # Errors
    /// `validation_failed`, `event_over`, `too_many_alerts`, `not_signed_in`.
    pub async fn create_alert(&self, request: &CreateAlertRequest) -> Result<Alert, ClientError> {
        self.send(Method::POST, "/api/alerts", Some(request)).await?.json()
    }

    /// `DELETE /api/alerts/{id}`.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn delete_alert(&self, id: AlertId) -> Result<(), ClientError> {
        self.send(Method::DELETE, &format!("/api/alerts/{id}"), None::<&()>).await.map(drop)
    }

    /// `POST /api/alerts/stop`: by the token of a mail's link.
    ///
    /// # Errors
    /// `validation_failed`.
    pub async fn stop_alert(&self, request: &StopAlertRequest) -> Result<(), ClientError> {
        self.send(Method::POST, "/api/alerts/stop", Some(request)).await.map(drop)
    }
}
