//! The bodies of the public HTTP API.
//!
//! The type of a request is its one definition: its schema is published, and the same schema checks what
//! clients send. A text with a `max_length` and neither `format` nor `pattern` is prose, and
//! read in one form ([`crate::text::clean`]). What no schema can say is in the
//! `Deserialize` of a field's type.

mod alerts;
mod auth;
mod bulk;
mod catalogue;
mod claims;
mod delivery;
mod field_error;
mod files;
mod import;
mod orders;
mod patch;
mod payments;
mod payouts;
mod tickets;
mod timeline;
mod webhooks;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::code::Code;

pub use alerts::{Alert, CreateAlertRequest, StopAlertRequest};
pub use auth::{
    AccessToken, ConfirmPasswordResetRequest, CreateTokenRequest, CurrentUser, DeleteTotpRequest,
    DeleteUserRequest, IssuedAccessToken, LoginRequest, PasswordResetRequest, Session,
    SignupRequest, TokenScope, Totp, TotpRequest, UpdateUserRequest, User, VerifyEmailRequest,
};
pub use bulk::{
    BulkListing, BulkListingsRequest, BulkListingsResult, BulkMode, BulkOutcome, BulkResult,
    EventByName,
};
pub use catalogue::{
    CreateEventRequest, Event, EventPrices, EventStatus, Facet, Facets, OnSalePrices, PriceStep,
    SoldPrices, Venue,
};
pub use claims::{
    AnswerClaimRequest, Claim, ClaimKind, ClaimOutcome, ClaimStatus, CreateClaimRequest,
};
pub use delivery::{
    Delivery, DeliveryCancelReason, DeliveryKind, DeliverySide, DeliveryStatus, DeliveryStep,
    DeliveryStepKind, LateChoice, LateDeliveryRequest, SendDeliveryRequest,
};
pub use field_error::FieldError;
pub use files::{Symbology, TicketFileKind, TicketFiles, TicketPage};
pub use import::{IMPORT_LINES_MAX, ImportColumn, ImportCounts, ImportLine, ImportResult};
pub use orders::{CancelReason, CreateOrderRequest, Order, OrderStatus, OrderTicket};
pub use patch::Patch;
pub use payments::{
    Charge, ChargeStatus, CreateIntentRequest, CreatePaymentRequest, NextAction, PaymentIntent,
    Refund, RefundStatus,
};
pub use payouts::{HeldFor, HoldReason, Payout, PayoutBalance, PayoutItem, Sale, SaleStatus};
pub use tickets::{
    CreateTicketRequest, EventFacets, QuantityFacet, SectionFacet, Seller, SellerLevel, Ticket,
    TicketPreview, TicketQueue, TicketStatus, UpdateTicketRequest,
};
pub use timeline::{TimelineEntry, TimelineStep};
pub use webhooks::{
    CreateWebhookRequest, EventOrder, EventPayment, IssuedWebhook, ReplayRequest,
    UpdateWebhookRequest, Webhook, WebhookAttempt, WebhookData, WebhookDelivery,
    WebhookDeliveryStatus, WebhookEvent, WebhookEventType,
};

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The page's items.
    pub items: Vec<T>,
    /// Pass it as `cursor` for the next page; null on the last.
    pub next_cursor: Option<String>,
}

/// An error (RFC 9457, `application/problem+json`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemBody {
    /// Where the code is explained.
    #[serde(rename = "type")]
    pub type_url: String,
    /// The code's summary, the same for every occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time, for people.
    pub detail: String,
    /// The stable word a program can switch on.
    pub code: Code,
    /// One entry for each bad field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Why the bank declined, when it tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline_code: Option<String>,
    /// How many payments may still be tried for the order; with none left it is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts_left: Option<u32>,
    /// Names this request in the server's log.
    pub request_id: String,
}
