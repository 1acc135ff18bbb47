//! Sell: find or add the event, describe the seats, see what buyers will see, list them.

use std::{collections::HashMap, sync::Arc};

use askama::Template;
use axum::{extract::Path, http::StatusCode, response::Response};
use stubmart_client::{ClientError, EventQuery};
use stubmart_contract::{
    Code, Currency, DayOrMoment, EventId, TimeZone,
    api::{CreateEventRequest, CreateTicketRequest, Event, TicketPreview, Venue},
};

use super::{id, mendable};
use crate::{
    failure::Failure,
    flash::{Flash, Word},
    form::{Field, Fields, Form, Query},
    format::{When, count, money, read_day, read_start},
    hold::Member,
    layout::Layout,
    prices::Prices,
    seats::{DELIVERIES, Plan},
    view::{EventView, place},
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

/// What buyers would see, and what the seller gets.
struct Preview {
    lots: Vec<PreviewLot>,
    /// What is left for the seller, once everything is sold.
    net: String,
    /// The day on which they are paid.
    payout: Option<String>,
    count: String,
}

struct PreviewLot {
    place: String,
    detail: String,
    quantity: String,
    price: String,
    each: String,
    several: bool,
}

/// `GET /sell`.
pub(crate) async fn find(visitor: Visitor, Query(form): Query) -> Result<Response, Failure> {
    let user = visitor.member().await?;
    let q: String = form.get("q").chars().take(200).collect();
    let first_day = read_day(form.get("from"));
    let from = if first_day.is_some() { form.get("from") } else { "" };
    let query = EventQuery {
        q: Some(q.clone()).filter(|q| !q.is_empty()),
        from: first_day.map(DayOrMoment::Day),
        limit: Some(FOUND),
        cursor: form.optional("cursor"),
        ..EventQuery::default()
    };
    let page = visitor.api().events(&query).await?;
    let next = page.next_cursor.as_deref().map(|cursor| {
        let query = serde_urlencoded::to_string([("q", &*q), ("from", from), ("cursor", cursor)]);
        format!("/sell?{}", query.unwrap_or_default())
    });
    visitor.page(&Find {
        layout: visitor.layout(Some(user), "Sell tickets"),
        searched: !q.is_empty() || first_day.is_some(),
        from: from.to_owned(),
        q,
        events: page.items.iter().map(|event| EventView::new(event, &visitor.site)).collect(),
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
    let category =
        Field { options: suggest(&facets.categories), ..Field::text("category", "Category", 100) };
    let city = Field { options: suggest(&facets.cities), ..Field::text("city", "City", 100) };
    let date = Field { kind: "date", ..Field::text("date", "Date", 0) };
    let time = Field { kind: "time", ..Field::text("time", "Time", 0) };
    Ok(Fields::new(vec![
        Field::text("name", "Event name", 200).must(),
        category.must().hint("Pop, opera, baseball…"),
        date.must().half(),
        time.hint("At the venue. Leave blank if it isn’t announced.").half(),
        Field::text("venue", "Venue", 200).must(),
        city.must().half(),
        Field::text("region", "State", 100).half(),
        Field::text("country", "Country", 100),
    ]))
}

/// Asks for the time zone of a venue that is not told by its city.
fn zone_field() -> Field {
    Field { placeholder: "America/Chicago", ..Field::text("zone", "Time zone", 100) }.must()
}

fn event_page(
    visitor: &Visitor,
    user: Member,
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
    let mut fields = event_fields(&visitor).await?;
    if !form.get("zone").is_empty() {
        fields.items.push(zone_field());
    }
    let mut fields = fields.keep(&form);
    for field in
        fields.items.clone().iter().filter(|it| it.required && form.get(it.name).is_empty())
    {
        fields.wrong(field.name, "This is required.");
    }
    let key = form.key().map_or_else(|| visitor.site.form_key(), ToOwned::to_owned);
    let start = read_start(form.get("date"), form.get("time"));
    let zone = form.optional("zone").map(|zone| zone.parse::<TimeZone>());
    if start.is_none() {
        // A field for a date cannot show what is none.
        fields.items.iter_mut().filter(|it| it.name == "date").for_each(|it| it.value.clear());
        fields.wrong("date", "Enter a date like 2026-11-28.");
    }
    if let Some(Err(_)) = zone {
        fields.wrong("zone", "Enter a time zone like America/Chicago.");
    }
    let Some(start) = start.filter(|_| fields.is_good()) else {
        return event_page(&visitor, user, fields, key, StatusCode::BAD_REQUEST);
    };
    let venue = Venue {
        region: form.optional("region"),
        country: form.optional("country"),
        time_zone: zone.and_then(Result::ok),
        ..Venue::new(form.get("venue"), form.get("city"))
    };
    let request = CreateEventRequest {
        currency: Some(visitor.site.config.currency),
        ..CreateEventRequest::new(form.get("name"), form.get("category"), venue, start)
    };
    match visitor.api().with_idempotency_key(&key).create_event(&request).await {
        Ok(event) => Ok(visitor.tell(&format!("/sell/{}", event.id), Word::EventThere)),
        Err(error) => {
            let problem = mendable(error)?;
            if problem.errors.iter().any(|it| it.field == "venue.timeZone") {
                fields.items.retain(|it| it.name != "zone");
                fields.items.push(zone_field());
                fields.wrong(
                    "zone",
                    "We don’t know this city’s time zone. Enter it, like America/Chicago.",
                );
            }
            let names = [
                ("venue.name", "venue"),
                ("venue.city", "city"),
                ("venue.region", "region"),
                ("venue.country", "country"),
                ("venue.timeZone", "zone"),
                ("startsAt", "date"),
                ("localStart", "date"),
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
    let fields = seat_fields(&event);
    seats_page(&visitor, user, &event, fields, Shown::default()).await
}

fn seat_fields(event: &Event) -> Fields {
    let split = [("lot", "All together"), ("pairs", "In pairs"), ("single", "One at a time")];
    let split = split.map(|(value, label)| (value.to_owned(), label.to_owned()));
    let code = event.currency.as_str().to_ascii_uppercase();
    let number = Field { numeric: true, ..Field::text("quantity", "Quantity", 2) };
    let price = Field { numeric: true, ..Field::text("price", "Price per ticket", 20) };
    let sold = Field { kind: "choice", label: "Sell them", name: "split", ..Field::default() };
    let ways = DELIVERIES.map(|(_, word, label)| (word.to_owned(), label.to_owned()));
    let way = Field { kind: "choice", ..Field::text("delivery", "How the buyer gets them", 0) };
    Fields::new(vec![
        Field { placeholder: "102", ..Field::text("section", "Section", 50) }.half(),
        Field { placeholder: "B", ..Field::text("row", "Row", 50) }.half(),
        Field { placeholder: "12-15", ..Field::text("seats", "Seats", 400) }
            .hint("Like 12-15 or 12, 14. Leave blank for general admission.")
            .half(),
        number.with("2").hint("We’ll count them if you list the seats.").half(),
        price.must().hint(format!("In {code}. We’ll show what you get before you list.")),
        Field { options: split.into(), ..sold }.with("lot"),
        Field { options: ways.into(), ..way }.with("transfer"),
        Field::text("title", "Headline", 200)
            .with(event.name.clone())
            .must()
            .hint("Mention what helps: aisle seats, a clear view, parking included."),
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
    user: Member,
    event: &Event,
    fields: Fields,
    shown: Shown,
) -> Result<Response, Failure> {
    let site = &visitor.site;
    let page = Seats {
        layout: visitor.layout(Some(user), format!("Sell tickets for {}", event.name)),
        event: EventView::new(event, &visitor.site),
        fields,
        prices: site.prices(&visitor.api(), event).await?,
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
    let currency = event.currency;
    let mut fields = seat_fields(&event).keep(&form);
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
        let preview = preview(&visitor, &plan, &event).await?;
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
            ("We couldn’t list the rest.", "Fix what’s marked and try again.")
        }
        Some(Code::SeatsListed) => (
            "Some of these seats are in another listing for this event.",
            "Check the section, the row and the seats.",
        ),
        Some(Code::IdempotencyKeyReused) => {
            ("You changed the form after sending it.", "Check My listings and add what’s missing.")
        }
        Some(Code::IdempotencyKeyInUse) => ("We’re listing them right now.", AGAIN),
        Some(Code::TooManyRequests) => ("That was a bit fast for us.", AGAIN),
        _ => ("We can’t reach the marketplace right now.", AGAIN),
    };
    if listed > 0 {
        fields.message = Some(format!("{listed} of {all} listed. {why} {again}"));
    } else if fields.is_good() {
        fields.message = Some(format!("{why} {again}"));
    }
    Ok(status.unwrap_or(busy))
}

/// What a seller can do about a problem that ends by itself.
const AGAIN: &str = "Wait a moment and send the form again. Nothing gets listed twice.";

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
        delivery_kind: Some(plan.delivery),
        external_id: None,
    })
}

/// What the market makes of the plan: lots of the same size come to the same.
async fn preview(
    visitor: &Visitor,
    plan: &Plan,
    event: &Event,
) -> Result<Option<Preview>, Failure> {
    let api = visitor.api();
    let mut told: HashMap<u32, TicketPreview> = HashMap::new();
    let mut lots = Vec::new();
    let mut net = 0;
    let mut payout = None;
    for (lot, request) in plan.lots.iter().zip(requests(plan, event, event.currency)) {
        let known = match told.get(&lot.quantity) {
            Some(known) => known.clone(),
            None => match api.preview_ticket(&request).await {
                Ok(known) => known,
                // Listing says what is wrong with it.
                Err(error) if error.problem().is_some() => return Ok(None),
                Err(error) => return Err(error.into()),
            },
        };
        let (place, detail) = place(plan.section.as_deref(), plan.row.as_deref(), &lot.seats);
        lots.push(PreviewLot {
            place,
            detail,
            quantity: count(lot.quantity, "ticket", "tickets"),
            price: money(known.total.minor(), event.currency),
            each: money(known.total_per_ticket.minor(), event.currency),
            several: lot.quantity > 1,
        });
        net += known.seller_net;
        payout = known.payout_on;
        told.insert(lot.quantity, known);
    }
    let number = u32::try_from(lots.len()).unwrap_or(u32::MAX);
    Ok(Some(Preview {
        lots,
        net: money(u32::try_from(net).unwrap_or(0), event.currency),
        payout: payout.map(|at| When::utc(at).day_alone()),
        count: count(number, "listing", "listings"),
    }))
}
