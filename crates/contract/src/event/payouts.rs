//! The payloads of `PAYOUT_*`.

use serde::{Deserialize, Serialize};

use crate::{
    api::{HoldReason, SaleStatus},
    ids::{OrderId, PayoutId, TicketId, UserId},
    money::Currency,
    time::Timestamp,
};

/// Payload of `PAYOUT_SCHEDULED`, `PAYOUT_UPDATED` and `PAYOUT_DUE`: the money of a sale after the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SaleState {
    /// The order that was completed.
    pub order_id: OrderId,
    /// The ticket that was sold.
    pub ticket_id: TicketId,
    /// The buyer.
    pub buyer_id: UserId,
    /// The seller.
    pub seller_id: UserId,
    /// Where the seller's money stands.
    pub status: SaleStatus,
    /// What the seller gets of the sale, less their share of refunds, in minor units.
    pub net: i64,
    /// What of it was paid. More than `net` is what the seller owes.
    pub paid: i64,
    /// The currency of both.
    pub currency: Currency,
    /// When it is to be paid, if nothing holds it; `None` where that is not known yet.
    pub payout_on: Option<Timestamp>,
    /// Why it is held.
    pub holds: Vec<HoldReason>,
}

/// Payload of `PAYOUT_PAID`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PayoutState {
    /// The payout.
    pub id: PayoutId,
    /// The seller.
    pub seller_id: UserId,
    /// What was paid, in minor units: the sum of its items.
    pub amount: i64,
    /// Its currency.
    pub currency: Currency,
    /// What it was paid for.
    pub items: Vec<PayoutItem>,
    /// When it was noted as paid.
    pub paid_at: Timestamp,
}

/// What of a payout is for one sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PayoutItem {
    /// The order.
    pub order_id: OrderId,
    /// How much; negative where the seller gave back what was paid before.
    pub amount: i64,
}
