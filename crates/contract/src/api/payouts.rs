//! What sellers get for what they sold.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{delivery::DeliveryStatus, orders::OrderTicket},
    ids::{OrderId, PayoutId, TicketId},
    money::{Currency, Price},
    time::Timestamp,
};

/// Where the seller's money of a sale stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SaleStatus {
    /// It is held for the seller.
    Held,
    /// It is to be paid to the seller now.
    Due,
    /// It was paid.
    Paid,
    /// It was given back to the buyer, and nothing is left of it.
    Reversed,
    /// It was given back to the buyer after it was paid: the next payout is less by it.
    Owed,
}

/// Why a seller's money is held.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum HoldReason {
    /// The ticket was not sent to its buyer.
    NotDelivered,
    /// The event is still to come.
    BeforeEvent,
    /// The event was cancelled, or its new date is not known.
    EventOff,
    /// The buyer may still claim before the money is paid.
    ClaimWindow,
    /// The buyer claims that something was wrong.
    Claim,
    /// The market holds it.
    Manual,
}

/// A sale as its seller sees it: an order that was completed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sale {
    /// The order.
    pub order_id: OrderId,
    /// The order's number, for people.
    #[schema(example = "3F7K-9QWM-2XTB")]
    pub number: String,
    /// The ticket that was sold.
    pub ticket_id: TicketId,
    /// What was sold, as it was at the sale.
    pub ticket: Option<OrderTicket>,
    /// Where the seller's money stands.
    pub status: SaleStatus,
    /// What the seller asked, in minor units.
    pub price: Price,
    /// What the seller paid out of it.
    pub seller_fee: i64,
    /// What the seller was to get.
    pub seller_net: i64,
    /// What the seller gets, less their share of what was given back.
    pub net: i64,
    /// What of it was paid.
    pub paid: i64,
    /// The currency of all amounts.
    pub currency: Currency,
    /// When it is paid, if nothing else holds it; null until that is known.
    pub payout_on: Option<Timestamp>,
    /// Why it is held.
    pub holds: Vec<HoldReason>,
    /// Where the delivery stands; null until it has begun.
    pub delivery_status: Option<DeliveryStatus>,
    /// By when the seller is to deliver.
    pub deliver_by: Option<Timestamp>,
    /// When it was sold.
    pub sold_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a seller was paid at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Payout {
    /// The payout's id.
    pub id: PayoutId,
    /// What was paid, in minor units: the sum of its items.
    pub amount: i64,
    /// Its currency.
    pub currency: Currency,
    /// What it was paid for.
    pub items: Vec<PayoutItem>,
    /// The bank's reference of it.
    pub reference: String,
    /// When it was noted as paid.
    pub paid_at: Timestamp,
}

/// What of a payout is for one sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PayoutItem {
    /// The order.
    pub order_id: OrderId,
    /// The order's number, for people.
    #[schema(example = "3F7K-9QWM-2XTB")]
    pub number: String,
    /// How much; negative where it was taken off, because the buyer got it back after it was paid.
    pub amount: i64,
}

/// What a seller gets in one currency, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PayoutBalance {
    /// The currency.
    pub currency: Currency,
    /// What is held.
    pub held: i64,
    /// Why it is held: each sale counts once, for what has to end first.
    pub held_for: Vec<HeldFor>,
    /// What is to be paid now.
    pub due: i64,
    /// What the seller owes; it is taken off of the next payout.
    pub owed: i64,
    /// What was paid in all.
    pub paid: i64,
}

/// What is held for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldFor {
    /// Why.
    pub reason: HoldReason,
    /// How much, in minor units.
    pub amount: i64,
    /// Of how many sales.
    pub count: u32,
    /// When the first of them is paid, if nothing else holds it; null until that is known.
    pub next_on: Option<Timestamp>,
}
