//! The HTTP routes.

mod sales;
mod state;

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{FromRef, Request, State},
    http::{HeaderMap, StatusCode},
    middleware::map_response,
    response::Response,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stubmart_contract::{
    ChargeId, Code, OrderId,
    api::{self, CreateIntentRequest, CreatePaymentRequest, NextAction, Page, PaymentIntent},
};
use stubmart_http_kit::{
    Answer, Caller, IdempotencyKey, Paged, Problem, RequestContext, SessionGate, Valid, body,
    ingress::ClientAddr, layer::no_store, list::PageParams, once, problems,
};
use stubmart_kernel::limited::Limited;
use stubmart_ports::{
    bank::TestBank,
    gateway::{BadNotice, GatewayError},
};
use utoipa::{ToSchema, openapi::OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::state::AppState;
use crate::{
    authenticate::AuthenticateError,
    begin_intent::{IntentError, NewIntent},
    charge::{Charge, Failure, FailureReason, Refund},
    list::ListedCharge,
    pay::{PayError, PaymentOutcome, PaymentRequest},
    receive_notice::NoticeError,
    service::Payments,
};

/// The state of the route to the bank of a provider without money.
#[derive(Clone)]
struct BankState {
    payments: Payments,
    gate: SessionGate,
    bank: Arc<dyn TestBank>,
}

impl FromRef<BankState> for SessionGate {
    fn from_ref(state: &BankState) -> Self {
        state.gate.clone()
    }
}

impl Payments {
    /// Its public routes. `gate` tells whose token a request carries.
    pub fn router(&self, gate: SessionGate) -> OpenApiRouter {
        routes().with_state(AppState { payments: self.clone(), gate })
    }

    /// What the public routes are, for a document of them, and for a gateway that leads to them.
    #[must_use]
    pub fn api() -> OpenApi {
        routes().into_openapi()
    }

    /// The route by which a buyer authenticates with the bank of a provider without money. To be
    /// mounted only where that is the provider.
    pub fn sandbox_router(&self, gate: SessionGate, bank: Arc<dyn TestBank>) -> OpenApiRouter {
        sandbox_routes().with_state(BankState { payments: self.clone(), gate, bank })
    }

    /// What that route is.
    #[must_use]
    pub fn sandbox_api() -> OpenApi {
        sandbox_routes().into_openapi()
    }
}

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create_payment, list_charges))
        .routes(routes!(create_intent))
        .routes(routes!(receive_notice))
        .merge(sales::routes())
        .layer(map_response(no_store))
}

fn sandbox_routes() -> OpenApiRouter<BankState> {
    OpenApiRouter::new().routes(routes!(authenticate)).layer(map_response(no_store))
}

problems! {
    CreatePaymentProblems: [
        CardDeclined "nothing was taken; `declineCode` says why, `attemptsLeft` how often another card may be tried: with none left the order is cancelled",
        NotSignedIn,
        NotFound "the caller has no such order", OrderExpired, OrderCancelled, OrderCompleted,
        PaymentInProgress, IdempotencyKeyReused,
        TooManyRequests "this order was tried too often, or too many cards were declined; nothing was charged",
        PaymentProviderUnavailable "nothing was charged, the order stays payable until it expires",
    ];
    ListChargesProblems: [NotSignedIn];
    CreateIntentProblems: [
        CardDeclined "the buyer's card was refused meanwhile; nothing was taken", NotSignedIn,
        NotFound "the caller has no such order", Sandbox, OrderExpired, OrderCancelled,
        OrderCompleted, PaymentInProgress, IdempotencyKeyReused,
        TooManyRequests "this order was tried too often, or too many cards were declined; nothing was charged",
        PaymentProviderUnavailable "nothing was charged",
    ];
    ReceiveNoticeProblems: [
        BadSignature, ValidationFailed, Unavailable "not taken: to be sent again",
    ];
    AuthenticateProblems: [NotSignedIn, NotFound "no such payment, or somebody else's"];
}

/// A charge as its buyer sees it.
fn public(charge: &Charge, client_secret: Option<String>) -> api::Charge {
    api::Charge {
        id: charge.id,
        order_id: charge.order_id,
        status: charge.status(),
        amount: charge.amount,
        currency: charge.currency,
        stripe_id: charge.payment_id.clone(),
        stripe_refund_id: charge.last_refund_id().map(ToOwned::to_owned),
        refunds: charge.refunds.iter().map(Refund::to_public).collect(),
        failure_code: charge.failure().map(|failure| failure.code.clone()),
        created_at: charge.created_at,
        updated_at: charge.updated_at,
        next_action: client_secret.map(|client_secret| NextAction { client_secret }),
    }
}

/// A charge that failed. `field` is the field by which the client chose how to pay.
fn failed(failure: &Failure, field: &str) -> Problem {
    match failure.reason {
        FailureReason::Declined | FailureReason::AuthorisationLost => {
            let why = failure.decline_code.as_ref().unwrap_or(&failure.code);
            Problem::new(Code::CardDeclined).declined(Some(why.clone()))
        }
        FailureReason::InvalidRequest => {
            let message = failure.message.as_deref().unwrap_or("is refused by the provider");
            Problem::invalid_field(field, message)
        }
        FailureReason::ProviderUnavailable => Problem::new(Code::PaymentProviderUnavailable),
        FailureReason::Replaced | FailureReason::OrderSecured => {
            Problem::new(Code::PaymentInProgress)
        }
        FailureReason::OrderExpired => Problem::new(Code::OrderExpired),
        FailureReason::OrderCancelled => Problem::new(Code::OrderCancelled),
        FailureReason::OrderCompleted => Problem::new(Code::OrderCompleted),
        FailureReason::OrderMissing => Problem::not_found(),
    }
}

/// A buyer who had too many cards declined.
fn declined_too_often(limited: Limited) -> Problem {
    match limited {
        Limited::TooMany { wait } => {
            let detail = "Too many cards were declined. Nothing was charged; try again later";
            Problem::with_detail(Code::TooManyRequests, detail).retry_after(wait)
        }
        Limited::Unavailable(error) => error.into(),
    }
}

impl From<PayError> for Problem {
    fn from(error: PayError) -> Self {
        match error {
            PayError::Order(reason) => failed(&Failure::of(reason), "orderId"),
            PayError::TooManyAttempts { retry_after } => {
                Self::new(Code::TooManyRequests).retry_after(retry_after)
            }
            PayError::Orders(error) => error.into(),
            PayError::Repository(error) => error.into(),
        }
    }
}

impl From<IntentError> for Problem {
    fn from(error: IntentError) -> Self {
        match error {
            IntentError::NoBrowser => Self::new(Code::Sandbox),
            IntentError::NotPaid(error) => error.into(),
            IntentError::NoAnswer => Self::new(Code::PaymentProviderUnavailable),
            IntentError::InProgress => Self::new(Code::PaymentInProgress),
            IntentError::Completed => Self::new(Code::OrderCompleted),
            IntentError::Failed(failure) => failed(&failure, "orderId"),
        }
    }
}

impl From<NoticeError> for Problem {
    fn from(error: NoticeError) -> Self {
        match error {
            NoticeError::Bad(BadNotice::Signature) => Self::new(Code::BadSignature),
            NoticeError::Bad(BadNotice::Malformed(what)) => Self::invalid_field("body", what),
            NoticeError::Repository(error) => error.into(),
        }
    }
}

impl From<AuthenticateError> for Problem {
    fn from(error: AuthenticateError) -> Self {
        match error {
            AuthenticateError::NotFound => Self::not_found(),
            AuthenticateError::Provider(error) => unavailable(error),
            AuthenticateError::Repository(error) => error.into(),
        }
    }
}

fn unavailable(error: GatewayError) -> Problem {
    Problem::new(Code::PaymentProviderUnavailable).caused_by(error)
}

/// Pays for an order.
///
/// Authorises the payment method, secures the order, captures the money; in this order, so that nothing
/// is taken for an order that has ended. A card that wants authentication is answered with 202 and
/// `nextAction`: asked again (with another idempotency key, or none) after the buyer has authenticated,
/// it goes on with the same payment; with another payment method, a new one takes its place. A payment
/// whose outcome is not known is answered with 202 as well, and settled by itself: see
/// `GET /api/payments`.
#[utoipa::path(post, path = "/api/payments", tag = "payments", request_body = CreatePaymentRequest, params(IdempotencyKey), responses(
    (status = 201, description = "Paid: the charge and the order are completed", body = api::Charge),
    (status = 202, description = "Not decided: the buyer has to authenticate (`nextAction`), or the provider has not answered", body = api::Charge),
    CreatePaymentProblems,
))]
async fn create_payment(
    State(payments): State<Payments>,
    caller: Caller,
    client: Option<Extension<ClientAddr>>,
    key: IdempotencyKey,
    Valid { body, canonical }: Valid<CreatePaymentRequest>,
) -> Result<Response, Problem> {
    let from = client.map(|Extension(ClientAddr(address))| address);
    let buyer = caller.user_id.to_string();
    let scope = key.scope(&buyer, "create_payment", &canonical);
    let request = &PaymentRequest {
        buyer: caller.user_id,
        order_id: body.order_id,
        payment_method: Some(body.payment_method),
    };
    let (service, context) = (&payments, &caller.context);
    let work = |id| async move {
        service.check_declines(request.buyer, from).await.map_err(declined_too_often)?;
        match service.pay(context, ChargeId(id), request).await? {
            PaymentOutcome::Completed(charge) => {
                Answer::json(StatusCode::CREATED, &public(&charge, None))
            }
            PaymentOutcome::Pending { charge, client_secret } => {
                Answer::json(StatusCode::ACCEPTED, &public(&charge, client_secret))
            }
            PaymentOutcome::Failed { failure, attempt } => {
                if failure.reason == FailureReason::Declined {
                    service.count_decline(request.buyer, from).await;
                }
                let problem = failed(&failure, "paymentMethod");
                Err(match service.attempts_left(&failure, attempt) {
                    Some(left) => problem.attempts_left(left),
                    None => problem,
                })
            }
        }
    };
    once(payments.idempotency(), context, scope, work, Answer::as_it_is).await
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ChargeFilter {
    /// Only the charges of this order
    order_id: Option<OrderId>,
}

/// Lists one's own charges.
///
/// Newest first, of all orders or of one. Of one order, a charge that waits for the buyer's bank carries
/// `nextAction`.
#[utoipa::path(get, path = "/api/payments", tag = "payments", params(ChargeFilter, PageParams), responses(
    (status = 200, description = "The charges", body = Page<api::Charge>),
    ListChargesProblems,
))]
async fn list_charges(
    State(payments): State<Payments>,
    caller: Caller,
    Paged { filter, page, list }: Paged<ChargeFilter>,
) -> Result<Json<Page<api::Charge>>, Problem> {
    let page = payments.list(caller.user_id, filter.order_id, &page).await?;
    Ok(Json(
        list.answer(page, |ListedCharge { charge, client_secret }| public(&charge, client_secret)),
    ))
}

/// Pays in the browser.
///
/// Makes a payment that the buyer's browser confirms with the provider's own script. While it waits for
/// the buyer, asking again gives the same one. In the sandbox there is no such script: pay with
/// `POST /api/payments`.
#[utoipa::path(post, path = "/api/payments/intents", tag = "payments", request_body = CreateIntentRequest, params(IdempotencyKey), responses(
    (status = 201, description = "What the browser needs", body = PaymentIntent),
    CreateIntentProblems,
))]
async fn create_intent(
    State(payments): State<Payments>,
    caller: Caller,
    client: Option<Extension<ClientAddr>>,
    key: IdempotencyKey,
    Valid { body, canonical }: Valid<CreateIntentRequest>,
) -> Result<Response, Problem> {
    let buyer = caller.user_id.to_string();
    let scope = key.scope(&buyer, "create_intent", &canonical);
    let (service, context) = (&payments, &caller.context);
    let from = client.map(|Extension(ClientAddr(address))| address);
    let work = |id| async move {
        service.check_declines(caller.user_id, from).await.map_err(declined_too_often)?;
        let begun =
            service.begin_intent(context, ChargeId(id), caller.user_id, body.order_id).await;
        let NewIntent { charge_id, client_secret, publishable_key } = begun?;
        let intent = PaymentIntent { client_secret, publishable_key, charge_id };
        Answer::json(StatusCode::CREATED, &intent)
    };
    once(payments.idempotency(), context, scope, work, Answer::as_it_is).await
}

/// Takes a notice of the payment provider: its webhook.
///
/// Signed by the provider; nobody else can use it. What is taken is kept until something was done about it.
/// The sandbox sends none.
#[utoipa::path(
    post,
    path = "/api/payments/webhook",
    tag = "payments",
    params(("Stripe-Signature" = String, Header, description = "The provider's signature of the body")),
    request_body(content = Object, description = "The provider's event", content_type = "application/json"),
    responses((status = 200, description = "Taken"), ReceiveNoticeProblems),
)]
async fn receive_notice(
    State(payments): State<Payments>,
    RequestContext(context): RequestContext,
    headers: HeaderMap,
    request: Request,
) -> Result<Json<Value>, Problem> {
    let signature = headers.get("stripe-signature").and_then(|value| value.to_str().ok());
    let body = body::bytes(request).await?;
    payments.receive_notice(&context, signature.unwrap_or_default(), &body).await?;
    Ok(Json(json!({})))
}

/// `POST /api/payments/sandbox/authenticate`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AuthenticateRequest {
    /// As it came in `nextAction`.
    #[schema(min_length = 1, max_length = 255)]
    client_secret: String,
    /// Whether the bank is satisfied.
    succeed: bool,
}

/// Authenticates a payment, in the sandbox.
///
/// Does what the buyer does at their bank's page after a payment was answered with `nextAction`:
/// satisfies the bank, or fails to. The answer is the charge after that. The route exists only where
/// payments go to the sandbox.
#[utoipa::path(post, path = "/api/payments/sandbox/authenticate", tag = "payments", request_body = AuthenticateRequest, responses(
    (status = 200, description = "The charge, after the bank's answer", body = api::Charge),
    AuthenticateProblems,
))]
async fn authenticate(
    State(BankState { payments, bank, .. }): State<BankState>,
    Caller { context, user_id, .. }: Caller,
    Valid { body: AuthenticateRequest { client_secret, succeed }, .. }: Valid<AuthenticateRequest>,
) -> Result<Json<api::Charge>, Problem> {
    let charge = payments.authenticate(&context, &*bank, user_id, &client_secret, succeed).await?;
    Ok(Json(public(&charge, None)))
}
