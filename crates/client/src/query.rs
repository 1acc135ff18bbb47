//! Query parameters of the lists.

use serde::Serialize;
use stubmart_contract::{
    DayOrMoment, EventId,
    api::{OrderStatus, TicketStatus},
};

/// How events are sorted. With words, what fits best comes first where this is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventSort {
    /// The next one first.
    Date,
    /// The cheapest first.
    Price,
    /// Most listings first.
    Popular,
}

/// `GET /api/events`: what is left out does not narrow the list.
#[derive(Debug, Clone, Default, Serialize)]
pub struct EventQuery {
    /// Words of the event, its venue or its city.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// The kind of show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// The city.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// The venue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub venue: Option<String>,
    /// Who performs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub performer: Option<String>,
    /// Not before: by what is over too, which is left out otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<DayOrMoment>,
    /// Not after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<DayOrMoment>,
    /// The order of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<EventSort>,
    /// Items on a page, at most 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// How tickets are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum TicketSort {
    /// The cheapest first.
    #[serde(rename = "price")]
    Price,
    /// The dearest first.
    #[serde(rename = "-price")]
    PriceDescending,
    /// The last listed first.
    #[serde(rename = "newest")]
    Newest,
}

/// `GET /api/tickets`: what is left out does not narrow the list.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketQuery {
    /// The show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_id: Option<EventId>,
    /// The seller's id, or `me` for one's own in every state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seller_id: Option<String>,
    /// Words of one's own listings; only with `me`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub q: Option<String>,
    /// Where the listing stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<TicketStatus>,
    /// In this section, in any spelling; `-` for none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section: Option<String>,
    /// For one ticket with fees not cheaper, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_price: Option<u32>,
    /// For one ticket with fees not dearer, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_price: Option<u32>,
    /// Seats in the lot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// The order of the list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort: Option<TicketSort>,
    /// Items on a page, at most 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A list that nothing narrows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct PageQuery {
    /// Items on a page, at most 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// `GET /api/sales`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SaleQuery {
    /// Where the money stands; several with commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Items on a page, at most 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// `GET /api/orders`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct OrderQuery {
    /// Where the order stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<OrderStatus>,
    /// Items on a page, at most 200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page before ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}
