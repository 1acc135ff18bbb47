//! The whole market in one process: every service, with calls that go straight to the other one.

use std::collections::BTreeSet;

use stubmart_auth::Auth;
use stubmart_catalogue::Catalogue;
use stubmart_delivery::Deliveries;
use stubmart_kernel::worker::Shutdown;
use stubmart_orders::Orders;
use stubmart_payments::Payments;
use stubmart_ports::Cause;
use stubmart_tickets::Tickets;

use crate::{
    engines::Engines,
    role::Role,
    service::Service,
    services::{Config, Peers, Services},
};

/// The services of one process, for calls from outside of them.
#[derive(Debug, Clone)]
pub struct Market {
    /// Accounts and sessions.
    pub auth: Auth,
    /// Listings and the lock.
    pub tickets: Tickets,
    /// What is on and what is on offer.
    pub catalogue: Catalogue,
    /// Checkouts.
    pub orders: Orders,
    /// Charges.
    pub payments: Payments,
    /// Tickets on their way to their buyers.
    pub deliveries: Deliveries,
    /// The ways by which they call each other: some find the other's way only for as long as it is here.
    _ways: Peers,
}

impl Market {
    /// Starts every service; together they are one role.
    ///
    /// # Errors
    /// The cause: a service could not be started.
    pub async fn start(
        engines: &Engines,
        config: &Config,
        shutdown: &Shutdown,
    ) -> Result<Role<Self>, Cause> {
        let (all, nobody) = (BTreeSet::from(Service::ALL), Peers::default());
        let role = Services::start(engines, config, &all, &nobody, shutdown).await?;
        let market = Self::of(&role.service).ok_or("a service has not started")?;
        Ok(role.with(market))
    }

    fn of(services: &Services) -> Option<Self> {
        let Services { auth, tickets, catalogue, orders, payments, deliveries, ways } =
            services.clone();
        Some(Self {
            auth: auth?,
            tickets: tickets?,
            catalogue: catalogue?,
            orders: orders?,
            payments: payments?,
            deliveries: deliveries?,
            _ways: ways,
        })
    }
}
