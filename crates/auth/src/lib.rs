//! Users, sessions and access tokens.
//!
//! Auth is the only service that knows passwords, tokens and personal data. It tells the others whose
//! token a request carries ([`stubmart_ports::calls::Introspect`]) and, by `USER_*` events that hold
//! nothing but an id, that an account came or went.
//!
//! Whether a session is alive is read off two documents, the session and its user: so one conditional
//! save of the user (a new password, the deletion of the account) ends any number of sessions at once.

use std::{fmt, sync::Arc, time::Duration};

use stubmart_http_kit::{Idempotency, SessionGate, idempotency};
use stubmart_kernel::{
    consumer::Handler,
    repo::Repo,
    worker::{Wake, Worker},
};
use stubmart_ports::{
    host::{Host, PasswordHasher},
    limits::RateLimits,
    mailer::Mailer,
    store::{Collection, Store},
};
use utoipa_axum::router::OpenApiRouter;

mod account;
mod delete;
mod email;
mod http;
mod inbound;
mod introspect;
mod login;
mod logout;
mod notice;
mod passwords;
mod session;
mod sessions;
mod signup;
mod tokens;
mod user;

pub use session::SESSIONS;
pub use user::USERS;

use crate::{passwords::Turns, session::Session, user::User};

/// The service's name.
pub const SERVICE: &str = "auth";

/// The answers of requests with an `Idempotency-Key`.
pub static IDEMPOTENCY: Collection =
    Collection { name: "auth.idempotency", indexes: idempotency::INDEXES };

/// Everything the service stores.
pub const COLLECTIONS: &[&Collection] = &[&USERS, &SESSIONS, &IDEMPOTENCY];

/// What the service stands on.
#[derive(Clone)]
pub struct Deps {
    /// Keeps the documents.
    pub store: Arc<dyn Store>,
    /// The machine.
    pub host: Host,
    /// Woken when events were saved.
    pub outbox: Wake,
    /// Hashes passwords.
    pub passwords: Arc<dyn PasswordHasher>,
    /// Counts password checks, wrong ones, signups and mails.
    pub limits: Arc<dyn RateLimits>,
    /// Sends security notices.
    pub mailer: Arc<dyn Mailer>,
}

impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deps").finish_non_exhaustive()
    }
}

/// What an operator decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How long a browser stays signed in from its last use on.
    pub session_life: Duration,
    /// Whether every session cookie is `Secure`, so that browsers send it over HTTPS only.
    pub secure_cookies: bool,
    /// Whether a proxy in front sets `X-Forwarded-Proto`; `https` there makes the cookie `Secure`.
    pub trust_proxy: bool,
}

impl Default for Config {
    /// 30 days, and cookies as a server without HTTPS and without a proxy needs them.
    fn default() -> Self {
        Self {
            session_life: Duration::from_secs(30 * 24 * 3600),
            secure_cookies: false,
            trust_proxy: false,
        }
    }
}

/// The auth service. Clones are the same service.
#[derive(Clone)]
pub struct Auth {
    inner: Arc<Inner>,
}

struct Inner {
    users: Repo<User>,
    sessions: Repo<Session>,
    idempotency: Idempotency<Records>,
    host: Host,
    passwords: Arc<dyn PasswordHasher>,
    limits: Arc<dyn RateLimits>,
    mailer: Arc<dyn Mailer>,
    /// Woken when a notice was saved.
    notices: Wake,
    turns: Turns,
    config: Config,
}

/// Where idempotency records are kept.
struct Records;

impl idempotency::Keeper for Records {
    const COLLECTION: &'static Collection = &IDEMPOTENCY;
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").finish_non_exhaustive()
    }
}

impl Auth {
    /// The service on `deps`.
    #[must_use]
    pub fn new(deps: Deps, config: Config) -> Self {
        let Deps { store, host, outbox, passwords, limits, mailer } = deps;
        let inner = Inner {
            users: Repo::new(Arc::clone(&store), host.clone(), outbox.clone()),
            sessions: Repo::new(Arc::clone(&store), host.clone(), outbox),
            idempotency: Idempotency::new(store, host.clone()),
            host,
            passwords,
            limits,
            mailer,
            notices: Wake::default(),
            turns: Turns::default(),
            config,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Its routes. `gate` tells whose token a request carries; it asks this service or another
    /// process of it.
    #[must_use]
    pub fn router(&self, gate: SessionGate) -> OpenApiRouter {
        http::router(self.clone(), gate)
    }

    /// Its consumers of domain events.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        vec![Arc::new(inbound::EndedSessions(self.clone()))]
    }

    /// Its background work.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        vec![
            Arc::new(notice::Notices(self.clone())),
            Arc::new(sessions::ExpiredSessions(self.clone())),
            Arc::new(self.inner.idempotency.purge()),
        ]
    }
}
