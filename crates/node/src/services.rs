//! The services of one process, and their ways to those of others.

use std::{collections::BTreeSet, sync::Arc};

use stubmart_auth::Auth;
use stubmart_catalogue::Catalogue;
use stubmart_delivery::Deliveries;
use stubmart_http_kit::SessionGate;
use stubmart_kernel::worker::Shutdown;
use stubmart_orders::Orders;
use stubmart_payments::Payments;
use stubmart_ports::{Cause, calls};
use stubmart_tickets::Tickets;

use crate::{engines::Engines, later::Later, role::Role, roles, service::Service};

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

/// The ways to services that run elsewhere. One that runs in this process is called straight, whatever is here.
#[derive(Clone, Default)]
pub struct Peers {
    /// The way to auth.
    pub auth: Option<Arc<dyn calls::Auth>>,
    /// The way to tickets.
    pub tickets: Option<Arc<dyn calls::Tickets>>,
    /// The way to catalogue.
    pub catalogue: Option<Arc<dyn calls::Catalogue>>,
    /// The way to orders.
    pub orders: Option<Arc<dyn calls::Orders>>,
    /// The way to payments.
    pub payments: Option<Arc<dyn calls::Payments>>,
}

impl std::fmt::Debug for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Peers").finish_non_exhaustive()
    }
}

/// The services of a process, for calls from outside of them. To be kept for as long as their role runs:
/// catalogue reaches tickets through it, and auth payments.
#[derive(Debug, Clone, Default)]
pub struct Services {
    /// Accounts and sessions, where auth runs here.
    pub auth: Option<Auth>,
    /// Listings and the lock, where tickets runs here.
    pub tickets: Option<Tickets>,
    /// What is on and what is on offer, where catalogue runs here.
    pub catalogue: Option<Catalogue>,
    /// Checkouts, where orders runs here.
    pub orders: Option<Orders>,
    /// Charges, where payments runs here.
    pub payments: Option<Payments>,
    /// Tickets on their way to their buyers, where delivery runs here.
    pub deliveries: Option<Deliveries>,
    /// The ways by which they call each other.
    pub(crate) ways: Peers,
}

impl Services {
    /// Starts the services `here`; together they are one role. They call each other straight, and by `peers`
    /// where one is not among them.
    ///
    /// # Errors
    /// The cause: a service could not be started, or there is no way to one that it calls.
    #[expect(
        clippy::too_many_lines,
        reason = "it is the list of the services, one after the other"
    )]
    pub async fn start(
        engines: &Engines,
        config: &Config,
        here: &BTreeSet<Service>,
        peers: &Peers,
        shutdown: &Shutdown,
    ) -> Result<Role<Self>, Cause> {
        let runs = |service| here.contains(&service);
        let mut role = Role::default();
        let mut it = Self { ways: peers.clone(), ..Self::default() };
        let later_payments = Arc::new(Later::<dyn calls::Payments>::default());
        let gate = if runs(Service::Auth) {
            let payments: Arc<dyn calls::Payments> =
                if runs(Service::Payments) { later_payments.clone() } else { it.to_payments()? };
            let (auth, gate) = roles::auth::start(engines, config.auth.clone(), payments);
            let auth = role.take(auth);
            it.ways.auth = Some(Arc::new(auth.clone()));
            it.auth = Some(auth);
            Some(gate)
        } else {
            let elsewhere = it.ways.auth.clone();
            elsewhere.map(|auth| SessionGate::new(auth, engines.host.clone()))
        };
        let gate = || gate.clone().ok_or_else(|| no_way_to(Service::Auth));
        let later = Arc::new(Later::<dyn calls::Tickets>::default());
        if runs(Service::Catalogue) {
            let tickets: Arc<dyn calls::Tickets> =
                if runs(Service::Tickets) { later.clone() } else { it.to_tickets()? };
            let settings = config.catalogue.clone();
            let catalogue = roles::catalogue::start(engines, settings, shutdown, gate()?, tickets)?;
            let catalogue = role.take(catalogue);
            catalogue.upgrade().await?;
            it.ways.catalogue = Some(Arc::new(catalogue.clone()));
            it.catalogue = Some(catalogue);
        }
        if runs(Service::Tickets) {
            let settings = config.tickets.clone();
            let tickets = roles::tickets::start(
                engines,
                settings,
                gate()?,
                it.to_catalogue()?,
                it.to_auth()?,
            );
            let tickets = role.take(tickets);
            tickets.upgrade().await?;
            let to_tickets: Arc<dyn calls::Tickets> = Arc::new(tickets.clone());
            later.bind(&to_tickets);
            it.ways.tickets = Some(to_tickets);
            it.tickets = Some(tickets);
        }
        if runs(Service::Orders) {
            let settings = config.orders.clone();
            let orders = roles::orders::start(engines, settings, gate()?, it.to_tickets()?);
            let orders = role.take(orders);
            orders.upgrade().await?;
            it.ways.orders = Some(Arc::new(orders.clone()));
            it.orders = Some(orders);
        }
        if runs(Service::Expiration) {
            role.take(roles::expiration::start(engines, it.to_orders()?, it.to_tickets()?));
        }
        if runs(Service::Payments) {
            let settings = config.payments.clone();
            let (orders, catalogue) = (it.to_orders()?, it.to_catalogue()?);
            let payments = roles::payments::start(engines, settings, gate()?, orders, catalogue);
            let payments = role.take(payments);
            let to_payments: Arc<dyn calls::Payments> = Arc::new(payments.clone());
            later_payments.bind(&to_payments);
            it.ways.payments = Some(to_payments);
            it.payments = Some(payments);
        }
        if runs(Service::Delivery) {
            let others = roles::delivery::Others {
                auth: it.to_auth()?,
                orders: it.to_orders()?,
                tickets: it.to_tickets()?,
                catalogue: it.to_catalogue()?,
            };
            it.deliveries = Some(role.take(roles::delivery::start(engines, gate()?, others)));
        }
        if runs(Service::Notify) {
            let others = roles::notify::Others {
                auth: it.to_auth()?,
                catalogue: it.to_catalogue()?,
                tickets: it.to_tickets()?,
            };
            let settings = config.notify.clone();
            role.take(roles::notify::start(engines, settings, gate()?, others));
        }
        Ok(role.with(it))
    }

    fn to_auth(&self) -> Result<Arc<dyn calls::Auth>, Cause> {
        self.ways.auth.clone().ok_or_else(|| no_way_to(Service::Auth))
    }

    fn to_tickets(&self) -> Result<Arc<dyn calls::Tickets>, Cause> {
        self.ways.tickets.clone().ok_or_else(|| no_way_to(Service::Tickets))
    }

    fn to_catalogue(&self) -> Result<Arc<dyn calls::Catalogue>, Cause> {
        self.ways.catalogue.clone().ok_or_else(|| no_way_to(Service::Catalogue))
    }

    fn to_orders(&self) -> Result<Arc<dyn calls::Orders>, Cause> {
        self.ways.orders.clone().ok_or_else(|| no_way_to(Service::Orders))
    }

    fn to_payments(&self) -> Result<Arc<dyn calls::Payments>, Cause> {
        self.ways.payments.clone().ok_or_else(|| no_way_to(Service::Payments))
    }
}

fn no_way_to(service: Service) -> Cause {
    format!("{} runs elsewhere, and nothing says where", service.name()).into()
}
