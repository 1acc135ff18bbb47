//! The HTTP routes.

use axum::{
    Json,
    extract::{FromRef, Path, State},
    http::StatusCode,
    middleware::map_response,
    response::Response,
};
use stubmart_contract::{
    OrderId,
    api::{self, CreateOrderRequest, OrderStatus, Page, ProblemBody},
};
use stubmart_http_kit::{
    Answer, IdempotencyKey, IfMatch, JsonBody, PageRequest, Problem, QueryFields, SessionGate,
    SignedIn,
    fields::{self, path_id},
    idempotency::Scope,
    layer::no_store,
    query,
};
use stubmart_kernel::repo::Versioned;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{Orders, order::Order};

#[derive(Clone)]
struct Rooms {
    orders: Orders,
    gate: SessionGate,
}

impl FromRef<Rooms> for SessionGate {
    fn from_ref(rooms: &Rooms) -> Self {
        rooms.gate.clone()
    }
}

impl FromRef<Rooms> for Orders {
    fn from_ref(rooms: &Rooms) -> Self {
        rooms.orders.clone()
    }
}

pub(crate) fn router(orders: Orders, gate: SessionGate) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(list_orders, create_order))
        .routes(routes!(get_order, leave_order))
        .routes(routes!(close_order))
        .layer(map_response(no_store))
        .with_state(Rooms { orders, gate })
}

/// An order as its buyer sees it, with its version as `ETag`.
fn answer(orders: &Orders, status: StatusCode, order: Versioned<Order>) -> Result<Answer, Problem> {
    let version = order.version;
    Ok(Answer::json(status, &order.doc.public(orders.now()))?.version(version))
}

/// Starts a checkout: locks the ticket for the caller.
#[utoipa::path(post, path = "/api/orders", tag = "orders", request_body = CreateOrderRequest, responses(
    (status = 201, description = "The ticket is locked for this order until `expiresAt`", body = api::Order, headers(("ETag" = String, description = "Its version"))),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`: no such ticket, or no longer offered", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "`ticket_locked`, `ticket_sold`, `own_ticket`, `price_changed`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn create_order(
    State(orders): State<Orders>,
    caller: SignedIn,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let request = body.canonical();
    let mut it = body.fields()?;
    let ticket_id = it.required("ticketId", fields::parsed);
    let price = it.optional("price", fields::price);
    let (ticket_id, price) = it.finish(ticket_id.map(|ticket_id| (ticket_id, price)))?;
    let user = caller.user_id.to_string();
    let scope = Scope { caller: &user, operation: "create_order", request: &request };
    let (service, buyer) = (&orders, caller.user_id);
    let once = |id| async move {
        let order = service.place(OrderId(id), buyer, ticket_id, price).await?;
        answer(service, StatusCode::CREATED, order)
    };
    orders.idempotency().once(key, scope, once).await
}

/// Lists one's own orders, newest first.
#[utoipa::path(get, path = "/api/orders", tag = "orders", params(
    ("status" = Option<OrderStatus>, Query, description = "In this state"),
    ("limit" = Option<u32>, Query, description = "At most so many items; 50 when left out", minimum = 1, maximum = 200),
    ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
), responses(
    (status = 200, description = "A page of orders", body = Page<api::Order>),
    (status = 400, description = "`validation_failed`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_orders(
    State(orders): State<Orders>,
    caller: SignedIn,
    QueryFields(mut it): QueryFields,
) -> Result<Json<Page<api::Order>>, Problem> {
    let page = PageRequest::read(&mut it);
    let status = it.optional("status", query::one_of(STATUSES));
    let status = it.finish(Some(status))?;
    Ok(Json(orders.orders(caller.user_id, status, &page).await?))
}

const STATUSES: &[(&str, OrderStatus)] = &[
    ("created", OrderStatus::Created),
    ("awaiting_payment", OrderStatus::AwaitingPayment),
    ("completed", OrderStatus::Completed),
    ("cancelled", OrderStatus::Cancelled),
];

/// The order. Looking at it takes a closed page back.
#[utoipa::path(get, path = "/api/orders/{id}", tag = "orders", params(("id" = OrderId, Path)), responses(
    (status = 200, description = "The order", body = api::Order, headers(("ETag" = String, description = "Its version"))),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn get_order(
    State(orders): State<Orders>,
    caller: SignedIn,
    Path(order): Path<String>,
) -> Result<Answer, Problem> {
    let order = orders.come_back(path_id(&order)?, caller.user_id).await?;
    answer(&orders, StatusCode::OK, order)
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
async fn leave_order(
    State(orders): State<Orders>,
    caller: SignedIn,
    Path(order): Path<String>,
    if_match: IfMatch,
) -> Result<Answer, Problem> {
    let order = orders.leave(path_id(&order)?, caller.user_id, &if_match).await?;
    answer(&orders, StatusCode::OK, order)
}

/// Tells that the checkout's page was closed (a beacon): the checkout is left after a grace, unless its
/// buyer comes back.
#[utoipa::path(post, path = "/api/orders/{id}/leave", tag = "orders", params(("id" = OrderId, Path)), responses(
    (status = 202, description = "The checkout is left after the grace"),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn close_order(
    State(orders): State<Orders>,
    caller: SignedIn,
    Path(order): Path<String>,
) -> Result<StatusCode, Problem> {
    orders.begin_leaving(path_id(&order)?, caller.user_id).await?;
    Ok(StatusCode::ACCEPTED)
}
