//! The HTTP routes.

use axum::{
    Json,
    body::Bytes,
    extract::{FromRef, Path, RawQuery, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use stubmart_contract::{
    Code, EventId, TicketId, Timestamp, UserId,
    api::{
        CreateEventRequest, CreateTicketRequest, Event, Page, ProblemBody, Ticket, TicketStatus,
        UpdateTicketRequest, Venue,
    },
};
use stubmart_http_kit::{
    Answer, Fields, IdempotencyKey, IfMatch, JsonBody, MaybeSignedIn, PageRequest, Problem,
    QueryFields, SessionGate, SignedIn,
    conditional::etag,
    fields::{self, path_id},
    idempotency::Scope,
    query,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    catalogue::{EventQuery, Place},
    edit_ticket::EditTicketError,
    feed::Topic,
    list::{Sort, TicketQuery, shown},
    list_ticket::ListTicketError,
    service::Tickets,
    shows::NewShow,
    ticket::Refusal,
};

/// The most seats of a lot.
const SEATS_MAX: u32 = 50;

#[derive(Clone)]
struct Rooms {
    tickets: Tickets,
    gate: SessionGate,
}

impl FromRef<Rooms> for SessionGate {
    fn from_ref(rooms: &Rooms) -> Self {
        rooms.gate.clone()
    }
}

impl FromRef<Rooms> for Tickets {
    fn from_ref(rooms: &Rooms) -> Self {
        rooms.tickets.clone()
    }
}

pub(crate) fn router(tickets: Tickets, gate: SessionGate) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_events, create_event))
        .routes(routes!(get_event))
        .routes(routes!(stream_event))
        .routes(routes!(list_tickets, create_ticket))
        .routes(routes!(get_ticket, update_ticket, delete_ticket))
        .routes(routes!(stream_ticket))
        .with_state(Rooms { tickets, gate })
}

/// Lists events.
#[utoipa::path(get, path = "/api/events", tag = "events", params(
    ("q" = Option<String>, Query, description = "Words of name, venue, city or category; the beginning of a word is enough, small typos are forgiven", max_length = 200),
    ("category" = Option<String>, Query, description = "The kind of show, in any case", max_length = 100),
    ("city" = Option<String>, Query, description = "The venue's city, in any case", max_length = 100),
    ("from" = Option<String>, Query, description = "The earliest start: an RFC 3339 date-time, or a date, which is meant from its beginning on (UTC)", pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt].+)?$"),
    ("to" = Option<String>, Query, description = "The latest start: an RFC 3339 date-time, or a date, which is meant to its end (UTC)", pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt].+)?$"),
    ("sort" = Option<String>, Query, description = "`date` (the default): soonest first; `price`: cheapest first, those with nothing to buy last. Prices change while one pages: by price, an event that gets cheaper in between can be passed over, and one that gets dearer come twice", pattern = "^(date|price)$"),
    ("limit" = Option<u32>, Query, description = "At most so many items; 50 when left out", minimum = 1, maximum = 200),
    ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
), responses(
    (status = 200, description = "A page of events", body = Page<Event>),
    (status = 400, description = "`validation_failed`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_events(
    State(tickets): State<Tickets>,
    QueryFields(mut it): QueryFields,
) -> Result<Json<Page<Event>>, Problem> {
    let page = PageRequest::read(&mut it);
    let query = EventQuery {
        words: it.optional("q", fields::text(0, 200)),
        category: it.optional("category", fields::text(0, 100)),
        city: it.optional("city", fields::text(0, 100)),
        from: it.optional("from", day_or_time("00:00:00Z")),
        to: it.optional("to", day_or_time("23:59:59.999Z")),
        by_price: it
            .optional("sort", query::one_of(&[("date", false), ("price", true)]))
            .unwrap_or(false),
        behind: page.behind.as_deref().and_then(Place::read),
        limit: page.fetch(),
    };
    if page.behind.is_some() && query.behind.is_none() {
        it.wrong("cursor", "must be the nextCursor of the page before");
    }
    let query = it.finish(Some(query))?;
    let found = tickets.find_events(&query).await?;
    Ok(Json(page.page(found, |(key, _)| key, |(_, event)| event)))
}

/// A point in time; a date is meant with the time `on_a_day`.
fn day_or_time(on_a_day: &'static str) -> impl Fn(Value) -> Result<Timestamp, fields::Invalid> {
    move |value| match &value {
        Value::String(day) if day.len() == "2026-03-01".len() => {
            format!("{day}T{on_a_day}").parse().map_err(|_| "no such day".to_owned())
        }
        _ => fields::timestamp(value),
    }
}

/// Adds an event, unless one with the same name, venue and start exists.
#[utoipa::path(post, path = "/api/events", tag = "events", request_body = CreateEventRequest, responses(
    (status = 201, description = "Added", body = Event),
    (status = 200, description = "It exists already", body = Event),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn create_event(
    State(tickets): State<Tickets>,
    caller: SignedIn,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let request = body.canonical();
    let new = NewShow::read(body.fields()?)?;
    let user = caller.user_id.to_string();
    let scope = Scope { caller: &user, operation: "create_event", request: &request };
    let service = &tickets;
    let once = |id| async move {
        let (event, added) = service.add_show(id, new).await?;
        Answer::json(if added { StatusCode::CREATED } else { StatusCode::OK }, &event)
    };
    tickets.idempotency().once(key, scope, once).await
}

impl NewShow {
    /// Reads an event that is to be added.
    ///
    /// # Errors
    /// `validation_failed` with an entry for each bad field.
    pub fn read(mut it: Fields) -> Result<Self, Problem> {
        let name = it.required("name", fields::text(1, 200));
        let category = it.required("category", fields::text(1, 100));
        let venue = it.object("venue", |venue| {
            let name = venue.required("name", fields::text(1, 200));
            let city = venue.required("city", fields::text(1, 100));
            let region = venue.optional("region", fields::text(0, 100)).filter(|it| !it.is_empty());
            Some(Venue { name: name?, city: city?, region })
        });
        let starts_at = it.required("startsAt", fields::timestamp);
        let new = (|| {
            Some(Self { name: name?, category: category?, venue: venue?, starts_at: starts_at? })
        })();
        it.finish(new)
    }
}

/// The event.
#[utoipa::path(get, path = "/api/events/{id}", tag = "events", params(("id" = EventId, Path)), responses(
    (status = 200, description = "The event", body = Event),
    (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn get_event(
    State(tickets): State<Tickets>,
    Path(event): Path<String>,
) -> Result<Json<Event>, Problem> {
    Ok(Json(tickets.event(path_id(&event)?).await?))
}

/// The changes of an event's tickets, as they happen (Server-Sent Events).
#[utoipa::path(get, path = "/api/events/{id}/stream", tag = "events", params(
    ("id" = EventId, Path),
    ("Last-Event-ID" = Option<String>, Header, description = "Resumes behind this event. A client that was away for too long is sent the tickets as they are now, but for those that were withdrawn; the last of them is followed by an `id`"),
), responses(
    (status = 200, description = "`event: ticket`, `data: Ticket` for every change", body = String, content_type = "text/event-stream"),
    (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn stream_event(
    State(tickets): State<Tickets>,
    Path(event): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let event = tickets.event(path_id(&event)?).await?;
    tickets.stream(Topic::Event(event.id), &headers).await
}

/// Lists tickets.
#[utoipa::path(get, path = "/api/tickets", tag = "tickets", security((), ("session" = []), ("token" = [])), params(
    ("eventId" = Option<EventId>, Query, description = "For this event"),
    ("sellerId" = Option<String>, Query, description = "Of this seller; `me` lists one's own in every state", pattern = "^(me|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$"),
    ("status" = Option<Vec<TicketStatus>>, Query, style = Form, explode = false, description = "In this state, or in one of several with commas between; available and locked ones when left out. Of those that were withdrawn only one's own are listed", min_items = 1),
    ("minPrice" = Option<u64>, Query, description = "At least this price", minimum = 0),
    ("maxPrice" = Option<u64>, Query, description = "At most this price", minimum = 0),
    ("quantity" = Option<u32>, Query, description = "Lots of so many seats", minimum = 1, maximum = 50),
    ("sort" = Option<String>, Query, description = "`price` (the default within an event), `-price` or `newest` (the default else)", pattern = "^(price|-price|newest)$"),
    ("limit" = Option<u32>, Query, description = "At most so many items; 50 when left out", minimum = 1, maximum = 200),
    ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
), responses(
    (status = 200, description = "A page of tickets. Where hardly any fit it can be short, or empty, with a `nextCursor` all the same", body = Page<Ticket>),
    (status = 400, description = "`validation_failed`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 401, description = "`not_signed_in`: `sellerId=me` without a session", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_tickets(
    State(tickets): State<Tickets>,
    caller: MaybeSignedIn,
    RawQuery(raw): RawQuery,
    query: QueryFields,
) -> Result<Response, Problem> {
    let viewer = caller.user_id();
    let (query, page) = ticket_query(query, viewer)?;
    let raw = raw.unwrap_or_default();
    // What a page shows depends on who looks, and on the tickets of one event or of many: only pages
    // of one event for nobody in particular are kept.
    let kept = query.event_id.filter(|_| viewer.is_none() && query.seller_id.is_none());
    let kept = kept.and_then(|event_id| Some((event_id, tickets.revision(event_id)?)));
    if let Some((event_id, revision)) = kept
        && let Some(body) = tickets.pages().get(event_id, &raw, revision)
    {
        return Ok(json(body));
    }
    let listed = tickets.tickets(&query, &page).await?;
    let body = Bytes::from(serde_json::to_vec(&listed).map_err(Problem::internal)?);
    if let Some((event_id, revision)) = kept {
        tickets.pages().keep(event_id, &raw, revision, body.clone());
    }
    Ok(json(body))
}

fn json(body: Bytes) -> Response {
    ([(header::CONTENT_TYPE, "application/json"), VARIES], body).into_response()
}

/// What a ticket shows depends on who looks.
const VARIES: (header::HeaderName, &str) = (header::VARY, "cookie, authorization");

fn ticket_query(
    QueryFields(mut it): QueryFields,
    viewer: Option<UserId>,
) -> Result<(TicketQuery, PageRequest), Problem> {
    let page = PageRequest::read(&mut it);
    let event_id = it.optional("eventId", fields::parsed);
    let seller = it.optional("sellerId", seller);
    let query = TicketQuery {
        event_id,
        seller_id: match seller {
            Some(Seller::Me) => Some(viewer.ok_or_else(|| Problem::new(Code::NotSignedIn))?),
            Some(Seller::User(user)) => Some(user),
            None => None,
        },
        status: it.optional("status", statuses),
        min_price: it.optional("minPrice", bound),
        max_price: it.optional("maxPrice", bound),
        quantity: it.optional("quantity", query::number(1, SEATS_MAX)),
        sort: it.optional("sort", query::one_of(SORTS)).unwrap_or(match event_id {
            Some(_) => Sort::Price,
            None => Sort::Newest,
        }),
        viewer,
    };
    Ok((it.finish(Some(query))?, page))
}

const STATUSES: &[(&str, TicketStatus)] = &[
    ("available", TicketStatus::Available),
    ("locked", TicketStatus::Locked),
    ("sold", TicketStatus::Sold),
    ("withdrawn", TicketStatus::Withdrawn),
];

const SORTS: &[(&str, Sort)] =
    &[("price", Sort::Price), ("-price", Sort::PriceDescending), ("newest", Sort::Newest)];

/// One or several states with commas between.
#[expect(clippy::needless_pass_by_value, reason = "the shape of every reader of a field")]
fn statuses(value: Value) -> Result<Vec<TicketStatus>, fields::Invalid> {
    let words = value.as_str().unwrap_or_default().split(',');
    words.map(|word| query::one_of(STATUSES)(Value::from(word))).collect()
}

/// The bound of a range of prices, in minor units: any whole number, also one that no price can have.
#[expect(clippy::needless_pass_by_value, reason = "the shape of every reader of a field")]
fn bound(value: Value) -> Result<u32, fields::Invalid> {
    let text = value.as_str().unwrap_or_default();
    let is_whole = text.bytes().all(|byte| byte.is_ascii_digit());
    // An int64, as the published schema says.
    let number = text.parse::<i64>().ok().filter(|_| is_whole);
    let number = number.ok_or("must be a whole number, in the currency's minor unit")?;
    // No price is as high as this.
    Ok(u32::try_from(number).unwrap_or(u32::MAX))
}

enum Seller {
    Me,
    User(UserId),
}

fn seller(value: Value) -> Result<Seller, fields::Invalid> {
    if value == "me" { Ok(Seller::Me) } else { fields::parsed(value).map(Seller::User) }
}

/// Lists a ticket for sale.
#[utoipa::path(post, path = "/api/tickets", tag = "tickets", request_body = CreateTicketRequest, responses(
    (status = 201, description = "Listed", body = Ticket, headers(("ETag" = String, description = "Its version"))),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn create_ticket(
    State(tickets): State<Tickets>,
    caller: SignedIn,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let request = body.canonical();
    let new = read_ticket(body.fields()?)?;
    let user = caller.user_id.to_string();
    let scope = Scope { caller: &user, operation: "create_ticket", request: &request };
    let seller = caller.user_id;
    let (service, context) = (&tickets, &caller.context);
    let once = |id| async move {
        let listed = service.list_ticket(context, TicketId(id), seller, new).await?;
        let version = listed.version;
        Ok(Answer::json(StatusCode::CREATED, &shown(&listed, Some(seller)))?.version(version))
    };
    tickets.idempotency().once(key, scope, once).await
}

/// Reads a ticket that is to be listed.
///
/// # Errors
/// `validation_failed` with an entry for each bad field.
pub fn read_ticket(mut it: Fields) -> Result<CreateTicketRequest, Problem> {
    let title = it.required("title", fields::text(1, 200));
    let price = it.required("price", fields::price);
    let currency = it.optional("currency", fields::currency);
    let event_id = it.optional("eventId", fields::parsed);
    let section = it.optional("section", fields::text(0, 50));
    let row = it.optional("row", fields::text(0, 50));
    let seats = it.optional("seats", seats);
    let quantity = it.optional("quantity", fields::number(1, SEATS_MAX));
    let named = seats.as_ref().map_or(0, |seats: &Vec<String>| seats.len());
    let named = u32::try_from(named).unwrap_or(u32::MAX);
    let quantity = Some(quantity.unwrap_or(named.max(1)));
    if named != 0 && Some(named) != quantity {
        it.wrong("seats", format!("names {named} seats, and the lot has another number of them"));
    }
    let new = (|| {
        let (title, price) = (title?, price?);
        Some(CreateTicketRequest {
            title,
            price,
            currency,
            event_id,
            section,
            row,
            seats,
            quantity,
        })
    })();
    it.finish(new)
}

/// Names of seats, no two alike.
fn seats(value: Value) -> Result<Vec<String>, fields::Invalid> {
    let max = usize::try_from(SEATS_MAX).unwrap_or(usize::MAX);
    let seats = fields::list(max, fields::text(1, 20))(value)?;
    let distinct: std::collections::BTreeSet<_> = seats.iter().collect();
    if distinct.len() < seats.len() {
        return Err("must not name a seat twice".to_owned());
    }
    Ok(seats)
}

/// The ticket.
#[utoipa::path(get, path = "/api/tickets/{id}", tag = "tickets", security((), ("session" = []), ("token" = [])), params(("id" = TicketId, Path)), responses(
    (status = 200, description = "The ticket", body = Ticket, headers(("ETag" = String, description = "Its version"))),
    (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn get_ticket(
    State(tickets): State<Tickets>,
    caller: MaybeSignedIn,
    Path(ticket): Path<String>,
) -> Result<Response, Problem> {
    let ticket = tickets.ticket(path_id(&ticket)?, caller.user_id()).await?;
    Ok(([etag(ticket.version)], [VARIES], Json(ticket)).into_response())
}

/// Edits a ticket, while no checkout holds it.
#[utoipa::path(patch, path = "/api/tickets/{id}", tag = "tickets", params(
    ("id" = TicketId, Path),
    ("If-Match" = Option<String>, Header, description = "The ETag of the version that is meant, or `*`", pattern = "^(\\*|\"[0-9]+\")$"),
), request_body = UpdateTicketRequest, responses(
    (status = 200, description = "Edited", body = Ticket, headers(("ETag" = String, description = "Its version"))),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "`not_owner`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "`ticket_locked`, `ticket_sold`, `ticket_withdrawn`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 412, description = "`version_mismatch`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn update_ticket(
    State(tickets): State<Tickets>,
    caller: SignedIn,
    Path(ticket): Path<String>,
    if_match: IfMatch,
    body: JsonBody,
) -> Result<Response, Problem> {
    let ticket_id = path_id(&ticket)?;
    let mut it = body.fields()?;
    let edit = UpdateTicketRequest {
        title: it.patch_required("title", fields::text(1, 200)),
        price: it.patch_required("price", fields::price),
        section: it.patch("section", fields::text(0, 50)),
        row: it.patch("row", fields::text(0, 50)),
        seats: it.patch("seats", seats),
    };
    let edit = it.finish(Some(edit))?;
    let (context, precondition) = (&caller.context, &if_match.0);
    let by = caller.user_id;
    let edited = tickets.edit_ticket(context, ticket_id, by, edit, precondition).await?;
    let version = edited.version;
    Ok(([etag(version)], Json(shown(&edited, Some(caller.user_id)))).into_response())
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotFound => Self::not_found(),
            Refusal::NotOwner => Self::new(Code::NotOwner),
            Refusal::Locked => Self::with_detail(
                Code::TicketLocked,
                "A checkout holds the ticket; it can be changed when that ends",
            ),
            Refusal::Sold => Self::new(Code::TicketSold),
            Refusal::Withdrawn => Self::new(Code::TicketWithdrawn),
            Refusal::OwnTicket => Self::new(Code::OwnTicket),
            Refusal::PriceChanged => Self::new(Code::PriceChanged),
            Refusal::SeatCount { named, quantity } => Self::invalid_field(
                "seats",
                format!("names {named} seats of a lot of {quantity}: it must name each or none"),
            ),
        }
    }
}

impl From<ListTicketError> for Problem {
    fn from(error: ListTicketError) -> Self {
        match error {
            ListTicketError::NoSuchEvent => {
                Self::invalid_field("eventId", "there is no such event")
            }
            ListTicketError::Refused(refusal) => refusal.into(),
            ListTicketError::SellerDeleted => Self::new(Code::NotSignedIn),
            ListTicketError::Repository(error) => error.into(),
        }
    }
}

impl From<EditTicketError> for Problem {
    fn from(error: EditTicketError) -> Self {
        match error {
            EditTicketError::Refused(refusal) => refusal.into(),
            EditTicketError::Stale { version } => Self::stale(version),
            EditTicketError::Repository(error) => error.into(),
        }
    }
}

/// Withdraws a ticket, while no checkout holds it. Again is fine.
#[utoipa::path(delete, path = "/api/tickets/{id}", tag = "tickets", params(
    ("id" = TicketId, Path),
    ("If-Match" = Option<String>, Header, description = "The ETag of the version that is meant, or `*`", pattern = "^(\\*|\"[0-9]+\")$"),
), responses(
    (status = 204, description = "Withdrawn"),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "`not_owner`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "`ticket_locked`, `ticket_sold`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 412, description = "`version_mismatch`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn delete_ticket(
    State(tickets): State<Tickets>,
    caller: SignedIn,
    Path(ticket): Path<String>,
    if_match: IfMatch,
) -> Result<StatusCode, Problem> {
    let (context, precondition) = (&caller.context, &if_match.0);
    let (id, by) = (path_id(&ticket)?, caller.user_id);
    tickets.withdraw_ticket(context, id, by, precondition).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The changes of a ticket, as they happen (Server-Sent Events).
#[utoipa::path(get, path = "/api/tickets/{id}/stream", tag = "tickets", security((), ("session" = []), ("token" = [])), params(
    ("id" = TicketId, Path),
    ("Last-Event-ID" = Option<String>, Header, description = "Resumes behind this event. A client that was away for too long is sent the ticket as it is now, followed by an `id`"),
), responses(
    (status = 200, description = "`event: ticket`, `data: Ticket` for every change", body = String, content_type = "text/event-stream"),
    (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn stream_ticket(
    State(tickets): State<Tickets>,
    caller: MaybeSignedIn,
    Path(ticket): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let ticket = tickets.ticket(path_id(&ticket)?, caller.user_id()).await?;
    tickets.stream(Topic::Ticket(ticket.id), &headers).await
}
