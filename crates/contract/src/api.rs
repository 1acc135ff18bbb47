//! The bodies of the public HTTP API.

use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::schema::{Array, ArrayBuilder, ObjectBuilder, SchemaType, Type},
};

use crate::{
    code::Code,
    ids::{ChargeId, EventId, OrderId, SessionId, TicketId, UserId},
    money::{Currency, Price},
    time::Timestamp,
};

/// An account, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// As given at signup; compared case-insensitively.
    pub email: String,
    /// What to call the user; empty when none was given.
    pub name: String,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CurrentUser {
    /// Null when nobody is.
    pub current_user: Option<User>,
}

/// `POST /api/auth/signup`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignupRequest {
    /// An email address.
    #[schema(max_length = 254, format = Email)]
    pub email: String,
    /// 8 to 128 characters.
    #[schema(min_length = 8, max_length = 128, format = Password)]
    pub password: String,
    /// What to call the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub name: Option<String>,
}

/// `POST /api/auth/login`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoginRequest {
    /// The email given at signup, in any case.
    pub email: String,
    /// The password.
    #[schema(format = Password)]
    pub password: String,
}

/// `PATCH /api/auth/currentuser`: what is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateUserRequest {
    /// A new email address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 254, format = Email)]
    pub email: Option<String>,
    /// A new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub name: Option<String>,
    /// A new password; it ends every other session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 8, max_length = 128, format = Password)]
    pub password: Option<String>,
    /// The present password.
    #[schema(format = Password)]
    pub current_password: String,
}

/// `DELETE /api/auth/currentuser`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteUserRequest {
    /// The present password.
    #[schema(format = Password)]
    pub current_password: String,
}

/// Where an account is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Names the session; it is not the secret that opens it.
    pub id: SessionId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// The `User-Agent` it began with.
    pub user_agent: String,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// `POST /api/auth/tokens`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTokenRequest {
    /// What the token is for.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
}

/// A personal access token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessToken {
    /// Names the token; it is not the secret.
    pub id: SessionId,
    /// What it is for.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
}

/// A new access token with its secret, which is shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewAccessToken {
    /// Names the token.
    pub id: SessionId,
    /// What it is for.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_seen_at: Timestamp,
    /// Send it as `Authorization: Bearer <token>`.
    pub token: String,
}

/// Where a show takes place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Venue {
    /// The house.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The city.
    #[schema(min_length = 1, max_length = 100)]
    pub city: String,
    /// State, province or country.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub region: Option<String>,
}

/// An event: the show that tickets are for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// The event's id.
    pub id: EventId,
    /// What is on.
    pub name: String,
    /// The kind of show.
    pub category: String,
    /// Where.
    pub venue: Venue,
    /// When it begins.
    pub starts_at: Timestamp,
    /// How many tickets (lots) can be bought now.
    pub available: u32,
    /// The price of the cheapest that can be bought now; null when there is none.
    pub min_price: Option<Price>,
}

/// `POST /api/events`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateEventRequest {
    /// What is on.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The kind of show.
    #[schema(min_length = 1, max_length = 100)]
    pub category: String,
    /// Where.
    pub venue: Venue,
    /// When it begins.
    pub starts_at: Timestamp,
}

/// Where a listing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketStatus {
    /// It can be bought.
    Available,
    /// A checkout holds it.
    Locked,
    /// It is sold.
    Sold,
    /// Its seller withdrew it.
    Withdrawn,
}

/// A ticket: one lot of seats, bought whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ticket {
    /// The ticket's id.
    pub id: TicketId,
    /// Grows by one with every change; the `ETag` carries it.
    pub version: u64,
    /// What is sold, in the seller's words.
    pub title: String,
    /// The price of the whole lot, in minor units.
    pub price: Price,
    /// The price's currency.
    pub currency: Currency,
    /// The seller.
    pub user_id: UserId,
    /// The order that holds or bought it; null to all but the seller and that order's buyer.
    pub order_id: Option<OrderId>,
    /// Where the listing stands.
    pub status: TicketStatus,
    /// The show it is for.
    pub event_id: Option<EventId>,
    /// Section of the venue.
    pub section: Option<String>,
    /// Row in the section.
    pub row: Option<String>,
    /// Seat names.
    pub seats: Vec<String>,
    /// Seats in the lot.
    pub quantity: u32,
    /// While a checkout holds it: when it is free again at the latest.
    pub locked_until: Option<Timestamp>,
    /// When it was listed.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// `POST /api/tickets`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTicketRequest {
    /// What is sold, in the seller's words.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// The price of the whole lot, in minor units.
    pub price: Price,
    /// The price's currency; `usd` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// The show it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// Section of the venue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 50)]
    pub section: Option<String>,
    /// Row in the section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 50)]
    pub row: Option<String>,
    /// Seat names, one for each seat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = seats, required = false)]
    pub seats: Option<Vec<String>>,
    /// Seats in the lot; the number of `seats` when these are named, else 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 50)]
    pub quantity: Option<u32>,
}

/// `PATCH /api/tickets/{id}`, a JSON merge patch (RFC 7396): what is left out stays, null clears.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateTicketRequest {
    /// A new title.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String, required = false, min_length = 1, max_length = 200)]
    pub title: Option<String>,
    /// A new price of the whole lot, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Price, required = false)]
    pub price: Option<Price>,
    /// Another section; null or an empty text clears it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 50)]
    pub section: Option<Option<String>>,
    /// Another row; null or an empty text clears it.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nullable")]
    #[schema(value_type = Option<String>, max_length = 50)]
    pub row: Option<Option<String>>,
    /// Other seat names, as many as the lot has seats; null clears them.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "nullable")]
    #[schema(schema_with = seats, required = false)]
    pub seats: Option<Option<Vec<String>>>,
}

/// Names of seats: at most 50, no two alike; null as good as none.
fn seats() -> Array {
    let name = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(name.max_length(Some(20)))
        .max_items(Some(50))
        .unique_items(true)
        .build()
}

/// Tells a field that is null from one that is left out.
mod nullable {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::option_option, reason = "left out, null and a value are three things")]
    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Option<T>>, D::Error> {
        Option::deserialize(deserializer).map(Some)
    }

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(super) fn serialize<T: Serialize, S: Serializer>(
        value: &Option<Option<T>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        value.as_ref().and_then(Option::as_ref).serialize(serializer)
    }
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// The buyer is in checkout; the ticket is locked.
    Created,
    /// The card is authorised and the money is on its way; the order can neither expire nor be left.
    AwaitingPayment,
    /// Paid for: the ticket is the buyer's.
    Completed,
    /// Ended without a sale.
    Cancelled,
}

/// Why an order was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The buyer left the checkout.
    Left,
    /// The checkout ran out.
    Expired,
    /// The payment failed.
    PaymentFailed,
    /// The buyer's account was deleted.
    AccountDeleted,
}

/// What an order is for, as it was at the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderTicket {
    /// What is sold, in the seller's words.
    pub title: String,
    /// The show it is for.
    pub event_id: Option<EventId>,
    /// Section of the venue.
    pub section: Option<String>,
    /// Row in the section.
    pub row: Option<String>,
    /// Seat names.
    pub seats: Vec<String>,
    /// Seats in the lot.
    pub quantity: u32,
}

/// An order: one checkout of one ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The order's id.
    pub id: OrderId,
    /// The buyer.
    pub user_id: UserId,
    /// Where the order stands.
    pub status: OrderStatus,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The price at the lock: what will be charged.
    pub price: Price,
    /// The price's currency.
    pub currency: Currency,
    /// When the checkout runs out.
    pub expires_at: Timestamp,
    /// The server's clock at this answer, to count down by.
    pub server_time: Timestamp,
    /// Why it was cancelled.
    pub cancel_reason: Option<CancelReason>,
    /// What is bought, as it was at the lock.
    pub ticket: OrderTicket,
    /// When the checkout began.
    pub created_at: Timestamp,
    /// When the order last changed.
    pub updated_at: Timestamp,
}

/// `POST /api/orders`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateOrderRequest {
    /// The ticket to buy.
    pub ticket_id: TicketId,
    /// The price the buyer saw: another price now is refused with `price_changed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

/// Where a charge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChargeStatus {
    /// The outcome is not known yet; nothing was taken so far.
    Created,
    /// It ended and took nothing.
    Failed,
    /// The money was taken; `stripeRefundId` tells whether it was given back.
    Completed,
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
    /// The provider's id of the refund, when it was given back.
    pub stripe_refund_id: Option<String>,
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
    /// Names this request in the server's log.
    pub request_id: String,
}

/// What is wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// The field, by its path: `price`, `venue.city`.
    pub field: String,
    /// What is wrong and what would be right.
    pub message: String,
}
