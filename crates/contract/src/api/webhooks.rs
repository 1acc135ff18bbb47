//! Webhooks, and the feed of what happens to one's own tickets, orders and payments.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    orders::{CancelReason, OrderStatus},
    payments::ChargeStatus,
    tickets::Ticket,
};
use crate::{
    fees::Breakdown,
    ids::{ChargeId, OrderId, TicketId, UserId, WebhookDeliveryId, WebhookEventId, WebhookId},
    money::{Currency, Price},
    time::Timestamp,
};

macro_rules! types {
    ($($(#[$doc:meta])* $name:ident = $word:tt;)+) => {
        /// What happened. New kinds may come.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        pub enum WebhookEventType { $($(#[$doc])* #[serde(rename = $word)] $name,)+ }

        impl WebhookEventType {
            /// Every kind there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The kind's name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

types! {
    /// One's ticket was listed.
    TicketListed = "ticket.listed";
    /// One's listing was edited, is held by a checkout, or is free again.
    TicketUpdated = "ticket.updated";
    /// One's ticket was sold.
    TicketSold = "ticket.sold";
    /// One's listing was withdrawn.
    TicketWithdrawn = "ticket.withdrawn";
    /// One's checkout began.
    OrderCreated = "order.created";
    /// One's order is paid for.
    OrderCompleted = "order.completed";
    /// One's order ended without a sale.
    OrderCancelled = "order.cancelled";
    /// One's payment was taken.
    PaymentCompleted = "payment.completed";
    /// One's payment failed; nothing was taken.
    PaymentFailed = "payment.failed";
    /// One's payment was given back.
    PaymentRefunded = "payment.refunded";
    /// A test that was asked for. It is in no feed.
    Ping = "ping";
}

/// Something that happened to what is one's own. One of the fields of `data` is set; none for a `ping`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookEvent {
    /// Names the event. It is the same in every delivery and in the feed.
    pub id: WebhookEventId,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: WebhookEventType,
    /// When it happened.
    pub created_at: Timestamp,
    /// What it is about, as it was right after.
    pub data: WebhookData,
}

/// What an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookData {
    /// Of `ticket.*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// Of `order.*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<EventOrder>,
    /// Of `payment.*`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<EventPayment>,
}

/// An order, as its event tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventOrder {
    /// The order.
    pub id: OrderId,
    /// The order's number, for people.
    #[schema(example = "3F7K-9QWM-2XTB")]
    pub number: String,
    /// The buyer.
    pub user_id: UserId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// Where the order stands.
    pub status: OrderStatus,
    /// The money as it was fixed at the lock.
    pub breakdown: Breakdown,
    /// What the buyer pays.
    pub total: Price,
    /// The currency of every amount.
    pub currency: Currency,
    /// When the checkout runs out.
    pub expires_at: Timestamp,
    /// Why it was cancelled.
    pub cancel_reason: Option<CancelReason>,
}

/// A charge, as its event tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventPayment {
    /// The charge.
    pub id: ChargeId,
    /// The order it pays for.
    pub order_id: OrderId,
    /// Where the charge stands.
    pub status: ChargeStatus,
    /// The amount, in minor units.
    pub amount: Price,
    /// Its currency.
    pub currency: Currency,
    /// Why it failed.
    pub failure_code: Option<String>,
}

/// `POST /api/webhooks`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateWebhookRequest {
    /// Where events are sent to: a public `https` address.
    #[schema(min_length = 1, max_length = 2000, format = "uri")]
    pub url: String,
    /// Which events; every one when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1)]
    pub types: Option<Vec<WebhookEventType>>,
}

/// `PATCH /api/webhooks/{id}`: what is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateWebhookRequest {
    /// Where events are sent to from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 2000, format = "uri")]
    pub url: Option<String>,
    /// Which events from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_items = 1)]
    pub types: Option<Vec<WebhookEventType>>,
    /// Whether anything is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// A webhook, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Names the webhook.
    pub id: WebhookId,
    /// Where events are sent to.
    #[schema(format = "uri")]
    pub url: String,
    /// Which events are sent; every one where null.
    pub types: Option<Vec<WebhookEventType>>,
    /// Whether anything is sent.
    pub enabled: bool,
    /// When it was disabled because nothing got through for three days; null where it was not.
    pub disabled_at: Option<Timestamp>,
    /// Since when nothing gets through; null while deliveries arrive.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner last changed it.
    pub updated_at: Timestamp,
}

/// A webhook with its secret, which is shown when it is made and when it is replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuedWebhook {
    /// Names the webhook.
    pub id: WebhookId,
    /// Where events are sent to.
    #[schema(format = "uri")]
    pub url: String,
    /// Which events are sent; every one where null.
    pub types: Option<Vec<WebhookEventType>>,
    /// Whether anything is sent.
    pub enabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Signs what is sent, from now on.
    #[schema(example = "whsec_dGhpcyBpcyBhbiBleGFtcGxl")]
    pub secret: String,
    /// Until when the secret before this one signs too; null where there was none.
    pub old_secret_until: Option<Timestamp>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WebhookDeliveryStatus {
    /// It is on its way, or waits for its next attempt.
    Waiting,
    /// The receiver answered with a status from 200 to 299.
    Delivered,
    /// It was given up.
    Failed,
}

/// An event on its way to a webhook, with the answers that it got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookDelivery {
    /// Names the delivery.
    pub id: WebhookDeliveryId,
    /// The webhook.
    pub webhook_id: WebhookId,
    /// The event.
    pub event_id: WebhookEventId,
    /// What happened.
    pub event_type: WebhookEventType,
    /// Where it stands.
    pub status: WebhookDeliveryStatus,
    /// When it is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// How often it was tried.
    pub attempt_count: u32,
    /// The latest attempts, oldest first.
    pub attempts: Vec<WebhookAttempt>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One attempt to deliver an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookAttempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub taken_ms: u32,
    /// The status of the answer; null where none came.
    pub status: Option<u16>,
    /// The beginning of the answer's body.
    pub body: Option<String>,
    /// Why no answer came.
    pub error: Option<String>,
}

/// `POST /api/webhooks/{id}/replay`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplayRequest {
    /// Events from this moment on are sent again; those of the last 30 days are kept.
    pub since: Timestamp,
}
