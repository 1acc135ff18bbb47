//! Many listings at once.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    delivery::DeliveryKind,
    field_error::FieldError,
    tickets::{CreateTicketRequest, read_names, seats},
};
use crate::{
    code::Code,
    ids::{EventId, TicketId},
    money::{Currency, Price},
    zone::LocalTime,
};

/// What becomes of listings that are not among the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BulkMode {
    /// They stay as they are.
    Upsert,
    /// Those of the events that the items name are withdrawn.
    Replace,
}

/// `POST /api/tickets/bulk`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BulkListingsRequest {
    /// What becomes of one's other listings.
    pub mode: BulkMode,
    /// Only say what would be done; it does not count towards what the account may list in a day.
    #[serde(default)]
    #[schema(required = false)]
    pub dry_run: bool,
    /// The listings. Each is read by itself: one that is wrong is refused, and harms no other.
    #[schema(value_type = Vec<BulkListing>, min_items = 1, max_items = 1_000)]
    pub items: Vec<Value>,
}

/// A listing as it should be. It is recognised by its `externalId`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BulkListing {
    /// The seller's own name for it.
    #[schema(min_length = 1, max_length = 100)]
    pub external_id: String,
    /// What is sold, in the seller's words. Left out, a listing that is there keeps its title and a new
    /// one gets the name of the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
    /// The price of the whole lot, in minor units.
    pub price: Price,
    /// The price's currency: that of the event, which is also the default; `usd` where there is no event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// The show it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// The show it is for, where its id is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<EventByName>,
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
    /// How it comes to its buyer. Left out, a listing that is there keeps its kind and a new one has
    /// `transfer`. A listing on sale cannot change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_kind: Option<DeliveryKind>,
}

/// A show by what it is called, in any spelling. One show only may fit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventByName {
    /// What is on.
    #[schema(min_length = 1, max_length = 200)]
    pub name: String,
    /// The name of the venue.
    #[schema(min_length = 1, max_length = 200)]
    pub venue: String,
    /// The city of the venue, where venues in several cities have that name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 100)]
    pub city: Option<String>,
    /// When it begins, as clocks at the venue show it; the date alone where there is one show that day.
    pub local_start: LocalTime,
}

/// What became of each item, in their order; behind them the listings that were withdrawn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkListingsResult {
    /// One for each item and each listing that was withdrawn.
    pub results: Vec<BulkResult>,
}

/// What was done.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum BulkOutcome {
    /// It was listed.
    Created,
    /// It was on sale already, and is now as the item says.
    Changed,
    /// It was as the item says already.
    Unchanged,
    /// It was withdrawn.
    Withdrawn,
    /// Nothing was done.
    Refused,
}

impl BulkOutcome {
    /// Its word on the wire.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Withdrawn => "withdrawn",
            Self::Refused => "refused",
        }
    }
}

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkResult {
    /// The listing's `externalId`; null where there is none that can be read.
    pub external_id: Option<String>,
    /// What was done.
    pub outcome: BulkOutcome,
    /// The listing; null where there is none.
    pub id: Option<TicketId>,
    /// Why it was refused, as `POST /api/tickets` says it; else null.
    pub code: Option<Code>,
    /// The same for people; else null.
    pub detail: Option<String>,
    /// One entry for each bad field.
    pub errors: Vec<FieldError>,
}

impl BulkListing {
    /// The listing to be made of it, for the show that it names.
    #[must_use]
    pub fn listing(self, title: String, event_id: Option<EventId>) -> CreateTicketRequest {
        CreateTicketRequest {
            title,
            price: self.price,
            currency: self.currency,
            event_id,
            section: self.section,
            row: self.row,
            seats: self.seats,
            quantity: self.quantity,
            delivery_kind: self.delivery_kind,
            external_id: Some(self.external_id),
        }
    }
}
