//! The engines a process stands on, as ports.

use std::{fmt, sync::Arc};

use stubmart_ports::{
    Cause,
    bank::TestBank,
    blobs::Blobs,
    bus::Bus,
    gateway::PaymentGateway,
    host::{Host, PasswordHasher},
    keys::Keys,
    limits::RateLimits,
    mailer::Mailer,
    outbound::Outbound,
    reader::TicketReader,
    store::Store,
    timers::Timers,
};

/// One store for each service that keeps documents. A service never reads another's.
#[derive(Clone)]
pub struct Stores {
    /// The store of auth.
    pub auth: Arc<dyn Store>,
    /// The store of tickets.
    pub tickets: Arc<dyn Store>,
    /// The store of catalogue.
    pub catalogue: Arc<dyn Store>,
    /// The store of orders.
    pub orders: Arc<dyn Store>,
    /// The store of payments.
    pub payments: Arc<dyn Store>,
    /// The store of delivery.
    pub delivery: Arc<dyn Store>,
    /// The store of notify.
    pub notify: Arc<dyn Store>,
}

impl Stores {
    /// One and the same store for all services, which keeps their documents apart by collection.
    #[must_use]
    pub fn shared(store: &Arc<dyn Store>) -> Self {
        Self {
            auth: Arc::clone(store),
            tickets: Arc::clone(store),
            catalogue: Arc::clone(store),
            orders: Arc::clone(store),
            payments: Arc::clone(store),
            delivery: Arc::clone(store),
            notify: Arc::clone(store),
        }
    }
}

/// The payment provider.
#[derive(Clone)]
pub struct Provider {
    /// Takes and gives back money.
    pub gateway: Arc<dyn PaymentGateway>,
    /// The provider's key for browsers; `None` where no payment can be made in the browser.
    pub publishable_key: Option<String>,
    /// The bank of a provider without money. It adds the route by which a buyer authenticates a payment
    /// there.
    pub bank: Option<Arc<dyn TestBank>>,
}

/// What the roles of one process stand on. Clones are handles on the same engines.
#[derive(Clone)]
pub struct Engines {
    /// The machine.
    pub host: Host,
    /// The services' documents.
    pub stores: Stores,
    /// Carries events from service to service.
    pub bus: Arc<dyn Bus>,
    /// Checkout timers.
    pub timers: Arc<dyn Timers>,
    /// The payment provider.
    pub provider: Provider,
    /// Sends mail.
    pub mailer: Arc<dyn Mailer>,
    /// Sends requests to addresses that users name.
    pub outbound: Arc<dyn Outbound>,
    /// Keeps the sealed pages of ticket files.
    pub blobs: Arc<dyn Blobs>,
    /// Keeps the market's keys.
    pub keys: Arc<dyn Keys>,
    /// Reads ticket files.
    pub reader: Arc<dyn TicketReader>,
    /// Counts what is limited.
    pub limits: Arc<dyn RateLimits>,
    /// Hashes passwords.
    pub passwords: Arc<dyn PasswordHasher>,
}

impl fmt::Debug for Engines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engines").finish_non_exhaustive()
    }
}

impl Engines {
    /// Answers when stores and bus can be reached.
    ///
    /// # Errors
    /// The cause that the first of them gives which cannot.
    pub async fn ready(&self) -> Result<(), Cause> {
        let Stores { auth, tickets, catalogue, orders, payments, delivery, notify } = &self.stores;
        let mut asked: Vec<&Arc<dyn Store>> = Vec::new();
        for store in [auth, tickets, catalogue, orders, payments, delivery, notify] {
            if !asked.iter().any(|it| Arc::ptr_eq(it, store)) {
                store.ready().await?;
                asked.push(store);
            }
        }
        Ok(self.bus.ready().await?)
    }
}
