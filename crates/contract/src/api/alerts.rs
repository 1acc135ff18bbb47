//! Alerts: which tickets somebody wants to hear about when they come on sale.

use serde::{Deserialize, Serialize};
use utoipa::{
    ToSchema,
    openapi::schema::{Array, ArrayBuilder, ObjectBuilder, Type},
};

use crate::{
    ids::{AlertId, EventId},
    money::{Currency, Price},
    time::Timestamp,
};

/// How many sections an alert may name.
const SECTIONS_MAX: usize = 20;

/// `POST /api/alerts`: for an event or for a performer, of which one is given.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateAlertRequest {
    /// Tickets for this event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// Tickets for any event of this performer, in any spelling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub performer: Option<String>,
    /// Only lots of so many tickets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 50)]
    pub quantity: Option<u32>,
    /// Only where one ticket costs no more than this, fees included, in minor units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_total: Option<Price>,
    /// The currency of `maxTotal`: that of the event, which is also the default; `usd` for a performer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<Currency>,
    /// Only in one of these sections, in any spelling.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(schema_with = sections, required = false)]
    pub sections: Vec<String>,
}

/// An alert: a mail comes when a ticket like this comes on sale, once for each ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Names the alert.
    pub id: AlertId,
    /// What it is for: the name of the event, or of the performer.
    #[schema(example = "Hamlet")]
    pub name: String,
    /// Tickets for this event.
    pub event_id: Option<EventId>,
    /// Tickets for any event of this performer.
    pub performer: Option<String>,
    /// Only lots of so many tickets.
    pub quantity: Option<u32>,
    /// Only where one ticket costs no more than this, fees included, in minor units.
    pub max_total: Option<Price>,
    /// The currency of `maxTotal`.
    pub currency: Currency,
    /// Only in one of these sections; in any where empty.
    pub sections: Vec<String>,
    /// When it ends by itself: with its event. Null for a performer.
    pub ends_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// `POST /api/alerts/stop`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StopAlertRequest {
    /// The token in the link of an alert's mail.
    #[schema(min_length = 1, max_length = 200)]
    pub token: String,
}

/// Names of sections.
fn sections() -> Array {
    let name = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1));
    let name = name.max_length(Some(80)).examples([serde_json::json!("Stalls")]);
    ArrayBuilder::new().items(name).max_items(Some(SECTIONS_MAX)).build()
}
