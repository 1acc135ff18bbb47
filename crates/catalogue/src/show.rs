//! A show: what tickets are for, as a pure state machine.

use std::{convert::Infallible, time::Duration};

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    DomainEvent, EventId, Timestamp,
    api::{CreateEventRequest, EventStatus, Venue},
    event::ShowState,
};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};

/// Where shows are kept.
pub static SHOWS: Collection = Collection { name: "catalogue.show", indexes: INDEXES };

/// Where shows were kept while they belonged to tickets.
pub(crate) static FORMER_SHOWS: Collection = Collection { name: "tickets.event", indexes: INDEXES };

const INDEXES: &[Index] =
    &[Index { name: index::NATURAL, unique: true }, Index { name: index::ADDED, unique: false }];

/// The indexes of [`SHOWS`].
pub mod index {
    /// Name, venue and start: no two shows share all three.
    pub const NATURAL: &str = "natural";
    /// When it was added.
    pub const ADDED: &str = "added";
}

/// How long a show lasts whose end is not known.
const USUAL_LENGTH: Duration = Duration::from_secs(3 * 3600);

/// A stored show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Show {
    /// Names it.
    pub id: EventId,
    /// Its name.
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

/// A change of a show.
#[derive(Debug, Clone)]
pub enum Command {
    /// Somebody adds it.
    Add {
        /// Its id.
        id: EventId,
        /// Its description.
        show: Box<CreateEventRequest>,
    },
    /// It is taken over from an earlier version's document.
    TakeOver(Box<Show>),
}

impl Aggregate for Show {
    type Id = EventId;
    type Command = Command;
    type Refusal = Infallible;

    fn id(&self) -> EventId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let natural = natural_key(&self.name, &self.venue, self.starts_at);
        vec![(index::NATURAL, natural), (index::ADDED, Key::new().time(self.created_at))]
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Infallible> {
        if current.is_some() {
            return Ok(Decision::Unchanged);
        }
        let show = match command {
            Command::Add { id, show } => Self {
                id: *id,
                name: show.name.clone(),
                category: show.category.clone(),
                venue: Venue {
                    region: show.venue.region.clone().filter(|region| !region.is_empty()),
                    ..show.venue.clone()
                },
                starts_at: show.starts_at,
                created_at: now,
            },
            Command::TakeOver(show) => (**show).clone(),
        };
        let event = DomainEvent::ShowCreated(show.state());
        Ok(Decision::changed(show, event))
    }
}

impl Show {
    /// When it is over.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        self.starts_at.after(USUAL_LENGTH)
    }

    /// Where it stands at `now`.
    #[must_use]
    pub fn status(&self, now: Timestamp) -> EventStatus {
        if now < self.ends_at() { EventStatus::Scheduled } else { EventStatus::Over }
    }

    /// The payload of its events.
    #[must_use]
    pub fn state(&self) -> ShowState {
        let it = self.clone();
        ShowState {
            id: it.id,
            name: it.name,
            category: it.category,
            venue: it.venue,
            starts_at: it.starts_at,
            created_at: it.created_at,
        }
    }
}

impl From<ShowState> for Show {
    fn from(state: ShowState) -> Self {
        Self {
            id: state.id,
            name: state.name,
            category: state.category,
            venue: state.venue,
            starts_at: state.starts_at,
            created_at: state.created_at,
        }
    }
}

/// The natural key of a show: name, venue (its name, city and region) and start, in any case.
#[must_use]
pub fn natural_key(name: &str, venue: &Venue, starts_at: Timestamp) -> Key {
    Key::new()
        .text(&name.to_lowercase())
        .text(&venue.name.to_lowercase())
        .text(&venue.city.to_lowercase())
        .text(&venue.region.as_deref().unwrap_or_default().to_lowercase())
        .time(starts_at)
}
