//! My orders.

use askama::Template;
use axum::response::Response;
use stubmart_client::OrderQuery;
use stubmart_contract::api::{CancelReason, Order, OrderStatus};

use super::events;
use crate::{
    failure::Failure,
    form::Query,
    format::{When, clock, count, money_in_full},
    layout::Layout,
    view::{EventView, order_place},
    visitor::Visitor,
};

/// Orders on a page.
const PAGE: u32 = 25;

#[derive(Template)]
#[template(path = "orders.html")]
struct Orders {
    layout: Layout,
    orders: Vec<OrderRow>,
    next: Option<String>,
    first: bool,
}

struct OrderRow {
    id: String,
    title: String,
    event: Option<EventView>,
    place: String,
    quantity: String,
    price: String,
    placed: When,
    status: OrderStatus,
    /// What the status means, in words.
    words: &'static str,
    /// While it can be paid: until when.
    until: String,
    until_iso: String,
}

impl OrderRow {
    fn open(&self) -> bool {
        self.status == OrderStatus::Created
    }

    fn class(&self) -> &'static str {
        match self.status {
            OrderStatus::Created | OrderStatus::AwaitingPayment => "open",
            OrderStatus::Completed => "good",
            OrderStatus::Cancelled => "off",
        }
    }
}

/// `GET /orders`.
pub(crate) async fn orders(visitor: Visitor, Query(form): Query) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let api = visitor.api();
    let cursor = form.optional("cursor");
    let first = cursor.is_none();
    let query = OrderQuery { limit: Some(PAGE), cursor, ..OrderQuery::default() };
    let page = api.orders(&query).await?;
    let ids = page.items.iter().filter_map(|order| order.ticket.event_id);
    let events = events(&api, ids).await?;
    let currency = visitor.site.config.currency;
    let row = |order: &Order| {
        let event = order.ticket.event_id.and_then(|id| events.get(&id));
        OrderRow {
            id: order.id.to_string(),
            title: event.map_or(&order.ticket.title, |event| &event.name).clone(),
            event: event.map(|event| EventView::new(event, currency)),
            place: order_place(&order.ticket),
            quantity: count(order.ticket.quantity, "ticket", "tickets"),
            price: money_in_full(order.price.minor(), order.currency),
            placed: When::utc(order.created_at),
            status: order.status,
            words: words(order),
            until: clock(order.expires_at),
            until_iso: order.expires_at.to_string(),
        }
    };
    let next = page.next_cursor.as_ref().map(|cursor| {
        let query = serde_urlencoded::to_string([("cursor", cursor)]).unwrap_or_default();
        format!("/orders?{query}")
    });
    let orders = page.items.iter().map(row).collect();
    visitor.page(&Orders { layout: visitor.layout(Some(user), "My orders"), orders, next, first })
}

fn words(order: &Order) -> &'static str {
    match (order.status, order.cancel_reason) {
        (OrderStatus::Created, _) => "In checkout until",
        (OrderStatus::AwaitingPayment, _) => "Payment on its way",
        (OrderStatus::Completed, _) => "Paid",
        (OrderStatus::Cancelled, Some(CancelReason::Expired)) => "Ran out",
        (OrderStatus::Cancelled, Some(CancelReason::PaymentFailed)) => "Payment failed",
        (OrderStatus::Cancelled, _) => "Left",
    }
}
