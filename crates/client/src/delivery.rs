//! The delivery of what was bought.

use axum::http::Method;
use stubmart_contract::{
    OrderId,
    api::{
        AnswerClaimRequest, Claim, CreateClaimRequest, Delivery, LateChoice, LateDeliveryRequest,
        Page, SendDeliveryRequest,
    },
};

use crate::{call::Client, error::ClientError};

/// Deliveries. A problem means that nothing happened.
impl Client {
    /// `GET /api/orders/{id}/delivery`: for the buyer and the seller of a completed order.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn delivery(&self, id: OrderId) -> Result<Delivery, ClientError> {
        self.get(&format!("/api/orders/{id}/delivery")).await
    }

    /// `POST /api/orders/{id}/delivery/send`: the seller has sent the ticket.
    ///
    /// # Errors
    /// `validation_failed`, `delivery_ended`, `not_owner`, `not_found`.
    pub async fn send_delivery(
        &self,
        id: OrderId,
        request: &SendDeliveryRequest,
    ) -> Result<Delivery, ClientError> {
        let path = format!("/api/orders/{id}/delivery/send");
        self.send(Method::POST, &path, Some(request)).await?.json()
    }

    /// `POST /api/orders/{id}/delivery/accept`: the buyer has the ticket.
    ///
    /// # Errors
    /// `not_sent`, `delivery_ended`, `not_owner`, `not_found`.
    pub async fn accept_delivery(&self, id: OrderId) -> Result<Delivery, ClientError> {
        let path = format!("/api/orders/{id}/delivery/accept");
        self.send(Method::POST, &path, None::<&()>).await?.json()
    }

    /// `POST /api/orders/{id}/delivery/late`: the buyer of a late ticket waits, or takes the money back.
    ///
    /// # Errors
    /// `not_late`, `delivery_ended`, `not_owner`, `not_found`.
    pub async fn decide_on_late_delivery(
        &self,
        id: OrderId,
        choice: LateChoice,
    ) -> Result<Delivery, ClientError> {
        let path = format!("/api/orders/{id}/delivery/late");
        self.send(Method::POST, &path, Some(&LateDeliveryRequest { choice })).await?.json()
    }

    /// `GET /api/orders/{id}/claims`: what was claimed about an order.
    ///
    /// # Errors
    /// `not_signed_in`.
    pub async fn claims(&self, id: OrderId) -> Result<Page<Claim>, ClientError> {
        self.get(&format!("/api/orders/{id}/claims")).await
    }

    /// `POST /api/orders/{id}/claims`: the buyer says that something was wrong.
    ///
    /// # Errors
    /// `validation_failed`, `claim_exists`, `claims_closed`, `not_owner`, `not_found`.
    pub async fn create_claim(
        &self,
        id: OrderId,
        request: &CreateClaimRequest,
    ) -> Result<Claim, ClientError> {
        self.send(Method::POST, &format!("/api/orders/{id}/claims"), Some(request)).await?.json()
    }

    /// `POST /api/orders/{id}/claims/answer`: the seller answers.
    ///
    /// # Errors
    /// `validation_failed`, `claim_answered`, `not_owner`, `not_found`.
    pub async fn answer_claim(
        &self,
        id: OrderId,
        request: &AnswerClaimRequest,
    ) -> Result<Claim, ClientError> {
        let path = format!("/api/orders/{id}/claims/answer");
        self.send(Method::POST, &path, Some(request)).await?.json()
    }
}
