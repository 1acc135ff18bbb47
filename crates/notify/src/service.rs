//! The service: its dependencies, its configuration, its outbox.

use std::{fmt, sync::Arc};

use stubmart_contract::Context;
use stubmart_kernel::{
    ApplyError, Repository, RepositoryError, aggregate::Collection, worker::Wake,
};
use stubmart_ports::{
    calls::{Auth, Catalogue},
    host::Host,
    mailer::Mailer,
    store::Store,
};

use crate::outbox::{Command, OUTBOX, Outgoing};

/// The service's name.
pub const SERVICE: &str = "notify";

/// Everything that the service stores.
pub const COLLECTIONS: &[&Collection] = &[&OUTBOX];

/// The service's dependencies.
#[derive(Clone)]
pub struct Deps {
    /// Keeps the documents.
    pub store: Arc<dyn Store>,
    /// The machine.
    pub host: Host,
    /// Knows where a user is written to.
    pub auth: Arc<dyn Auth>,
    /// Knows when a show begins.
    pub catalogue: Arc<dyn Catalogue>,
    /// Sends mail.
    pub mailer: Arc<dyn Mailer>,
}

impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deps").finish_non_exhaustive()
    }
}

/// The operator's choices.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where people reach the market, without a `/` at the end: what the links in mails begin with.
    pub public_url: String,
}

impl Default for Config {
    /// On this machine.
    fn default() -> Self {
        Self { public_url: "http://localhost:8080".to_owned() }
    }
}

/// The notify service. Clones are the same service.
#[derive(Clone)]
pub struct Notify {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) outbox: Repository<Outgoing>,
    pub(crate) host: Host,
    pub(crate) auth: Arc<dyn Auth>,
    pub(crate) catalogue: Arc<dyn Catalogue>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) config: Config,
    /// Woken when there may be something to send.
    pub(crate) wake: Wake,
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").finish_non_exhaustive()
    }
}

impl Notify {
    /// The service on `deps`.
    #[must_use]
    pub fn new(deps: Deps, config: Config) -> Self {
        let Deps { store, host, auth, catalogue, mailer } = deps;
        let outbox = Repository::new(&OUTBOX, store, host.clone());
        let wake = Wake::default();
        Self { inner: Arc::new(Inner { outbox, host, auth, catalogue, mailer, config, wake }) }
    }

    /// Applies a command to the outbox entry that it is about.
    ///
    /// # Errors
    /// [`RepositoryError`]: it may have been applied.
    pub(crate) async fn change(
        &self,
        context: &Context,
        id: uuid::Uuid,
        command: &Command,
    ) -> Result<(), RepositoryError> {
        match self.inner.outbox.apply(context, id, command).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }
}
