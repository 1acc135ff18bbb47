//! The HTTP routes.

use std::{convert::Infallible, ops::RangeInclusive, str::FromStr, time::Duration};

use axum::{
    Json,
    extract::{FromRef, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response, Sse, sse},
};
use futures_util::StreamExt as _;
use serde::Deserialize;
use stubmart_contract::{
    DayOrMoment, EventId, TicketId,
    api::{CreateEventRequest, Event, EventPrices, Facets, Page},
};
use stubmart_http_kit::{
    Answer, Caller, IdempotencyKey, MaybeSignedIn, Paged, PathId, Problem, RequestContext,
    SessionGate, Valid, list::PageParams, once, problems,
};
use utoipa::{OpenApi as _, ToSchema, openapi::OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use crate::{
    add_show::AddError,
    calendar::calendar,
    feed::Topic,
    find_shows::FindError,
    service::Catalogue,
    shows::{Order, ShowQuery},
    stream::{StreamError, Update},
};

/// How long a browser waits at the least and at the most before it connects again: the visitors of an instance
/// that stops do not all come to the next one at once.
const RETRY: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3);

#[derive(Clone)]
struct AppState {
    catalogue: Catalogue,
    gate: SessionGate,
}

impl FromRef<AppState> for SessionGate {
    fn from_ref(state: &AppState) -> Self {
        state.gate.clone()
    }
}

impl FromRef<AppState> for Catalogue {
    fn from_ref(state: &AppState) -> Self {
        state.catalogue.clone()
    }
}

impl Catalogue {
    /// Its HTTP routes. `gate` tells whose token a request carries.
    pub fn router(&self, gate: SessionGate) -> OpenApiRouter {
        routes().with_state(AppState { catalogue: self.clone(), gate })
    }

    /// What the routes are, for a document of them, and for a gateway that leads to them.
    #[must_use]
    pub fn api() -> OpenApi {
        routes().into_openapi()
    }
}

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(FurtherRoutes::openapi())
        .routes(routes!(list_events, create_event))
        .routes(routes!(get_event))
        .routes(routes!(get_event_prices))
        .routes(routes!(get_facets))
        .routes(routes!(stream_event))
        .routes(routes!(stream_ticket))
}

problems! {
    ListProblems: [ValidationFailed];
    CreateProblems: [NotSignedIn, TooManyRequests "a new account adds so many events in a day only"];
    NotFoundProblems: [NotFound];
}

/// Which events to list.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EventFilter {
    /// Words of name, performers, venue, city, country or category, or a year, in any spelling; the beginning
    /// of a word is enough, small typos are forgiven. `tonight`, `tomorrow` and `this weekend` are days at the
    /// venue. Without a letter or a digit it finds nothing
    #[param(max_length = 200)]
    q: Option<String>,
    /// The kind of show, in any spelling
    #[param(max_length = 100)]
    category: Option<String>,
    /// The venue's city, by any of its names and in any spelling: `zurich`, `munich`, `nyc`
    #[param(max_length = 100)]
    city: Option<String>,
    /// The venue, in any spelling: `old globe`, `old-globe`
    #[param(max_length = 200)]
    venue: Option<String>,
    /// Who performs, in any spelling; an event that names nobody is found by its own name
    #[param(max_length = 200)]
    performer: Option<String>,
    /// The earliest start: a date, which is a day at the venue, or an RFC 3339 date-time. Events that are over
    /// are listed only where it is given
    #[param(value_type = Option<String>, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt].+)?$")]
    from: Option<DayOrMoment>,
    /// The latest start: a date, which is a day at the venue, or an RFC 3339 date-time
    #[param(value_type = Option<String>, pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt].+)?$")]
    to: Option<DayOrMoment>,
    /// `date`: soonest first, which is the default without `q`; with it, what can be bought comes first, and of
    /// that what fits best. `popular`: most listings first. `price`: cheapest first, one currency after the other, those with nothing to buy
    /// last. Prices change while one pages: an event that gets cheaper in between can be passed over, and one
    /// that gets dearer come twice
    #[param(inline)]
    sort: Option<EventSort>,
}

/// In which order events are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum EventSort {
    Date,
    Price,
    Popular,
}

impl From<EventFilter> for ShowQuery {
    fn from(filter: EventFilter) -> Self {
        Self {
            words: filter.q,
            category: filter.category,
            city: filter.city,
            venue: filter.venue,
            performer: filter.performer,
            from: filter.from,
            to: filter.to,
            order: filter.sort.map(|sort| match sort {
                EventSort::Date => Order::Date,
                EventSort::Price => Order::Price,
                EventSort::Popular => Order::Popular,
            }),
        }
    }
}

/// Lists events.
#[utoipa::path(get, path = "/api/events", tag = "events", params(EventFilter, PageParams), responses(
    (status = 200, description = "A page of events", body = Page<Event>),
    ListProblems,
))]
async fn list_events(
    State(catalogue): State<Catalogue>,
    Paged { filter, page, list }: Paged<EventFilter>,
) -> Result<Json<Page<Event>>, Problem> {
    let found = catalogue.find_shows(&filter.into(), &page).await?;
    Ok(Json(list.answer(found, |event| event)))
}

/// Adds an event, unless one with the same name, venue and start exists, in any spelling.
#[utoipa::path(post, path = "/api/events", tag = "events", request_body = CreateEventRequest, params(IdempotencyKey), responses(
    (status = 201, description = "Added", body = Event),
    (status = 200, description = "It exists already", body = Event),
    CreateProblems,
))]
async fn create_event(
    State(catalogue): State<Catalogue>,
    Caller { context, user_id, is_established, .. }: Caller,
    key: IdempotencyKey,
    Valid { body, canonical }: Valid<CreateEventRequest>,
) -> Result<Response, Problem> {
    let user = user_id.to_string();
    let scope = key.scope(&user, "create_event", &canonical);
    let (service, asked) = (&catalogue, &context);
    let work = |id| async move {
        service.count_event(user_id, is_established).await?;
        let added = service.add_show(asked, EventId(id), &body).await?;
        Answer::json(if added.is_new { StatusCode::CREATED } else { StatusCode::OK }, &added.event)
    };
    once(catalogue.idempotency(), &context, scope, work, Answer::as_it_is).await
}

/// The event.
#[utoipa::path(get, path = "/api/events/{id}", tag = "events", params(("id" = EventId, Path)), responses(
    (status = 200, description = "The event", body = Event),
    NotFoundProblems,
))]
async fn get_event(
    State(catalogue): State<Catalogue>,
    PathId(path): PathId<EventPath>,
) -> Result<Response, Problem> {
    match path {
        EventPath::Event(id) => {
            let event = catalogue.event(id).await?.ok_or_else(Problem::not_found)?;
            Ok(Json(event).into_response())
        }
        EventPath::Calendar(id) => get_event_calendar(&catalogue, id).await,
    }
}

/// The event as a calendar takes it (iCalendar, RFC 5545).
#[utoipa::path(get, path = "/api/events/{id}.ics", tag = "events", params(("id" = EventId, Path)), responses(
    (status = 200, description = "One `VEVENT`", body = String, content_type = "text/calendar"),
    NotFoundProblems,
))]
async fn get_event_calendar(catalogue: &Catalogue, id: EventId) -> Result<Response, Problem> {
    let event = catalogue.event(id).await?.ok_or_else(Problem::not_found)?;
    let headers = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{id}.ics\"")),
    ];
    Ok((headers, calendar(&event, catalogue.host().now())).into_response())
}

/// An event, or its calendar: the router takes the end of a path for a part of the id.
enum EventPath {
    Event(EventId),
    Calendar(EventId),
}

impl FromStr for EventPath {
    type Err = <EventId as FromStr>::Err;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        match path.strip_suffix(".ics") {
            Some(id) => id.parse().map(Self::Calendar),
            None => path.parse().map(Self::Event),
        }
    }
}

/// What the router does not know to be a route of its own.
#[derive(utoipa::OpenApi)]
#[openapi(paths(get_event_calendar))]
struct FurtherRoutes;

/// The prices of the event's tickets, per ticket, fees included.
#[utoipa::path(get, path = "/api/events/{id}/prices", tag = "events", params(("id" = EventId, Path)), responses(
    (status = 200, description = "The prices, over all listings", body = EventPrices),
    NotFoundProblems,
))]
async fn get_event_prices(
    State(catalogue): State<Catalogue>,
    PathId(id): PathId<EventId>,
) -> Result<Json<EventPrices>, Problem> {
    catalogue.event_prices(id).await?.map(Json).ok_or_else(Problem::not_found)
}

/// The filters of coming events.
#[utoipa::path(get, path = "/api/facets", tag = "events", responses(
    (status = 200, description = "Categories and cities, with the number of their coming events", body = Facets),
))]
async fn get_facets(State(catalogue): State<Catalogue>) -> Result<Json<Facets>, Problem> {
    Ok(Json(catalogue.facets().await?))
}

/// The changes of an event's tickets, as they happen (Server-Sent Events).
#[utoipa::path(get, path = "/api/events/{id}/stream", tag = "events", params(
    ("id" = EventId, Path),
    ("Last-Event-ID" = Option<String>, Header, description = "Resumes behind this event. A client that was away for too long is sent the tickets as they are now, but for those that were withdrawn; the last of them is followed by an `id`"),
), responses(
    (status = 200, description = "`event: ticket`, `data: Ticket` for every change", body = String, content_type = "text/event-stream"),
    NotFoundProblems,
))]
async fn stream_event(
    State(catalogue): State<Catalogue>,
    RequestContext(context): RequestContext,
    PathId(id): PathId<EventId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let stream =
        catalogue.stream(&context, Topic::Event(id), None, last_event_id(&headers)).await?;
    Ok(server_sent(stream, retry(catalogue.host().uuid())))
}

/// The changes of a ticket, as they happen (Server-Sent Events).
#[utoipa::path(get, path = "/api/tickets/{id}/stream", tag = "tickets", security((), ("session" = []), ("token" = [])), params(
    ("id" = TicketId, Path),
    ("Last-Event-ID" = Option<String>, Header, description = "Resumes behind this event. A client that was away for too long is sent the ticket as it is now, followed by an `id`"),
), responses(
    (status = 200, description = "`event: ticket`, `data: Ticket` for every change", body = String, content_type = "text/event-stream"),
    NotFoundProblems,
))]
async fn stream_ticket(
    State(catalogue): State<Catalogue>,
    caller: MaybeSignedIn,
    PathId(id): PathId<TicketId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (viewer, last) = (caller.user_id(), last_event_id(&headers));
    let stream = catalogue.stream(&caller.context, Topic::Ticket(id), viewer, last).await?;
    Ok(server_sent(stream, retry(catalogue.host().uuid())))
}

/// The id of the last event that the client saw. One that is none of ours is one of another bus.
fn last_event_id(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get("last-event-id")?;
    Some(value.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX))
}

/// A stream as clients see it
/// (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).
fn server_sent(
    updates: impl futures_util::Stream<Item = Update> + Send + 'static,
    retry: Duration,
) -> Response {
    let mut is_first = true;
    let events = updates.map(move |update| {
        let event = event(update);
        let is_first = std::mem::replace(&mut is_first, false);
        Ok::<_, Infallible>(if is_first { event.retry(retry) } else { event })
    });
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        // Proxies such as nginx would hold events back until a buffer is full.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, Sse::new(events)).into_response()
}

/// A wait within [`RETRY`], by the random end of an id.
fn retry(id: Uuid) -> Duration {
    let span = RETRY.end().saturating_sub(*RETRY.start());
    let (_, random) = id.as_u64_pair();
    let millis = u128::from(random).checked_rem(span.as_millis()).unwrap_or(0);
    *RETRY.start() + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

fn event(update: Update) -> sse::Event {
    let event = sse::Event::default();
    match update {
        Update::Ticket { id: Some(id), data } => {
            event.event("ticket").id(id.to_string()).data(data)
        }
        Update::Ticket { id: None, data } => event.event("ticket").data(data),
        Update::SeenTo(id) => event.comment("still here").id(id.to_string()),
        Update::Alive => event.comment("still here"),
    }
}

impl From<AddError> for Problem {
    fn from(error: AddError) -> Self {
        match error {
            AddError::Refused(faults) => Self::invalid(faults),
            AddError::Repository(error) => error.into(),
        }
    }
}

impl From<FindError> for Problem {
    fn from(error: FindError) -> Self {
        match error {
            FindError::ForeignCursor => {
                Self::invalid_field("cursor", "must be the nextCursor of the page before")
            }
            FindError::Search(cause) => Self::internal(cause),
            FindError::Repository(error) => error.into(),
        }
    }
}

impl From<StreamError> for Problem {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::NotFound => Self::not_found(),
            StreamError::Call(error) => error.into(),
            StreamError::Repository(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Those who lose a stream at once do not all come back at once.
    #[test]
    fn streams_are_opened_again_after_waits_that_differ_within_bounds() {
        let waits: HashSet<_> = (0..1_000_u64)
            .map(|it| retry(Uuid::from_u64_pair(1, it.wrapping_mul(0x9e37_79b9_7f4a_7c15))))
            .inspect(|wait| assert!(RETRY.contains(wait), "{wait:?}"))
            .collect();
        assert!(waits.len() > 500, "{} waits", waits.len());
    }
}
