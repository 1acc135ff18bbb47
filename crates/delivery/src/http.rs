//! The HTTP routes.

mod files;

use axum::{
    Json,
    extract::{FromRef, State},
    http::StatusCode,
    middleware::map_response,
    response::Response,
};
use stubmart_contract::{
    ClaimId, Code, OrderId,
    api::{
        self, AnswerClaimRequest, CreateClaimRequest, LateDeliveryRequest, Page,
        SendDeliveryRequest,
    },
};
use stubmart_http_kit::{
    Answer, Caller, IdempotencyKey, PathId, Problem, SessionGate, Valid, layer::no_store, once,
    problems,
};
use stubmart_kernel::{ApplyError, Versioned};
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    begin::BeginError,
    claim::{self, Claim},
    claims::{ClaimRequest, OpenClaimError},
    delivery::{Delivery, Refusal, Sent},
    look::LookError,
    service::Deliveries,
};

#[derive(Clone)]
struct AppState {
    deliveries: Deliveries,
    gate: SessionGate,
}

impl FromRef<AppState> for SessionGate {
    fn from_ref(state: &AppState) -> Self {
        state.gate.clone()
    }
}

impl FromRef<AppState> for Deliveries {
    fn from_ref(state: &AppState) -> Self {
        state.deliveries.clone()
    }
}

impl Deliveries {
    /// Its HTTP routes. `gate` tells whose token a request carries.
    pub fn router(&self, gate: SessionGate) -> OpenApiRouter {
        routes().with_state(AppState { deliveries: self.clone(), gate })
    }

    /// What the routes are, for a document of them, and for a gateway that leads to them.
    #[must_use]
    pub fn api() -> OpenApi {
        routes().into_openapi()
    }
}

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(get_delivery))
        .routes(routes!(send_delivery))
        .routes(routes!(accept_delivery))
        .routes(routes!(decide_on_late_delivery))
        .routes(routes!(list_claims, create_claim))
        .routes(routes!(answer_claim))
        .routes(routes!(files::upload_ticket_file, files::get_ticket_files))
        .layer(map_response(no_store))
        .routes(routes!(files::open_ticket_file))
}

problems! {
    GetDeliveryProblems: [
        NotSignedIn, NotFound "no such order, not completed, or the caller has no part in it",
    ];
    SendDeliveryProblems: [
        ValidationFailed, NotSignedIn, NotOwner "the caller is the buyer",
        NotFound "no such order, not completed, or the caller has no part in it", DeliveryEnded,
    ];
    AcceptDeliveryProblems: [
        NotSignedIn, NotOwner "the caller is the seller",
        NotFound "no such order, not completed, or the caller has no part in it", NotSent,
        DeliveryEnded,
    ];
    DecideOnLateDeliveryProblems: [
        ValidationFailed, NotSignedIn, NotOwner "the caller is the seller",
        NotFound "no such order, not completed, or the caller has no part in it", NotLate,
        DeliveryEnded,
    ];
}

problems! {
    ListClaimsProblems: [
        NotSignedIn, NotFound "no such order, not completed, or the caller has no part in it",
    ];
    CreateClaimProblems: [
        ValidationFailed, NotSignedIn, NotOwner "the caller is the seller",
        NotFound "no such order, not completed, or the caller has no part in it", ClaimExists,
        ClaimsClosed, IdempotencyKeyReused,
    ];
    AnswerClaimProblems: [
        ValidationFailed, NotSignedIn, NotOwner "the caller is the buyer",
        NotFound "nothing was claimed, or the caller has no part in it", ClaimAnswered,
    ];
}

/// What a client is told when the delivery was not changed.
fn not_applied(error: ApplyError<Refusal>) -> Problem {
    Problem::not_applied(error, |refusal| match refusal {
        Refusal::NotFound => Problem::not_found(),
        Refusal::OtherSide => {
            Problem::with_detail(Code::NotOwner, "Only the other side of the sale may do this")
        }
        Refusal::LinkMissing => {
            Problem::invalid_field("link", "is needed: this ticket is delivered by a link")
        }
        Refusal::FileMissing => Problem::invalid_field(
            "link",
            "is needed, or the file: this ticket is delivered by PUT /api/tickets/{id}/files",
        ),
        Refusal::NotSent => Problem::new(Code::NotSent),
        Refusal::NotLate => Problem::new(Code::NotLate),
        Refusal::Ended => Problem::new(Code::DeliveryEnded),
    })
}

fn not_shown(error: LookError) -> Problem {
    match error {
        LookError::NotFound => Problem::not_found(),
        LookError::Call(error) => error.into(),
        LookError::Repository(error) => error.into(),
    }
}

/// The delivery after a change, as who made it sees it.
async fn answer(
    deliveries: &Deliveries,
    caller: &Caller,
    changed: Result<Versioned<Delivery>, ApplyError<Refusal>>,
) -> Result<Json<api::Delivery>, Problem> {
    let delivery = changed.map_err(not_applied)?.state;
    let shown = deliveries.shown_to(&caller.context, delivery, caller.user_id).await;
    shown.map(Json).map_err(not_shown)
}

/// The delivery of a completed order, for its buyer and its seller.
#[utoipa::path(get, path = "/api/orders/{id}/delivery", tag = "delivery", params(("id" = OrderId, Path)), responses(
    (status = 200, description = "The delivery", body = api::Delivery), GetDeliveryProblems,
))]
async fn get_delivery(
    State(deliveries): State<Deliveries>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
) -> Result<Json<api::Delivery>, Problem> {
    let shown = deliveries.look(&caller.context, id, caller.user_id).await;
    shown.map(Json).map_err(not_shown)
}

/// The seller has sent the ticket. Said again, it corrects what was said, until the buyer has it.
#[utoipa::path(post, path = "/api/orders/{id}/delivery/send", tag = "delivery", params(("id" = OrderId, Path)), request_body = SendDeliveryRequest, responses(
    (status = 200, description = "The delivery, sent", body = api::Delivery), SendDeliveryProblems,
))]
async fn send_delivery(
    State(deliveries): State<Deliveries>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
    Valid { body, .. }: Valid<SendDeliveryRequest>,
) -> Result<Json<api::Delivery>, Problem> {
    let SendDeliveryRequest { link, reference } = body;
    let sent = Sent { link, reference: reference.filter(|it| !it.is_empty()) };
    let changed = deliveries.send(&caller.context, id, caller.user_id, sent).await;
    answer(&deliveries, &caller, changed).await
}

/// The buyer has the ticket.
#[utoipa::path(post, path = "/api/orders/{id}/delivery/accept", tag = "delivery", params(("id" = OrderId, Path)), responses(
    (status = 200, description = "The delivery, accepted", body = api::Delivery), AcceptDeliveryProblems,
))]
async fn accept_delivery(
    State(deliveries): State<Deliveries>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
) -> Result<Json<api::Delivery>, Problem> {
    let changed = deliveries.accept(&caller.context, id, caller.user_id).await;
    answer(&deliveries, &caller, changed).await
}

/// The buyer of a ticket that is late waits for it, or takes the money back.
#[utoipa::path(post, path = "/api/orders/{id}/delivery/late", tag = "delivery", params(("id" = OrderId, Path)), request_body = LateDeliveryRequest, responses(
    (status = 200, description = "The delivery: still late, or cancelled and the money on its way back", body = api::Delivery),
    DecideOnLateDeliveryProblems,
))]
async fn decide_on_late_delivery(
    State(deliveries): State<Deliveries>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
    Valid { body: LateDeliveryRequest { choice }, .. }: Valid<LateDeliveryRequest>,
) -> Result<Json<api::Delivery>, Problem> {
    let changed = deliveries.choose(&caller.context, id, caller.user_id, choice).await;
    answer(&deliveries, &caller, changed).await
}

/// A claim as both sides see it.
fn public(claim: Claim) -> api::Claim {
    api::Claim {
        id: claim.id,
        order_id: claim.order_id,
        kind: claim.kind,
        status: claim.status,
        text: claim.text,
        answer_by: claim.answer_by,
        answer: claim.answer,
        outcome: claim.outcome,
        reason: claim.reason,
        created_at: claim.created_at,
        updated_at: claim.updated_at,
    }
}

fn not_claimed(error: OpenClaimError) -> Problem {
    match error {
        OpenClaimError::NotFound => Problem::not_found(),
        OpenClaimError::OtherSide => {
            Problem::with_detail(Code::NotOwner, "Only the buyer may do this")
        }
        OpenClaimError::Closed => Problem::new(Code::ClaimsClosed),
        OpenClaimError::Exists => Problem::new(Code::ClaimExists),
        OpenClaimError::Failed(BeginError::Call(error)) => error.into(),
        OpenClaimError::Failed(BeginError::Repository(error)) => error.into(),
    }
}

/// What was claimed about an order, for its buyer and its seller.
#[utoipa::path(get, path = "/api/orders/{id}/claims", tag = "delivery", params(("id" = OrderId, Path)), responses(
    (status = 200, description = "The claim, if there is one", body = Page<api::Claim>), ListClaimsProblems,
))]
async fn list_claims(
    State(deliveries): State<Deliveries>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
) -> Result<Json<Page<api::Claim>>, Problem> {
    let claim = deliveries.claim_of(id, caller.user_id).await?;
    Ok(Json(Page { items: claim.map(public).into_iter().collect(), next_cursor: None }))
}

/// The buyer says that something was wrong, until five days after the event. The seller's money waits until
/// it is decided.
#[utoipa::path(post, path = "/api/orders/{id}/claims", tag = "delivery", params(("id" = OrderId, Path)), request_body = CreateClaimRequest, responses(
    (status = 201, description = "The claim; the seller has 48 hours to answer", body = api::Claim), CreateClaimProblems,
))]
async fn create_claim(
    State(deliveries): State<Deliveries>,
    caller: Caller,
    PathId(order_id): PathId<OrderId>,
    key: IdempotencyKey,
    Valid { body: CreateClaimRequest { kind, text }, canonical }: Valid<CreateClaimRequest>,
) -> Result<Response, Problem> {
    let (buyer_id, user) = (caller.user_id, caller.user_id.to_string());
    let request = format!("{order_id} {canonical}");
    let scope = key.scope(&user, "create_claim", &request);
    let (service, context) = (&deliveries, &caller.context);
    let work = |id| async move {
        let id = ClaimId(id);
        let claim = ClaimRequest { id, order_id, buyer_id, kind, text };
        let claim = service.open_claim(context, claim).await.map_err(not_claimed)?;
        Answer::json(StatusCode::CREATED, &public(claim.state))
    };
    once(deliveries.idempotency(), context, scope, work, Answer::as_it_is).await
}

/// The seller answers the claim, once.
#[utoipa::path(post, path = "/api/orders/{id}/claims/answer", tag = "delivery", params(("id" = OrderId, Path)), request_body = AnswerClaimRequest, responses(
    (status = 200, description = "The claim, answered", body = api::Claim), AnswerClaimProblems,
))]
async fn answer_claim(
    State(deliveries): State<Deliveries>,
    caller: Caller,
    PathId(id): PathId<OrderId>,
    Valid { body: AnswerClaimRequest { text }, .. }: Valid<AnswerClaimRequest>,
) -> Result<Json<api::Claim>, Problem> {
    let answered = deliveries.answer_claim(&caller.context, id, caller.user_id, text).await;
    let answered = answered.map_err(|error| {
        Problem::not_applied(error, |refusal| match refusal {
            claim::Refusal::NotFound => Problem::not_found(),
            claim::Refusal::OtherSide => {
                Problem::with_detail(Code::NotOwner, "Only the seller may do this")
            }
            claim::Refusal::Answered | claim::Refusal::Decided(_) => {
                Problem::new(Code::ClaimAnswered)
            }
        })
    })?;
    Ok(Json(public(answered.state)))
}
