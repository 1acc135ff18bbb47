//! Payments: charges, the payment provider, and what has to be given back.
//!
//! A charge is saved before the provider hears of it, the money is held before the order is asked,
//! and captured after the order has agreed. What stays open (no answer, a crash) is settled by asking
//! the provider and the order again; see [`charge`] for the rules.

pub mod charge;
pub mod inbound;

mod http;
mod intents;
mod list;
mod orders;
mod pay;
mod provider;
mod reconcile;
mod refund;
mod sandbox;
mod settle;
mod webhook;

use std::{fmt, sync::Arc, time::Duration};

use stubmart_http_kit::{
    SessionGate,
    idempotency::{self, Idempotency, Keeper},
};
use stubmart_kernel::{
    consumer::Handler,
    repo::Repo,
    worker::{Wake, Worker},
};
use stubmart_ports::{
    bank::TestBank,
    calls::SecureOrders,
    gateway::PaymentGateway,
    host::Host,
    store::{Collection, Store},
};
use utoipa_axum::router::OpenApiRouter;

pub use charge::{CHARGES, Charge};
use provider::Provider;

/// The service's name: the first part of its collections' and consumers' names.
pub const SERVICE: &str = "payments";

/// What is kept of requests with an `Idempotency-Key`.
pub static IDEMPOTENCY: Collection =
    Collection { name: "payments.idempotency", indexes: idempotency::INDEXES };

/// The service's collections.
pub const COLLECTIONS: &[&Collection] = &[&CHARGES, &IDEMPOTENCY];

/// What payments stands on.
#[derive(Clone)]
pub struct Deps {
    /// Its store.
    pub store: Arc<dyn Store>,
    /// The machine.
    pub host: Host,
    /// Wakes the relay of its events.
    pub outbox: Wake,
    /// The payment provider.
    pub gateway: Arc<dyn PaymentGateway>,
    /// The provider's key for browsers; `None` where no payment can be made in the browser.
    pub publishable_key: Option<String>,
    /// The orders.
    pub orders: Arc<dyn SecureOrders>,
}

impl fmt::Debug for Deps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deps").finish_non_exhaustive()
    }
}

/// What an operator may choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// How many cards may be declined before the order ends; at least 1.
    pub max_payment_attempts: u32,
    /// How long one request to the provider may take.
    pub gateway_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { max_payment_attempts: 1, gateway_timeout: Duration::from_secs(10) }
    }
}

enum Records {}

impl Keeper for Records {
    const COLLECTION: &'static Collection = &IDEMPOTENCY;
}

/// The payments service. Clones are handles on the same one.
#[derive(Clone)]
pub struct Payments(Arc<Inner>);

struct Inner {
    charges: Repo<Charge>,
    idempotency: Idempotency<Records>,
    provider: Provider,
    publishable_key: Option<String>,
    orders: Arc<dyn SecureOrders>,
    host: Host,
    config: Config,
    reconcile: Wake,
}

impl fmt::Debug for Payments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payments").finish_non_exhaustive()
    }
}

impl Payments {
    /// The service, on `deps`.
    #[must_use]
    pub fn new(deps: Deps, config: Config) -> Self {
        let Deps { store, host, outbox, gateway, publishable_key, orders } = deps;
        Self(Arc::new(Inner {
            charges: Repo::new(Arc::clone(&store), host.clone(), outbox),
            idempotency: Idempotency::new(store, host.clone()),
            provider: Provider::new(gateway, host.clone(), config.gateway_timeout),
            publishable_key,
            orders,
            host,
            config,
            reconcile: Wake::default(),
        }))
    }

    /// Its public routes.
    pub fn router(&self, gate: SessionGate) -> OpenApiRouter {
        http::router(self.clone(), gate)
    }

    /// The route by which a buyer authenticates in the sandbox. To be mounted only when the gateway
    /// is the sandbox: its bank is `bank`.
    pub fn sandbox_router(&self, gate: SessionGate, bank: Arc<dyn TestBank>) -> OpenApiRouter {
        sandbox::router(self.clone(), gate, bank)
    }

    /// Its handlers of domain events.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        vec![Arc::new(inbound::OrderCancelled(self.clone()))]
    }

    /// Its background work.
    #[must_use]
    pub fn workers(&self) -> Vec<Arc<dyn Worker>> {
        vec![Arc::new(reconcile::Reconciler(self.clone())), Arc::new(self.0.idempotency.purge())]
    }
}
