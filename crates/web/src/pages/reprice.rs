//! Prices of several listings at once.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use stubmart_client::Client;
use stubmart_contract::{
    Code, TicketId,
    api::{BulkListingsRequest, BulkMode, BulkOutcome, BulkResult, Ticket, TicketStatus},
};

use super::{
    CALLS_MAX, found, keyed,
    own_listings::{self, Filter},
};
use crate::{
    failure::Failure,
    flash::{Flash, Word},
    form::{Form, sentence},
    format::{count, money, per_seat},
    layout::Layout,
    reprice::{Rule, item, repriced},
    visitor::Visitor,
};

/// How many listings are changed at once: as many as one batch takes.
const MOST: usize = 1_000;

#[derive(Template)]
#[template(path = "repriced.html")]
struct Repriced {
    layout: Layout,
    summary: String,
    refused: Vec<Refused>,
    back: String,
}

/// A listing whose price stays.
struct Refused {
    id: TicketId,
    title: String,
    place: String,
    price: String,
    reason: String,
}

/// `POST /selling/prices`.
pub(crate) async fn change(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let filter = Filter::read(&form);
    let back = filter.path("/selling");
    let Some(rule) = Rule::named(form.get("rule")) else { return Err(Failure::BadForm) };
    let api = visitor.api();
    let chosen = if form.get("all").is_empty() {
        picked(&api, &form).await?
    } else {
        own_listings::all(&api, &filter, MOST).await?
    };
    // A batch would list again what was taken off sale.
    let is_on_sale = |it: &Ticket| {
        it.user_id == user.id && matches!(it.status, TicketStatus::Available | TicketStatus::Locked)
    };
    let chosen: Vec<Ticket> = chosen.into_iter().filter(is_on_sale).collect();
    if chosen.is_empty() {
        return Ok(visitor.tell(&back, Word::NothingPicked));
    }
    let mut refused = Vec::new();
    let mut items = Vec::new();
    let mut asked = Vec::new();
    for ticket in chosen {
        match repriced(&ticket, rule, form.get("value")) {
            Ok(price) => {
                items.push(serde_json::to_value(item(&ticket, price)).unwrap_or_default());
                asked.push(ticket);
            }
            Err(reason) => refused.push(Refused::new(&ticket, reason)),
        }
    }
    let mut changed = 0_u32;
    if !items.is_empty() {
        let request = BulkListingsRequest { mode: BulkMode::Upsert, dry_run: false, items };
        let results = match keyed(api, &form).bulk_tickets(&request).await {
            Ok(done) => done.results,
            // The form was sent twice: what it asked for is done, and would be done again.
            Err(error) if error.code() == Some(Code::IdempotencyKeyReused) => {
                return Ok(visitor.tell(&back, Word::PricesChangedBefore));
            }
            Err(error) => return Err(error.into()),
        };
        for (ticket, result) in asked.iter().zip(results) {
            match result.outcome {
                BulkOutcome::Refused => refused.push(Refused::new(ticket, reason(&result))),
                BulkOutcome::Unchanged => {}
                BulkOutcome::Changed | BulkOutcome::Created | BulkOutcome::Withdrawn => {
                    changed += 1
                }
            }
        }
    }
    if refused.is_empty() {
        let flash = Flash { word: Word::PricesChanged, number: changed };
        return Ok(visitor.go_with(&back, flash));
    }
    let layout = visitor.layout(Some(user), "Change prices");
    let summary = format!(
        "{} changed. {} could not be changed.",
        count(changed, "price", "prices"),
        count(u32::try_from(refused.len()).unwrap_or(u32::MAX), "listing", "listings"),
    );
    visitor.page_with(StatusCode::OK, &Repriced { layout, summary, refused, back })
}

/// The listings that were ticked; one that is gone is left out.
async fn picked(api: &Client, form: &Form) -> Result<Vec<Ticket>, Failure> {
    let ids: Vec<TicketId> = form.all("pick").filter_map(|it| it.parse().ok()).take(MOST).collect();
    let read: Vec<Option<Ticket>> = stream::iter(ids)
        .map(async |id| found(api.ticket(id).await))
        .buffered(CALLS_MAX)
        .try_collect()
        .await?;
    Ok(read.into_iter().flatten().collect())
}

fn reason(result: &BulkResult) -> String {
    match result.code {
        Some(Code::TicketLocked) => "A buyer is paying for it right now.".to_owned(),
        Some(Code::TicketSold) => "It’s sold.".to_owned(),
        _ => {
            let error = result.errors.first().map(|it| it.message.as_str());
            sentence(error.or(result.detail.as_deref()).unwrap_or("it was refused"))
        }
    }
}

impl Refused {
    fn new(ticket: &Ticket, reason: String) -> Self {
        let parts = [("Section", &ticket.section), ("Row", &ticket.row)];
        let parts = parts.iter().filter_map(|(word, it)| Some(format!("{word} {}", it.as_ref()?)));
        let each = per_seat(ticket.price.minor(), ticket.quantity);
        Self {
            id: ticket.id,
            title: ticket.title.clone(),
            place: parts.collect::<Vec<_>>().join(", "),
            price: money(each, ticket.currency),
            reason,
        }
    }
}
