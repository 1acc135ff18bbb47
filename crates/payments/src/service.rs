//! The service: its dependencies, its settings, and how a command is applied to a charge.

use std::{fmt, sync::Arc, time::Duration};

use stubmart_contract::{ChargeId, Context};
use stubmart_kernel::{
    ApplyError, Precondition, Repository, RepositoryError, Versioned,
    aggregate::Collection,
    idempotency::{self, Idempotency},
    mark,
    worker::Wake,
};
use stubmart_ports::{
    calls::{Catalogue, Orders},
    gateway::PaymentGateway,
    host::Host,
    limits::RateLimits,
    store::Store,
};

use crate::{
    charge::{CHARGES, Charge, Command, Refusal},
    ledger::{LEDGER, Transaction},
    notice::{NOTICES, StoredNotice},
    payout::{PAYOUTS, Payout},
    provider::Provider,
    sale::{SALES, Sale},
};

/// The service's name: the first part of its collections' and consumers' names.
pub const SERVICE: &str = "payments";

/// Requests with an `Idempotency-Key`, and their answers.
static IDEMPOTENCY: Collection =
    Collection { name: "payments.idempotency", indexes: idempotency::INDEXES };

/// The service's collections.
pub const COLLECTIONS: &[&Collection] =
    &[&CHARGES, &LEDGER, &SALES, &PAYOUTS, &IDEMPOTENCY, &NOTICES];

/// The service's dependencies.
#[derive(Clone)]
pub struct Deps {
    /// The store of its documents.
    pub store: Arc<dyn Store>,
    /// Clock, ids and tasks.
    pub host: Host,
    /// The payment provider.
    pub gateway: Arc<dyn PaymentGateway>,
    /// The provider's key for browsers; `None` where no payment can be made in the browser.
    pub publishable_key: Option<String>,
    /// The orders service.
    pub orders: Arc<dyn Orders>,
    /// Knows when a show is over.
    pub catalogue: Arc<dyn Catalogue>,
    /// Counts cards that were declined.
    pub limits: Arc<dyn RateLimits>,
}

impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deps").finish_non_exhaustive()
    }
}

/// The operator's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How many cards may be declined before the order ends; at least 1.
    pub max_payment_attempts: u32,
    /// How long one request to the provider may take.
    pub gateway_timeout: Duration,
    /// How many cards of one account may be declined in an hour; of one network five times as many.
    pub max_declines: u32,
    /// How long after an event its sellers are paid. It is what was promised for what is sold from now on.
    pub payout_after: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_payment_attempts: 3,
            gateway_timeout: Duration::from_secs(10),
            max_declines: 10,
            payout_after: Duration::from_secs(3 * 24 * 3600),
        }
    }
}

/// The payments service. Clones share one.
#[derive(Clone)]
pub struct Payments(Arc<Inner>);

struct Inner {
    charges: Repository<Charge>,
    notices: Repository<StoredNotice>,
    ledger: Repository<Transaction>,
    sales: Repository<Sale>,
    payouts: Repository<Payout>,
    idempotency: Idempotency,
    provider: Provider,
    publishable_key: Option<String>,
    orders: Arc<dyn Orders>,
    catalogue: Arc<dyn Catalogue>,
    limits: Arc<dyn RateLimits>,
    reconcile: Wake,
    notices_due: Wake,
    sales_due: Wake,
    host: Host,
    config: Config,
}

impl fmt::Debug for Payments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payments").finish_non_exhaustive()
    }
}

/// A charge after a command, as it is stored.
pub(crate) struct After {
    pub(crate) charge: Versioned<Charge>,
    /// Why the command changed nothing, if the charge's rules refused it.
    pub(crate) refused: Option<Refusal>,
}

impl Payments {
    /// The service on `deps`.
    #[must_use]
    pub fn new(deps: Deps, config: Config) -> Self {
        let Deps { store, host, gateway, publishable_key, orders, catalogue, limits } = deps;
        Self(Arc::new(Inner {
            charges: Repository::new(&CHARGES, Arc::clone(&store), host.clone()),
            notices: Repository::new(&NOTICES, Arc::clone(&store), host.clone()),
            ledger: Repository::new(&LEDGER, Arc::clone(&store), host.clone()),
            sales: Repository::new(&SALES, Arc::clone(&store), host.clone()),
            payouts: Repository::new(&PAYOUTS, Arc::clone(&store), host.clone()),
            idempotency: Idempotency::new(&IDEMPOTENCY, store, host.clone()),
            provider: Provider::new(gateway, host.clone(), config.gateway_timeout),
            publishable_key,
            orders,
            catalogue,
            limits,
            reconcile: Wake::default(),
            notices_due: Wake::default(),
            sales_due: Wake::default(),
            host,
            config,
        }))
    }

    pub(crate) fn charges(&self) -> &Repository<Charge> {
        &self.0.charges
    }

    pub(crate) fn ledger(&self) -> &Repository<Transaction> {
        &self.0.ledger
    }

    pub(crate) fn sales(&self) -> &Repository<Sale> {
        &self.0.sales
    }

    pub(crate) fn payouts(&self) -> &Repository<Payout> {
        &self.0.payouts
    }

    /// Wakes the sweep of what is due to sellers.
    pub(crate) fn sales_due(&self) -> &Wake {
        &self.0.sales_due
    }

    pub(crate) fn catalogue(&self) -> &dyn Catalogue {
        &*self.0.catalogue
    }

    pub(crate) fn idempotency(&self) -> &Idempotency {
        &self.0.idempotency
    }

    pub(crate) fn provider(&self) -> &Provider {
        &self.0.provider
    }

    pub(crate) fn publishable_key(&self) -> Option<&str> {
        self.0.publishable_key.as_deref()
    }

    pub(crate) fn orders(&self) -> &dyn Orders {
        &*self.0.orders
    }

    pub(crate) fn limits(&self) -> &dyn RateLimits {
        &*self.0.limits
    }

    /// Wakes the reconciler.
    pub(crate) fn reconciler(&self) -> &Wake {
        &self.0.reconcile
    }

    pub(crate) fn notices(&self) -> &Repository<StoredNotice> {
        &self.0.notices
    }

    /// Wakes the worker that works on notices.
    pub(crate) fn notices_due(&self) -> &Wake {
        &self.0.notices_due
    }

    pub(crate) fn host(&self) -> &Host {
        &self.0.host
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    /// Applies a command to a charge that was loaded a moment ago.
    ///
    /// # Errors
    /// [`RepositoryError`], which says whether anything was written.
    pub(crate) async fn apply(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        command: &Command,
    ) -> Result<After, RepositoryError> {
        self.apply_if(context, charge, &Precondition::None, command).await
    }

    /// As [`Self::apply`], and only if the precondition holds for the stored version. Where it does not, nothing
    /// changes, and the answer is the charge as it is stored.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub(crate) async fn apply_if(
        &self,
        context: &Context,
        charge: Versioned<Charge>,
        precondition: &Precondition,
        command: &Command,
    ) -> Result<After, RepositoryError> {
        let id = charge.state.id;
        match self.charges().apply_to(context, charge, precondition, command).await {
            Ok(applied) => Ok(After { charge: applied.after, refused: None }),
            Err(ApplyError::Refused { refusal, .. }) => {
                Ok(After { charge: self.stored(id).await?, refused: Some(refusal) })
            }
            Err(ApplyError::Stale { .. }) => {
                mark!("a charge changed while it was looked at");
                Ok(After { charge: self.stored(id).await?, refused: None })
            }
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }

    /// A charge that is stored: no charge is ever deleted.
    async fn stored(&self, id: ChargeId) -> Result<Versioned<Charge>, RepositoryError> {
        let missing = || RepositoryError::Corrupt(format!("charge {id} is gone").into());
        self.charges().load(id).await?.ok_or_else(missing)
    }
}
