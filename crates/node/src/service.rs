//! The services by name.

use stubmart_auth::Auth;
use stubmart_catalogue::Catalogue;
use stubmart_delivery::Deliveries;
use stubmart_notify::Notify;
use stubmart_orders::Orders;
use stubmart_payments::Payments;
use stubmart_tickets::Tickets;
use utoipa::openapi::OpenApi;

/// A service of the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Accounts and sessions.
    Auth,
    /// Listings and the lock.
    Tickets,
    /// What is on and what is on offer.
    Catalogue,
    /// Checkouts.
    Orders,
    /// Checkout timers.
    Expiration,
    /// Charges.
    Payments,
    /// Tickets come to their buyers.
    Delivery,
    /// Mails and webhooks about what users buy, sell and wait for.
    Notify,
}

impl Service {
    /// All services.
    pub const ALL: [Self; 8] = [
        Self::Auth,
        Self::Tickets,
        Self::Catalogue,
        Self::Orders,
        Self::Expiration,
        Self::Payments,
        Self::Delivery,
        Self::Notify,
    ];

    /// The services that keep documents: each has a store of its own.
    pub const STORED: [Self; 7] = [
        Self::Auth,
        Self::Tickets,
        Self::Catalogue,
        Self::Orders,
        Self::Payments,
        Self::Delivery,
        Self::Notify,
    ];

    /// The services that this one calls ([`stubmart_ports::calls`]). Every one with routes asks auth whose token a
    /// request carries.
    #[must_use]
    pub const fn calls(self) -> &'static [Self] {
        match self {
            Self::Auth => &[Self::Payments],
            Self::Tickets => &[Self::Auth, Self::Catalogue],
            Self::Catalogue => &[Self::Auth, Self::Tickets],
            Self::Orders => &[Self::Auth, Self::Tickets],
            Self::Expiration => &[Self::Orders, Self::Tickets],
            Self::Payments => &[Self::Auth, Self::Catalogue, Self::Orders],
            Self::Delivery => &[Self::Auth, Self::Tickets, Self::Catalogue, Self::Orders],
            Self::Notify => &[Self::Auth, Self::Tickets, Self::Catalogue],
        }
    }

    /// What its public routes are; `None` for a service without any. `with_bank` adds the one route that only a
    /// provider without money has ([`crate::Provider::bank`]).
    #[must_use]
    pub fn api(self, with_bank: bool) -> Option<OpenApi> {
        Some(match self {
            Self::Auth => Auth::api(),
            Self::Tickets => Tickets::api(),
            Self::Catalogue => Catalogue::api(),
            Self::Orders => Orders::api(),
            Self::Payments if with_bank => Payments::api().merge_from(Payments::sandbox_api()),
            Self::Payments => Payments::api(),
            Self::Delivery => Deliveries::api(),
            Self::Notify => Notify::api(),
            Self::Expiration => return None,
        })
    }

    /// The service's name, as it stands in settings, logs and events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auth => stubmart_auth::SERVICE,
            Self::Tickets => stubmart_tickets::SERVICE,
            Self::Catalogue => stubmart_catalogue::SERVICE,
            Self::Orders => stubmart_orders::SERVICE,
            Self::Expiration => stubmart_expiration::SERVICE,
            Self::Payments => stubmart_payments::SERVICE,
            Self::Delivery => stubmart_delivery::SERVICE,
            Self::Notify => stubmart_notify::SERVICE,
        }
    }
}
