//! The services by name.

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
    /// Mails and webhooks about what users buy and sell.
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
