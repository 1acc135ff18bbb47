//! What a seller gets: the sales with what they bring, when and why not yet; and what was paid.

use askama::Template;
use axum::{
    http::header,
    response::{IntoResponse as _, Response},
};
use stubmart_client::{Client, PageQuery, SaleQuery};
use stubmart_contract::api::{
    DeliveryStatus, HeldFor, HoldReason, Payout, PayoutBalance, Sale, SaleStatus,
};

use super::events;
use crate::{
    failure::Failure,
    form::Query,
    format::{When, amount, count, plain_amount},
    layout::Layout,
    view::order_place,
    visitor::Visitor,
};

/// Sales and payouts on a page.
const PAGE: u32 = 25;

/// Payouts that the API gives at once, for a statement.
const AT_ONCE: u32 = 200;

#[derive(Template)]
#[template(path = "sales.html")]
struct Sales {
    layout: Layout,
    balances: Vec<BalanceView>,
    rows: Vec<SaleRow>,
    status: &'static str,
    first: bool,
    next: Option<String>,
}

struct BalanceView {
    held: String,
    /// Why it is held, how much of it and from how many sales.
    held_for: Vec<String>,
    due: String,
    owed: Option<String>,
    paid: String,
}

struct SaleRow {
    order_id: String,
    number: String,
    title: String,
    place: String,
    sold: When,
    net: String,
    fee: Option<String>,
    class: &'static str,
    words: &'static str,
    /// What happens next.
    note: String,
    on: Option<When>,
    is_to_deliver: bool,
    deliver_by: Option<When>,
}

#[derive(Template)]
#[template(path = "payouts.html")]
struct Payouts {
    layout: Layout,
    rows: Vec<PayoutRow>,
    first: bool,
    next: Option<String>,
}

struct PayoutRow {
    paid: When,
    amount: String,
    reference: String,
    items: Vec<PayoutItemRow>,
}

struct PayoutItemRow {
    order_id: String,
    number: String,
    amount: String,
    is_taken_off: bool,
}

/// `GET /selling/sales`.
pub(crate) async fn sales(visitor: Visitor, Query(form): Query) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let api = visitor.api();
    let (status, statuses) = match form.get("status") {
        "held" => ("held", Some("held")),
        "due" => ("due", Some("due,owed")),
        "paid" => ("paid", Some("paid")),
        _ => ("", None),
    };
    let cursor = form.optional("cursor");
    let first = cursor.is_none();
    let status_filter = statuses.map(ToOwned::to_owned);
    let query = SaleQuery { status: status_filter, limit: Some(PAGE), cursor };
    let (page, balances) = tokio::try_join!(api.sales(&query), api.payout_balance())?;
    let ids = page.items.iter().filter_map(|it| it.ticket.as_ref()?.event_id);
    let events = events(&api, ids).await?;
    let row = |sale: &Sale| {
        let ticket = sale.ticket.as_ref();
        let event = ticket.and_then(|it| it.event_id).and_then(|id| events.get(&id));
        let title = ticket.map_or("", |it| it.title.as_str());
        sale_row(sale, event.map_or(title, |it| it.name.as_str()))
    };
    let next = page.next_cursor.as_deref().map(|cursor| {
        let query = serde_urlencoded::to_string([("status", status), ("cursor", cursor)]);
        format!("/selling/sales?{}", query.unwrap_or_default())
    });
    let rows = page.items.iter().map(row).collect();
    let balances = balances.items.iter().map(balance_view).collect();
    let layout = visitor.layout(Some(user), "Sales");
    visitor.page(&Sales { layout, balances, rows, status, first, next })
}

fn balance_view(it: &PayoutBalance) -> BalanceView {
    let held = |held: &HeldFor| {
        let (sum, sales) = (amount(held.amount, it.currency), count(held.count, "sale", "sales"));
        let next = held.next_on.filter(|_| held.reason != HoldReason::NotDelivered);
        let next = next.filter(|_| is_dated(held.reason));
        let next = next.map(|on| format!(", next on {}", When::utc(on).day_alone()));
        format!("{}: {sum} from {sales}{}", reason(held.reason), next.unwrap_or_default())
    };
    BalanceView {
        held: amount(it.held, it.currency),
        held_for: it.held_for.iter().map(held).collect(),
        due: amount(it.due, it.currency),
        owed: (it.owed > 0).then(|| amount(it.owed, it.currency)),
        paid: amount(it.paid, it.currency),
    }
}

fn sale_row(sale: &Sale, title: &str) -> SaleRow {
    let (class, words) = match sale.status {
        SaleStatus::Held => ("open", "On hold"),
        SaleStatus::Due => ("good", "Ready to be paid"),
        SaleStatus::Paid => ("good", "Paid"),
        SaleStatus::Reversed => ("off", "Refunded"),
        SaleStatus::Owed => ("open", "Refunded after payout"),
    };
    let note = match sale.status {
        SaleStatus::Owed => "We’ll take it off your next payout.".to_owned(),
        _ => sale.holds.iter().map(|it| format!("{}.", reason(*it))).collect::<Vec<_>>().join(" "),
    };
    let waits = sale.status == SaleStatus::Held && sale.holds.iter().all(|it| is_dated(*it));
    let is_to_deliver =
        matches!(sale.delivery_status, Some(DeliveryStatus::Pending | DeliveryStatus::Late));
    SaleRow {
        order_id: sale.order_id.to_string(),
        number: sale.number.clone(),
        title: title.to_owned(),
        place: sale.ticket.as_ref().map(order_place).unwrap_or_default(),
        sold: When::utc(sale.sold_at),
        net: amount(
            if sale.status == SaleStatus::Owed { sale.net - sale.paid } else { sale.net },
            sale.currency,
        ),
        fee: (sale.seller_fee > 0).then(|| amount(sale.seller_fee, sale.currency)),
        class,
        words,
        note,
        on: sale.payout_on.filter(|_| waits).map(When::utc),
        is_to_deliver,
        deliver_by: sale.deliver_by.filter(|_| is_to_deliver).map(When::utc),
    }
}

/// Why money is held, in a seller's words.
fn reason(reason: HoldReason) -> &'static str {
    match reason {
        HoldReason::NotDelivered => "Waiting for you to send the ticket",
        HoldReason::BeforeEvent => "Paid after the event",
        HoldReason::EventOff => "The event is canceled or has no new date yet",
        HoldReason::ClaimWindow => "Paid once buyers had time to report a problem",
        HoldReason::Claim => "The buyer reported a problem",
        HoldReason::Manual => "We’re looking into it",
    }
}

/// Whether the day is known on which money that is held for this reason is paid, unless something happens.
fn is_dated(reason: HoldReason) -> bool {
    match reason {
        HoldReason::BeforeEvent | HoldReason::ClaimWindow | HoldReason::NotDelivered => true,
        HoldReason::EventOff | HoldReason::Claim | HoldReason::Manual => false,
    }
}

/// `GET /selling/payouts`.
pub(crate) async fn payouts(visitor: Visitor, Query(form): Query) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let cursor = form.optional("cursor");
    let first = cursor.is_none();
    let page = visitor.api().payouts(&PageQuery { limit: Some(PAGE), cursor }).await?;
    let next = page.next_cursor.as_deref().map(|cursor| {
        let query = serde_urlencoded::to_string([("cursor", cursor)]);
        format!("/selling/payouts?{}", query.unwrap_or_default())
    });
    let rows = page.items.iter().map(payout_row).collect();
    let layout = visitor.layout(Some(user), "Payouts");
    visitor.page(&Payouts { layout, rows, first, next })
}

fn payout_row(payout: &Payout) -> PayoutRow {
    let items = payout.items.iter().map(|it| PayoutItemRow {
        order_id: it.order_id.to_string(),
        number: it.number.clone(),
        amount: amount(it.amount, payout.currency),
        is_taken_off: it.amount < 0,
    });
    PayoutRow {
        paid: When::utc(payout.paid_at),
        amount: amount(payout.amount, payout.currency),
        reference: payout.reference.clone(),
        items: items.collect(),
    }
}

/// `GET /selling/payouts.csv`: everything that was paid, a line for each sale of each payout.
pub(crate) async fn statement(visitor: Visitor) -> Result<Response, Failure> {
    visitor.member().await?;
    let payouts = all(&visitor.api()).await?;
    let mut text = "paid_at,payout,reference,order,amount,currency\r\n".to_owned();
    for payout in &payouts {
        for item in &payout.items {
            let fields = [
                payout.paid_at.to_string(),
                payout.id.to_string(),
                quoted(&payout.reference),
                item.number.clone(),
                plain_amount(item.amount, payout.currency),
                payout.currency.to_string(),
            ];
            text.push_str(&fields.join(","));
            text.push_str("\r\n");
        }
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"payouts.csv\""),
    ];
    Ok((headers, text).into_response())
}

async fn all(api: &Client) -> Result<Vec<Payout>, Failure> {
    let mut payouts = Vec::new();
    let mut cursor = None;
    loop {
        let page = api.payouts(&PageQuery { limit: Some(AT_ONCE), cursor }).await?;
        payouts.extend(page.items);
        cursor = page.next_cursor;
        if cursor.is_none() {
            return Ok(payouts);
        }
    }
}

/// A text as a field of a CSV file, which a spreadsheet does not take for a formula.
fn quoted(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_one_field_and_no_formula() {
        for (text, field) in
            [("wire 1", "\"wire 1\""), ("a, \"b\"", "\"a, \"\"b\"\"\""), ("=1+1", "\"'=1+1\"")]
        {
            assert_eq!(quoted(text), field);
        }
    }
}
