//! The whole market in one process: every role, with calls that go straight to the other service.

use std::sync::Arc;

use stubmart_auth::Auth;
use stubmart_expiration::Expiration;
use stubmart_kernel::worker::{Shutdown, Worker};
use stubmart_orders::Orders;
use stubmart_payments::Payments;
use stubmart_ports::Cause;
use stubmart_tickets::Tickets;
use utoipa_axum::router::OpenApiRouter;

use crate::{background::Background, engines::Engines, role::Role, roles};

/// What an operator may set, for each service.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Of auth.
    pub auth: stubmart_auth::Config,
    /// Of tickets.
    pub tickets: stubmart_tickets::Config,
    /// Of orders.
    pub orders: stubmart_orders::Config,
    /// Of payments.
    pub payments: stubmart_payments::Config,
}

/// All services in one process.
#[derive(Debug)]
pub struct Market {
    /// What the market stands on.
    pub engines: Engines,
    /// Accounts and sessions.
    pub auth: Role<Auth>,
    /// Listings and the lock.
    pub tickets: Role<Tickets>,
    /// Checkouts.
    pub orders: Role<Orders>,
    /// Checkout timers.
    pub expiration: Role<Expiration>,
    /// Charges.
    pub payments: Role<Payments>,
    background: Background,
}

impl Market {
    /// Starts every role. Nothing runs in the background before [`Self::run`].
    ///
    /// # Errors
    /// The cause: a service could not be started.
    pub async fn start(
        engines: &Engines,
        config: &Config,
        shutdown: &Shutdown,
    ) -> Result<Self, Cause> {
        let (auth, gate) = roles::auth::start(engines, config.auth.clone());
        let tickets =
            roles::tickets::start(engines, config.tickets.clone(), shutdown, gate.clone()).await?;
        let to_tickets = Arc::new(tickets.service.clone());
        let orders =
            roles::orders::start(engines, config.orders.clone(), gate.clone(), to_tickets.clone());
        orders.service.upgrade().await?;
        let to_orders = Arc::new(orders.service.clone());
        let expiration = roles::expiration::start(engines, to_orders.clone(), to_tickets);
        let payments = roles::payments::start(engines, config.payments.clone(), gate, to_orders);
        let background =
            Background::new(engines.host.clone(), Arc::clone(&engines.bus), shutdown.clone());
        let engines = engines.clone();
        Ok(Self { engines, auth, tickets, orders, expiration, payments, background })
    }

    /// The routes of all services, with their documentation.
    #[must_use]
    pub fn router(&self) -> OpenApiRouter {
        OpenApiRouter::new()
            .merge((*self.auth.router).clone())
            .merge((*self.tickets.router).clone())
            .merge((*self.orders.router).clone())
            .merge((*self.payments.router).clone())
    }

    /// Runs the consumers and workers of every role until the shutdown.
    pub fn run(&self) {
        self.background.run(&self.auth);
        self.background.run(&self.tickets);
        self.background.run(&self.orders);
        self.background.run(&self.expiration);
        self.background.run(&self.payments);
    }

    /// Runs one more worker until the shutdown.
    pub fn run_worker(&self, worker: Arc<dyn Worker>) {
        self.background.run_worker(worker);
    }

    /// Waits for consumers and workers to end, as [`Background::end`] does.
    pub async fn end(self) {
        self.background.end().await;
    }
}
