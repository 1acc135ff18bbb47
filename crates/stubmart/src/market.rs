//! Composition: the whole market in one process, over one database file.

use std::{path::Path, sync::Arc};

use stubmart_auth::Auth;
use stubmart_embedded::{
    Database, Options,
    limits::{MemoryRateLimits, Unlimited},
    mailer::FileMailer,
    password::{Argon2Cost, Argon2Hasher},
    sandbox::Sandbox,
};
use stubmart_expiration::Expiration;
use stubmart_http_kit::SessionGate;
use stubmart_kernel::{
    consumer::{self, Handler},
    worker::{self, Shutdown, Wake, Worker},
};
use stubmart_orders::Orders;
use stubmart_payments::Payments;
use stubmart_ports::{Cause, bus::Bus, host::Host, limits::RateLimits, store::Store};
use stubmart_tickets::Tickets;
use tokio::sync::mpsc;
use utoipa_axum::router::OpenApiRouter;

use crate::config::Config;

/// The market: its services on their adapters.
pub struct Market {
    /// The machine.
    pub host: Host,
    /// Whose token a request carries.
    pub gate: SessionGate,
    /// The services.
    pub auth: Auth,
    /// The services.
    pub tickets: Tickets,
    /// The services.
    pub orders: Orders,
    /// The services.
    pub expiration: Expiration,
    /// The services.
    pub payments: Payments,
    /// The sandbox that takes the payments.
    pub sandbox: Arc<Sandbox>,
    database: Database,
    shutdown: Shutdown,
    running: mpsc::Sender<()>,
    ended: mpsc::Receiver<()>,
}

impl std::fmt::Debug for Market {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Market").finish_non_exhaustive()
    }
}

/// Opens the database in the configured directory, which is made if it is not there.
///
/// # Errors
/// The cause: the directory or the file can not be made, read or understood.
pub fn open_database(config: &Config, host: &Host) -> Result<Database, Cause> {
    std::fs::create_dir_all(&config.data).map_err(|error| {
        format!("can not make the directory {}: {error}", config.data.display())
    })?;
    open_file(&config.database(), host)
}

/// Opens a database file.
///
/// # Errors
/// The cause: the file can not be made, read or understood.
pub fn open_file(path: &Path, host: &Host) -> Result<Database, Cause> {
    Database::open(path, Options::default(), host.clone())
        .map_err(|error| format!("can not open {}: {error}", path.display()).into())
}

/// The auth service on `store`.
///
/// # Errors
/// The cause: the directory for mail can not be made.
pub fn auth(config: &Config, host: &Host, store: Arc<dyn Store>) -> Result<Auth, Cause> {
    let limits: Arc<dyn RateLimits> = if config.rate_limits {
        Arc::new(MemoryRateLimits::new(host.clone()))
    } else {
        Arc::new(Unlimited)
    };
    let sender = format!("no-reply@{}", config.host_name());
    let mailer = FileMailer::new(host.clone(), config.data.join("mail"), &sender)?;
    let deps = stubmart_auth::Deps {
        store,
        host: host.clone(),
        outbox: Wake::default(),
        passwords: Arc::new(Argon2Hasher::new(host.clone(), Argon2Cost::default())?),
        limits,
        mailer: Arc::new(mailer),
    };
    let auth_config = stubmart_auth::Config {
        secure_cookies: config.is_https(),
        trust_proxy: config.trust_proxy,
        ..stubmart_auth::Config::default()
    };
    Ok(Auth::new(deps, auth_config))
}

impl Market {
    /// Starts the services. Nothing runs in the background before [`Self::run`].
    ///
    /// # Errors
    /// The cause: the database can not be opened or read.
    pub async fn start(config: &Config, host: Host, shutdown: Shutdown) -> Result<Self, Cause> {
        let database = open_database(config, &host)?;
        let store: Arc<dyn Store> = database.store();
        let bus: Arc<dyn Bus> = database.bus();
        // In one process the store's record is the bus's log: an event is on the bus by the commit
        // that saved it, so there is no relay to wake.
        let outbox = Wake::default();
        let auth = auth(config, &host, Arc::clone(&store))?;
        let tickets = stubmart_tickets::Deps {
            store: Arc::clone(&store),
            bus: Arc::clone(&bus),
            host: host.clone(),
            outbox: outbox.clone(),
            shutdown: shutdown.clone(),
        };
        let tickets = Tickets::start(tickets, stubmart_tickets::Config::default()).await?;
        let orders = stubmart_orders::Deps {
            store: Arc::clone(&store),
            bus: Arc::clone(&bus),
            host: host.clone(),
            outbox: outbox.clone(),
            tickets: Arc::new(tickets.clone()),
            shutdown: shutdown.clone(),
        };
        let orders_config =
            stubmart_orders::Config { hold: config.checkout_hold, leave_grace: config.leave_grace };
        let orders = Orders::start(orders, orders_config).await?;
        let timers = database.timers();
        let expiration =
            Expiration::new(stubmart_expiration::Deps { bus, timers, host: host.clone() });
        let sandbox = Arc::new(Sandbox::new(Arc::clone(&store), host.clone()));
        let payments = stubmart_payments::Deps {
            store,
            host: host.clone(),
            outbox,
            gateway: sandbox.clone(),
            orders: Arc::new(orders.clone()),
        };
        let payments_config = stubmart_payments::Config {
            max_payment_attempts: config.max_payment_attempts,
            ..stubmart_payments::Config::default()
        };
        let payments = Payments::new(payments, payments_config);
        let gate = SessionGate::new(Arc::new(auth.clone()), host.clone());
        let (running, ended) = mpsc::channel(1);
        Ok(Self {
            host,
            gate,
            auth,
            tickets,
            orders,
            expiration,
            payments,
            sandbox,
            database,
            shutdown,
            running,
            ended,
        })
    }

    /// The routes of all services, with their documentation.
    pub fn router(&self) -> OpenApiRouter {
        OpenApiRouter::new()
            .merge(self.auth.router(self.gate.clone()))
            .merge(self.tickets.router(self.gate.clone()))
            .merge(self.orders.router(self.gate.clone()))
            .merge(self.payments.router(self.gate.clone()))
            .merge(self.payments.sandbox_router(self.gate.clone(), self.sandbox.clone()))
    }

    /// All consumers.
    #[must_use]
    pub fn handlers(&self) -> Vec<Arc<dyn Handler>> {
        let handlers = [
            self.auth.handlers(),
            self.tickets.handlers(),
            self.orders.handlers(),
            self.expiration.handlers(),
            self.payments.handlers(),
        ];
        handlers.into_iter().flatten().collect()
    }

    /// Runs consumers and workers until the shutdown.
    pub fn run(&self) {
        for handler in self.handlers() {
            self.consume(handler);
        }
        let workers = [
            self.auth.workers(),
            self.tickets.workers(),
            self.orders.workers(),
            self.expiration.workers(),
            self.payments.workers(),
        ];
        for worker in workers.into_iter().flatten() {
            self.run_worker(worker);
        }
    }

    fn consume(&self, handler: Arc<dyn Handler>) {
        let (name, running) = (handler.consumer().name, self.running.clone());
        let bus: Arc<dyn Bus> = self.database.bus();
        let run = consumer::run(self.host.clone(), bus, handler, self.shutdown.clone());
        self.host.spawner.spawn(
            name,
            Box::pin(async move {
                run.await;
                drop(running);
            }),
        );
    }

    /// Runs one more worker until the shutdown.
    pub fn run_worker(&self, worker: Arc<dyn Worker>) {
        let (name, running) = (worker.name(), self.running.clone());
        let run = worker::run(self.host.clone(), worker, self.shutdown.clone());
        self.host.spawner.spawn(
            name,
            Box::pin(async move {
                run.await;
                drop(running);
            }),
        );
    }

    /// Whether the market can serve.
    ///
    /// # Errors
    /// The cause, when it can not.
    pub async fn ready(&self) -> Result<(), Cause> {
        self.database.store().ready().await?;
        self.database.bus().ready().await?;
        Ok(())
    }

    /// Waits for consumers and workers to end, then closes the database. To be called after the
    /// shutdown was signalled.
    ///
    /// # Errors
    /// The cause, when the database could not be closed; nothing is lost.
    pub async fn close(self) -> Result<(), Cause> {
        let Self { running, mut ended, database, host, .. } = self;
        drop(running);
        // Nothing is ever sent: the channel ends when the last task has.
        if host.timeout(std::time::Duration::from_secs(10), ended.recv()).await.is_err() {
            tracing::warn!("some background work did not end in time");
        }
        database.close().await
    }
}
