//! Adding a show to the catalogue, and finding shows.

use stubmart_contract::{
    Code, EventId, Timestamp,
    api::{Event, Venue},
};
use stubmart_http_kit::Problem;
use stubmart_kernel::repo::{ChangeError, Decision, RepoError, Trace, Versioned};
use uuid::Uuid;

use crate::{
    catalogue::EventQuery,
    service::Tickets,
    show::{NATURAL, Show, natural_key},
};

/// A show to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewShow {
    /// What is on.
    pub name: String,
    /// The kind of show.
    pub category: String,
    /// Where.
    pub venue: Venue,
    /// When it begins.
    pub starts_at: Timestamp,
}

impl Tickets {
    /// Adds a show under `id`, unless one with the same name, venue and start exists. Answers the show
    /// and whether it was added now.
    ///
    /// # Errors
    /// `unavailable`: it may have been added; adding it again adds it once.
    pub async fn add_show(&self, id: Uuid, new: NewShow) -> Result<(Event, bool), Problem> {
        let key = natural_key(&new.name, &new.venue, new.starts_at);
        if let Some(existing) = self.shows().by_unique(NATURAL, &key).await? {
            return self.catalogued(existing.doc, id);
        }
        let show = Show {
            id: EventId(id),
            name: new.name,
            category: new.category,
            venue: new.venue,
            starts_at: new.starts_at,
            created_at: self.host().now(),
        };
        let saved = self.shows().change(id, Trace::REQUEST, |current: Option<&Versioned<Show>>| {
            Ok::<_, Code>(match current {
                Some(_) => Decision::Keep(()),
                None => Decision::Save { doc: show.clone(), events: Vec::new(), answer: () },
            })
        });
        match saved.await {
            Ok(()) => self.catalogued(show, id),
            Err(ChangeError::Repo(RepoError::Taken { .. })) => {
                let existing = self.shows().by_unique(NATURAL, &key).await?;
                let existing = existing.ok_or_else(|| Problem::new(Code::Contended))?;
                self.catalogued(existing.doc, id)
            }
            Err(ChangeError::Repo(error)) => Err(error.into()),
            Err(ChangeError::Refused(code)) => Err(Problem::new(code)),
        }
    }

    /// The stored show, which the catalogue knows from now on, and whether it is the one that was to be
    /// added under `id`.
    fn catalogued(&self, show: Show, id: Uuid) -> Result<(Event, bool), Problem> {
        let (event_id, added) = (show.id, show.id.0 == id);
        self.catalogue().add_show(show);
        let event = self.catalogue().event(event_id);
        event.map(|event| (event, added)).ok_or_else(|| Problem::internal("a show vanished"))
    }

    /// The show.
    ///
    /// # Errors
    /// `not_found`, `unavailable`.
    pub async fn event(&self, id: EventId) -> Result<Event, Problem> {
        self.learn_show(id).await?;
        self.catalogue().event(id).ok_or_else(Problem::not_found)
    }

    /// Sees to it that the catalogue knows a show that is stored. False when there is none.
    pub(crate) async fn learn_show(&self, id: EventId) -> Result<bool, RepoError> {
        if self.catalogue().knows(id) {
            return Ok(true);
        }
        let stored = self.shows().load(id.0).await?;
        let found = stored.is_some();
        if let Some(stored) = stored {
            self.catalogue().add_show(stored.doc);
        }
        Ok(found)
    }

    /// The shows that `query` asks for, each with its key for a cursor.
    ///
    /// # Errors
    /// `internal` when the search engine fails.
    pub async fn find_events(&self, query: &EventQuery) -> Result<Vec<(Vec<u8>, Event)>, Problem> {
        let catalogue = self.catalogue();
        if query.words.is_some() {
            catalogue.catch_up(self.host()).await.map_err(Problem::internal)?;
        }
        let found = catalogue.find(query).map_err(Problem::internal)?;
        Ok(found.into_iter().map(|(place, event)| (place.key(), event)).collect())
    }
}
