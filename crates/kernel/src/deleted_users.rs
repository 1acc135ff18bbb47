//! The users of a service whose account was deleted.
//!
//! A listing or a checkout can be on its way while its user's account is deleted. So the service saves
//! the mark before it looks up what the user has, and a use case that saves something for a user looks
//! for the mark after its save: whatever the order, one of the two sees the other.

use std::{convert::Infallible, sync::Arc};

use serde::{Deserialize, Serialize};
use stubmart_contract::{Context, Timestamp, UserId};
use stubmart_ports::{host::Host, store::Store};

use crate::{
    aggregate::{Aggregate, Collection, Decision, Key},
    repository::{ApplyError, Repository, RepositoryError},
};

#[derive(Debug, Clone, Serialize, Deserialize)]
struct DeletedUser {
    id: UserId,
}

impl Aggregate for DeletedUser {
    type Id = UserId;
    type Command = UserId;
    type Refusal = Infallible;

    fn id(&self) -> UserId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        Vec::new()
    }

    fn decide(
        current: Option<&Self>,
        id: &UserId,
        _: Timestamp,
    ) -> Result<Decision<Self>, Infallible> {
        Ok(match current {
            Some(_) => Decision::Unchanged,
            None => Decision::silent(Self { id: *id }),
        })
    }
}

/// The users that a service has marked as deleted.
#[derive(Debug, Clone)]
pub struct DeletedUsers(Repository<DeletedUser>);

impl DeletedUsers {
    /// Keeps the marks in `collection`, which needs no index.
    #[must_use]
    pub fn new(collection: &'static Collection, store: Arc<dyn Store>, host: Host) -> Self {
        Self(Repository::new(collection, store, host))
    }

    /// Marks a user. Marking one again changes nothing.
    ///
    /// # Errors
    /// [`RepositoryError`]: the user may be marked.
    pub async fn add(&self, context: &Context, user_id: UserId) -> Result<(), RepositoryError> {
        match self.0.apply(context, user_id, &user_id).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }

    /// Whether the user is marked.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`].
    pub async fn contains(&self, user_id: UserId) -> Result<bool, RepositoryError> {
        Ok(self.0.load(user_id).await?.is_some())
    }
}
