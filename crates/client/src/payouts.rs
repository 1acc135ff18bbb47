//! What a seller gets.

use stubmart_contract::{
    OrderId,
    api::{Page, Payout, PayoutBalance, Sale, TimelineEntry},
};

use crate::{
    call::Client,
    error::ClientError,
    query::{PageQuery, SaleQuery},
};

/// Every error of these methods is a [`ClientError`]: a problem means that nothing happened.
impl Client {
    /// `GET /api/sales`: one's own, newest first.
    ///
    /// # Errors
    /// `not_signed_in`, `validation_failed`.
    pub async fn sales(&self, query: &SaleQuery) -> Result<Page<Sale>, ClientError> {
        self.list("/api/sales", query).await
    }

    /// `GET /api/sales/{id}`: by the order.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn sale(&self, id: OrderId) -> Result<Sale, ClientError> {
        self.get(&format!("/api/sales/{id}")).await
    }

    /// `GET /api/payouts`: one's own, newest first.
    ///
    /// # Errors
    /// `not_signed_in`, `validation_failed`.
    pub async fn payouts(&self, query: &PageQuery) -> Result<Page<Payout>, ClientError> {
        self.list("/api/payouts", query).await
    }

    /// `GET /api/payouts/balance`: one for each currency.
    ///
    /// # Errors
    /// `not_signed_in`.
    pub async fn payout_balance(&self) -> Result<Page<PayoutBalance>, ClientError> {
        self.get("/api/payouts/balance").await
    }

    /// `GET /api/orders/{id}/timeline`: what happened, oldest first.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn timeline(&self, id: OrderId) -> Result<Page<TimelineEntry>, ClientError> {
        self.get(&format!("/api/orders/{id}/timeline")).await
    }
}
