//! Use case: somebody adds a show, unless the same show is there already.

use stubmart_contract::{
    Context, EventId,
    api::{CreateEventRequest, Event},
};
use stubmart_kernel::{ApplyError, RepositoryError, Versioned};

use crate::{
    service::Catalogue,
    show::{Command, Show, index, natural_key},
};

/// A show that was asked to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Added {
    /// The show.
    pub event: Event,
    /// Whether it was added for this request; false when it was there already.
    pub is_new: bool,
}

impl Catalogue {
    /// Adds a show under `id`, unless one with the same name, venue and start exists.
    ///
    /// # Errors
    /// [`RepositoryError`]: the show may be added; adding it again adds it once.
    pub async fn add_show(
        &self,
        context: &Context,
        id: EventId,
        show: CreateEventRequest,
    ) -> Result<Added, RepositoryError> {
        let key = natural_key(&show.name, &show.venue, show.starts_at);
        if let Some(existing) = self.shows().by_unique(index::NATURAL, &key).await? {
            return self.added(existing, id).await;
        }
        let command = Command::Add { id, show: Box::new(show) };
        match self.shows().create(context, id, &command).await {
            Ok(applied) => self.added(applied.after, id).await,
            Err(ApplyError::Repository(RepositoryError::Taken { .. })) => {
                let existing = self.shows().by_unique(index::NATURAL, &key).await?;
                self.added(existing.ok_or(RepositoryError::Contended)?, id).await
            }
            Err(ApplyError::Repository(error)) => Err(error),
            Err(ApplyError::Stale { .. }) => Err(RepositoryError::Contended),
            Err(ApplyError::Refused { refusal, .. }) => match refusal {},
        }
    }

    async fn added(&self, show: Versioned<Show>, id: EventId) -> Result<Added, RepositoryError> {
        let is_new = show.state.id == id;
        Ok(Added { event: self.learn_show(show).await?, is_new })
    }
}
