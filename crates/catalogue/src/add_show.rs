//! Use case: somebody adds a show, unless the same show is there already.

use stubmart_contract::{
    Context, EventId,
    api::{CreateEventRequest, Event, FieldError},
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

/// Why a show was not added.
#[derive(Debug)]
pub enum AddError {
    /// These fields do not fit together. Nothing happened.
    Refused(Vec<FieldError>),
    /// The repository failed. The show may be added; adding it again adds it once.
    Repository(RepositoryError),
}

impl From<RepositoryError> for AddError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

impl Catalogue {
    /// Adds a show under `id`, unless one with the same name, venue and start exists.
    ///
    /// # Errors
    /// [`AddError`].
    pub async fn add_show(
        &self,
        context: &Context,
        id: EventId,
        asked: &CreateEventRequest,
    ) -> Result<Added, AddError> {
        let show = Show::new(id, asked).map_err(AddError::Refused)?;
        let key = natural_key(&show);
        if let Some(existing) = self.shows().by_unique(index::NATURAL, &key).await? {
            return Ok(self.added(existing, id).await?);
        }
        match self.shows().create(context, id, &Command::Add(Box::new(show))).await {
            Ok(applied) => Ok(self.added(applied.after, id).await?),
            Err(ApplyError::Repository(RepositoryError::Taken { .. })) => {
                let existing = self.shows().by_unique(index::NATURAL, &key).await?;
                Ok(self.added(existing.ok_or(RepositoryError::Contended)?, id).await?)
            }
            Err(ApplyError::Repository(error)) => Err(error.into()),
            Err(ApplyError::Stale { .. }) => Err(RepositoryError::Contended.into()),
            Err(ApplyError::Refused { refusal, .. }) => match refusal {},
        }
    }

    async fn added(&self, show: Versioned<Show>, id: EventId) -> Result<Added, RepositoryError> {
        let is_new = show.state.id == id;
        Ok(Added { event: self.learn_show(show).await?, is_new })
    }
}
