//! Ending sessions: one by its owner, and those that are dead already.

use stubmart_contract::{Context, SessionId, UserId};
use stubmart_kernel::{RepositoryError, aggregate::Key};

use crate::{
    service::Auth,
    session::{USER, Which},
};

/// How many sessions are loaded at once.
const BATCH: usize = 200;

/// The outcome of ending a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Revoked {
    /// It has ended.
    Ended,
    /// The user has no such living session.
    NotFound,
}

impl Auth {
    /// Ends one of a user's browser sessions or access tokens.
    ///
    /// # Errors
    /// [`RepositoryError`]: it may have ended.
    pub(crate) async fn revoke(
        &self,
        context: &Context,
        user_id: UserId,
        id: SessionId,
        which: Which,
    ) -> Result<Revoked, RepositoryError> {
        let inner = &self.inner;
        let Some(found) = inner.sessions.load(id).await? else { return Ok(Revoked::NotFound) };
        let user = inner.users.load(user_id).await?.map(|user| user.state);
        let session = found.state;
        let is_theirs = session.user_id == user_id && session.which() == Some(which);
        if !is_theirs || !session.is_alive(user.as_ref(), inner.host.now()) {
            return Ok(Revoked::NotFound);
        }
        self.end_session(context, id).await?;
        Ok(Revoked::Ended)
    }

    /// Ends a user's sessions that died with a password or with the account, which erases their
    /// content.
    ///
    /// # Errors
    /// [`RepositoryError`]: some have ended.
    pub(crate) async fn end_dead_sessions(
        &self,
        context: &Context,
        user_id: UserId,
    ) -> Result<(), RepositoryError> {
        let inner = &self.inner;
        let user = inner.users.load(user_id).await?.map(|user| user.state);
        let mut scan = inner.sessions.scan(USER, &Key::new().id(user_id.0)).limit(BATCH);
        loop {
            let rows = inner.sessions.find(scan.clone()).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            scan = scan.behind(&last.key);
            let now = inner.host.now();
            for session in rows.into_iter().map(|row| row.found.state) {
                if !session.is_alive(user.as_ref(), now) {
                    self.end_session(context, session.id).await?;
                }
            }
        }
    }
}
