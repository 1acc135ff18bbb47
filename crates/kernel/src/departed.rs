//! Users whose account is gone, as a service remembers them.
//!
//! A listing or a checkout can be on its way while the account is deleted. So the mark is saved before
//! what the user has is looked up, and whoever saves something for a user looks for the mark after
//! that: whatever the order, one of the two sees the other.

use std::{marker::PhantomData, sync::Arc};

use serde::{Deserialize, Serialize};
use stubmart_contract::UserId;
use uuid::Uuid;

use crate::{
    repo::{ChangeError, Decision, Document, Repo, RepoError, Trace, Versioned},
    worker::Wake,
};
use stubmart_ports::{
    host::Host,
    key::Key,
    store::{Collection, Store},
};

/// Where a service keeps its marks.
pub trait Keeper: Send + Sync + 'static {
    /// The collection; it needs no index.
    const COLLECTION: &'static Collection;
}

#[derive(Serialize, Deserialize)]
struct Mark<K> {
    id: UserId,
    #[serde(skip)]
    keeper: PhantomData<fn() -> K>,
}

impl<K> Clone for Mark<K> {
    fn clone(&self) -> Self {
        Self { id: self.id, keeper: PhantomData }
    }
}

impl<K: Keeper> Document for Mark<K> {
    const COLLECTION: &'static Collection = K::COLLECTION;

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn entries(&self) -> Vec<(&'static str, Key)> {
        Vec::new()
    }
}

/// A service's marks.
pub struct Departed<K>(Repo<Mark<K>>);

impl<K> std::fmt::Debug for Departed<K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Departed").finish_non_exhaustive()
    }
}

impl<K: Keeper> Departed<K> {
    /// Keeps marks in `store`.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, host: Host) -> Self {
        Self(Repo::new(store, host, Wake::default()))
    }

    /// Marks a user whose account is gone.
    ///
    /// # Errors
    /// [`RepoError`]; the mark may be there.
    pub async fn mark(&self, user_id: UserId, trace: Trace) -> Result<(), RepoError> {
        let marked = self.0.change(user_id.0, trace, |current: Option<&Versioned<Mark<K>>>| {
            let doc = Mark { id: user_id, keeper: PhantomData };
            Ok::<_, RepoError>(match current {
                Some(_) => Decision::Keep(()),
                None => Decision::Save { doc, events: Vec::new(), answer: () },
            })
        });
        marked.await.map_err(|error| match error {
            ChangeError::Refused(error) | ChangeError::Repo(error) => error,
        })
    }

    /// Whether the user's account is gone.
    ///
    /// # Errors
    /// [`RepoError::Unavailable`].
    pub async fn contains(&self, user_id: UserId) -> Result<bool, RepoError> {
        Ok(self.0.load(user_id.0).await?.is_some())
    }
}
