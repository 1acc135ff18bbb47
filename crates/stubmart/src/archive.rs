//! Moves old events out of the file that is written all the time.

use std::time::Duration;

use async_trait::async_trait;
use stubmart_kernel::worker::{Next, Worker};
use stubmart_ports::{Cause, host::Host};
use stubmart_sqlite::Database;

/// How often is looked whether events have become old.
const PAUSE: Duration = Duration::from_secs(3600);

/// The worker that archives events.
pub(crate) struct Archive {
    pub(crate) database: Database,
    pub(crate) host: Host,
    /// How old they are then.
    pub(crate) after: Duration,
}

#[async_trait]
impl Worker for Archive {
    fn name(&self) -> &'static str {
        "archive"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let now = self.host.now();
        let is_more = self.database.archive_events(now.before(self.after)).await?;
        Ok(if is_more { Next::Again } else { Next::At(now.after(PAUSE)) })
    }
}
