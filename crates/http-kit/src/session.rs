//! The caller: the session cookie or the bearer token, and the gate that asks auth for its user.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};
use quick_cache::sync::Cache;
use sha2::{Digest, Sha256};
use stubmart_contract::{
    Actor, Code, Context, Role, SessionId, Timestamp, UserId, calls::Identity,
};
use stubmart_kernel::mutant;
use stubmart_ports::{calls::Auth, host::Host};

use crate::{context::Incoming, cookies, problem::Problem};

/// The session cookie's name.
pub const COOKIE: &str = "stubmart_session";

/// How many session cookies of one request are looked at.
const COOKIES_MAX: usize = 8;

/// How long auth's answer is kept: a session that ended is refused everywhere within this time.
const ANSWER_AGE_MAX: Duration = Duration::from_millis(900);

/// How many answers are kept.
const CACHE_SIZE: usize = 10_000;

/// Auth's answers by the token's hash, each with the time of the question.
type Answers = Cache<[u8; 32], (Timestamp, Option<Identity>)>;

/// Asks auth for a token's user, and keeps the answer for less than a second.
#[derive(Clone)]
pub struct SessionGate {
    auth: Arc<dyn Auth>,
    host: Host,
    answers: Arc<Answers>,
}

impl std::fmt::Debug for SessionGate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionGate").finish_non_exhaustive()
    }
}

impl SessionGate {
    /// A gate that asks `auth`.
    #[must_use]
    pub fn new(auth: Arc<dyn Auth>, host: Host) -> Self {
        Self { auth, host, answers: Arc::new(Cache::new(CACHE_SIZE)) }
    }

    /// The token's user and session, as they were less than a second ago; `None` where it opens nothing.
    ///
    /// # Errors
    /// `unavailable` when auth does not answer.
    pub async fn identity(
        &self,
        context: &Context,
        token: &str,
    ) -> Result<Option<Identity>, Problem> {
        let key: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let now = self.host.now();
        if let Some((asked_at, identity)) = self.answers.get(&key) {
            // A clock that jumped back must not keep an answer alive.
            let fresh = now >= asked_at && now.since(asked_at) < ANSWER_AGE_MAX;
            if fresh || mutant!("an ended session is remembered") {
                return Ok(identity);
            }
        }
        let identity = self.auth.introspect(context, token).await?;
        self.answers.insert(key, (now, identity.clone()));
        Ok(identity)
    }

    /// Forgets the answer about a token that this process has just ended.
    pub fn forget(&self, token: &str) {
        let key: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        self.answers.remove(&key);
    }

    /// Forgets every answer: this process has ended sessions whose tokens it does not know.
    pub fn forget_all(&self) {
        self.answers.clear();
    }
}

/// The tokens that a request carries: a bearer token, which no cookie stands in for when it is a bad
/// one, or else the session cookies, of which a stale one may come before the one that is alive.
pub fn tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let bearer = bearer(headers);
    let cookies = cookies::values(headers, COOKIE).take(COOKIES_MAX);
    bearer.into_iter().chain(cookies.filter(move |_| bearer.is_none()))
}

/// The bearer token (RFC 6750). An `Authorization` header of another scheme is meant for somebody
/// else, such as the gate of a proxy in front.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let values = headers.get_all(header::AUTHORIZATION).iter();
    values.filter_map(|value| value.to_str().ok()).find_map(|value| {
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    })
}

/// A signed-in caller. As an argument of a handler, it refuses everybody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The request's context, with the user as its actor.
    pub context: Context,
    /// The user.
    pub user_id: UserId,
    /// The user's role.
    pub role: Role,
    /// Whether the user may put tickets up for sale.
    pub may_sell: bool,
    /// Whether the account is trusted to create much.
    pub is_established: bool,
    /// The session or access token.
    pub session_id: SessionId,
    /// The token itself, for secrets that are derived from it.
    pub token: String,
}

/// The old name of [`Caller`].
pub use Caller as SignedIn;

/// A caller, signed in or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaybeSignedIn {
    /// The request's context. Its actor is the user, or the market where nobody is signed in.
    pub context: Context,
    /// The caller, if signed in.
    pub caller: Option<Caller>,
}

impl MaybeSignedIn {
    /// The user, if signed in.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.caller.as_ref().map(|it| it.user_id)
    }
}

impl<S> FromRequestParts<S> for MaybeSignedIn
where
    S: Send + Sync,
    SessionGate: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let incoming = Incoming::of(parts);
        let gate = SessionGate::from_ref(state);
        for token in tokens(&parts.headers) {
            let Some(identity) = gate.identity(&incoming.context, token).await? else { continue };
            let Identity { user_id, session_id, role, may_sell, is_established, read_only } =
                identity;
            if read_only && !parts.method.is_safe() {
                return Err(Problem::new(Code::InsufficientScope));
            }
            let context = incoming.identified(Actor::User { id: user_id, role });
            let token = token.to_owned();
            let caller = Caller {
                context: context.clone(),
                user_id,
                role,
                may_sell,
                is_established,
                session_id,
                token,
            };
            return Ok(Self { context, caller: Some(caller) });
        }
        Ok(Self { context: incoming.context, caller: None })
    }
}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    SessionGate: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let MaybeSignedIn { caller, .. } = MaybeSignedIn::from_request_parts(parts, state).await?;
        caller.ok_or_else(|| Problem::new(Code::NotSignedIn))
    }
}

/// A signed-in caller who may put tickets up for sale. As an argument of a handler, it refuses everybody
/// else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaySell(pub Caller);

impl<S> FromRequestParts<S> for MaySell
where
    S: Send + Sync,
    SessionGate: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let caller = Caller::from_request_parts(parts, state).await?;
        if !caller.may_sell {
            return Err(Problem::new(Code::EmailUnverified));
        }
        Ok(Self(caller))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    /// Neither a foreign cookie nor a stale one of ours nor a header that is meant for somebody else
    /// hides the session; a bearer token does, also a bad one.
    #[test]
    fn a_request_names_its_sessions() {
        type Pairs<'a> = &'a [(header::HeaderName, &'a str)];
        let (cookie, authorization) = (header::COOKIE, header::AUTHORIZATION);
        let ours = "stubmart_session=a";
        let table: &[(Pairs<'_>, &[&str])] = &[
            (&[], &[]),
            (&[(cookie.clone(), ours)], &["a"]),
            (&[(cookie.clone(), "city=S\u{e3}o Paulo; stubmart_session=a")], &["a"]),
            (&[(cookie.clone(), "stubmart_session=b; stubmart_session=a")], &["b", "a"]),
            (&[(authorization.clone(), "Basic dTpw"), (cookie.clone(), ours)], &["a"]),
            (&[(authorization.clone(), "\u{e4}"), (cookie.clone(), ours)], &["a"]),
            (&[(authorization.clone(), "Basic x"), (authorization.clone(), "Bearer t")], &["t"]),
            (&[(authorization.clone(), "bearer  t "), (cookie.clone(), ours)], &["t"]),
            (&[(authorization.clone(), "Bearer"), (cookie.clone(), ours)], &[""]),
            (&[(authorization, "Bearers t"), (cookie, ours)], &["a"]),
        ];
        for (pairs, expected) in table {
            let pair = |(name, value): &(header::HeaderName, &str)| {
                (name.clone(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
            };
            let mut headers = HeaderMap::new();
            headers.extend(pairs.iter().map(pair).map(|(name, value)| (Some(name), value)));
            assert_eq!(tokens(&headers).collect::<Vec<_>>(), *expected, "{pairs:?}");
        }
    }

    /// Nobody has auth look up thousands of tokens with one request.
    #[test]
    fn not_every_cookie_is_looked_at() {
        let mut headers = HeaderMap::new();
        let cookie = HeaderValue::try_from("stubmart_session=x; ".repeat(100)).unwrap();
        headers.insert(header::COOKIE, cookie);
        assert_eq!(tokens(&headers).count(), COOKIES_MAX);
    }
}
