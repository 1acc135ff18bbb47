//! The HTTP routes.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::{
    Json,
    extract::{FromRef, FromRequestParts, Path, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    middleware::map_response,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::Value;
use stubmart_contract::{
    SessionId, UserId,
    api::{
        AccessToken, CreateTokenRequest, CurrentUser, DeleteUserRequest, LoginRequest,
        NewAccessToken, Page, ProblemBody, Session, SignupRequest, UpdateUserRequest, User,
    },
};
use stubmart_http_kit::{
    Answer, IdempotencyKey, IfMatch, JsonBody, MaybeSignedIn, PageRequest, Problem, QueryFields,
    SessionGate, SignedIn,
    conditional::etag,
    fields::{Invalid, path_id, verbatim},
    idempotency::Scope,
    layer::{ClientAddr, no_store},
    session::{COOKIE, token},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Auth, Config,
    account::UpdateRequest,
    delete,
    login::{Client, Entered, Login},
    session::Which,
    signup::{Receipt, SignUp},
    tokens,
    user::AccountView,
};

/// How long a browser keeps the cookie, in seconds: 400 days, the longest that browsers grant. When
/// the session in it ends is up to the server, which counts from the last use.
const COOKIE_AGE: u32 = 400 * 24 * 3600;

/// How much of a `User-Agent` is kept, in characters.
const USER_AGENT_MAX: usize = 256;

#[derive(Clone)]
struct Rooms {
    auth: Auth,
    gate: SessionGate,
}

impl FromRef<Rooms> for SessionGate {
    fn from_ref(rooms: &Rooms) -> Self {
        rooms.gate.clone()
    }
}

impl FromRef<Rooms> for Auth {
    fn from_ref(rooms: &Rooms) -> Self {
        rooms.auth.clone()
    }
}

pub(crate) fn router(auth: Auth, gate: SessionGate) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(sign_up))
        .routes(routes!(log_in))
        .routes(routes!(log_out))
        .routes(routes!(get_current_user, update_current_user, delete_current_user))
        .routes(routes!(list_sessions))
        .routes(routes!(end_session))
        .routes(routes!(list_tokens, create_token))
        .routes(routes!(revoke_token))
        .layer(map_response(no_store))
        .with_state(Rooms { auth, gate })
}

/// Which page is asked for, where nothing else can be.
fn page(QueryFields(mut fields): QueryFields) -> Result<PageRequest, Problem> {
    let page = PageRequest::read(&mut fields);
    fields.finish(Some(page))
}

/// Any text, as it is.
pub(crate) fn any_text(value: Value) -> Result<String, Invalid> {
    verbatim(0, usize::MAX)(value)
}

impl FromRequestParts<Rooms> for Client {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, rooms: &Rooms) -> Result<Self, Self::Rejection> {
        let user_agent =
            parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Ok(Self {
            address: parts.extensions.get::<ClientAddr>().map(|address| address.0),
            user_agent: user_agent.unwrap_or_default().chars().take(USER_AGENT_MAX).collect(),
            https: came_over_https(&parts.headers, &rooms.auth.inner.config),
        })
    }
}

/// Whether the client came over HTTPS, as far as is known.
fn came_over_https(headers: &HeaderMap, config: &Config) -> bool {
    let proto = headers.get("x-forwarded-proto").and_then(|value| value.to_str().ok());
    // Of several proxies, the one nearest to the client is named first.
    let first = proto.and_then(|value| value.split(',').next()).map(str::trim);
    config.trust_proxy && first.is_some_and(|proto| proto.eq_ignore_ascii_case("https"))
}

/// The header that has the browser keep `token`, or drop the one it has.
fn set_cookie(
    token: Option<&str>,
    https: bool,
    config: &Config,
) -> [(header::HeaderName, String); 1] {
    let (value, age) = token.map_or(("", 0), |token| (token, COOKIE_AGE));
    let secure = if https || config.secure_cookies { "; Secure" } else { "" };
    let cookie = format!("{COOKIE}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
    [(header::SET_COOKIE, cookie)]
}

impl Auth {
    /// The response to somebody who is signed in from now on.
    fn entered(&self, status: StatusCode, entered: Entered, client: &Client) -> Response {
        let cookie = set_cookie(Some(&entered.token), client.https, &self.inner.config);
        let AccountView { version, user } = entered.user;
        (status, cookie, [etag(version)], Json(user)).into_response()
    }

    /// The header that has the browser drop its cookie.
    fn cleared(&self, client: &Client) -> [(header::HeaderName, String); 1] {
        set_cookie(None, client.https, &self.inner.config)
    }
}

/// Opens an account and signs in.
///
/// Sent again with the same `Idempotency-Key`, it opens no second account and another session.
#[utoipa::path(post, path = "/api/auth/signup", tag = "auth", request_body = SignupRequest, params(
    ("Idempotency-Key" = Option<String>, Header, description = "The request's own key: sent again, it is done once", min_length = 1, max_length = 255),
), responses(
    (status = 201, description = "Signed up and signed in", body = User,
        headers(("Set-Cookie" = String, description = "`stubmart_session`, the session's token"), ("ETag" = String, description = "The account's version"))),
    (status = 400, description = "`validation_failed`, `malformed_json`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "`email_taken`, `idempotency_key_in_use`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "`idempotency_key_reused`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "`too_many_requests`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn sign_up(
    State(auth): State<Auth>,
    client: Client,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let request = SignUp::read(body.fields()?)?;
    auth.count_signup(client.address).await?;
    let fingerprint = request.fingerprint();
    let scope = Scope { caller: "anonymous", operation: "sign_up", request: &fingerprint };
    let (is_new, auth, client) = (AtomicBool::new(false), &auth, &client);
    let (is_new, request) = (&is_new, &request);
    let work = |id| async move {
        let (receipt, created) = auth.sign_up(UserId(id), request).await?;
        is_new.store(created, Ordering::Relaxed);
        Answer::json(StatusCode::CREATED, &receipt)
    };
    let finish = |answer: Answer| async move {
        let receipt = Receipt::of(&answer)?;
        let entered = auth.enter(receipt, request, is_new.load(Ordering::Relaxed), client).await?;
        Ok(auth.entered(StatusCode::CREATED, entered, client))
    };
    auth.inner.idempotency.once_then(key, scope, work, finish).await
}

/// Signs in.
///
/// The answer to a wrong password and to an unknown email is the same, and takes as long.
#[utoipa::path(post, path = "/api/auth/login", tag = "auth", request_body = LoginRequest, responses(
    (status = 200, description = "Signed in", body = User,
        headers(("Set-Cookie" = String, description = "`stubmart_session`, the session's token"), ("ETag" = String, description = "The account's version"))),
    (status = 400, description = "`validation_failed`, `malformed_json`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 401, description = "`bad_credentials`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "`too_many_requests`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn log_in(
    State(auth): State<Auth>,
    client: Client,
    body: JsonBody,
) -> Result<Response, Problem> {
    let login = Login::read(body.fields()?)?;
    let entered = auth.log_in(login, &client).await?;
    Ok(auth.entered(StatusCode::OK, entered, &client))
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
    State(rooms): State<Rooms>,
    client: Client,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if let Some(token) = token(&headers) {
        rooms.auth.log_out(token).await?;
        rooms.gate.forget(token);
    }
    Ok((rooms.auth.cleared(&client), Json(LoggedOut {})).into_response())
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
        Some(id) => auth.account(id).await?,
        None => None,
    };
    Ok(match account {
        Some(AccountView { version, user }) => {
            ([etag(version)], Json(CurrentUser { current_user: Some(user) })).into_response()
        }
        None => Json(CurrentUser { current_user: None }).into_response(),
    })
}

/// Changes email, name or password.
///
/// A new password ends every other browser session at once. Access tokens stay: revoke them one by
/// one. The owner is told by mail, at the address before the change.
#[utoipa::path(patch, path = "/api/auth/currentuser", tag = "auth", params(
    ("If-Match" = Option<String>, Header, description = "The ETag of the version that is meant, or `*`", pattern = "^(\\*|\"[0-9]+\")$"),
), request_body = UpdateUserRequest, responses(
    (status = 200, description = "The account after the change", body = User, headers(("ETag" = String, description = "The account's version"))),
    (status = 400, description = "`validation_failed`, `malformed_json`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 401, description = "`not_signed_in`; `bad_credentials`: the present password is another", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "`email_taken`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 412, description = "`version_mismatch`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "`too_many_requests`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn update_current_user(
    State(rooms): State<Rooms>,
    caller: SignedIn,
    client: Client,
    if_match: IfMatch,
    body: JsonBody,
) -> Result<Response, Problem> {
    let request = UpdateRequest::read(body.fields()?)?;
    let ends_sessions = request.sets_password();
    let result = rooms.auth.update_account(&caller, client.address, request, if_match).await;
    if ends_sessions {
        // Also after a failure: its answer may have been lost.
        rooms.gate.forget_all();
    }
    let AccountView { version, user } = result?;
    Ok(([etag(version)], Json(user)).into_response())
}

/// Deletes the account.
///
/// Its sessions and access tokens are dead at once and its personal data is erased; its listings are
/// withdrawn and its open orders cancelled a moment later. The address can sign up again, as somebody
/// new.
#[utoipa::path(delete, path = "/api/auth/currentuser", tag = "auth", params(
    ("If-Match" = Option<String>, Header, description = "The ETag of the version that is meant, or `*`", pattern = "^(\\*|\"[0-9]+\")$"),
), request_body = DeleteUserRequest, responses(
    (status = 204, description = "Deleted",
        headers(("Set-Cookie" = String, description = "An empty `stubmart_session`"))),
    (status = 400, description = "`validation_failed`, `malformed_json`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 401, description = "`not_signed_in`; `bad_credentials`: the present password is another", body = ProblemBody, content_type = "application/problem+json"),
    (status = 429, description = "`too_many_requests`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 412, description = "`version_mismatch`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn delete_current_user(
    State(rooms): State<Rooms>,
    caller: SignedIn,
    client: Client,
    if_match: IfMatch,
    body: JsonBody,
) -> Result<Response, Problem> {
    let current_password = delete::read(body.fields()?)?;
    let result =
        rooms.auth.delete_account(&caller, client.address, current_password, if_match).await;
    rooms.gate.forget_all();
    result?;
    Ok((StatusCode::NO_CONTENT, rooms.auth.cleared(&client)).into_response())
}

/// Where the caller is signed in: browser sessions, newest first.
#[utoipa::path(get, path = "/api/auth/sessions", tag = "auth", params(
    ("limit" = Option<u32>, Query, description = "At most so many items; 50 when left out", minimum = 1, maximum = 200),
    ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
), responses(
    (status = 200, description = "A page of the caller's sessions", body = Page<Session>),
    (status = 400, description = "`validation_failed`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_sessions(
    State(auth): State<Auth>,
    caller: SignedIn,
    query: QueryFields,
) -> Result<Json<Page<Session>>, Problem> {
    Ok(Json(auth.sessions(&caller, &page(query)?).await?))
}

/// Ends one of the caller's sessions.
#[utoipa::path(delete, path = "/api/auth/sessions/{id}", tag = "auth", params(("id" = SessionId, Path)), responses(
    (status = 204, description = "Ended"),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn end_session(
    State(rooms): State<Rooms>,
    caller: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    rooms.revoke(&caller, &id, Which::Browsers).await
}

/// The caller's access tokens, newest first, without their secrets.
#[utoipa::path(get, path = "/api/auth/tokens", tag = "auth", params(
    ("limit" = Option<u32>, Query, description = "At most so many items; 50 when left out", minimum = 1, maximum = 200),
    ("cursor" = Option<String>, Query, description = "The nextCursor of the page before"),
), responses(
    (status = 200, description = "A page of the caller's access tokens", body = Page<AccessToken>),
    (status = 400, description = "`validation_failed`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn list_tokens(
    State(auth): State<Auth>,
    caller: SignedIn,
    query: QueryFields,
) -> Result<Json<Page<AccessToken>>, Problem> {
    Ok(Json(auth.tokens(&caller, &page(query)?).await?))
}

/// Makes an access token for a script.
///
/// The secret is in this answer and in no other. The token may do what its owner may, until it is
/// revoked or the account is deleted, but for one thing: it makes no further tokens. The owner is told
/// by mail.
#[utoipa::path(post, path = "/api/auth/tokens", tag = "auth", request_body = CreateTokenRequest, params(
    ("Idempotency-Key" = Option<String>, Header, description = "The request's own key: sent again by the same session, it is done once and shows the same secret", min_length = 1, max_length = 255),
), responses(
    (status = 201, description = "Made", body = NewAccessToken),
    (status = 400, description = "`validation_failed`, `malformed_json`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 403, description = "`session_required`: the caller is an access token", body = ProblemBody, content_type = "application/problem+json"),
    (status = 409, description = "`idempotency_key_in_use`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 422, description = "`idempotency_key_reused`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn create_token(
    State(auth): State<Auth>,
    caller: SignedIn,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let name = tokens::read(body.fields()?)?;
    auth.may_make_tokens(&caller).await?;
    let random = || URL_SAFE_NO_PAD.encode(auth.inner.host.ids.secret());
    let nonce = key.0.clone().unwrap_or_else(random);
    let session = caller.session_id.to_string();
    let scope = Scope { caller: &session, operation: "create_token", request: &name };
    let (auth, caller, name, nonce) = (&auth, &caller, &name, &nonce);
    let work = |id| async move {
        let secret = tokens::secret(caller, id, nonce)?;
        Answer::json(StatusCode::CREATED, &auth.create_token(caller, id, name, &secret).await?)
    };
    let finish = |answer: Answer| async move {
        let Receipt { id, created_at } = Receipt::of(&answer)?;
        let token = NewAccessToken {
            id: SessionId(id),
            name: name.clone(),
            created_at,
            last_seen_at: created_at,
            token: tokens::secret(caller, id, nonce)?,
        };
        Ok((StatusCode::CREATED, Json(token)).into_response())
    };
    auth.inner.idempotency.once_then(key, scope, work, finish).await
}

/// Revokes one of the caller's access tokens.
#[utoipa::path(delete, path = "/api/auth/tokens/{id}", tag = "auth", params(("id" = SessionId, Path)), responses(
    (status = 204, description = "Revoked"),
    (status = 401, description = "`not_signed_in`", body = ProblemBody, content_type = "application/problem+json"),
    (status = 404, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json"),
))]
async fn revoke_token(
    State(rooms): State<Rooms>,
    caller: SignedIn,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    rooms.revoke(&caller, &id, Which::Tokens).await
}

impl Rooms {
    async fn revoke(
        &self,
        caller: &SignedIn,
        id: &str,
        which: Which,
    ) -> Result<StatusCode, Problem> {
        let id: SessionId = path_id(id)?;
        self.auth.revoke(caller, id, which).await?;
        self.gate.forget_all();
        Ok(StatusCode::NO_CONTENT)
    }
}

impl Receipt {
    /// The receipt in an answer that was kept.
    fn of(answer: &Answer) -> Result<Self, Problem> {
        serde_json::from_str(answer.body().get()).map_err(Problem::internal)
    }
}
