//! Events and venues.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ids::EventId,
    money::{Currency, Price},
    time::Timestamp,
};

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

/// Where an event stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(example = "scheduled")]
pub enum EventStatus {
    /// It takes place as announced.
    #[default]
    Scheduled,
    /// It takes place later; the new date is not known yet.
    Postponed,
    /// It takes place at another time or venue than was announced first.
    Moved,
    /// It does not take place.
    Cancelled,
    /// It has ended.
    Over,
}

impl EventStatus {
    /// Whether tickets of such an event can be listed and bought.
    #[must_use]
    pub const fn is_on_sale(self) -> bool {
        !matches!(self, Self::Cancelled | Self::Over)
    }
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

/// What the tickets of an event cost, per seat, over all its listings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventPrices {
    /// The currency that most of the listings have. Those in others are not counted. Null when there is
    /// no listing.
    pub currency: Option<Currency>,
    /// What can be bought now.
    pub on_sale: OnSalePrices,
    /// What was sold.
    pub sold: SoldPrices,
    /// How the prices of what can be bought now spread, from the lowest to the highest in equal steps.
    pub histogram: Vec<PriceStep>,
}

/// Prices of what can be bought now, per seat, in minor units. Null when nothing can be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OnSalePrices {
    /// How many listings.
    pub count: u32,
    /// The lowest.
    pub min: Option<Price>,
    /// A quarter costs no more than this.
    pub p25: Option<Price>,
    /// One half costs no more than this.
    pub median: Option<Price>,
    /// Three quarters cost no more than this.
    pub p75: Option<Price>,
    /// The highest.
    pub max: Option<Price>,
}

/// Prices of what was sold, per seat, in minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SoldPrices {
    /// How many listings.
    pub count: u32,
    /// One half cost no more than this; null when nothing was sold.
    pub median: Option<Price>,
}

/// A step of a histogram of prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PriceStep {
    /// The lowest price that belongs to it.
    pub from: Price,
    /// The highest price that belongs to it.
    pub to: Price,
    /// How many listings have a price in it.
    pub count: u32,
}

/// What coming events can be filtered by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Facets {
    /// Their categories, those with most events first.
    pub categories: Vec<Facet>,
    /// Their cities, those with most events first.
    pub cities: Vec<Facet>,
}

/// A value to filter by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Facet {
    /// The value.
    pub name: String,
    /// How many coming events have it.
    pub count: u32,
}
