//! What all use cases of the service stand on.

use std::{fmt, sync::Arc};

use stubmart_contract::{Context, DeliveryId, OrderId};
use stubmart_kernel::{
    Applied, ApplyError, Repository, RepositoryError, Versioned,
    aggregate::Collection,
    idempotency::{self, Idempotency},
    worker::Wake,
};
use stubmart_ports::{
    blobs::Blobs,
    calls::{Auth, Catalogue, Orders, Tickets},
    host::Host,
    keys::Keys,
    limits::RateLimits,
    reader::TicketReader,
    store::Store,
};

use crate::{
    claim::{CLAIMS, Claim},
    code_claim::{CODE_CLAIMS, CodeClaim},
    delivery::{Command, DELIVERIES, Delivery, Refusal},
    files::{FILES, Files},
};

/// The service's name.
pub const SERVICE: &str = "delivery";

/// All that the service keeps.
pub const COLLECTIONS: &[&Collection] = &[&DELIVERIES, &CLAIMS, &FILES, &CODE_CLAIMS, &IDEMPOTENCY];

static IDEMPOTENCY: Collection =
    Collection { name: "delivery.idempotency", indexes: idempotency::INDEXES };

/// What the service stands on.
#[derive(Clone)]
pub struct Deps {
    /// Its documents.
    pub store: Arc<dyn Store>,
    /// The machine.
    pub host: Host,
    /// Keeps the sealed pages of files.
    pub blobs: Arc<dyn Blobs>,
    /// Keeps the keys that they are sealed with.
    pub keys: Arc<dyn Keys>,
    /// Splits files and reads what is on them.
    pub reader: Arc<dyn TicketReader>,
    /// Counts what is limited.
    pub limits: Arc<dyn RateLimits>,
    /// Knows where a buyer is written to.
    pub auth: Arc<dyn Auth>,
    /// Knows which orders are completed.
    pub orders: Arc<dyn Orders>,
    /// Knows what was sold.
    pub tickets: Arc<dyn Tickets>,
    /// Knows when a show takes place.
    pub catalogue: Arc<dyn Catalogue>,
}

impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deps").finish_non_exhaustive()
    }
}

/// The delivery service. Clones are the same service.
#[derive(Clone)]
pub struct Deliveries(Arc<Inner>);

struct Inner {
    deliveries: Repository<Delivery>,
    claims: Repository<Claim>,
    files: Repository<Files>,
    code_claims: Repository<CodeClaim>,
    idempotency: Idempotency,
    host: Host,
    blobs: Arc<dyn Blobs>,
    keys: Arc<dyn Keys>,
    reader: Arc<dyn TicketReader>,
    limits: Arc<dyn RateLimits>,
    auth: Arc<dyn Auth>,
    orders: Arc<dyn Orders>,
    tickets: Arc<dyn Tickets>,
    catalogue: Arc<dyn Catalogue>,
    watch: Wake,
    watch_claims: Wake,
    watch_files: Wake,
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries").finish_non_exhaustive()
    }
}

impl Deliveries {
    /// The service on `deps`.
    #[must_use]
    pub fn new(deps: Deps) -> Self {
        let Deps { store, host, blobs, keys, reader, limits, auth, orders, tickets, catalogue } =
            deps;
        Self(Arc::new(Inner {
            deliveries: Repository::new(&DELIVERIES, Arc::clone(&store), host.clone()),
            claims: Repository::new(&CLAIMS, Arc::clone(&store), host.clone()),
            files: Repository::new(&FILES, Arc::clone(&store), host.clone()),
            code_claims: Repository::new(&CODE_CLAIMS, Arc::clone(&store), host.clone()),
            idempotency: Idempotency::new(&IDEMPOTENCY, store, host.clone()),
            host,
            blobs,
            keys,
            reader,
            limits,
            auth,
            orders,
            tickets,
            catalogue,
            watch: Wake::default(),
            watch_claims: Wake::default(),
            watch_files: Wake::default(),
        }))
    }

    pub(crate) fn deliveries(&self) -> &Repository<Delivery> {
        &self.0.deliveries
    }

    pub(crate) fn claims(&self) -> &Repository<Claim> {
        &self.0.claims
    }

    pub(crate) fn files(&self) -> &Repository<Files> {
        &self.0.files
    }

    pub(crate) fn code_claims(&self) -> &Repository<CodeClaim> {
        &self.0.code_claims
    }

    pub(crate) fn blobs(&self) -> &dyn Blobs {
        &*self.0.blobs
    }

    pub(crate) fn keys(&self) -> &dyn Keys {
        &*self.0.keys
    }

    pub(crate) fn reader(&self) -> &dyn TicketReader {
        &*self.0.reader
    }

    pub(crate) fn limits(&self) -> &dyn RateLimits {
        &*self.0.limits
    }

    pub(crate) fn idempotency(&self) -> &Idempotency {
        &self.0.idempotency
    }

    pub(crate) fn host(&self) -> &Host {
        &self.0.host
    }

    pub(crate) fn auth(&self) -> &dyn Auth {
        &*self.0.auth
    }

    pub(crate) fn orders(&self) -> &dyn Orders {
        &*self.0.orders
    }

    pub(crate) fn tickets(&self) -> &dyn Tickets {
        &*self.0.tickets
    }

    pub(crate) fn catalogue(&self) -> &dyn Catalogue {
        &*self.0.catalogue
    }

    /// Wakes what watches the deadlines.
    pub(crate) fn watch(&self) -> &Wake {
        &self.0.watch
    }

    /// Wakes what watches the sellers who are to answer.
    pub(crate) fn watch_claims(&self) -> &Wake {
        &self.0.watch_claims
    }

    /// Wakes what looks after files.
    pub(crate) fn watch_files(&self) -> &Wake {
        &self.0.watch_files
    }

    /// The delivery of an order, if it has begun.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub(crate) async fn of_order(
        &self,
        id: OrderId,
    ) -> Result<Option<Versioned<Delivery>>, RepositoryError> {
        self.deliveries().load(DeliveryId::of(id)).await
    }

    /// Applies a command. Its deadline may be another one then.
    ///
    /// # Errors
    /// As [`Repository::apply`].
    pub(crate) async fn apply(
        &self,
        context: &Context,
        id: OrderId,
        command: &Command,
    ) -> Result<Applied<Delivery>, ApplyError<Refusal>> {
        let applied = self.deliveries().apply(context, DeliveryId::of(id), command).await?;
        if applied.changed {
            self.watch().wake();
        }
        Ok(applied)
    }

    /// As [`Self::apply`], for a command that is as good as done when the delivery refuses it: nobody waits
    /// for an answer.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub(crate) async fn apply_if_possible(
        &self,
        context: &Context,
        id: OrderId,
        command: &Command,
    ) -> Result<(), RepositoryError> {
        match self.apply(context, id, command).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }
}
