//! My tickets: what is bought and what is in checkout; apart from it, the orders that ended.

use askama::Template;
use axum::response::Response;
use stubmart_client::{Client, OrderQuery};
use stubmart_contract::api::{CancelReason, Order, OrderStatus, Page};

use super::events;
use crate::{
    failure::Failure,
    form::Query,
    format::{When, clock, count, money},
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
    /// Whether these are the orders that ended without a ticket.
    ended: bool,
}

struct OrderRow {
    id: String,
    number: String,
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
    let ended = form.get("show") == "ended";
    let page = if ended {
        list(&api, OrderStatus::Cancelled, cursor).await?
    } else {
        let mut bought = list(&api, OrderStatus::Completed, cursor).await?;
        if first {
            // What can still be paid stands above what is.
            let (open, paying) = tokio::try_join!(
                list(&api, OrderStatus::Created, None),
                list(&api, OrderStatus::AwaitingPayment, None),
            )?;
            let bought_already = std::mem::take(&mut bought.items);
            bought.items = [open.items, paying.items, bought_already].concat();
        }
        bought
    };
    let ids = page.items.iter().filter_map(|order| order.ticket.event_id);
    let events = events(&api, ids).await?;
    let row = |order: &Order| {
        let event = order.ticket.event_id.and_then(|id| events.get(&id));
        OrderRow {
            id: order.id.to_string(),
            title: event.map_or(&order.ticket.title, |event| &event.name).clone(),
            event: event.map(|event| EventView::new(event, &visitor.site)),
            place: order_place(&order.ticket),
            quantity: count(order.ticket.quantity, "ticket", "tickets"),
            price: money(order.total.minor(), order.currency),
            number: order.number.clone(),
            placed: When::utc(order.created_at),
            status: order.status,
            words: words(order),
            until: clock(order.expires_at),
            until_iso: order.expires_at.to_string(),
        }
    };
    let next = page.next_cursor.as_deref().map(|cursor| {
        let show = ended.then_some(("show", "ended"));
        let pairs: Vec<_> = show.into_iter().chain([("cursor", cursor)]).collect();
        format!("/orders?{}", serde_urlencoded::to_string(pairs).unwrap_or_default())
    });
    let orders = page.items.iter().map(row).collect();
    let layout = visitor.layout(Some(user), "My tickets");
    visitor.page(&Orders { layout, orders, next, first, ended })
}

async fn list(
    api: &Client,
    status: OrderStatus,
    cursor: Option<String>,
) -> Result<Page<Order>, Failure> {
    let query = OrderQuery { status: Some(status), limit: Some(PAGE), cursor };
    Ok(api.orders(&query).await?)
}

fn words(order: &Order) -> &'static str {
    match (order.status, order.cancel_reason) {
        (OrderStatus::Created, _) => "In checkout until",
        (OrderStatus::AwaitingPayment, _) => "Payment in progress",
        (OrderStatus::Completed, _) => "Paid",
        (OrderStatus::Cancelled, Some(CancelReason::Expired)) => "Time ran out",
        (OrderStatus::Cancelled, Some(CancelReason::PaymentFailed)) => "Payment failed",
        (OrderStatus::Cancelled, _) => "Canceled",
    }
}
