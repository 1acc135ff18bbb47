//! The service: its dependencies, its configuration, its outbox.

use std::{fmt, sync::Arc};

use stubmart_contract::Context;
use stubmart_kernel::{
    ApplyError, Repository, RepositoryError,
    aggregate::Collection,
    deleted_users::DeletedUsers,
    idempotency::{self, Idempotency},
    turns::Turns,
    worker::Wake,
};
use stubmart_ports::{
    calls::{Auth, Catalogue, Tickets},
    host::Host,
    mailer::Mailer,
    outbound::Outbound,
    store::Store,
};

use crate::{
    alert::{ALERTS, Alert},
    announcement::{ANNOUNCEMENTS, Announcement},
    delivery::{DELIVERIES, Delivery},
    feed::{ENTRIES, Entry, FEEDS, Feed},
    outbox::{Command, OUTBOX, Outgoing},
    webhook::{WEBHOOKS, Webhook},
};

/// The service's name.
pub const SERVICE: &str = "notify";

static IDEMPOTENCY: Collection =
    Collection { name: "notify.idempotency", indexes: idempotency::INDEXES };

static DEPARTED: Collection = Collection { name: "notify.departed", indexes: &[] };

/// Everything that the service stores.
pub const COLLECTIONS: &[&Collection] = &[
    &OUTBOX,
    &ALERTS,
    &ANNOUNCEMENTS,
    &WEBHOOKS,
    &DELIVERIES,
    &FEEDS,
    &ENTRIES,
    &IDEMPOTENCY,
    &DEPARTED,
];

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
    /// Knows what can be bought.
    pub tickets: Arc<dyn Tickets>,
    /// Sends mail.
    pub mailer: Arc<dyn Mailer>,
    /// Sends events to webhooks.
    pub outbound: Arc<dyn Outbound>,
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
    /// Whether a webhook may lead to any address, and in the clear: for tests on one machine.
    pub webhooks_to_any: bool,
}

impl Default for Config {
    /// On this machine.
    fn default() -> Self {
        Self { public_url: "http://localhost:8080".to_owned(), webhooks_to_any: false }
    }
}

/// The notify service. Clones are the same service.
#[derive(Clone)]
pub struct Notify {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) outbox: Repository<Outgoing>,
    pub(crate) alerts: Repository<Alert>,
    pub(crate) announcements: Repository<Announcement>,
    pub(crate) webhooks: Repository<Webhook>,
    pub(crate) deliveries: Repository<Delivery>,
    pub(crate) feeds: Repository<Feed>,
    pub(crate) entries: Repository<Entry>,
    pub(crate) departed: DeletedUsers,
    pub(crate) idempotency: Idempotency,
    /// One webhook or alert of a user is made at a time, so that the number of them is counted.
    pub(crate) turns: Turns,
    pub(crate) host: Host,
    pub(crate) auth: Arc<dyn Auth>,
    pub(crate) catalogue: Arc<dyn Catalogue>,
    pub(crate) tickets: Arc<dyn Tickets>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) outbound: Arc<dyn Outbound>,
    pub(crate) config: Config,
    /// Woken when there may be something to send.
    pub(crate) wake: Wake,
    /// Woken when there may be a ticket to announce.
    pub(crate) announcing: Wake,
    /// Woken when there may be something to deliver.
    pub(crate) sending: Wake,
    /// Woken when a webhook may need something.
    pub(crate) upkeep: Wake,
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
        let Deps { store, host, auth, catalogue, tickets, mailer, outbound } = deps;
        let inner = Inner {
            outbox: Repository::new(&OUTBOX, Arc::clone(&store), host.clone()),
            alerts: Repository::new(&ALERTS, Arc::clone(&store), host.clone()),
            announcements: Repository::new(&ANNOUNCEMENTS, Arc::clone(&store), host.clone()),
            webhooks: Repository::new(&WEBHOOKS, Arc::clone(&store), host.clone()),
            deliveries: Repository::new(&DELIVERIES, Arc::clone(&store), host.clone()),
            feeds: Repository::new(&FEEDS, Arc::clone(&store), host.clone()),
            entries: Repository::new(&ENTRIES, Arc::clone(&store), host.clone()),
            departed: DeletedUsers::new(&DEPARTED, Arc::clone(&store), host.clone()),
            idempotency: Idempotency::new(&IDEMPOTENCY, store, host.clone()),
            turns: Turns::default(),
            host,
            auth,
            catalogue,
            tickets,
            mailer,
            outbound,
            config,
            wake: Wake::default(),
            announcing: Wake::default(),
            sending: Wake::default(),
            upkeep: Wake::default(),
        };
        Self { inner: Arc::new(inner) }
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
