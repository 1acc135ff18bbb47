//! The HTTP routes.

mod links;
mod outcomes;
mod state;
mod totp;

use std::sync::atomic::{AtomicBool, Ordering};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
    middleware::map_response,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use stubmart_contract::{
    Email, SessionId, UserId,
    api::{
        AccessToken, CreateTokenRequest, CurrentUser, DeleteUserRequest, IssuedAccessToken,
        LoginRequest, Page, Session, SignupRequest, UpdateUserRequest, User,
    },
};
use stubmart_http_kit::{
    Answer, Caller, IdempotencyKey, IfMatch, MaybeSignedIn, Paged, PathId, Problem, RequestContext,
    SessionGate, Valid, etag, layer::no_store, list::PageParams, once, problems, session::tokens,
};
use utoipa::{ToSchema, openapi::OpenApi};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::state::{AppState, Connection};
use crate::{
    account::Account,
    create_token::Maker,
    revoke::Revoked,
    service::Auth,
    session::Which,
    sign_up::{Receipt, SignUp},
    update_account::UpdateAccount,
};

impl Auth {
    /// The service's routes. `gate` asks whose token a request carries: this service, or another process
    /// of it.
    #[must_use]
    pub fn router(&self, gate: SessionGate) -> OpenApiRouter {
        routes().with_state(AppState { auth: self.clone(), gate })
    }

    /// What the routes are, for a document of them, and for a gateway that leads to them.
    #[must_use]
    pub fn api() -> OpenApi {
        routes().into_openapi()
    }
}

fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(sign_up))
        .routes(routes!(log_in))
        .routes(routes!(log_out))
        .routes(routes!(get_current_user, update_current_user, delete_current_user))
        .merge(links::router())
        .merge(totp::router())
        .routes(routes!(list_sessions))
        .routes(routes!(end_session))
        .routes(routes!(list_tokens, create_token))
        .routes(routes!(revoke_token))
        .layer(map_response(no_store))
}

fn email(text: &str) -> Result<Email, Problem> {
    text.parse().map_err(|error| Problem::invalid_field("email", format!("{error}")))
}

problems! {
    SignUpProblems: [EmailTaken, TooManyRequests, IdempotencyKeyInUse, IdempotencyKeyReused];
    LogInProblems: [
        BadCredentials, SecondFactorRequired "the password is right, and `code` is missing",
        TooManyRequests,
    ];
    UpdateProblems: [
        NotSignedIn, BadCredentials "the present password is another", EmailTaken, VersionMismatch,
        TooManyRequests,
    ];
    DeleteProblems: [
        NotSignedIn, BadCredentials "the present password is another",
        OpenSales "a ticket that the caller sold is not delivered, or its money is not settled",
        VersionMismatch, TooManyRequests,
    ];
    ListProblems: [NotSignedIn];
    EndProblems: [NotSignedIn, NotFound];
    CreateTokenProblems: [
        NotSignedIn, SessionRequired "the caller is an access token", IdempotencyKeyInUse,
        IdempotencyKeyReused,
    ];
}

/// Opens an account and signs in.
///
/// Sent again with the same `Idempotency-Key`, it opens no second account and another session.
#[utoipa::path(post, path = "/api/auth/signup", tag = "auth", request_body = SignupRequest, params(IdempotencyKey), responses(
    (status = 201, description = "Signed up and signed in", body = User,
        headers(("Set-Cookie" = String, description = "`stubmart_session`, the session's token"), ("ETag" = String, description = "The account's version"))),
    SignUpProblems,
))]
async fn sign_up(
    State(auth): State<Auth>,
    RequestContext(context): RequestContext,
    connection: Connection,
    key: IdempotencyKey,
    Valid { body, .. }: Valid<SignupRequest>,
) -> Result<Response, Problem> {
    let request = SignUp {
        email: email(&body.email)?,
        name: body.name.unwrap_or_default(),
        password: body.password,
    };
    auth.inner.passwords.count_signup(connection.client.address).await?;
    let fingerprint = request.fingerprint();
    let scope = key.scope("anonymous", "sign_up", &fingerprint);
    let is_new = AtomicBool::new(false);
    let (auth, context, request, is_new) = (&auth, &context, &request, &is_new);
    let connection = &connection;
    let work = |id| async move {
        let (receipt, created) =
            auth.sign_up(context, UserId(id), request, Some(&connection.client)).await?;
        is_new.store(created, Ordering::Relaxed);
        Answer::json(StatusCode::CREATED, &receipt)
    };
    let finish = |answer: Answer| async move {
        let receipt = Receipt::of(&answer)?;
        let (is_new, client) = (is_new.load(Ordering::Relaxed), &connection.client);
        let signed_in = auth.enter(context, receipt, request, is_new, client).await?;
        Ok(connection.signed_in(StatusCode::CREATED, signed_in))
    };
    once(&auth.inner.idempotency, context, scope, work, finish).await
}

/// Signs in.
///
/// The answer to a wrong password and to an unknown email is the same, and takes as long. An account with a
/// second factor wants `code` too: the app's, or a recovery code.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = LoginRequest, responses(
    (status = 200, description = "Signed in", body = User,
        headers(("Set-Cookie" = String, description = "`stubmart_session`, the session's token"), ("ETag" = String, description = "The account's version"))),
    LogInProblems,
))]
async fn log_in(
    State(auth): State<Auth>,
    RequestContext(context): RequestContext,
    connection: Connection,
    Valid { body, .. }: Valid<LoginRequest>,
) -> Result<Response, Problem> {
    let signed_in = auth.log_in(&context, body, &connection.client).await?;
    Ok(connection.signed_in(StatusCode::OK, signed_in))
}

/// Nothing to tell.
#[derive(Serialize, ToSchema)]
struct LoggedOut {}

/// Signs out: the session, or the access token, that the request carries is dead everywhere.
///
/// Without one, or with a dead one, there is nothing to do.
#[utoipa::path(post, path = "/api/auth/logout", tag = "auth", responses(
    (status = 200, description = "Signed out", body = LoggedOut,
        headers(("Set-Cookie" = String, description = "An empty `stubmart_session`"))),
))]
async fn log_out(
    State(state): State<AppState>,
    RequestContext(context): RequestContext,
    connection: Connection,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    for token in tokens(&headers) {
        state.auth.log_out(&context, token).await?;
        state.gate.forget(token);
    }
    Ok((connection.set_cookie(None), Json(LoggedOut {})).into_response())
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/auth/currentuser", tag = "auth", security((), ("session" = []), ("token" = [])), responses(
    (status = 200, description = "The caller's account; null when nobody is signed in", body = CurrentUser,
        headers(("ETag" = Option<String>, description = "The account's version, when somebody is signed in"))),
))]
async fn get_current_user(
    State(auth): State<Auth>,
    caller: MaybeSignedIn,
) -> Result<Response, Problem> {
    let account = match caller.user_id() {
        Some(id) => auth.account(&caller.context, id).await?,
        None => None,
    };
    Ok(match account {
        Some(Account { version, user }) => {
            ([etag(version)], Json(CurrentUser { current_user: Some(user) })).into_response()
        }
        None => Json(CurrentUser { current_user: None }).into_response(),
    })
}

/// Changes email, name or password.
///
/// A new password ends every other browser session at once. Access tokens stay: revoke them one by
/// one. The owner is told by mail, at the address before the change.
#[utoipa::path(patch, path = "/api/auth/currentuser", tag = "auth", params(IfMatch), request_body = UpdateUserRequest, responses(
    (status = 200, description = "The account after the change", body = User, headers(("ETag" = String, description = "The account's version"))),
    UpdateProblems,
))]
async fn update_current_user(
    State(state): State<AppState>,
    caller: Caller,
    connection: Connection,
    IfMatch(precondition): IfMatch,
    Valid { body, .. }: Valid<UpdateUserRequest>,
) -> Result<Response, Problem> {
    let ends_sessions = body.password.is_some();
    let request = UpdateAccount {
        user_id: caller.user_id,
        session_id: caller.session_id,
        precondition,
        current_password: body.current_password,
        email: body.email.as_deref().map(email).transpose()?,
        name: body.name,
        password: body.password,
    };
    let from = connection.client.address;
    let result = state.auth.update_account(&caller.context, request, from).await;
    if ends_sessions {
        // Also after a failure: its answer may have been lost.
        state.gate.forget_all();
    }
    let Account { version, user } = result?;
    Ok(([etag(version)], Json(user)).into_response())
}

/// Deletes the account.
///
/// Its sessions and access tokens are dead at once and its personal data is erased; its listings are
/// withdrawn and its open orders cancelled a moment later. The address can sign up again, as somebody
/// new. A seller's account stays until each sale is settled: the ticket is delivered, and its money is paid to
/// the seller or given back (`GET /api/sales`).
#[utoipa::path(delete, path = "/api/auth/currentuser", tag = "auth", params(IfMatch), request_body = DeleteUserRequest, responses(
    (status = 204, description = "Deleted",
        headers(("Set-Cookie" = String, description = "An empty `stubmart_session`"))),
    DeleteProblems,
))]
async fn delete_current_user(
    State(state): State<AppState>,
    caller: Caller,
    connection: Connection,
    IfMatch(precondition): IfMatch,
    Valid { body, .. }: Valid<DeleteUserRequest>,
) -> Result<Response, Problem> {
    let (password, from) = (body.current_password, connection.client.address);
    let context = &caller.context;
    let result =
        state.auth.delete_account(context, caller.user_id, &precondition, password, from).await;
    state.gate.forget_all();
    result?;
    Ok((StatusCode::NO_CONTENT, connection.set_cookie(None), ()).into_response())
}

/// Where the caller is signed in: browser sessions, newest first.
#[utoipa::path(get, path = "/api/auth/sessions", tag = "auth", params(PageParams), responses(
    (status = 200, description = "A page of the caller's sessions", body = Page<Session>),
    ListProblems,
))]
async fn list_sessions(
    State(auth): State<Auth>,
    caller: Caller,
    Paged { page, list, .. }: Paged,
) -> Result<Json<Page<Session>>, Problem> {
    let (user_id, current) = (caller.user_id, caller.session_id);
    let sessions = auth.sessions(&caller.context, user_id, current, &page).await?;
    Ok(Json(list.answer(sessions, |session| session)))
}

/// Ends one of the caller's sessions.
#[utoipa::path(delete, path = "/api/auth/sessions/{id}", tag = "auth", params(("id" = SessionId, Path)), responses(
    (status = 204, description = "Ended"),
    EndProblems,
))]
async fn end_session(
    State(state): State<AppState>,
    caller: Caller,
    PathId(id): PathId<SessionId>,
) -> Result<StatusCode, Problem> {
    state.revoke(&caller, id, Which::Browsers).await
}

/// The caller's access tokens, newest first, without their secrets.
#[utoipa::path(get, path = "/api/auth/tokens", tag = "auth", params(PageParams), responses(
    (status = 200, description = "A page of the caller's access tokens", body = Page<AccessToken>),
    ListProblems,
))]
async fn list_tokens(
    State(auth): State<Auth>,
    caller: Caller,
    Paged { page, list, .. }: Paged,
) -> Result<Json<Page<AccessToken>>, Problem> {
    let tokens = auth.tokens(&caller.context, caller.user_id, &page).await?;
    Ok(Json(list.answer(tokens, |token| token)))
}

/// Makes an access token for a script.
///
/// The secret is in this answer and in no other. The token may do what its owner may, until it is
/// revoked, reaches its end (`expiresAt`) or the account is deleted, but for one thing: it makes no further
/// tokens. With `scope` `read` it may only look. The owner is told by mail.
#[utoipa::path(post, path = "/api/auth/tokens", tag = "auth", request_body = CreateTokenRequest, params(IdempotencyKey), responses(
    (status = 201, description = "Made", body = IssuedAccessToken),
    CreateTokenProblems,
))]
async fn create_token(
    State(auth): State<Auth>,
    caller: Caller,
    key: IdempotencyKey,
    Valid { body, .. }: Valid<CreateTokenRequest>,
) -> Result<Response, Problem> {
    let maker = Maker { user_id: caller.user_id, session_token: &caller.token };
    auth.check_maker(&caller.context, maker).await?;
    if body.expires_at.is_some_and(|end| end <= auth.inner.host.now()) {
        return Err(Problem::invalid_field("expiresAt", "must be in the future".to_owned()));
    }
    let random = || URL_SAFE_NO_PAD.encode(auth.inner.host.ids.secret());
    let nonce = key.0.clone().unwrap_or_else(random);
    let session = caller.session_id.to_string();
    let CreateTokenRequest { name, expires_at, scope } = &body;
    let asked = serde_json::json!([name, expires_at, scope]).to_string();
    let once_in = key.scope(&session, "create_token", &asked);
    let (auth, context, body) = (&auth, &caller.context, &body);
    let secret =
        |id| maker.secret(id, &nonce).map_err(|error| Problem::internal(error.to_string()));
    let secret = &secret;
    let work = |id| async move {
        let made = auth.create_token(context, maker, id, body, &secret(id)?).await?;
        Answer::json(StatusCode::CREATED, &made)
    };
    let finish = |answer: Answer| async move {
        let Receipt { id, created_at } = Receipt::of(&answer)?;
        let token = IssuedAccessToken {
            id: SessionId(id),
            name: body.name.clone(),
            created_at,
            last_seen_at: created_at,
            expires_at: body.expires_at,
            scope: body.scope.unwrap_or_default(),
            token: secret(id)?,
        };
        Ok((StatusCode::CREATED, Json(token)).into_response())
    };
    once(&auth.inner.idempotency, context, once_in, work, finish).await
}

/// Revokes one of the caller's access tokens.
#[utoipa::path(delete, path = "/api/auth/tokens/{id}", tag = "auth", params(("id" = SessionId, Path)), responses(
    (status = 204, description = "Revoked"),
    EndProblems,
))]
async fn revoke_token(
    State(state): State<AppState>,
    caller: Caller,
    PathId(id): PathId<SessionId>,
) -> Result<StatusCode, Problem> {
    state.revoke(&caller, id, Which::Tokens).await
}

impl AppState {
    async fn revoke(
        &self,
        caller: &Caller,
        id: SessionId,
        which: Which,
    ) -> Result<StatusCode, Problem> {
        match self.auth.revoke(&caller.context, caller.user_id, id, which).await? {
            Revoked::Ended => {
                self.gate.forget_all();
                Ok(StatusCode::NO_CONTENT)
            }
            Revoked::NotFound => Err(Problem::not_found()),
        }
    }
}

impl Receipt {
    /// The receipt in an answer that was kept.
    fn of(answer: &Answer) -> Result<Self, Problem> {
        serde_json::from_str(answer.body().get()).map_err(Problem::internal)
    }
}
