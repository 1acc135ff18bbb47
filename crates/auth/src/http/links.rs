//! The routes of mailed links: verifying an address, and setting a forgotten password.

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use stubmart_contract::api::{
    ConfirmPasswordResetRequest, PasswordResetRequest, User, VerifyEmailRequest,
};
use stubmart_http_kit::{Caller, Problem, RequestContext, Valid, etag, problems};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::state::{AppState, Connection};
use crate::{account::Account, service::Auth};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(verify_email))
        .routes(routes!(resend_verification))
        .routes(routes!(ask_password_reset))
        .routes(routes!(reset_password))
}

problems! {
    VerifyProblems: [TokenInvalid];
    ResendProblems: [NotSignedIn, TooManyRequests];
    AskResetProblems: [TooManyRequests];
    ResetProblems: [TokenInvalid, TooManyRequests];
}

/// Verifies the email address of an account by the token that was mailed there.
///
/// The token works once, for 24 hours. Nobody has to be signed in: who has it has read the mail.
#[utoipa::path(post, path = "/api/auth/verify-email", tag = "auth", request_body = VerifyEmailRequest, responses(
    (status = 200, description = "The account, its address verified", body = User, headers(("ETag" = String, description = "The account's version"))),
    VerifyProblems,
))]
async fn verify_email(
    State(state): State<AppState>,
    RequestContext(context): RequestContext,
    Valid { body, .. }: Valid<VerifyEmailRequest>,
) -> Result<Response, Problem> {
    let Account { version, user } = state.auth.verify_email(&context, &body.token).await?;
    // What the user may do has changed.
    state.gate.forget_all();
    Ok(([etag(version)], Json(user)).into_response())
}

/// Mails the caller another link that verifies the address, unless it is verified already.
#[utoipa::path(post, path = "/api/auth/verify-email/resend", tag = "auth", responses(
    (status = 202, description = "It is on its way"),
    ResendProblems,
))]
async fn resend_verification(
    State(auth): State<Auth>,
    caller: Caller,
) -> Result<StatusCode, Problem> {
    auth.resend_verification(&caller.context, caller.user_id).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Mails the owner of an account a link that sets a new password.
///
/// The answer to an address without an account is the same, and takes as long.
#[utoipa::path(post, path = "/api/auth/password-reset", tag = "auth", request_body = PasswordResetRequest, responses(
    (status = 202, description = "It is on its way, if there is such an account"),
    AskResetProblems,
))]
async fn ask_password_reset(
    State(auth): State<Auth>,
    RequestContext(context): RequestContext,
    connection: Connection,
    Valid { body, .. }: Valid<PasswordResetRequest>,
) -> Result<StatusCode, Problem> {
    auth.ask_password_reset(&context, &body.email, connection.client.address).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Nothing to say.
#[derive(Serialize, ToSchema)]
struct PasswordReset {}

/// Sets a new password by the token that was mailed to the account's address.
///
/// The token works once, for 30 minutes. Every session and access token of the account is dead at once;
/// sign in with the new password. The address counts as verified. The owner is told by mail.
#[utoipa::path(post, path = "/api/auth/password-reset/confirm", tag = "auth", request_body = ConfirmPasswordResetRequest, responses(
    (status = 200, description = "The password is set", body = PasswordReset),
    ResetProblems,
))]
async fn reset_password(
    State(state): State<AppState>,
    RequestContext(context): RequestContext,
    connection: Connection,
    Valid { body, .. }: Valid<ConfirmPasswordResetRequest>,
) -> Result<Json<PasswordReset>, Problem> {
    let from = connection.client.address;
    let result = state.auth.reset_password(&context, &body.token, body.password, from).await;
    // Also after a failure: its answer may have been lost.
    state.gate.forget_all();
    result?;
    Ok(Json(PasswordReset {}))
}
