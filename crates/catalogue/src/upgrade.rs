//! Takes over the shows of an earlier version, which kept them for tickets and published no events of them.

use stubmart_contract::Context;
use stubmart_kernel::{ApplyError, RepositoryError, aggregate::Key};

use crate::{
    service::{Catalogue, SERVICE},
    show::{Command, index},
};

/// How many shows are read at once.
const BATCH: usize = 500;

impl Catalogue {
    /// Takes over the shows that an earlier version kept for tickets. To be called before the routes serve;
    /// it costs one read where there are none.
    ///
    /// # Errors
    /// [`RepositoryError`]: some shows may be missing until it is called again.
    pub async fn upgrade(&self) -> Result<(), RepositoryError> {
        let context = Context::work(SERVICE);
        let scan = self.former_shows().scan(index::ADDED, &Key::new()).limit(BATCH);
        loop {
            let former = self.former_shows().find(scan.clone()).await?;
            if former.is_empty() {
                return Ok(());
            }
            for row in former {
                let (id, show) = (row.found.state.id, Box::new(row.found.state.clone()));
                match self.shows().apply(&context, id, &Command::TakeOver(show)).await {
                    Ok(_) => {}
                    Err(ApplyError::Repository(error)) => return Err(error),
                    Err(ApplyError::Stale { .. }) => return Err(RepositoryError::Contended),
                    Err(ApplyError::Refused { refusal, .. }) => match refusal {},
                }
                // Taken over, it is in the new place for good.
                self.former_shows().delete(&row.found).await?;
            }
        }
    }
}
