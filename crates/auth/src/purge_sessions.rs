//! Deletes the documents of sessions that ran out, or were ended long ago.

use async_trait::async_trait;
use stubmart_contract::SessionId;
use stubmart_kernel::{
    Repository,
    due::{Due, DueError},
};

use crate::{
    service::Auth,
    session::{PURGE, Session},
};

/// The sessions whose document is to be deleted.
#[derive(Debug)]
pub(crate) struct ExpiredSessions(pub(crate) Auth);

#[async_trait]
impl Due for ExpiredSessions {
    type Aggregate = Session;

    fn name(&self) -> &'static str {
        "auth-expired-sessions"
    }

    fn repository(&self) -> &Repository<Session> {
        &self.0.inner.sessions
    }

    fn index(&self) -> &'static str {
        PURGE
    }

    async fn run(&self, id: SessionId) -> Result<(), DueError> {
        let now = self.0.inner.host.now();
        if let Some(found) = self.repository().load(id).await?
            // A use may have lengthened its life in between.
            && found.state.purge_at().is_some_and(|at| at <= now)
        {
            self.repository().delete(&found).await?;
        }
        Ok(())
    }
}
