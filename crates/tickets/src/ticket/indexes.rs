//! Where tickets are kept, and the indexes that their lists come from.

use stubmart_contract::api::TicketStatus;
use stubmart_kernel::aggregate::{Collection, Index};

/// Where tickets are kept.
pub static TICKETS: Collection = Collection {
    name: "tickets.ticket",
    indexes: &[
        Index { name: index::EVENT_EACH, unique: false },
        Index { name: index::EVENT_QUANTITY_EACH, unique: false },
        Index { name: index::EVENT_SECTION, unique: false },
        Index { name: index::EVENT_NEWEST, unique: false },
        Index { name: index::SECTION, unique: false },
        Index { name: index::QUANTITY_EACH, unique: false },
        Index { name: index::QUANTITY, unique: false },
        Index { name: index::SELLER_EACH, unique: false },
        Index { name: index::SELLER, unique: false },
        Index { name: index::SELLER_EVENT, unique: false },
        Index { name: index::EXTERNAL, unique: true },
        Index { name: index::LOCKED, unique: false },
        Index { name: index::EVENT_ENDS, unique: false },
        Index { name: index::TURN, unique: false },
        Index { name: index::EVENT_PRICE, unique: false },
        Index { name: index::EVENT_QUANTITY, unique: false },
        Index { name: index::QUANTITY_PRICE, unique: false },
        Index { name: index::SELLER_PRICE, unique: false },
        Index { name: index::PRICE, unique: false },
        Index { name: index::NEWEST, unique: false },
        Index { name: index::SELLER_NEWEST, unique: false },
        Index { name: index::SELLER_PHASE, unique: false },
    ],
};

/// The indexes of [`TICKETS`]. A lock changes no entry but that of `locked`. Ids grow with time, so
/// entries whose keys are equal but for the id are in the order in which the tickets were listed. *Each* is
/// the currency, and what a buyer pays for one ticket in it, fees included.
pub mod index {
    /// Event, phase, each.
    pub const EVENT_EACH: &str = "event_each";
    /// Event, phase, quantity, each.
    pub const EVENT_QUANTITY_EACH: &str = "event_quantity_each";
    /// Event, phase, section in its normal form, quantity, each.
    pub const EVENT_SECTION: &str = "event_section";
    /// Event, phase.
    pub const EVENT_NEWEST: &str = "event_newest";
    /// Phase, section in its normal form, each.
    pub const SECTION: &str = "section";
    /// Phase, quantity, each.
    pub const QUANTITY_EACH: &str = "quantity_each";
    /// Phase, quantity.
    pub const QUANTITY: &str = "quantity";
    /// Seller, each.
    pub const SELLER_EACH: &str = "seller_each";
    /// Seller, phase.
    pub const SELLER: &str = "seller";
    /// Seller, event, phase.
    pub const SELLER_EVENT: &str = "seller_event";
    /// Seller, their own name for it, phase; and the id of one that is not on sale, so that no two have one
    /// name only while they are.
    pub const EXTERNAL: &str = "external";
    /// When the lock runs out, or the turn of the one who has the ticket alone; only of tickets that are held.
    pub const LOCKED: &str = "locked";
    /// When its event is over; only of tickets on sale.
    pub const EVENT_ENDS: &str = "event_ends";
    /// When the turn of the one who has the ticket alone is over; only while there is one.
    pub const TURN: &str = "turn";
    /// Retired: event, phase, price.
    pub const EVENT_PRICE: &str = "event_price";
    /// Retired: event, phase, quantity, price.
    pub const EVENT_QUANTITY: &str = "event_quantity";
    /// Retired: phase, quantity, price.
    pub const QUANTITY_PRICE: &str = "quantity_price";
    /// Retired: seller, price.
    pub const SELLER_PRICE: &str = "seller_price";
    /// Retired: phase, price.
    pub const PRICE: &str = "price";
    /// Retired: phase.
    pub const NEWEST: &str = "newest";
    /// Retired: seller, phase.
    pub const SELLER_PHASE: &str = "seller_phase";
    /// Retired: seller.
    pub const SELLER_NEWEST: &str = "seller_newest";
}

/// The phase of a listing. Indexes keep the phases apart; locked tickets are in one phase with
/// available ones, so that a lock moves no entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// It is on the market: available or locked.
    Offered,
    /// It is sold.
    Sold,
    /// It was withdrawn.
    Withdrawn,
}

impl Phase {
    /// The phase of a ticket with this status.
    #[must_use]
    pub const fn of(status: TicketStatus) -> Self {
        match status {
            TicketStatus::Available | TicketStatus::Locked => Self::Offered,
            TicketStatus::Sold => Self::Sold,
            TicketStatus::Withdrawn => Self::Withdrawn,
        }
    }

    /// Its number in index keys.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Offered => 0,
            Self::Sold => 1,
            Self::Withdrawn => 2,
        }
    }
}
