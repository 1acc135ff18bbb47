//! Sell: find or add the event, describe the seats, see what buyers will see, list them.

use std::sync::Arc;

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use stubmart_client::{ClientError, EventQuery};
use stubmart_contract::{
    Code, Currency, EventId, TimeZone,
    api::{CreateEventRequest, CreateTicketRequest, Event, User, Venue},
};

use super::{id, mendable};
use crate::{
    failure::Failure,
    flash::{Flash, Word},
    form::{Field, Fields, Form, Query},
    format::{count, money_in_full, read_day, read_minute},
    layout::Layout,
    prices::Prices,
    seats::{Lot, Plan},
    view::{EventView, each, place},
    visitor::Visitor,
};

/// Events that are offered for a search.
const FOUND: u32 = 12;

#[derive(Template)]
#[template(path = "sell_find.html")]
struct Find {
    layout: Layout,
    q: String,
    from: String,
    events: Vec<EventView>,
    searched: bool,
    /// Where the next events are.
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "sell_event.html")]
struct NewEvent {
    layout: Layout,
    fields: Fields,
    key: String,
}

#[derive(Template)]
#[template(path = "sell_seats.html")]
struct Seats {
    layout: Layout,
    event: EventView,
    fields: Fields,
    prices: Option<Arc<Prices>>,
    preview: Option<Preview>,
    key: String,
}

/// What buyers would see.
struct Preview {
    lots: Vec<PreviewLot>,
    total: String,
    count: String,
}

struct PreviewLot {
    place: String,
    detail: String,
    quantity: String,
    price: String,
    each: Option<String>,
}

/// `GET /sell`.
pub(crate) async fn find(visitor: Visitor, Query(form): Query) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let q: String = form.get("q").chars().take(200).collect();
    let first_day = read_day(form.get("from"), false);
    let from = if first_day.is_some() { form.get("from") } else { "" };
    let query = EventQuery {
        q: Some(q.clone()).filter(|q| !q.is_empty()),
        from: Some(first_day.unwrap_or(visitor.site.host.now())),
        limit: Some(FOUND),
        cursor: form.optional("cursor"),
        ..EventQuery::default()
    };
    let page = visitor.api().events(&query).await?;
    let next = page.next_cursor.as_deref().map(|cursor| {
        let query = serde_urlencoded::to_string([("q", &*q), ("from", from), ("cursor", cursor)]);
        format!("/sell?{}", query.unwrap_or_default())
    });
    let currency = visitor.site.config.currency;
    visitor.page(&Find {
        layout: visitor.layout(Some(user), "Sell tickets"),
        searched: !q.is_empty() || first_day.is_some(),
        from: from.to_owned(),
        q,
        events: page.items.iter().map(|event| EventView::new(event, currency)).collect(),
        next,
    })
}

/// `GET /sell/event`.
pub(crate) async fn new_event(visitor: Visitor, Query(form): Query) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let mut fields = event_fields(&visitor).await?;
    if let Some(name) = fields.items.first_mut() {
        form.get("name").clone_into(&mut name.value);
    }
    event_page(&visitor, user, fields, visitor.site.form_key(), StatusCode::OK)
}

async fn event_fields(visitor: &Visitor) -> Result<Fields, Failure> {
    let facets = visitor.site.facets().await?;
    let suggest = |names: &[String]| names.iter().map(|it| (it.clone(), it.clone())).collect();
    let category = Field {
        options: suggest(&facets.categories),
        ..Field::text("category", "Kind of event", 100)
    };
    let city = Field { options: suggest(&facets.cities), ..Field::text("city", "City", 100) };
    let starts = Field { kind: "datetime-local", ..Field::text("starts", "Starts at", 0) };
    Ok(Fields::new(vec![
        Field::text("name", "Name of the event", 200).must(),
        category.must().hint("For example Pop, Opera, Baseball."),
        starts.must().hint("In UTC, as every start on Stubmart."),
        Field::text("venue", "Venue", 200).must(),
        city.must().half(),
        Field::text("region", "State or country", 100).half(),
    ]))
}

fn event_page(
    visitor: &Visitor,
    user: User,
    fields: Fields,
    key: String,
    status: StatusCode,
) -> Result<Response, Failure> {
    let layout = visitor.layout(Some(user), "Add an event");
    visitor.page_with(status, &NewEvent { layout, fields, key })
}

/// `POST /sell/event`: adds the event, or finds it when it was there already.
pub(crate) async fn create_event(visitor: Visitor, form: Form) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let mut fields = event_fields(&visitor).await?.keep(&form);
    for field in
        fields.items.clone().iter().filter(|it| it.required && form.get(it.name).is_empty())
    {
        fields.wrong(field.name, "Fill this in.");
    }
    let key = form.key().map_or_else(|| visitor.site.form_key(), ToOwned::to_owned);
    let starts_at = read_minute(form.get("starts"));
    let Some(starts_at) = starts_at.filter(|_| fields.is_good()) else {
        if starts_at.is_none() {
            // A field for a date and time cannot show what is none.
            fields
                .items
                .iter_mut()
                .filter(|it| it.name == "starts")
                .for_each(|it| it.value.clear());
            fields.wrong("starts", "Enter a date and a time such as 2026-11-28 19:30.");
        }
        return event_page(&visitor, user, fields, key, StatusCode::BAD_REQUEST);
    };
    let venue = Venue {
        region: form.optional("region"),
        ..Venue::new(form.get("venue"), form.get("city"))
    };
    let local_start = TimeZone::UTC.local(starts_at);
    let request = CreateEventRequest {
        starts_at: Some(starts_at),
        local_start: None,
        ..CreateEventRequest::new(form.get("name"), form.get("category"), venue, local_start)
    };
    match visitor.api().with_idempotency_key(&key).create_event(&request).await {
        Ok(event) => Ok(visitor.tell(&format!("/sell/{}", event.id), Word::EventThere)),
        Err(error) => {
            let problem = mendable(error)?;
            let names = [
                ("venue.name", "venue"),
                ("venue.city", "city"),
                ("venue.region", "region"),
                ("venue.timeZone", "city"),
                ("startsAt", "starts"),
            ];
            fields.refused(&problem, &names);
            event_page(&visitor, user, fields, visitor.site.form_key(), StatusCode::BAD_REQUEST)
        }
    }
}

/// `GET /sell/{id}`.
pub(crate) async fn seats(
    visitor: Visitor,
    Path(event): Path<String>,
) -> Result<Response, Failure> {
    let event: EventId = id(&event)?;
    let user = visitor.member().await?;
    let event = visitor.api().event(event).await?;
    let fields = seat_fields(&event, visitor.site.config.currency);
    seats_page(&visitor, user, &event, fields, Shown::default()).await
}

fn seat_fields(event: &Event, currency: Currency) -> Fields {
    let split = [("lot", "All together"), ("pairs", "In pairs"), ("single", "One by one")];
    let split = split.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let code = currency.as_str().to_ascii_uppercase();
    let number = Field { numeric: true, ..Field::text("quantity", "How many tickets", 2) };
    let price = Field { numeric: true, ..Field::text("price", "Price per ticket", 20) };
    let sold = Field {
        kind: "choice",
        label: "How may buyers take them",
        name: "split",
        ..Field::default()
    };
    Fields::new(vec![
        Field { placeholder: "102", ..Field::text("section", "Section", 50) }.half(),
        Field { placeholder: "B", ..Field::text("row", "Row", 50) }.half(),
        Field { placeholder: "12-15", ..Field::text("seats", "Seats", 400) }
            .hint("A range or a list: 12-15, or 12, 14. Leave it empty for general admission.")
            .half(),
        number.with("2").hint("Seats that you name are counted for you.").half(),
        price.must().hint(format!("In {code}. Buyers pay exactly this; there are no fees.")),
        Field { options: split.into(), ..sold }.with("lot"),
        Field::text("title", "Headline", 200)
            .with(event.name.clone())
            .must()
            .hint("Say more if it helps: aisle seats, e-tickets, meet and greet."),
    ])
}

/// What the page shows beside its form.
#[derive(Default)]
struct Shown {
    preview: Option<Preview>,
    key: Option<String>,
    status: StatusCode,
}

async fn seats_page(
    visitor: &Visitor,
    user: User,
    event: &Event,
    fields: Fields,
    shown: Shown,
) -> Result<Response, Failure> {
    let site = &visitor.site;
    let page = Seats {
        layout: visitor.layout(Some(user), format!("Sell tickets for {}", event.name)),
        event: EventView::new(event, visitor.site.config.currency),
        fields,
        prices: site.prices.of(&visitor.api(), event, site.host.now()).await?,
        preview: shown.preview,
        key: shown.key.unwrap_or_else(|| visitor.site.form_key()),
    };
    visitor.page_with(shown.status, &page)
}

/// `POST /sell/{id}`: shows what buyers would see, or lists the seats.
pub(crate) async fn list(
    visitor: Visitor,
    Path(event): Path<String>,
    form: Form,
) -> Result<Response, Failure> {
    let event: EventId = id(&event)?;
    let user = visitor.member().await?;
    let event = visitor.api().event(event).await?;
    let currency = visitor.site.config.currency;
    let mut fields = seat_fields(&event, currency).keep(&form);
    let key = form.key().map_or_else(|| visitor.site.form_key(), ToOwned::to_owned);
    let plan = match Plan::read(&form, currency) {
        Ok(plan) => plan,
        Err(errors) => {
            for (name, error) in errors {
                fields.wrong(name, error);
            }
            let shown =
                Shown { key: Some(key), status: StatusCode::BAD_REQUEST, ..Shown::default() };
            return seats_page(&visitor, user, &event, fields, shown).await;
        }
    };
    if form.get("step") == "preview" {
        let preview = Some(preview(&plan, currency));
        let shown = Shown { preview, key: Some(key), ..Shown::default() };
        return seats_page(&visitor, user, &event, fields, shown).await;
    }
    let mut listed = 0;
    for request in requests(&plan, &event, currency) {
        // Each lot has a key of its own, so that sending the form again lists only what is missing.
        let api = visitor.api().with_idempotency_key(&format!("{key}-{listed}"));
        match api.create_ticket(&request).await {
            Ok(_) => listed += 1,
            Err(error) => {
                // A corrected form is another request and needs another key, and that lists every lot of the
                // form. The key must stay, then, once any lot is listed.
                let is_other = error.code() == Some(Code::IdempotencyKeyReused);
                let key = Some(key).filter(|_| !is_other && (listed > 0 || !is_mendable(&error)));
                let status = explain(&mut fields, (listed, plan.lots.len()), error)?;
                let shown = Shown { key, status, ..Shown::default() };
                return seats_page(&visitor, user, &event, fields, shown).await;
            }
        }
    }
    Ok(visitor.go_with("/selling", Flash { word: Word::Listed, number: listed }))
}

/// Whether the seller has to change something before it can be listed.
fn is_mendable(error: &ClientError) -> bool {
    matches!(error.code(), Some(Code::ValidationFailed | Code::SeatsListed))
}

/// Says above the form why listing has stopped, after so many of so many lots. Returns the page's status.
///
/// # Errors
/// The failure, if the form cannot show it.
fn explain(
    fields: &mut Fields,
    (listed, all): (u32, usize),
    error: ClientError,
) -> Result<StatusCode, Failure> {
    let busy = StatusCode::SERVICE_UNAVAILABLE;
    let status = error.problem().and_then(|it| StatusCode::from_u16(it.status).ok());
    let (why, again) = match error.code() {
        Some(Code::NotSignedIn | Code::NotFound) => return Err(error.into()),
        Some(Code::ValidationFailed) => {
            fields.refused(&*mendable(error)?, &[]);
            ("The rest was refused.", "Correct what is marked and list it again.")
        }
        Some(Code::SeatsListed) => (
            "Some of these seats are in another listing for this event.",
            "Check the section, the row and the seats.",
        ),
        Some(Code::IdempotencyKeyReused) => (
            "The form has changed since it was sent.",
            "Look at My listings, and list what is missing.",
        ),
        Some(Code::IdempotencyKeyInUse) => ("They are being listed right now.", AGAIN),
        Some(Code::TooManyRequests) => ("That was a little fast for us.", AGAIN),
        _ => ("The market does not answer right now.", AGAIN),
    };
    if listed > 0 {
        fields.message = Some(format!("{listed} of {all} are listed. {why} {again}"));
    } else if fields.is_good() {
        fields.message = Some(format!("{why} {again}"));
    }
    Ok(status.unwrap_or(busy))
}

/// What a seller can do about a problem that ends by itself.
const AGAIN: &str =
    "Wait a moment and send the form again: it lists what is missing, and nothing twice.";

fn requests(
    plan: &Plan,
    event: &Event,
    currency: Currency,
) -> impl Iterator<Item = CreateTicketRequest> {
    plan.lots.iter().map(move |lot| CreateTicketRequest {
        title: plan.title.clone(),
        price: lot.price,
        currency: Some(currency),
        event_id: Some(event.id),
        section: plan.section.clone(),
        row: plan.row.clone(),
        seats: Some(lot.seats.clone()).filter(|it| !it.is_empty()),
        quantity: Some(lot.quantity),
    })
}

fn preview(plan: &Plan, currency: Currency) -> Preview {
    let lot = |lot: &Lot| {
        let (place, detail) = place(plan.section.as_deref(), plan.row.as_deref(), &lot.seats);
        PreviewLot {
            place,
            detail,
            quantity: count(lot.quantity, "ticket", "tickets"),
            price: money_in_full(lot.price.minor(), currency),
            each: each(lot.price.minor(), lot.quantity, currency),
        }
    };
    let total = plan.lots.iter().map(|lot| lot.price.minor()).fold(0, u32::saturating_add);
    let number = u32::try_from(plan.lots.len()).unwrap_or(u32::MAX);
    Preview {
        lots: plan.lots.iter().map(lot).collect(),
        total: money_in_full(total, currency),
        count: count(number, "listing", "listings"),
    }
}
