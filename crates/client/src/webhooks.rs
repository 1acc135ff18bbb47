//! Webhooks and the feed of events.

use axum::http::Method;
use stubmart_contract::{
    WebhookDeliveryId, WebhookId,
    api::{
        CreateWebhookRequest, IssuedWebhook, Page, ReplayRequest, UpdateWebhookRequest, Webhook,
        WebhookDelivery,
    },
};

use crate::{call::Client, error::ClientError};

/// Every error of these methods is a [`ClientError`]: a problem means that nothing happened.
impl Client {
    /// `GET /api/webhooks`: all that a user may have.
    ///
    /// # Errors
    /// `not_signed_in`.
    pub async fn webhooks(&self) -> Result<Page<Webhook>, ClientError> {
        self.get("/api/webhooks").await
    }

    /// `GET /api/webhooks/{id}`.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn webhook(&self, id: WebhookId) -> Result<Webhook, ClientError> {
        self.get(&format!("/api/webhooks/{id}")).await
    }

    /// `POST /api/webhooks`: the secret is in this answer.
    ///
    /// # Errors
    /// `validation_failed`, `too_many_webhooks`, `not_signed_in`.
    pub async fn create_webhook(
        &self,
        request: &CreateWebhookRequest,
    ) -> Result<IssuedWebhook, ClientError> {
        self.send(Method::POST, "/api/webhooks", Some(request)).await?.json()
    }

    /// `PATCH /api/webhooks/{id}`.
    ///
    /// # Errors
    /// `validation_failed`, `not_found`, `not_signed_in`.
    pub async fn update_webhook(
        &self,
        id: WebhookId,
        request: &UpdateWebhookRequest,
    ) -> Result<Webhook, ClientError> {
        self.send(Method::PATCH, &format!("/api/webhooks/{id}"), Some(request)).await?.json()
    }

    /// `DELETE /api/webhooks/{id}`.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn delete_webhook(&self, id: WebhookId) -> Result<(), ClientError> {
        self.send(Method::DELETE, &format!("/api/webhooks/{id}"), None::<&()>).await.map(drop)
    }

    /// `POST /api/webhooks/{id}/ping`.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn ping_webhook(&self, id: WebhookId) -> Result<WebhookDelivery, ClientError> {
        self.send(Method::POST, &format!("/api/webhooks/{id}/ping"), None::<&()>).await?.json()
    }

    /// `POST /api/webhooks/{id}/secret`: the new secret is in this answer.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn rotate_webhook_secret(&self, id: WebhookId) -> Result<IssuedWebhook, ClientError> {
        self.send(Method::POST, &format!("/api/webhooks/{id}/secret"), None::<&()>).await?.json()
    }

    /// `POST /api/webhooks/{id}/replay`.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn replay_webhook(
        &self,
        id: WebhookId,
        request: &ReplayRequest,
    ) -> Result<Webhook, ClientError> {
        self.send(Method::POST, &format!("/api/webhooks/{id}/replay"), Some(request)).await?.json()
    }

    /// `GET /api/webhooks/{id}/deliveries`: the newest, as many as one page holds.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn webhook_deliveries(
        &self,
        id: WebhookId,
    ) -> Result<Page<WebhookDelivery>, ClientError> {
        self.get(&format!("/api/webhooks/{id}/deliveries")).await
    }

    /// `POST /api/webhooks/deliveries/{id}/replay`.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn replay_delivery(
        &self,
        id: WebhookDeliveryId,
    ) -> Result<WebhookDelivery, ClientError> {
        let path = format!("/api/webhooks/deliveries/{id}/replay");
        self.send(Method::POST, &path, None::<&()>).await?.json()
    }
}
