//! Documents that an earlier version of a service saved are brought into the indexes of today.
//!
//! A service that changes its indexes gives a new one a new name and keeps the old one declared, as
//! retired: no document that is saved today is in it. So the retired index holds the documents that are
//! still to be brought over, also after a kill half-way.

use futures_util::future::join_all;
use stubmart_contract::Context;

use crate::{
    aggregate::{Aggregate, Key},
    repository::{Repository, RepositoryError},
};

/// How many documents are saved at once.
const BATCH: usize = 500;

impl<A: Aggregate<Id: From<uuid::Uuid>>> Repository<A> {
    /// Saves every document of the `retired` index again, as it is and without an event. A document that
    /// cannot be read is passed over. Where the index is empty, this costs one read.
    ///
    /// # Errors
    /// [`RepositoryError`]: some documents may be in the retired index still.
    pub async fn reindex(
        &self,
        context: &Context,
        retired: &'static str,
    ) -> Result<(), RepositoryError> {
        let mut scan = self.scan(retired, &Key::new()).limit(BATCH);
        loop {
            let keys = self.keys(scan.clone()).await?;
            let Some((last, _)) = keys.last() else { return Ok(()) };
            scan = scan.behind(last);
            let saved =
                join_all(keys.into_iter().map(|(_, id)| self.save_again(context, id))).await;
            saved.into_iter().collect::<Result<(), _>>()?;
        }
    }

    async fn save_again(&self, context: &Context, id: A::Id) -> Result<(), RepositoryError> {
        match self.touch(context, id).await {
            Err(error @ RepositoryError::Corrupt(_)) => {
                let id: uuid::Uuid = id.into();
                tracing::error!(%id, %error, "document not brought into the indexes of today");
                Ok(())
            }
            result => result,
        }
    }
}
