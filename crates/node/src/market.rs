//! The whole market in one process: every service, with calls that go straight to the other one.

use std::sync::Arc;

use stubmart_auth::Auth;
use stubmart_catalogue::Catalogue;
use stubmart_delivery::Deliveries;
use stubmart_kernel::worker::Shutdown;
use stubmart_orders::Orders;
use stubmart_payments::Payments;
use stubmart_ports::{Cause, calls};
use stubmart_tickets::Tickets;

use crate::{engines::Engines, later::LaterTickets, role::Role, roles};

/// What an operator may set, for each service.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Of auth.
    pub auth: stubmart_auth::Config,
    /// Of tickets.
    pub tickets: stubmart_tickets::Config,
    /// Of catalogue.
    pub catalogue: stubmart_catalogue::Config,
    /// Of orders.
    pub orders: stubmart_orders::Config,
    /// Of payments.
    pub payments: stubmart_payments::Config,
    /// Of notify.
    pub notify: stubmart_notify::Config,
}

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
        let mut role = Role::default();
        let (auth, gate) = roles::auth::start(engines, config.auth.clone());
        let auth = role.take(auth);
        let later = Arc::new(LaterTickets::default());
        let settings = config.catalogue.clone();
        let catalogue =
            roles::catalogue::start(engines, settings, shutdown, gate.clone(), later.clone())?;
        let catalogue = role.take(catalogue);
        catalogue.upgrade().await?;
        let to_catalogue = Arc::new(catalogue.clone());
        let settings = config.tickets.clone();
        let to_auth: Arc<dyn calls::Auth> = Arc::new(auth.clone());
        let tickets =
            roles::tickets::start(engines, settings, gate.clone(), to_catalogue, to_auth.clone());
        let tickets = role.take(tickets);
        tickets.upgrade().await?;
        let to_tickets: Arc<dyn calls::Tickets> = Arc::new(tickets.clone());
        later.bind(&to_tickets);
        let orders =
            roles::orders::start(engines, config.orders.clone(), gate.clone(), to_tickets.clone());
        let orders = role.take(orders);
        orders.upgrade().await?;
        let to_orders = Arc::new(orders.clone());
        role.take(roles::expiration::start(engines, to_orders.clone(), to_tickets.clone()));
        let payments = roles::payments::start(
            engines,
            config.payments.clone(),
            gate.clone(),
            to_orders.clone(),
        );
        let payments = role.take(payments);
        let others = roles::delivery::Others {
            auth: to_auth.clone(),
            orders: to_orders,
            tickets: to_tickets,
            catalogue: Arc::new(catalogue.clone()),
        };
        let deliveries = role.take(roles::delivery::start(engines, gate.clone(), others));
        role.take(roles::notify::start(
            engines,
            config.notify.clone(),
            gate,
            to_auth,
            Arc::new(catalogue.clone()),
        ));
        Ok(role.with(Self { auth, tickets, catalogue, orders, payments, deliveries }))
    }
}
