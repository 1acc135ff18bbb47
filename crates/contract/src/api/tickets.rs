//! Listings.

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use utoipa::{
    ToSchema,
    openapi::schema::{Array, ArrayBuilder, ObjectBuilder, SchemaType, Type},
};

use crate::{
    api::{delivery::DeliveryKind, patch::Patch},
    ids::{EventId, OrderId, TicketId, UserId},
    money::{Currency, Price},
    seats::{SEAT_NAME_MAX, SEATS_MAX, read_all},
    time::Timestamp,
};

/// Where a listing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TicketStatus {
    /// It can be bought.
    Available,
    /// A checkout holds it, or somebody else's turn in line.
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
    /// What the whole lot is to cost once it is free, in minor units; null where nothing waits, and to all but the
    /// seller.
    #[serde(default)]
    pub pending_price: Option<Price>,
    /// The currency of every amount.
    pub currency: Currency,
    /// What the buyer pays for the whole lot: the price and the buyer's fee.
    pub total: Price,
    /// The price of one ticket of the lot, rounded up.
    pub price_per_ticket: Price,
    /// What the buyer pays for one ticket of the lot, rounded up.
    pub total_per_ticket: Price,
    /// The seller.
    pub user_id: UserId,
    /// What may be shown of the seller; null in live streams, and for a moment after a first listing.
    #[serde(default)]
    pub seller: Option<Seller>,
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
    /// How it comes to its buyer.
    pub delivery_kind: DeliveryKind,
    /// The seller's own name for it; null to all but the seller.
    pub external_id: Option<String>,
    /// While a checkout or somebody's turn in line holds it: when that is over at the latest.
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
    /// The price's currency: that of the event, which is also the default; `usd` where there is no event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// The show it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// Section of the venue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 80)]
    pub section: Option<String>,
    /// Row in the section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 50)]
    pub row: Option<String>,
    /// Seat names, one for each seat. A range of seats such as `12-15` or `A1-A4` may stand for its seats;
    /// what could mean more than one thing is refused.
    #[serde(default, deserialize_with = "read_names", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = seats, required = false)]
    pub seats: Option<Vec<String>>,
    /// Seats in the lot; the number of `seats` when these are named, else 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 50)]
    pub quantity: Option<u32>,
    /// How it comes to its buyer; `transfer` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_kind: Option<DeliveryKind>,
    /// The seller's own name for it. No two of a seller's listings on sale have the same one; it is shown to
    /// nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100)]
    pub external_id: Option<String>,
}

/// What a listing would come to, before it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketPreview {
    /// The price of the whole lot, in minor units.
    pub price: Price,
    /// What the buyer pays beside it.
    pub buyer_fee: i64,
    /// What the seller pays out of it.
    pub seller_fee: i64,
    /// What the buyer pays.
    pub total: Price,
    /// What the seller gets.
    pub seller_net: i64,
    /// The price of one ticket of the lot, rounded up.
    pub price_per_ticket: Price,
    /// What the buyer pays for one ticket of the lot, rounded up.
    pub total_per_ticket: Price,
    /// When the seller is paid: three days after the event. Null without an event.
    pub payout_on: Option<Timestamp>,
    /// The highest price that may be asked for the lot.
    pub max_price: Price,
    /// What the seller should know before the ticket is listed.
    pub warnings: Vec<String>,
}

/// The line for a ticket that a checkout holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketQueue {
    /// How many are in line, at most five.
    pub length: u32,
    /// The caller's place, from 1 on; null to those who are not in line.
    pub position: Option<u32>,
    /// Until when the caller alone can buy the ticket; null while it is not the caller's turn.
    pub turn_until: Option<Timestamp>,
}

/// What buyers see of a seller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seller {
    /// The name that the seller chose to show; null where none was chosen, or the account is closed. It is
    /// never an email address.
    pub name: Option<String>,
    /// When the account was opened; null once it is closed.
    pub since: Option<Timestamp>,
    /// How many of the seller's listings were sold and paid for.
    pub sold: u32,
    /// How well the market knows the seller.
    pub level: SellerLevel,
}

/// How well the market knows a seller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SellerLevel {
    /// Fewer than ten sales, and the email address is not verified.
    New,
    /// Fewer than ten sales, and the email address is verified.
    Verified,
    /// Ten sales or more.
    Trusted,
    /// The account is closed.
    Closed,
}

/// What an event's tickets can be narrowed to: sections and quantities of what is on offer (available, or
/// held by a checkout), over all listings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventFacets {
    /// The currency of every amount.
    pub currency: Currency,
    /// How many listings are on offer.
    pub count: u32,
    /// What the cheapest of their tickets costs, fees included; null when there is none.
    pub min_price: Option<Price>,
    /// The sections, in the order in which people count.
    pub sections: Vec<SectionFacet>,
    /// How many tickets are in a listing, lowest first.
    pub quantities: Vec<QuantityFacet>,
}

/// The listings of one section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SectionFacet {
    /// Its name, in the spelling of one of the sellers; null for tickets without a section, which
    /// `section=-` lists.
    pub section: Option<String>,
    /// How many listings.
    pub count: u32,
    /// What the cheapest of their tickets costs, fees included.
    pub min_price: Option<Price>,
    /// How many tickets are in a listing of the section, lowest first.
    pub quantities: Vec<QuantityFacet>,
}

/// The listings with so many tickets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QuantityFacet {
    /// How many tickets are in a listing.
    pub quantity: u32,
    /// How many such listings.
    pub count: u32,
    /// What the cheapest of their tickets costs, fees included.
    pub min_price: Option<Price>,
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
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>, max_length = 80)]
    pub section: Patch<String>,
    /// Another row; null or an empty text clears it.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>, max_length = 50)]
    pub row: Patch<String>,
    /// Other seat names, as many as the lot has seats; null clears them.
    #[serde(default, deserialize_with = "read_patch", skip_serializing_if = "Patch::is_keep")]
    #[schema(schema_with = seats, required = false)]
    pub seats: Patch<Vec<String>>,
    /// Another number of seats in the lot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = u32, required = false, minimum = 1, maximum = 50)]
    pub quantity: Option<u32>,
    /// Another name of the seller's own; null or an empty text clears it.
    #[serde(default, skip_serializing_if = "Patch::is_keep")]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub external_id: Patch<String>,
    /// Has the price wait where a checkout or somebody's turn in line holds the ticket: it counts once the ticket is
    /// free, and is dropped when the ticket is sold. Only `price` can wait.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[schema(required = false)]
    pub when_free: bool,
}

impl UpdateTicketRequest {
    /// Whether it changes nothing but the price.
    #[must_use]
    pub const fn is_price_alone(&self) -> bool {
        self.title.is_none()
            && self.section.is_keep()
            && self.row.is_keep()
            && self.seats.is_keep()
            && self.quantity.is_none()
            && self.external_id.is_keep()
    }
}

/// Reads seats, which may be named by ranges.
pub(super) fn read_names<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Vec<String>>, D::Error> {
    let Some(texts) = Option::<Vec<String>>::deserialize(from)? else { return Ok(None) };
    read_all(texts.iter().map(String::as_str)).map(Some).map_err(D::Error::custom)
}

fn read_patch<'de, D: Deserializer<'de>>(from: D) -> Result<Patch<Vec<String>>, D::Error> {
    Ok(read_names(from)?.map_or(Patch::Clear, Patch::Set))
}

/// Names of seats: at most 50, no two alike; null as good as none.
pub(super) fn seats() -> Array {
    let name = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    ArrayBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Array, Type::Null]))
        .items(name.max_length(Some(SEAT_NAME_MAX)))
        .max_items(Some(SEATS_MAX))
        .unique_items(true)
        .build()
}
