//! The HTTP routes.

use axum::{
    Extension, Json,
    extract::{FromRef, State},
    http::StatusCode,
    middleware::map_response,
    response::Response,
};
use serde::Deserialize;
use stubmart_contract::{
    Code, OrderId, Timestamp,
    api::{self, CreateOrderRequest, OrderStatus, Page, ProblemBody, TimelineEntry},
    calls::LockRefusal,
};
use stubmart_http_kit::{
    Answer, Caller, ClientAddr, IdempotencyKey, IfMatch, Paged, PathId, Problem, SessionGate,
    Valid, layer::no_store, list::PageParams, once,
};
use stubmart_kernel::{ApplyError, Versioned};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    holds::HoldError,
    order::{Order, Refusal},
    place::{PlaceError, PlaceRequest},
    service::Orders,
};

#[derive(Clone)]
struct AppState {
    orders: Orders,
    gate: SessionGate,
}

impl FromRef<AppState> for SessionGate {
    fn from_ref(state: &AppState) -> Self {
        state.gate.clone()
    }
}

impl FromRef<AppState> for Orders {
    fn from_ref(state: &AppState) -> Self {
        state.orders.clone()
    }
}

impl Orders {
    /// Its HTTP routes. `gate` tells whose token a request carries.
    pub fn router(&self, gate: SessionGate) -> OpenApiRouter {
        routes().with_state(AppState { orders: self.clone(), gate })
    }

    /// What the routes are, for a document of them, and for a gateway that leads to them.
    #[must_use]
    pub fn api() -> OpenApi {
        routes().into_openapi()
    }
}

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_orders, create_order))
        .routes(routes!(get_order, cancel_order))
        .routes(routes!(leave_order))
        .routes(routes!(get_order_timeline))
        .layer(map_response(no_store))
}

/// An order as its buyer sees it.
pub(crate) fn public(order: Order, server_time: Timestamp) -> api::Order {
    let breakdown = order.breakdown();
    api::Order {
        id: order.id,
        number: order.id.number(),
        user_id: order.user_id,
        status: order.status,
        ticket_id: order.ticket_id,
        price: order.price,
        breakdown,
        total: breakdown.total,
        currency: order.currency,
        expires_at: order.expires_at,
        server_time,
        cancel_reason: order.cancel_reason,
        ticket: order.ticket,
        created_at: order.created_at,
        updated_at: order.updated_at,
    }
}

/// An order as its buyer sees it, with its version as `ETag`.
fn answer(orders: &Orders, status: StatusCode, order: Versioned<Order>) -> Result<Answer, Problem> {
    let order_now = public(order.state, orders.host().now());
    Ok(Answer::json(status, &order_now)?.version(order.version))
}

/// What a client is told when its order was not changed.
fn not_applied(error: ApplyError<Refusal>) -> Problem {
    Problem::not_applied(error, |refusal| match refusal {
        Refusal::NotFound => Problem::not_found(),
        Refusal::PaymentInProgress => Problem::new(Code::PaymentInProgress),
        Refusal::Completed => Problem::new(Code::OrderCompleted),
        Refusal::Expired => Problem::new(Code::OrderExpired),
        Refusal::Cancelled => Problem::new(Code::OrderCancelled),
    })
}

/// What a client is told when its order was not placed.
fn not_placed(error: PlaceError) -> Problem {
    match error {
        PlaceError::Refused(LockRefusal::NotFound) => Problem::not_found(),
        PlaceError::Refused(LockRefusal::Locked) => Problem::new(Code::TicketLocked),
        PlaceError::Refused(LockRefusal::Reserved) => Problem::new(Code::TicketReserved),
        PlaceError::Refused(LockRefusal::Sold) => Problem::new(Code::TicketSold),
        PlaceError::Refused(LockRefusal::OwnTicket) => Problem::new(Code::OwnTicket),
        PlaceError::Refused(LockRefusal::EventOver) => Problem::new(Code::EventOver),
        PlaceError::Refused(LockRefusal::PriceChanged) => Problem::new(Code::PriceChanged),
        PlaceError::Expired => Problem::new(Code::OrderExpired),
        PlaceError::BuyerDeleted => Problem::new(Code::NotSignedIn),
        PlaceError::Call(error) => error.into(),
        PlaceError::Repository(error) => error.into(),
    }
}

/// What a client is told that is in too many checkouts.
fn not_held(error: HoldError) -> Problem {
    match error {
        HoldError::TooMany { wait } => Problem::new(Code::TooManyHolds).retry_after(wait),
        HoldError::Limits(error) => error.into(),
        HoldError::Repository(error) => error.into(),
    }
}

/// Starts a checkout: locks the ticket for the caller.
#[utoipa::path(post, path = "/api/orders", tag = "orders", request_body = CreateOrderRequest, responses(
    (status = 201, description = "The ticket is locked for this order until `expiresAt`", body = api::Order, headers(("ETag" = String, description = "Its version"))),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`: no such ticket, or no longer offered", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "`ticket_locked`, `ticket_sold`, `own_ticket`, `price_changed`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "`too_many_holds`: leave or pay another checkout first", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn create_order(
    State(orders): State<Orders>,
    caller: Caller,
    client: Option<Extension<ClientAddr>>,
    key: IdempotencyKey,
    Valid { body, canonical }: Valid<CreateOrderRequest>,
) -> Result<Response, Problem> {
    let from = client.map(|Extension(ClientAddr(address))| address);
    let CreateOrderRequest { ticket_id, price } = body;
    let user = caller.user_id.to_string();
    let scope = key.scope(&user, "create_order", &canonical);
    let may_exist = scope.is_some();
    let (service, context, buyer_id) = (&orders, &caller.context, caller.user_id);
    let work = |id| async move {
        let request = PlaceRequest { id: OrderId(id), may_exist, buyer_id, ticket_id, price };
        let turn = service.turn_to_hold(request.id, buyer_id, from).await.map_err(not_held)?;
        let order = service.place(context, &request).await.map_err(not_placed)?;
        drop(turn);
        answer(service, StatusCode::CREATED, order)
    };
    once(orders.idempotency(), context, scope, work, Answer::as_it_is).await
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OrderFilter {
    /// In this state, or in one of several
    #[param(style = Form, explode = true, min_items = 1)]
    status: Option<Vec<OrderStatus>>,
}

/// Lists one's own orders, newest first.
#[utoipa::path(get, path = "/api/orders", tag = "orders", params(OrderFilter, PageParams), responses(
    (status = 200, description = "A page of orders", body = Page<api::Order>),
    (status = 400, description = "`validation_failed`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_orders(
    State(orders): State<Orders>,
    caller: Caller,
    Paged { filter, page, list }: Paged<OrderFilter>,
) -> Result<Json<Page<api::Order>>, Problem> {
    let now = orders.host().now();
    let statuses = filter.status.as_deref();
    let page = orders.list(&caller.context, caller.user_id, statuses, &page).await?;
    Ok(Json(list.answer(page, |order| public(order.state, now))))
}

/// The order. Looking at it takes a closed page back.
#[utoipa::path(get, path = "/api/orders/{id}", tag = "orders", params(("id" = OrderId, Path)), responses(
    (status = 200, description = "The order", body = api::Order, headers(("ETag" = String, description = "Its version"))),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn get_order(
    State(orders): State<Orders>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
) -> Result<Answer, Problem> {
    let order = orders.come_back(&caller.context, id, caller.user_id).await;
    answer(&orders, StatusCode::OK, order.map_err(not_applied)?)
}

/// Leaves the checkout: the order is cancelled and its ticket unlocked. Again is fine.
#[utoipa::path(delete, path = "/api/orders/{id}", tag = "orders", params(
    ("id" = OrderId, Path),
    ("If-Match" = Option<String>, Header, description = "The ETag of the version that is meant, or `*`", pattern = "^(\\*|\"[0-9]+\")$"),
), responses(
    (status = 200, description = "The order, cancelled", body = api::Order, headers(("ETag" = String, description = "Its version"))),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "`payment_in_progress`, `order_completed`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 412, description = "`version_mismatch`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn cancel_order(
    State(orders): State<Orders>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
    IfMatch(precondition): IfMatch,
) -> Result<Answer, Problem> {
    let order = orders.leave(&caller.context, id, caller.user_id, &precondition).await;
    answer(&orders, StatusCode::OK, order.map_err(not_applied)?)
}

/// Tells that the checkout's page was closed (a beacon): the checkout is left after a grace, unless its
/// buyer comes back.
#[utoipa::path(post, path = "/api/orders/{id}/leave", tag = "orders", params(("id" = OrderId, Path)), responses(
    (status = 202, description = "The checkout is left after the grace"),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn leave_order(
    State(orders): State<Orders>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
) -> Result<StatusCode, Problem> {
    orders.close(&caller.context, id, caller.user_id).await.map_err(not_applied)?;
    Ok(StatusCode::ACCEPTED)
}

/// What happened to the order, oldest first.
///
/// For its buyer, and once it is completed for its seller: each sees what is theirs. It follows the services that
/// say so within a moment.
#[utoipa::path(get, path = "/api/orders/{id}/timeline", tag = "orders", params(("id" = OrderId, Path)), responses(
    (status = 200, description = "What happened", body = Page<TimelineEntry>),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn get_order_timeline(
    State(orders): State<Orders>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
) -> Result<Json<Page<TimelineEntry>>, Problem> {
    let items = orders.timeline_of(id, caller.user_id).await?.ok_or_else(Problem::not_found)?;
    Ok(Json(Page { items, next_cursor: None }))
}
