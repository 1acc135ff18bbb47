//! Payments and charges.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ids::{ChargeId, OrderId, RefundId},
    money::{Currency, Price},
    time::Timestamp,
};

/// Where a charge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChargeStatus {
    /// The outcome is not known yet; nothing was taken so far.
    Created,
    /// It ended and took nothing.
    Failed,
    /// The money was taken; `refunds` tells what was given back.
    Completed,
}

/// Where a refund stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// It is decided, and the provider has not sent the money yet.
    Pending,
    /// The money is on its way to the buyer's card. It can still come back.
    Succeeded,
    /// The money did not reach the buyer.
    Failed,
}

/// Money of a charge that is given back: all of it, or a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refund {
    /// The refund's id.
    pub id: RefundId,
    /// How much, in minor units of the charge's currency.
    pub amount: Price,
    /// Where it stands.
    pub status: RefundStatus,
    /// The provider's id of it, once the provider knows it.
    pub stripe_id: Option<String>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A charge: one attempt to pay for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    /// The charge's id.
    pub id: ChargeId,
    /// The order it pays for.
    pub order_id: OrderId,
    /// Where the charge stands.
    pub status: ChargeStatus,
    /// The amount, in minor units.
    pub amount: Price,
    /// Its currency.
    pub currency: Currency,
    /// The provider's id of the payment.
    pub stripe_id: Option<String>,
    /// The provider's id of the refund that gave back all of it, or the last part.
    pub stripe_refund_id: Option<String>,
    /// What was given back of it, oldest first.
    #[serde(default)]
    pub refunds: Vec<Refund>,
    /// Why it failed.
    pub failure_code: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// What the buyer has to do next; only while the payment waits for that, on the answer to it and
    /// among the charges of its order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_action: Option<NextAction>,
}

/// What the buyer has to do before the payment can go on: authenticate with the bank (3-D Secure).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NextAction {
    /// For the payment provider's own script in the browser.
    pub client_secret: String,
}

/// `POST /api/payments`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreatePaymentRequest {
    /// The order to pay for.
    pub order_id: OrderId,
    /// The provider's id of a payment method, such as `pm_card_visa`.
    #[schema(min_length = 1, max_length = 255)]
    pub payment_method: String,
}

/// `POST /api/payments/intents`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateIntentRequest {
    /// The order to pay for.
    pub order_id: OrderId,
}

/// What a browser needs to pay at the provider's own form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PaymentIntent {
    /// Opens this one payment.
    pub client_secret: String,
    /// The operator's public key at the provider.
    pub publishable_key: String,
    /// The charge that was saved for it.
    pub charge_id: ChargeId,
}
