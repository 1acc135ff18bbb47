//! In which orders shows are kept.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
};

use stubmart_contract::Timestamp;

use super::listed::{DAY, Listed, Part, SortKey};

/// The sort keys of all shows.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) by_date: BTreeSet<SortKey>,
    pub(super) by_price: BTreeSet<SortKey>,
    /// By how much there is to buy.
    pub(super) by_offers: BTreeSet<SortKey>,
    /// Those by date that may not be over a day after their start.
    long: BTreeSet<SortKey>,
    /// By date, of the shows that have something in common.
    parts: HashMap<Part, BTreeSet<SortKey>>,
    /// For what no show has.
    none: BTreeSet<SortKey>,
}

impl Keys {
    pub(super) fn insert(&mut self, listed: &Listed) {
        let by_date = listed.by_date();
        self.by_date.insert(by_date);
        if listed.is_long() {
            self.long.insert(by_date);
        }
        for part in &listed.parts {
            self.parts.entry(part.clone()).or_default().insert(by_date);
        }
        self.insert_offers(listed);
    }

    pub(super) fn remove(&mut self, listed: &Listed) {
        let by_date = listed.by_date();
        self.by_date.remove(&by_date);
        self.long.remove(&by_date);
        for part in &listed.parts {
            if let Some(keys) = self.parts.get_mut(part) {
                keys.remove(&by_date);
                if keys.is_empty() {
                    self.parts.remove(part);
                }
            }
        }
        self.remove_offers(listed);
    }

    pub(super) fn insert_offers(&mut self, listed: &Listed) {
        self.by_price.insert(listed.by_price());
        self.by_offers.insert(listed.by_offers());
    }

    pub(super) fn remove_offers(&mut self, listed: &Listed) {
        self.by_price.remove(&listed.by_price());
        self.by_offers.remove(&listed.by_offers());
    }

    /// By date, the shows that have this.
    pub(super) fn of(&self, part: &Part) -> &BTreeSet<SortKey> {
        self.parts.get(part).unwrap_or(&self.none)
    }

    /// By date, all shows but those that were over more than a day ago, behind a key.
    pub(super) fn not_long_over(
        &self,
        now: Timestamp,
        behind: Option<SortKey>,
    ) -> impl Iterator<Item = &SortKey> {
        let split = SortKey::starting(now.before(DAY));
        let long = from(&self.long, None, behind).take_while(move |key| **key < split);
        long.chain(from(&self.by_date, Some(split), behind))
    }
}

/// The keys from `first` on, and behind `behind`.
pub(super) fn from(
    keys: &BTreeSet<SortKey>,
    first: Option<SortKey>,
    behind: Option<SortKey>,
) -> impl Iterator<Item = &SortKey> {
    let begin = match (first, behind) {
        (Some(first), Some(behind)) if behind < first => Bound::Included(first),
        (_, Some(behind)) => Bound::Excluded(behind),
        (Some(first), None) => Bound::Included(first),
        (None, None) => Bound::Unbounded,
    };
    keys.range((begin, Bound::Unbounded))
}
