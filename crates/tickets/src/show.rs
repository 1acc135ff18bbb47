//! Events: the shows that tickets are for.

use serde::{Deserialize, Serialize};
use stubmart_contract::{EventId, Timestamp, api::Venue};
use stubmart_kernel::repo::Document;
use stubmart_ports::{
    key::Key,
    store::{Collection, Index},
};
use uuid::Uuid;

/// Where shows are kept.
pub static SHOWS: Collection = Collection {
    name: "tickets.event",
    indexes: &[Index { name: NATURAL, unique: true }, Index { name: ADDED, unique: false }],
};

/// Index: name, venue and start, which tell shows apart.
pub const NATURAL: &str = "natural";

/// Index: when it was added.
pub const ADDED: &str = "added";

/// A stored show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Show {
    /// Names it.
    pub id: EventId,
    /// What is on.
    pub name: String,
    /// The kind of show.
    pub category: String,
    /// Where.
    pub venue: Venue,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it was added.
    pub created_at: Timestamp,
}

impl Show {
    /// What tells it from others: name, venue (its name, city and region) and start, in any case.
    #[must_use]
    pub fn natural_key(&self) -> Key {
        natural_key(&self.name, &self.venue, self.starts_at)
    }
}

/// The key of [`NATURAL`].
#[must_use]
pub fn natural_key(name: &str, venue: &Venue, starts_at: Timestamp) -> Key {
    Key::new()
        .text(&name.to_lowercase())
        .text(&venue.name.to_lowercase())
        .text(&venue.city.to_lowercase())
        .text(&venue.region.as_deref().unwrap_or_default().to_lowercase())
        .time(starts_at)
}

impl Document for Show {
    const COLLECTION: &'static Collection = &SHOWS;

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn entries(&self) -> Vec<(&'static str, Key)> {
        vec![(NATURAL, self.natural_key()), (ADDED, Key::new().time(self.created_at))]
    }
}
