//! The service: its dependencies, its configuration, its repositories.

use std::{fmt, sync::Arc, time::Duration};

use stubmart_contract::{Context, SessionId, UserId};
use stubmart_kernel::{
    Applied, ApplyError, Precondition, Repository, RepositoryError, Versioned,
    aggregate::Collection,
    idempotency::{self, Idempotency},
    worker::Wake,
};
use stubmart_ports::{
    calls::Payments,
    host::{Host, PasswordHasher},
    limits::RateLimits,
    mailer::Mailer,
    store::Store,
};

use crate::{
    passwords::Passwords,
    session::{self, Gone, SESSIONS, Session},
    user::{self, Refusal, USERS, User},
};

/// The service's name.
pub const SERVICE: &str = "auth";

/// The answers of requests with an `Idempotency-Key`.
pub static IDEMPOTENCY: Collection =
    Collection { name: "auth.idempotency", indexes: idempotency::INDEXES };

/// Everything that the service stores.
pub const COLLECTIONS: &[&Collection] = &[&USERS, &SESSIONS, &IDEMPOTENCY];

/// The service's dependencies.
#[derive(Clone)]
pub struct Deps {
    /// Keeps the documents.
    pub store: Arc<dyn Store>,
    /// The machine.
    pub host: Host,
    /// Hashes passwords.
    pub passwords: Arc<dyn PasswordHasher>,
    /// Counts password checks, wrong ones, signups and mails.
    pub limits: Arc<dyn RateLimits>,
    /// Sends security notices.
    pub mailer: Arc<dyn Mailer>,
    /// Knows what is open of a user's sales.
    pub payments: Arc<dyn Payments>,
}

impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deps").finish_non_exhaustive()
    }
}

/// The operator's choices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How long a browser stays signed in from its last use on.
    pub session_life: Duration,
    /// Where people reach the market, without a `/` at the end: what the links in mails begin with.
    pub public_url: String,
    /// Whether a user sells nothing before the address is verified.
    pub sellers_verify: bool,
    /// How long an account counts as new, unless its address is verified.
    pub new_account_age: Duration,
    /// How many accounts one network may open in a day.
    pub signups_a_day: u32,
}

impl Default for Config {
    /// 30 days, on this machine, and anybody sells.
    fn default() -> Self {
        Self {
            session_life: Duration::from_secs(30 * 24 * 3600),
            public_url: "http://localhost:8080".to_owned(),
            sellers_verify: false,
            new_account_age: Duration::from_secs(7 * 24 * 3600),
            signups_a_day: 100,
        }
    }
}

/// The auth service. Clones are the same service.
#[derive(Clone)]
pub struct Auth {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) users: Repository<User>,
    pub(crate) sessions: Repository<Session>,
    pub(crate) idempotency: Idempotency,
    pub(crate) host: Host,
    pub(crate) passwords: Passwords,
    pub(crate) limits: Arc<dyn RateLimits>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) payments: Arc<dyn Payments>,
    /// Woken when a notice was saved.
    pub(crate) notices: Wake,
    pub(crate) config: Config,
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
        let Deps { store, host, passwords, limits, mailer, payments } = deps;
        let inner = Inner {
            users: Repository::new(&USERS, Arc::clone(&store), host.clone()),
            sessions: Repository::new(&SESSIONS, Arc::clone(&store), host.clone()),
            idempotency: Idempotency::new(&IDEMPOTENCY, store, host.clone()),
            host,
            passwords: Passwords::new(passwords, Arc::clone(&limits), config.signups_a_day),
            limits,
            mailer,
            payments,
            notices: Wake::default(),
            config,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Applies a command to a user.
    pub(crate) async fn change_user(
        &self,
        context: &Context,
        id: UserId,
        command: &user::Command,
    ) -> Result<Applied<User>, ApplyError<Refusal>> {
        let applied = self.inner.users.apply(context, id, command).await?;
        self.inner.notices.wake();
        Ok(applied)
    }

    /// Applies a command to a user that was loaded a moment ago, if `precondition` holds.
    pub(crate) async fn change_known_user(
        &self,
        context: &Context,
        known: Versioned<User>,
        precondition: &Precondition,
        command: &user::Command,
    ) -> Result<Applied<User>, ApplyError<Refusal>> {
        let applied = self.inner.users.apply_to(context, known, precondition, command).await?;
        self.inner.notices.wake();
        Ok(applied)
    }

    /// Applies a command to a session; `None` where there is no such session.
    pub(crate) async fn change_session(
        &self,
        context: &Context,
        id: SessionId,
        command: &session::Command,
    ) -> Result<Option<Applied<Session>>, RepositoryError> {
        match self.inner.sessions.apply(context, id, command).await {
            Ok(applied) => Ok(Some(applied)),
            Err(ApplyError::Refused { refusal: Gone, .. } | ApplyError::Stale { .. }) => Ok(None),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }

    /// Ends a session; one that has ended stays so.
    ///
    /// # Errors
    /// [`RepositoryError`]: it may have ended.
    pub(crate) async fn end_session(
        &self,
        context: &Context,
        id: SessionId,
    ) -> Result<(), RepositoryError> {
        let end = session::Command::End { life: self.inner.config.session_life };
        self.change_session(context, id, &end).await.map(drop)
    }
}
