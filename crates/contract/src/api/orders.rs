//! Orders.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    fees::Breakdown,
    ids::{EventId, OrderId, TicketId, UserId},
    money::{Currency, Price},
    time::Timestamp,
};

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
    /// The order's number, for people: twelve letters and digits in groups of four.
    #[schema(example = "3F7K-9QWM-2XTB")]
    pub number: String,
    /// The buyer.
    pub user_id: UserId,
    /// Where the order stands.
    pub status: OrderStatus,
    /// The ticket.
    pub ticket_id: TicketId,
    /// What the seller asked at the lock.
    pub price: Price,
    /// The money as it was fixed at the lock.
    pub breakdown: Breakdown,
    /// What the buyer pays.
    pub total: Price,
    /// The currency of every amount.
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
