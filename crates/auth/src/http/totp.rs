//! The routes of the second factor.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use stubmart_contract::api::{DeleteTotpRequest, Totp, TotpRequest};
use stubmart_http_kit::{Caller, Problem, Valid, problems};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::state::{AppState, Connection};
use crate::service::Auth;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(get_totp, set_up_totp, remove_totp))
}

problems! {
    GetProblems: [NotSignedIn];
    SetUpProblems: [
        NotSignedIn, BadCredentials "the present password is another", SecondFactorOn,
        TooManyRequests,
    ];
    RemoveProblems: [
        NotSignedIn, BadCredentials "the present password is another",
        SecondFactorRequired "the second factor is on, and `code` is missing", TooManyRequests,
    ];
}

/// Whether the caller has a second factor.
#[utoipa::path(get, path = "/api/auth/totp", tag = "auth", responses(
    (status = 200, description = "The second factor", body = Totp),
    GetProblems,
))]
async fn get_totp(State(auth): State<Auth>, caller: Caller) -> Result<Json<Totp>, Problem> {
    let totp = auth.totp(&caller.context, caller.user_id).await?;
    totp.map(Json).ok_or_else(|| Problem::new(stubmart_contract::Code::NotSignedIn))
}

/// Sets up codes of an authenticator app (TOTP, RFC 6238) as the caller's second factor, in two calls.
///
/// Without `code` the answer is the secret for the app; nothing else changes. With the app's `code` the
/// second factor is on: logging in asks for a code from then on. That answer has the recovery codes, which
/// are shown this once; each opens the account one time in place of a code. The owner is told by mail.
#[utoipa::path(post, path = "/api/auth/totp", tag = "auth", request_body = TotpRequest, responses(
    (status = 201, description = "Begun: put the secret into an app", body = Totp),
    (status = 200, description = "On", body = Totp),
    SetUpProblems,
))]
async fn set_up_totp(
    State(auth): State<Auth>,
    caller: Caller,
    connection: Connection,
    Valid { body, .. }: Valid<TotpRequest>,
) -> Result<Response, Problem> {
    let TotpRequest { current_password, code } = body;
    let (context, id, from) = (&caller.context, caller.user_id, connection.client.address);
    Ok(match code {
        None => {
            let begun = auth.begin_totp(context, id, current_password, from).await?;
            (StatusCode::CREATED, Json(begun)).into_response()
        }
        Some(code) => Json(auth.confirm_totp(context, id, current_password, code, from).await?)
            .into_response(),
    })
}

/// Takes the second factor away, by a code of the app or a recovery code.
///
/// Without a second factor there is nothing to do. The owner is told by mail.
#[utoipa::path(delete, path = "/api/auth/totp", tag = "auth", request_body = DeleteTotpRequest, responses(
    (status = 204, description = "Taken away"),
    RemoveProblems,
))]
async fn remove_totp(
    State(auth): State<Auth>,
    caller: Caller,
    connection: Connection,
    Valid { body, .. }: Valid<DeleteTotpRequest>,
) -> Result<StatusCode, Problem> {
    let DeleteTotpRequest { current_password, code } = body;
    let from = connection.client.address;
    auth.remove_totp(&caller.context, caller.user_id, current_password, code, from).await?;
    Ok(StatusCode::NO_CONTENT)
}
