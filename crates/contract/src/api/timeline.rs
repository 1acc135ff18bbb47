//! What happened to an order.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{money::Currency, time::Timestamp};

/// What happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimelineStep {
    /// The buyer began the checkout. For the buyer alone, as are the other steps of the checkout.
    Ordered,
    /// A payment failed.
    PaymentFailed,
    /// The buyer paid.
    Paid,
    /// The order was left, or ended without a sale.
    Cancelled,
    /// The checkout ran out.
    Expired,
    /// The ticket was sold.
    Sold,
    /// The ticket is to be delivered at another time.
    DeliveryMoved,
    /// The ticket is late.
    DeliveryLate,
    /// The seller sent the ticket.
    Sent,
    /// The buyer has the ticket.
    Received,
    /// The ticket will not be delivered.
    DeliveryCancelled,
    /// The buyer claims that something was wrong.
    Claimed,
    /// The seller answered the claim.
    ClaimAnswered,
    /// The claim was decided for the buyer.
    ClaimGranted,
    /// The claim was decided for the seller.
    ClaimRejected,
    /// Money was given back to the buyer.
    Refunded,
    /// Money that was to be given back did not reach the buyer.
    RefundFailed,
    /// The seller is to be paid. For the seller alone.
    PayoutDue,
    /// The seller was paid. For the seller alone.
    PaidOut,
}

/// A step of an order's timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: TimelineStep,
    /// How much, in minor units, where money moved.
    pub amount: Option<i64>,
    /// The currency of the amount.
    pub currency: Option<Currency>,
}
