//! My tickets for sale: edit, withdraw, see what is locked and sold.

use std::collections::HashMap;

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use futures_util::{StreamExt as _, stream};
use stubmart_client::{Client, ClientError, TicketQuery};
use stubmart_contract::{
    Code, EventId, OrderId, Price, TicketId,
    api::{Ticket, TicketStatus, UpdateTicketRequest},
};

use super::{CALLS_MAX, delivery::ToDeliver, events, found, id, mendable, own_listings::Filter};
use crate::{
    failure::Failure,
    flash::Word,
    form::{Field, Fields, Form, Query},
    format::{check_price, clock, money_input, per_seat, read_price},
    hold::Member,
    layout::Layout,
    reprice::RULES,
    seats::read_seats,
    view::{EventView, Lot},
    visitor::Visitor,
};

/// Listings on a page.
const PAGE: u32 = 30;

#[derive(Template)]
#[template(path = "selling.html")]
struct Selling {
    layout: Layout,
    rows: Vec<Row>,
    tabs: [Tab; 5],
    q: String,
    status: &'static str,
    sort: &'static str,
    /// Whether a search or a tab leaves some out.
    is_narrowed: bool,
    /// Where the listings are to be had as a file.
    export: String,
    /// Makes a change of prices that is sent twice count once.
    key: String,
    /// What can be done to prices, and how that is called.
    rules: [(&'static str, &'static str); 5],
    next: Option<String>,
    /// The shows on this page, for the script to listen to.
    streams: String,
}

/// Listings in one state.
struct Tab {
    name: &'static str,
    path: String,
    is_here: bool,
}

const TABS: [(Option<TicketStatus>, &str); 5] = [
    (None, "All"),
    (Some(TicketStatus::Available), "On sale"),
    (Some(TicketStatus::Locked), "In checkout"),
    (Some(TicketStatus::Sold), "Sold"),
    (Some(TicketStatus::Withdrawn), "Off sale"),
];

struct Row {
    lot: Lot,
    title: String,
    event: Option<EventView>,
    /// As the price field takes it.
    amount: String,
    symbol: String,
    /// While a checkout holds it: until when at the latest.
    until: String,
    until_iso: String,
    /// While a checkout holds it: what it is to cost once it is free.
    pending: Option<String>,
    /// Once it is sold: where its delivery stands.
    delivery: Option<ToDeliver>,
}

#[derive(Template)]
#[template(path = "edit.html")]
struct Edit {
    layout: Layout,
    event: Option<EventView>,
    lot: Lot,
    fields: Fields,
    until: String,
    until_iso: String,
}

/// `GET /selling`.
pub(crate) async fn selling(visitor: Visitor, Query(form): Query) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let api = visitor.api();
    let filter = Filter::read(&form);
    let query =
        TicketQuery { limit: Some(PAGE), cursor: form.optional("cursor"), ..filter.query() };
    let page = api.tickets(&query).await?;
    let events = events(&api, page.items.iter().filter_map(|it| it.event_id)).await?;
    let mut deliveries = deliveries(&api, &page.items).await?;
    let mut row = |ticket: &Ticket| {
        let event = ticket.event_id.and_then(|id| events.get(&id));
        let title = event.map_or(&ticket.title, |event| &event.name);
        let plain = crate::format::money(ticket.price.minor(), ticket.currency);
        Row {
            lot: Lot::new(ticket, Some(title.as_str()), Some(user.id)),
            title: title.clone(),
            event: event.map(|event| EventView::new(event, &visitor.site)),
            amount: money_input(per_ticket(ticket), ticket.currency),
            symbol: plain.chars().take_while(|it| !it.is_ascii_digit()).collect(),
            until: ticket.locked_until.map(clock).unwrap_or_default(),
            until_iso: ticket.locked_until.map(|it| it.to_string()).unwrap_or_default(),
            pending: ticket
                .pending_price
                .map(|price| crate::format::money(price.minor(), ticket.currency)),
            delivery: ticket.order_id.and_then(|id| deliveries.remove(&id)),
        }
    };
    let next = page.next_cursor.as_deref();
    let next = next.map(|cursor| filter.path_with("/selling", &[("cursor", cursor)]));
    let tabs = TABS.map(|(status, name)| Tab {
        name,
        path: filter.tab(status),
        is_here: filter.status == status,
    });
    let streams: Vec<String> = events.keys().map(EventId::to_string).collect();
    visitor.page(&Selling {
        rows: page.items.iter().map(&mut row).collect(),
        layout: visitor.layout(Some(user.clone()), "My listings"),
        tabs,
        export: filter.path("/selling/export.csv"),
        is_narrowed: filter.status.is_some() || !filter.q.is_empty(),
        status: filter.status_word(),
        sort: filter.sort,
        q: filter.q,
        next,
        key: visitor.site.form_key(),
        rules: RULES.map(|(_, word, name)| (word, name)),
        streams: streams.join(" "),
    })
}

/// The deliveries of the tickets that are sold. One that is not known yet is left out.
async fn deliveries(
    api: &Client,
    tickets: &[Ticket],
) -> Result<HashMap<OrderId, ToDeliver>, Failure> {
    let sold = tickets.iter().filter(|it| it.status == TicketStatus::Sold);
    let orders: Vec<OrderId> = sold.filter_map(|it| it.order_id).collect();
    let mut calls = stream::iter(orders).map(|id| api.delivery(id)).buffer_unordered(CALLS_MAX);
    let mut deliveries = HashMap::new();
    while let Some(delivery) = calls.next().await {
        if let Some(delivery) = found(delivery)? {
            deliveries.insert(delivery.order_id, ToDeliver::new(&delivery));
        }
    }
    Ok(deliveries)
}

/// `GET /tickets/{id}/edit`.
pub(crate) async fn edit(
    visitor: Visitor,
    Path(ticket): Path<String>,
) -> Result<Response, Failure> {
    let (user, ticket) = own(&visitor, &ticket).await?;
    let fields = fields(&ticket);
    edit_page(&visitor, user, &ticket, fields, StatusCode::OK).await
}

/// The visitor and a ticket that is theirs.
pub(super) async fn own(visitor: &Visitor, ticket: &str) -> Result<(Member, Ticket), Failure> {
    let ticket: TicketId = id(ticket)?;
    let user = visitor.member().await?;
    let ticket = visitor.api().ticket(ticket).await?;
    if ticket.user_id == user.id { Ok((user, ticket)) } else { Err(Failure::NotFound) }
}

fn fields(ticket: &Ticket) -> Fields {
    Fields::new(vec![
        price_field(ticket),
        Field::text("section", "Section", 50)
            .with(ticket.section.clone().unwrap_or_default())
            .half(),
        Field::text("row", "Row", 50).with(ticket.row.clone().unwrap_or_default()).half(),
        Field::text("seats", "Seats", 400).with(ticket.seats.join(", ")).hint(
            match ticket.quantity {
                1 => "One seat, as listed.".to_owned(),
                seats => format!("{seats} seats, as listed."),
            },
        ),
        Field::text("title", "Headline", 200).must().with(ticket.title.clone()),
    ])
}

fn price_field(ticket: &Ticket) -> Field {
    let code = ticket.currency.as_str().to_ascii_uppercase();
    let hint = match ticket.quantity {
        1 => format!("In {code}."),
        seats => format!("In {code}. Buyers take all {seats} tickets together."),
    };
    Field { numeric: true, ..Field::text("price", "Price per ticket", 20) }
        .must()
        .with(money_input(per_ticket(ticket), ticket.currency))
        .hint(hint)
}

/// What one ticket of the listing costs, in minor units.
fn per_ticket(ticket: &Ticket) -> u32 {
    per_seat(ticket.price.minor(), ticket.quantity)
}

/// Reads the price of one ticket and gives the listing's. A price that was not touched stays what it is,
/// also where it cannot be divided by the tickets.
fn read_listing_price(text: &str, ticket: &Ticket) -> Result<Price, String> {
    let each = read_price(text, ticket.currency)?.minor();
    if each == per_ticket(ticket) {
        return Ok(ticket.price);
    }
    let whole = i64::from(each) * i64::from(ticket.quantity);
    check_price(whole, ticket.currency)
}

async fn edit_page(
    visitor: &Visitor,
    user: Member,
    ticket: &Ticket,
    fields: Fields,
    status: StatusCode,
) -> Result<Response, Failure> {
    let event = match ticket.event_id {
        Some(event) => found(visitor.api().event(event).await)?,
        None => None,
    };
    let page = Edit {
        lot: Lot::new(ticket, event.as_ref().map(|it| it.name.as_str()), Some(user.id)),
        layout: visitor.layout(Some(user), "Edit listing"),
        event: event.map(|it| EventView::new(&it, &visitor.site)),
        fields,
        until: ticket.locked_until.map(clock).unwrap_or_default(),
        until_iso: ticket.locked_until.map(|it| it.to_string()).unwrap_or_default(),
    };
    visitor.page_with(status, &page)
}

/// `POST /tickets/{id}/price`: the price alone, edited where the listing stands.
pub(crate) async fn change_price(
    visitor: Visitor,
    Path(ticket): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let (user, ticket) = own(&visitor, &ticket).await?;
    let price = match read_listing_price(form.get("price"), &ticket) {
        Ok(price) => price,
        Err(error) => {
            let mut fields = with_price(fields(&ticket), &form);
            fields.wrong("price", error);
            return edit_page(&visitor, user, &ticket, fields, StatusCode::BAD_REQUEST).await;
        }
    };
    let change = UpdateTicketRequest {
        price: Some(price),
        when_free: true,
        ..UpdateTicketRequest::default()
    };
    match at_version(&visitor.api(), &form).update_ticket(ticket.id, &change).await {
        Ok(Ticket { pending_price: Some(_), .. }) => {
            Ok(visitor.tell(list(&visitor), Word::PriceWaits))
        }
        Ok(_) => Ok(visitor.tell(list(&visitor), Word::PriceChanged)),
        Err(error) => {
            let typed = |fields| with_price(fields, &form);
            outdated(&visitor, ticket.id, error, typed).await
        }
    }
}

/// `POST /tickets/{id}/edit`.
pub(crate) async fn save(
    visitor: Visitor,
    Path(ticket): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let (user, ticket) = own(&visitor, &ticket).await?;
    let mut fields = fields(&ticket).keep(&form);
    let price = read_listing_price(form.get("price"), &ticket);
    let seats = read_seats(form.get("seats"));
    let request = match (price, seats) {
        (Ok(price), Ok(seats)) => UpdateTicketRequest {
            title: Some(form.get("title").to_owned()),
            price: Some(price),
            section: form.optional("section").into(),
            row: form.optional("row").into(),
            seats: Some(seats).filter(|it| !it.is_empty()).into(),
            ..UpdateTicketRequest::default()
        },
        (price, seats) => {
            for (name, error) in [("price", price.err()), ("seats", seats.err())] {
                if let Some(error) = error {
                    fields.wrong(name, error);
                }
            }
            return edit_page(&visitor, user, &ticket, fields, StatusCode::BAD_REQUEST).await;
        }
    };
    match at_version(&visitor.api(), &form).update_ticket(ticket.id, &request).await {
        Ok(_) => Ok(visitor.tell(list(&visitor), Word::TicketSaved)),
        Err(error) if error.code() == Some(Code::ValidationFailed) => {
            let problem = mendable(error)?;
            fields.refused(&problem, &[]);
            edit_page(&visitor, user, &ticket, fields, StatusCode::BAD_REQUEST).await
        }
        Err(error) => outdated(&visitor, ticket.id, error, |fields| fields.keep(&form)).await,
    }
}

/// The form with the price that was typed.
fn with_price(mut fields: Fields, form: &Form) -> Fields {
    if let Some(field) = fields.items.iter_mut().find(|field| field.name == "price") {
        form.get("price").clone_into(&mut field.value);
    }
    fields
}

/// Answers a change that was refused. Where the listing was only touched in the meantime (a buyer held it,
/// and left), what was typed stands in the form again, over the listing as it is now.
async fn outdated(
    visitor: &Visitor,
    ticket: TicketId,
    error: ClientError,
    typed: impl FnOnce(Fields) -> Fields,
) -> Result<Response, Failure> {
    if matches!(error.code(), Some(Code::VersionMismatch | Code::Contended)) {
        let (user, now) = own(visitor, &ticket.to_string()).await?;
        if now.status == TicketStatus::Available {
            let mut again = typed(fields(&now));
            let message = "This listing changed while you were editing. Check it and save again.";
            again.message = Some(message.to_owned());
            return edit_page(visitor, user, &now, again, StatusCode::CONFLICT).await;
        }
    }
    refused(visitor, ticket, error).await
}

/// The list of listings, as the seller left it.
fn list(visitor: &Visitor) -> &str {
    Some(visitor.came_from()).filter(|from| from.starts_with("/selling?")).unwrap_or("/selling")
}

/// `POST /tickets/{id}/withdraw`.
pub(crate) async fn withdraw(
    visitor: Visitor,
    Path(ticket): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let ticket: TicketId = id(&ticket)?;
    match at_version(&visitor.api(), &form).withdraw_ticket(ticket).await {
        Ok(()) => Ok(visitor.tell(list(&visitor), Word::Withdrawn)),
        Err(error) => refused(&visitor, ticket, error).await,
    }
}

/// The API, for a change of the listing as the visitor saw it and of no other.
fn at_version(api: &Client, form: &Form) -> Client {
    match form.get("version").parse::<u64>() {
        Ok(version) => api.if_match(&format!("\"{version}\"")),
        Err(_) => api.clone(),
    }
}

/// The message to a seller whose change was refused.
async fn refused(
    visitor: &Visitor,
    ticket: TicketId,
    error: ClientError,
) -> Result<Response, Failure> {
    let word = match error.code() {
        Some(Code::TicketLocked) => Word::EditLocked,
        Some(Code::TicketSold) => Word::EditSold,
        Some(Code::TicketWithdrawn) => Word::EditGone,
        // It is another version than the seller saw: mostly because a buyer has taken it since.
        Some(Code::VersionMismatch | Code::Contended) => {
            match visitor.api().ticket(ticket).await?.status {
                TicketStatus::Available => Word::EditStale,
                TicketStatus::Locked => Word::EditLocked,
                TicketStatus::Sold => Word::EditSold,
                TicketStatus::Withdrawn => Word::EditGone,
            }
        }
        Some(Code::TooManyRequests) => Word::Slow,
        _ => {
            return Err(match Failure::from(error) {
                Failure::SignIn(_) => Failure::SignIn(Some("/selling".to_owned())),
                other => other,
            });
        }
    };
    Ok(visitor.tell(list(visitor), word))
}
