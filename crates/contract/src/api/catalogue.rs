//! Events and venues.

use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::schema::{Array, ArrayBuilder, ObjectBuilder, Type},
};

use crate::{
    ids::EventId,
    money::{Currency, Price},
    time::Timestamp,
    zone::{LocalTime, TimeZone},
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
    /// State or province.
    #[serde(default)]
    #[schema(max_length = 100)]
    pub region: Option<String>,
    /// The country, by its name or its two letters (ISO 3166).
    #[serde(default)]
    #[schema(max_length = 100)]
    pub country: Option<String>,
    /// The time zone. Found by the city, the region and the country where it is left out; events in
    /// answers always have it.
    #[serde(default)]
    pub time_zone: Option<TimeZone>,
}

impl Venue {
    /// A house in a city, of which no more is said.
    #[must_use]
    pub fn new(name: &str, city: &str) -> Self {
        Self {
            name: name.to_owned(),
            city: city.to_owned(),
            region: None,
            country: None,
            time_zone: None,
        }
    }
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
    /// Who performs.
    pub performers: Vec<String>,
    /// Where.
    pub venue: Venue,
    /// When it begins; the beginning of the day at the venue where the time is not known.
    pub starts_at: Timestamp,
    /// When it begins, as clocks at the venue show it; a date alone where the time is not known.
    pub local_start: LocalTime,
    /// When it is over, and tickets for it can no longer be bought.
    pub ends_at: Timestamp,
    /// Whether the time of the start is known, and not the day alone.
    pub start_time_known: bool,
    /// Where it stands.
    pub status: EventStatus,
    /// The one currency that tickets for it are sold in.
    pub currency: Currency,
    /// How many tickets (lots) can be bought now.
    pub available: u32,
    /// What the cheapest ticket that can be bought now costs, fees included; null when there is none.
    pub min_price: Option<Price>,
    /// Its page.
    #[schema(format = "uri-reference")]
    pub url: String,
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
    /// Who performs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(schema_with = performers, required = false)]
    pub performers: Vec<String>,
    /// Where.
    pub venue: Venue,
    /// When it begins, from 1970 on. Either this or `localStart` is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// When it begins, as clocks at the venue show it. A date alone says that the time is not known yet.
    /// A time that clocks show twice, when summer time ends, is the first of the two; one that they
    /// leave out, when it begins, is read with the offset from before (RFC 5545, 3.3.5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub local_start: Option<LocalTime>,
    /// When it is over: three hours after its start where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Timestamp>,
    /// The one currency that tickets for it are sold in: `usd` where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
}

impl CreateEventRequest {
    /// An event that begins when clocks at the venue show `local_start`, of which no more is said.
    #[must_use]
    pub fn new(name: &str, category: &str, venue: Venue, local_start: LocalTime) -> Self {
        Self {
            name: name.to_owned(),
            category: category.to_owned(),
            performers: Vec::new(),
            venue,
            starts_at: None,
            local_start: Some(local_start),
            ends_at: None,
            currency: None,
        }
    }
}

/// Names of performers.
fn performers() -> Array {
    let name = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    ArrayBuilder::new().items(name.max_length(Some(200))).max_items(Some(50)).build()
}

/// What the tickets of an event cost, each, fees included, over all its listings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventPrices {
    /// The event's currency; null when nothing is or was for sale in it.
    pub currency: Option<Currency>,
    /// What can be bought now.
    pub on_sale: OnSalePrices,
    /// What was sold.
    pub sold: SoldPrices,
    /// How the prices of what can be bought now spread, from the lowest to the highest in equal steps.
    pub histogram: Vec<PriceStep>,
}

/// Prices of what can be bought now, per ticket, fees included, in minor units. Null when nothing can be.
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

/// Prices of what was sold, per ticket, fees included, in minor units.
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
