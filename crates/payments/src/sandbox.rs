//! `POST /api/payments/sandbox/authenticate`: what a buyer does at their bank's page, in the sandbox.

use std::sync::Arc;

use axum::{
    Json, extract::FromRef, extract::State, middleware::map_response, response::IntoResponse,
};
use serde::{Deserialize, Serialize};
use stubmart_contract::{
    Code, UserId,
    api::{Charge as ApiCharge, ProblemBody},
};
use stubmart_http_kit::{JsonBody, Problem, SessionGate, SignedIn, fields, layer::no_store};
use stubmart_kernel::repo::Versioned;
use stubmart_ports::{bank::TestBank, gateway::GatewayError};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{Charge, Payments};

/// `POST /api/payments/sandbox/authenticate`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct AuthenticateRequest {
    /// As it came in `nextAction`.
    #[schema(min_length = 1, max_length = 255)]
    client_secret: String,
    /// Whether the bank is satisfied.
    succeed: bool,
}

#[derive(Clone)]
struct Shared {
    payments: Payments,
    gate: SessionGate,
    bank: Arc<dyn TestBank>,
}

impl FromRef<Shared> for SessionGate {
    fn from_ref(shared: &Shared) -> Self {
        shared.gate.clone()
    }
}

pub(crate) fn router(
    payments: Payments,
    gate: SessionGate,
    bank: Arc<dyn TestBank>,
) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(authenticate))
        .layer(map_response(no_store))
        .with_state(Shared { payments, gate, bank })
}

/// Authenticate a payment, in the sandbox
///
/// Does what the buyer does at their bank's page after a payment was answered with `nextAction`:
/// satisfies the bank, or fails to. The charge is answered as it stands then. The route exists only
/// where payments go to the sandbox.
#[utoipa::path(
    post,
    path = "/api/payments/sandbox/authenticate",
    tag = "payments",
    request_body = AuthenticateRequest,
    responses(
        (status = 200, description = "The charge, after the bank's answer", body = ApiCharge),
        (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
        (status = 404, description = "`not_found`: no such payment, or somebody else's",
            body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
async fn authenticate(
    State(shared): State<Shared>,
    caller: SignedIn,
    body: JsonBody,
) -> Result<impl IntoResponse, Problem> {
    let mut fields = body.fields()?;
    let client_secret = fields.required("clientSecret", fields::text(1, 255));
    let succeed =
        fields.required("succeed", |value| value.as_bool().ok_or("must be true or false".into()));
    let (client_secret, succeed) = fields.finish(client_secret.zip(succeed))?;
    let charge = shared.authenticate(caller.user_id, &client_secret, succeed).await?;
    Ok(Json(charge))
}

impl Shared {
    async fn authenticate(
        &self,
        buyer: UserId,
        client_secret: &str,
        succeed: bool,
    ) -> Result<ApiCharge, Problem> {
        let payments = &self.payments;
        let payment_id = client_secret.split("_secret_").next().unwrap_or_default();
        let charge_id = payments.charge_of(payment_id).await?;
        let owned = |charge: &Versioned<Charge>| charge.doc.user_id == buyer;
        let charge = payments.charge(charge_id).await?.filter(owned);
        let order_id = charge.ok_or_else(Problem::not_found)?.doc.order_id;
        let order = payments.0.orders.order(buyer, order_id).await?;
        // Watching begins before anything happens that could be missed.
        let followed = payments.watch(order.as_ref());
        let answered = self.bank.authenticate(client_secret, succeed).await;
        answered.map_err(unavailable)?.ok_or_else(Problem::not_found)?;
        payments.look_now(charge_id).await?;
        let charge = payments.charge(charge_id).await?.ok_or_else(Problem::not_found)?.doc;
        if let Some(followed) = followed
            && charge.ends_order()
        {
            followed.await;
        }
        Ok(charge.to_api())
    }
}

fn unavailable(error: GatewayError) -> Problem {
    Problem::new(Code::PaymentProviderUnavailable).caused_by(error)
}
