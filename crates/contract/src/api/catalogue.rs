//! Events and venues.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{ids::EventId, money::Price, time::Timestamp};

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
