//! The documents of the read model: one for each show, with its offers, and one for how far the bus was
//! followed. Any number of instances write them. Their knowledge is merged by version, so it does not
//! matter which of them writes last.

use std::convert::Infallible;

use serde::{Deserialize, Serialize};
use stubmart_contract::{EventId, Price, Timestamp};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key, KeyReader},
};
use uuid::Uuid;

use crate::{
    feed::Mark,
    offers::{Offer, Offers, Summary},
    packed,
};

/// Where offers are kept.
pub(crate) static OFFERS: Collection =
    Collection { name: "catalogue.offers", indexes: &[Index { name: SUMMARY, unique: false }] };

/// Index: how many can be bought, and the lowest price or 0. A start reads no more than this.
pub(crate) const SUMMARY: &str = "summary";

/// Where it is kept how far the bus was followed.
pub(crate) static PROGRESS: Collection = Collection { name: "catalogue.progress", indexes: &[] };

/// The offers of one show.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StoredOffers {
    id: EventId,
    #[serde(with = "packed")]
    pub(crate) offers: Offers,
}

/// Merges what an instance knows of a show's offers into what is stored.
#[derive(Debug)]
pub(crate) struct Merge {
    pub(crate) id: EventId,
    pub(crate) offers: Vec<Offer>,
}

impl Aggregate for StoredOffers {
    type Id = EventId;
    type Command = Merge;
    type Refusal = Infallible;

    fn id(&self) -> EventId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let Summary { available, lowest } = self.offers.summary();
        vec![(SUMMARY, Key::new().number(available).number(lowest.map_or(0, Price::minor)))]
    }

    fn decide(
        current: Option<&Self>,
        merge: &Merge,
        _: Timestamp,
    ) -> Result<Decision<Self>, Infallible> {
        let offers = current.map(|it| it.offers.clone()).unwrap_or_default();
        let mut after = Self { id: merge.id, offers };
        let mut is_news = current.is_none();
        for offer in &merge.offers {
            is_news |= after.offers.apply(*offer);
        }
        Ok(if is_news { Decision::silent(after) } else { Decision::Unchanged })
    }
}

/// Reads a key of [`SUMMARY`].
pub(crate) fn summary(key: &[u8]) -> Option<Summary> {
    let mut reader = KeyReader::new(key);
    let (available, lowest) = (reader.number()?, reader.number()?);
    Some(Summary { available, lowest: Price::try_from(i64::from(lowest)).ok() })
}

/// How far the bus was followed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Progress {
    id: ProgressId,
    /// Every event up to here is in the stored offers.
    pub(crate) mark: Mark,
}

/// Names the one [`Progress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProgressId(Uuid);

impl ProgressId {
    pub(crate) const ONE: Self = Self(Uuid::nil());
}

impl From<ProgressId> for Uuid {
    fn from(id: ProgressId) -> Self {
        id.0
    }
}

impl Aggregate for Progress {
    type Id = ProgressId;
    type Command = Mark;
    type Refusal = Infallible;

    fn id(&self) -> ProgressId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        Vec::new()
    }

    /// The last mark that was written stands, also where it is an earlier one: from there an instance only
    /// reads more than it needs.
    fn decide(
        current: Option<&Self>,
        mark: &Mark,
        _: Timestamp,
    ) -> Result<Decision<Self>, Infallible> {
        Ok(if current.is_some_and(|it| it.mark == *mark) {
            Decision::Unchanged
        } else {
            Decision::silent(Self { id: ProgressId::ONE, mark: *mark })
        })
    }
}
