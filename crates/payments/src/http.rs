//! The routes.

use axum::{
    Json,
    extract::{FromRef, Request, State},
    http::HeaderMap,
    middleware::map_response,
    response::{IntoResponse, Response},
};
use serde_json::json;
use stubmart_contract::{
    ChargeId, OrderId,
    api::{
        Charge as ApiCharge, CreateIntentRequest, CreatePaymentRequest, Page, PaymentIntent,
        ProblemBody,
    },
};
use stubmart_http_kit::{
    IdempotencyKey, JsonBody, PageRequest, Problem, QueryFields, SessionGate, SignedIn, body,
    fields::{parsed, text},
    idempotency::Scope,
    layer::no_store,
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{Payments, pay::Wish};

#[derive(Clone)]
struct Shared {
    payments: Payments,
    gate: SessionGate,
}

impl FromRef<Shared> for SessionGate {
    fn from_ref(shared: &Shared) -> Self {
        shared.gate.clone()
    }
}

pub(crate) fn router(payments: Payments, gate: SessionGate) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(create_payment, list_charges))
        .routes(routes!(create_intent))
        .routes(routes!(receive_notice))
        .layer(map_response(no_store))
        .with_state(Shared { payments, gate })
}

/// Pay for an order
///
/// Authorises the payment method, secures the order, captures the money; in this order, so that nothing
/// is taken for an order that has ended. A card that wants authentication is answered with 202 and
/// `nextAction`: asked again (with another idempotency key, or none) after the buyer has authenticated,
/// it goes on with the same payment; with another payment method, a new one takes its place. A payment whose outcome is not known
/// is answered with 202 as well, and settled by itself: see `GET /api/payments`.
#[utoipa::path(
    post,
    path = "/api/payments",
    tag = "payments",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to send again")),
    request_body = CreatePaymentRequest,
    responses(
        (status = 201, description = "Paid: the charge and the order are completed", body = ApiCharge),
        (status = 202, description = "Not decided: the buyer has to authenticate (`nextAction`), or the provider has not answered",
            body = ApiCharge),
        (status = 402, description = "`card_declined`: nothing was taken; `declineCode` says why",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: the caller has no such order",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`order_expired`, `order_cancelled`, `order_completed`, `payment_in_progress`: nothing was charged",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency_key_reused`",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_requests`: this order was tried too often; nothing was charged",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`payment_provider_unavailable`: nothing was charged, the order stays payable until it expires",
            body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn create_payment(
    State(Shared { payments, .. }): State<Shared>,
    caller: SignedIn,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let request = body.canonical();
    let mut fields = body.fields()?;
    let order_id = fields.required("orderId", parsed::<OrderId>);
    let payment_method = fields.required("paymentMethod", text(1, 255));
    let (order_id, payment_method) = fields.finish(order_id.zip(payment_method))?;
    let wish = Wish { buyer: caller.user_id, order_id, payment_method: Some(payment_method) };
    let buyer = caller.user_id.to_string();
    let scope = Scope { caller: &buyer, operation: "create_payment", request: &request };
    let (work, wish) = (&payments, &wish);
    let pay = |id| work.pay_and_answer(ChargeId(id), wish);
    payments.0.idempotency.once(key, scope, pay).await
}

/// List one's own charges
///
/// Newest first, of all orders or of one. Of one order, a charge that waits for the buyer's bank carries
/// `nextAction`.
#[utoipa::path(
    get,
    path = "/api/payments",
    tag = "payments",
    params(
        ("orderId" = Option<OrderId>, Query, description = "Only the charges of this order"),
        ("limit" = Option<u32>, Query, description = "At most so many items", minimum = 1, maximum = 200),
        ("cursor" = Option<String>, Query, description = "`nextCursor` of the page before"),
    ),
    responses(
        (status = 200, description = "The charges", body = Page<ApiCharge>),
        (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn list_charges(
    State(Shared { payments, .. }): State<Shared>,
    caller: SignedIn,
    QueryFields(mut fields): QueryFields,
) -> Result<impl IntoResponse, Problem> {
    let page = PageRequest::read(&mut fields);
    let order_id = fields.optional("orderId", parsed::<OrderId>);
    let (page, order_id) = fields.finish(Some((page, order_id)))?;
    Ok(Json(payments.list(caller.user_id, order_id, &page).await?))
}

/// Pay in the browser
///
/// Makes a payment that the buyer's browser confirms with the provider's own script. While it waits for
/// the buyer, asking again gives the same one. In the sandbox there is no such script: pay with
/// `POST /api/payments`.
#[utoipa::path(
    post,
    path = "/api/payments/intents",
    tag = "payments",
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes the request safe to send again")),
    request_body = CreateIntentRequest,
    responses(
        (status = 201, description = "What the browser needs", body = PaymentIntent),
        (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: the caller has no such order",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 402, description = "`card_declined`: the buyer's card was refused meanwhile; nothing was taken",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "`sandbox`, `order_expired`, `order_cancelled`, `order_completed`, `payment_in_progress`",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "`idempotency_key_reused`",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "`too_many_requests`: this order was tried too often; nothing was charged",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "`payment_provider_unavailable`: nothing was charged",
            body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn create_intent(
    State(Shared { payments, .. }): State<Shared>,
    caller: SignedIn,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let request = body.canonical();
    let mut fields = body.fields()?;
    let order_id = fields.required("orderId", parsed::<OrderId>);
    let order_id = fields.finish(order_id)?;
    payments.publishable_key()?;
    let wish = Wish { buyer: caller.user_id, order_id, payment_method: None };
    let buyer = caller.user_id.to_string();
    let scope = Scope { caller: &buyer, operation: "create_intent", request: &request };
    let (work, wish) = (&payments, &wish);
    let create = |id| async move { work.create_intent(ChargeId(id), wish).await };
    payments.0.idempotency.once(key, scope, create).await
}

/// The payment provider's webhook
///
/// Signed by the provider; nobody else can use it. The sandbox sends none.
#[utoipa::path(
    post,
    path = "/api/payments/webhook",
    tag = "payments",
    params(("Stripe-Signature" = String, Header, description = "The provider's signature of the body")),
    request_body(content = Object, description = "The provider's event", content_type = "application/json"),
    responses(
        (status = 200, description = "Taken"),
        (status = 400, description = "`bad_signature`, `validation_failed`",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: it is about no charge of ours",
            body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "Not taken: to be sent again",
            body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn receive_notice(
    State(Shared { payments, .. }): State<Shared>,
    headers: HeaderMap,
    request: Request,
) -> Result<impl IntoResponse, Problem> {
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    let body = body::bytes(request).await?;
    payments.notice(signature.unwrap_or_default(), &body).await?;
    Ok(Json(json!({})))
}
