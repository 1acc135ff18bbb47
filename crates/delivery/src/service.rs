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
    calls::{Auth, Catalogue, Orders, Tickets},
    host::Host,
    store::Store,
};

use crate::{
    claim::{CLAIMS, Claim},
    delivery::{Command, DELIVERIES, Delivery, Refusal},
};

/// The service's name.
pub const SERVICE: &str = "delivery";

/// All that the service keeps.
pub const COLLECTIONS: &[&Collection] = &[&DELIVERIES, &CLAIMS, &IDEMPOTENCY];

static IDEMPOTENCY: Collection =
    Collection { name: "delivery.idempotency", indexes: idempotency::INDEXES };

/// What the service stands on.
#[derive(Clone)]
pub struct Deps {
    /// Its documents.
    pub store: Arc<dyn Store>,
    /// The machine.
    pub host: Host,
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
    idempotency: Idempotency,
    host: Host,
    auth: Arc<dyn Auth>,
    orders: Arc<dyn Orders>,
    tickets: Arc<dyn Tickets>,
    catalogue: Arc<dyn Catalogue>,
    watch: Wake,
    watch_claims: Wake,
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
        let Deps { store, host, auth, orders, tickets, catalogue } = deps;
        Self(Arc::new(Inner {
            deliveries: Repository::new(&DELIVERIES, Arc::clone(&store), host.clone()),
            claims: Repository::new(&CLAIMS, Arc::clone(&store), host.clone()),
            idempotency: Idempotency::new(&IDEMPOTENCY, store, host.clone()),
            host,
            auth,
            orders,
            tickets,
            catalogue,
            watch: Wake::default(),
            watch_claims: Wake::default(),
        }))
    }

    pub(crate) fn deliveries(&self) -> &Repository<Delivery> {
        &self.0.deliveries
    }

    pub(crate) fn claims(&self) -> &Repository<Claim> {
        &self.0.claims
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
