//! A show in lists: what it is compared by, and where it stands.

use std::{sync::Arc, time::Duration};

use stubmart_contract::{EventId, Timestamp, api::EventStatus};
use stubmart_kernel::aggregate::{Key, KeyReader};
use uuid::Uuid;

use crate::{offers::Summary, search::Fit, show::Show};

/// Almost every show is over a day after its start. The others are kept apart, so that a list begins at
/// what is not over without looking through the past.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// In which order shows are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Soonest first.
    Date,
    /// Cheapest first, currency by currency; shows with nothing to buy come last.
    Price,
    /// What can be bought first, and of that what fits the words best.
    Fit,
    /// Most to buy first.
    Popular,
}

/// Where a show stands in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SortKey {
    /// By price its currency, by fit whether there is nothing to buy, the most first by what there is to buy, 0 by date.
    pub(super) group: u32,
    /// By price its cheapest offer, by fit how well it fits, 0 by date.
    pub(super) rank: u32,
    pub(super) starts_at: Timestamp,
    pub(super) id: EventId,
}

impl SortKey {
    /// Its bytes, for a cursor.
    pub(crate) fn bytes(self) -> Vec<u8> {
        let key = Key::new().number(self.group).number(self.rank);
        key.time(self.starts_at).id(self.id.0).into_bytes()
    }

    /// The key with these bytes; `None` when they are none's.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = KeyReader::new(bytes);
        let (group, rank) = (reader.number()?, reader.number()?);
        let (starts_at, id) = (reader.time()?, EventId(reader.id()?));
        let key = Self { group, rank, starts_at, id };
        (key.bytes() == bytes).then_some(key)
    }

    /// The least key of a start in a list by date.
    pub(super) const fn starting(starts_at: Timestamp) -> Self {
        Self { group: 0, rank: 0, starts_at, id: EventId(Uuid::nil()) }
    }
}

/// A show, and what there is to buy for it.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) show: Show,
    pub(super) version: u64,
    /// What the show is compared by, in any spelling.
    pub(super) parts: Vec<Part>,
    pub(super) offers: Summary,
}

impl Listed {
    pub(super) fn by_date(&self) -> SortKey {
        self.key(Order::Date, Fit::Named)
    }

    pub(super) fn by_price(&self) -> SortKey {
        self.key(Order::Price, Fit::Named)
    }

    pub(super) fn by_offers(&self) -> SortKey {
        self.key(Order::Popular, Fit::Named)
    }

    /// Where it stands in a list.
    pub(super) fn key(&self, order: Order, fit: Fit) -> SortKey {
        let (group, rank) = match (order, self.offers.lowest) {
            (Order::Date, _) => (0, 0),
            (Order::Price, None) => (u32::MAX, 0),
            (Order::Price, Some(lowest)) => (self.show.currency.number(), lowest.minor()),
            (Order::Popular, _) => (u32::MAX.saturating_sub(self.offers.available), 0),
            (Order::Fit, _) => (u32::from(self.offers.available == 0), fit.rank()),
        };
        SortKey { group, rank, starts_at: self.show.starts_at, id: self.show.id }
    }

    /// Whether it may not be over a day after its start.
    pub(super) fn is_long(&self) -> bool {
        let is_postponed = self.show.status == EventStatus::Postponed;
        is_postponed || self.show.ends_at() > self.show.starts_at.after(DAY)
    }
}

/// Something that many shows have in common, to be compared in any spelling.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Part {
    Category(Arc<str>),
    City(Arc<str>),
    Venue(Arc<str>),
    Performer(Arc<str>),
}
