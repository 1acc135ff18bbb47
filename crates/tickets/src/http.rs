//! The HTTP routes.

mod bulk;
mod import;
mod queue;

pub use import::ImportError;

use std::collections::BTreeSet;

use axum::{
    Json,
    extract::{FromRef, FromRequestParts as _, Request, State},
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Deserializer, de::Error as _};
use stubmart_contract::{
    Code, EventId, TicketId, UserId,
    api::{
        CreateTicketRequest, EventFacets, Page, Ticket as PublicTicket, TicketPreview,
        TicketStatus, UpdateTicketRequest,
    },
    seats::normal_section,
};
use stubmart_http_kit::{
    Answer, Caller, IdempotencyKey, IfMatch, MaySell, MaybeSignedIn, Paged, PathId, Problem,
    RequestContext, SessionGate, Valid, etag, list::PageParams, once, problems,
};
use stubmart_kernel::{RepositoryError, Versioned};
use utoipa::{ToSchema, openapi::OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    edit_ticket::EditTicketError,
    event_facets::FacetsError,
    list_ticket::ListTicketError,
    list_tickets::{Sort, TicketQuery, words},
    service::Tickets,
    ticket::{Refusal, Ticket},
};

/// A ticket's answer depends on its viewer.
const VARIES: (HeaderName, &str) = (header::VARY, "cookie, authorization");

#[derive(Clone)]
struct AppState {
    tickets: Tickets,
    gate: SessionGate,
}

impl FromRef<AppState> for SessionGate {
    fn from_ref(state: &AppState) -> Self {
        state.gate.clone()
    }
}

impl FromRef<AppState> for Tickets {
    fn from_ref(state: &AppState) -> Self {
        state.tickets.clone()
    }
}

impl Tickets {
    /// Its HTTP routes. `gate` tells whose token a request carries.
    pub fn router(&self, gate: SessionGate) -> OpenApiRouter {
        routes().with_state(AppState { tickets: self.clone(), gate })
    }

    /// What the routes are, for a document of them, and for a gateway that leads to them.
    #[must_use]
    pub fn api() -> OpenApi {
        routes().into_openapi()
    }
}

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_tickets, create_ticket))
        .routes(routes!(preview_ticket))
        .routes(routes!(bulk::bulk_tickets))
        .routes(routes!(import::import_tickets))
        .routes(routes!(get_event_facets))
        .routes(routes!(get_ticket, update_ticket, delete_ticket))
        .routes(routes!(queue::get_queue, queue::join_queue, queue::leave_queue))
}

problems! {
    ListProblems: [ValidationFailed, NotSignedIn "`sellerId=me` without a session"];
    CreateProblems: [
        NotSignedIn, EmailUnverified, SeatsListed, ExternalIdTaken, EventOver,
        TooManyRequests "a new account lists so many tickets in a day only",
    ];
    PreviewProblems: [ValidationFailed];
    FacetsProblems: [NotFound];
    GetProblems: [NotFound];
    UpdateProblems: [
        NotSignedIn, NotOwner, NotFound, TicketLocked, TicketSold, TicketWithdrawn, SeatsListed,
        ExternalIdTaken, VersionMismatch,
    ];
    DeleteProblems: [NotSignedIn, NotOwner, NotFound, TicketLocked, TicketSold, VersionMismatch];
}

/// Which tickets to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct TicketFilter {
    /// For this event
    event_id: Option<EventId>,
    /// Of this seller; `me` lists one's own in every state
    #[serde(default, deserialize_with = "seller")]
    #[param(value_type = Option<String>, pattern = "^(me|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$")]
    seller_id: Option<Seller>,
    /// In this state, or in one of several; available and locked ones when left out. Of
    /// those that were withdrawn only one's own are listed
    #[param(style = Form, explode = true, min_items = 1)]
    status: Option<Vec<TicketStatus>>,
    /// In this section, in any spelling; `-` for tickets without one
    #[param(min_length = 1, max_length = 80)]
    section: Option<String>,
    /// At least so much for one ticket, fees included, in minor units
    #[param(minimum = 0)]
    min_price: Option<u64>,
    /// At most so much for one ticket, fees included, in minor units
    #[param(minimum = 0)]
    max_price: Option<u64>,
    /// Lots of so many seats
    #[param(minimum = 1, maximum = 50)]
    quantity: Option<u32>,
    /// With each of these words in title, section, row, seats or external id; only with `sellerId=me`
    #[param(min_length = 1, max_length = 200)]
    q: Option<String>,
    /// Called so by their seller; only with `sellerId=me`
    #[param(min_length = 1, max_length = 100)]
    external_id: Option<String>,
    /// `price` (the default within an event), `-price` or `newest` (the default else). By price is by
    /// what one ticket costs with fees, currency by currency
    #[param(inline)]
    sort: Option<TicketSort>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seller {
    Me,
    User(UserId),
}

fn seller<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Seller>, D::Error> {
    let text = String::deserialize(from)?;
    if text == "me" {
        return Ok(Some(Seller::Me));
    }
    text.parse().map(|user| Some(Seller::User(user))).map_err(D::Error::custom)
}

/// In which order tickets are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
enum TicketSort {
    #[serde(rename = "price")]
    Price,
    #[serde(rename = "-price")]
    PriceDescending,
    #[serde(rename = "newest")]
    Newest,
}

impl TicketFilter {
    fn query(self, viewer: Option<UserId>) -> Result<TicketQuery, Problem> {
        for (field, is_given) in
            [("externalId", self.external_id.is_some()), ("q", self.q.is_some())]
        {
            if is_given && self.seller_id != Some(Seller::Me) {
                let message = "is for one's own tickets alone: ask with sellerId=me";
                return Err(Problem::invalid_field(field, message));
            }
        }
        // No price is as high as the highest number.
        let price = |bound: u64| u32::try_from(bound).unwrap_or(u32::MAX);
        Ok(TicketQuery {
            event_id: self.event_id,
            seller_id: match self.seller_id {
                Some(Seller::Me) => Some(viewer.ok_or_else(|| Problem::new(Code::NotSignedIn))?),
                Some(Seller::User(user)) => Some(user),
                None => None,
            },
            status: self.status,
            section: self.section.as_deref().map(normal_section),
            min_price: self.min_price.map(price),
            max_price: self.max_price.map(price),
            quantity: self.quantity,
            external_id: self.external_id,
            words: self.q.as_deref().map(words).unwrap_or_default(),
            sort: match (self.sort, self.event_id) {
                (Some(TicketSort::Price), _) | (None, Some(_)) => Sort::Price,
                (Some(TicketSort::PriceDescending), _) => Sort::PriceDescending,
                (Some(TicketSort::Newest), _) | (None, None) => Sort::Newest,
            },
            viewer,
        })
    }
}

/// Lists tickets.
#[utoipa::path(get, path = "/api/tickets", tag = "tickets", security((), ("session" = []), ("token" = [])), params(TicketFilter, PageParams), responses(
    (status = 200, description = "A page of tickets", body = Page<PublicTicket>),
    ListProblems,
))]
async fn list_tickets(
    State(tickets): State<Tickets>,
    caller: MaybeSignedIn,
    request: Request,
) -> Result<Response, Problem> {
    let viewer = caller.user_id();
    let (mut parts, _) = request.into_parts();
    let asked = parts.uri.query().unwrap_or("").to_owned();
    if viewer.is_none()
        && let Some(body) = tickets.pages().get(&asked)
    {
        return Ok(json(body));
    }
    let Paged { filter, page, list } =
        <Paged<TicketFilter>>::from_request_parts(&mut parts, &()).await?;
    let query = filter.query(viewer)?;
    // A page depends on its viewer, and on the tickets of one event or of many. Only visitors' pages of one
    // event are kept.
    let kept = query.event_id.filter(|_| viewer.is_none() && query.seller_id.is_none());
    let kept = kept.map(|event_id| (event_id, tickets.pages().changes(event_id)));
    let found = tickets.list_tickets(&query, &page).await?;
    let sellers = found.items.iter().map(|ticket| ticket.state.user_id).collect();
    let sellers = tickets.sellers().of(sellers).await?;
    let listed = list.answer(found, |ticket| {
        let seller = sellers.get(&ticket.state.user_id).cloned();
        PublicTicket { seller, ..seen(ticket, viewer) }
    });
    let body = serde_json::to_vec(&listed).map_err(Problem::internal)?;
    if let Some((event_id, changes)) = kept {
        tickets.pages().keep(&asked, event_id, changes, &body);
    }
    Ok(json(body))
}

fn json(body: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json"), VARIES], body).into_response()
}

/// The ticket as `viewer` may see it, without its seller.
fn seen(ticket: Versioned<Ticket>, viewer: Option<UserId>) -> PublicTicket {
    let waits = ticket.state.pending_price.filter(|_| viewer == Some(ticket.state.user_id));
    let pending_price = waits.map(|it| it.price);
    PublicTicket { pending_price, ..ticket.state.into_state().seen_by(viewer, ticket.version) }
}

/// The ticket as `viewer` may see it.
async fn shown(
    tickets: &Tickets,
    ticket: Versioned<Ticket>,
    viewer: Option<UserId>,
) -> Result<PublicTicket, RepositoryError> {
    let id = ticket.state.user_id;
    let seller = tickets.sellers().of(BTreeSet::from([id])).await?.remove(&id);
    Ok(PublicTicket { seller, ..seen(ticket, viewer) })
}

/// Lists a ticket for sale.
#[utoipa::path(post, path = "/api/tickets", tag = "tickets", request_body = CreateTicketRequest, params(IdempotencyKey), responses(
    (status = 201, description = "Listed", body = PublicTicket, headers(("ETag" = String, description = "Its version"))),
    CreateProblems,
))]
async fn create_ticket(
    State(tickets): State<Tickets>,
    MaySell(Caller { context, user_id, is_established, .. }): MaySell,
    key: IdempotencyKey,
    Valid { body, canonical }: Valid<CreateTicketRequest>,
) -> Result<Response, Problem> {
    let user = user_id.to_string();
    let scope = key.scope(&user, "create_ticket", &canonical);
    let (service, asked) = (&tickets, &context);
    let work = |id| async move {
        service.count_listings(user_id, is_established, 1).await?;
        let listed = service.list_ticket(asked, TicketId(id), user_id, body).await?;
        let version = listed.version;
        let listed = shown(service, listed, Some(user_id)).await?;
        Ok(Answer::json(StatusCode::CREATED, &listed)?.version(version))
    };
    once(tickets.idempotency(), &context, scope, work, Answer::as_it_is).await
}

/// What a listing would come to for buyer and seller. Nothing is saved.
#[utoipa::path(post, path = "/api/tickets/preview", tag = "tickets", security((), ("session" = []), ("token" = [])), request_body = CreateTicketRequest, responses(
    (status = 200, description = "What it would come to", body = TicketPreview),
    PreviewProblems,
))]
async fn preview_ticket(
    State(tickets): State<Tickets>,
    caller: MaybeSignedIn,
    Valid { body, .. }: Valid<CreateTicketRequest>,
) -> Result<Json<TicketPreview>, Problem> {
    Ok(Json(tickets.preview_ticket(&caller.context, &body).await?))
}

/// The sections and quantities of an event's tickets on offer, over all listings.
#[utoipa::path(get, path = "/api/events/{id}/facets", tag = "events", params(("id" = EventId, Path)), responses(
    (status = 200, description = "How many listings, and the lowest price of a ticket with fees, for each", body = EventFacets),
    FacetsProblems,
))]
async fn get_event_facets(
    State(tickets): State<Tickets>,
    RequestContext(context): RequestContext,
    PathId(id): PathId<EventId>,
) -> Result<Response, Problem> {
    // No query has a blank, so that this is the key of no list.
    let asked = format!("facets of {id}");
    if let Some(body) = tickets.pages().get(&asked) {
        return Ok(json(body));
    }
    let changes = tickets.pages().changes(id);
    let facets = tickets.event_facets(&context, id).await?;
    let body = serde_json::to_vec(&facets).map_err(Problem::internal)?;
    tickets.pages().keep(&asked, id, changes, &body);
    Ok(json(body))
}

/// The ticket.
#[utoipa::path(get, path = "/api/tickets/{id}", tag = "tickets", security((), ("session" = []), ("token" = [])), params(("id" = TicketId, Path)), responses(
    (status = 200, description = "The ticket", body = PublicTicket, headers(("ETag" = String, description = "Its version"))),
    GetProblems,
))]
async fn get_ticket(
    State(tickets): State<Tickets>,
    caller: MaybeSignedIn,
    PathId(id): PathId<TicketId>,
) -> Result<Response, Problem> {
    let viewer = caller.user_id();
    let ticket = tickets.ticket(id, viewer).await?.ok_or_else(Problem::not_found)?;
    let version = ticket.version;
    let ticket = shown(&tickets, ticket, viewer).await?;
    Ok(([etag(version)], [VARIES], Json(ticket)).into_response())
}

/// Edits a ticket, while no checkout holds it. With `whenFree`, a new price waits until none does.
#[utoipa::path(patch, path = "/api/tickets/{id}", tag = "tickets", params(("id" = TicketId, Path), IfMatch), request_body = UpdateTicketRequest, responses(
    (status = 200, description = "Edited", body = PublicTicket, headers(("ETag" = String, description = "Its version"))),
    (status = 202, description = "The new price waits until the ticket is free", body = PublicTicket, headers(("ETag" = String, description = "Its version"))),
    UpdateProblems,
))]
async fn update_ticket(
    State(tickets): State<Tickets>,
    Caller { context, user_id, .. }: Caller,
    PathId(id): PathId<TicketId>,
    IfMatch(precondition): IfMatch,
    Valid { body, .. }: Valid<UpdateTicketRequest>,
) -> Result<Response, Problem> {
    let edited = tickets.edit_ticket(&context, id, user_id, body, &precondition).await?;
    let version = edited.version;
    let edited = shown(&tickets, edited, Some(user_id)).await?;
    let waits = edited.pending_price.is_some();
    let status = if waits { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok((status, [etag(version)], Json(edited)).into_response())
}

/// Withdraws a ticket, while no checkout holds it. Again is fine.
#[utoipa::path(delete, path = "/api/tickets/{id}", tag = "tickets", params(("id" = TicketId, Path), IfMatch), responses(
    (status = 204, description = "Withdrawn"),
    DeleteProblems,
))]
async fn delete_ticket(
    State(tickets): State<Tickets>,
    Caller { context, user_id, .. }: Caller,
    PathId(id): PathId<TicketId>,
    IfMatch(precondition): IfMatch,
) -> Result<StatusCode, Problem> {
    tickets.withdraw_ticket(&context, id, user_id, &precondition).await?;
    Ok(StatusCode::NO_CONTENT)
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
            Refusal::Reserved => Self::new(Code::TicketReserved),
            Refusal::Free => Self::new(Code::TicketAvailable),
            Refusal::OwnCheckout => Self::new(Code::OwnCheckout),
            Refusal::OnlyPriceWaits => {
                Self::invalid_field("whenFree", "only a new price can wait, and nothing else")
            }
            Refusal::LineFull => Self::new(Code::QueueFull),
            Refusal::Sold => Self::new(Code::TicketSold),
            Refusal::Withdrawn => Self::new(Code::TicketWithdrawn),
            Refusal::OwnTicket => Self::new(Code::OwnTicket),
            Refusal::PriceChanged => Self::new(Code::PriceChanged),
            Refusal::TooMuch => {
                Self::invalid_field("price", "price and fees come to more than can be charged")
            }
            Refusal::SeatCount { named, quantity } => Self::invalid_field(
                "seats",
                format!("names {named} seats of a lot of {quantity}: name each of them or none"),
            ),
            Refusal::Price(error) => Self::invalid_field("price", error.to_string()),
            Refusal::EventOver => Self::new(Code::EventOver),
            Refusal::SeatTwice => Self::invalid_field("seats", "names a seat twice"),
            Refusal::SeatsListed(seats) => seats_listed(&seats),
            // The use cases claim the seats and try again.
            Refusal::NotClaimed(_) => Self::new(Code::Contended),
        }
    }
}

fn seats_listed(seats: &[String]) -> Problem {
    let detail = match seats {
        [seat] => format!("Seat {seat} is in another listing of this event"),
        seats => format!("Seats {} are in another listing of this event", seats.join(", ")),
    };
    Problem::with_detail(Code::SeatsListed, detail)
}

impl From<FacetsError> for Problem {
    fn from(error: FacetsError) -> Self {
        match error {
            FacetsError::NotFound => Self::not_found(),
            FacetsError::Call(error) => error.into(),
            FacetsError::Repository(error) => error.into(),
        }
    }
}

impl From<ListTicketError> for Problem {
    fn from(error: ListTicketError) -> Self {
        match error {
            ListTicketError::NoSuchEvent => {
                Self::invalid_field("eventId", "there is no such event")
            }
            ListTicketError::Call(error) => error.into(),
            ListTicketError::Refused(refusal) => refusal.into(),
            ListTicketError::OtherCurrency(currency) => Self::invalid_field(
                "currency",
                format!("tickets of this event are sold in {currency}"),
            ),
            ListTicketError::EventOver => Self::new(Code::EventOver),
            ListTicketError::SeatsListed(seats) => seats_listed(&seats),
            ListTicketError::ExternalIdTaken => Self::new(Code::ExternalIdTaken),
            ListTicketError::SellerDeleted => Self::new(Code::NotSignedIn),
            ListTicketError::Repository(error) => error.into(),
        }
    }
}

impl From<EditTicketError> for Problem {
    fn from(error: EditTicketError) -> Self {
        match error {
            EditTicketError::Refused(refusal) => refusal.into(),
            EditTicketError::SeatsListed(seats) => seats_listed(&seats),
            EditTicketError::ExternalIdTaken => Self::new(Code::ExternalIdTaken),
            EditTicketError::Stale { version } => Self::stale(version),
            EditTicketError::Repository(error) => error.into(),
        }
    }
}
