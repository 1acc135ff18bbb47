//! Logging out.

use stubmart_contract::SessionId;
use stubmart_http_kit::Problem;
use stubmart_kernel::repo::RepoError;

use crate::{
    Auth,
    session::{Command, TokenHash},
};

impl Auth {
    /// Ends the session, or the access token, that `token` opens; one that is ended stays so.
    ///
    /// # Errors
    /// `unavailable`: the session may have ended.
    pub(crate) async fn log_out(&self, token: &str) -> Result<(), Problem> {
        let found = self.inner.sessions.by_unique("token", &TokenHash::of(token).key()).await?;
        match found {
            Some(session) => Ok(self.end_session(session.doc.id).await?),
            None => Ok(()),
        }
    }

    /// Ends a session; one that is ended stays so.
    pub(crate) async fn end_session(&self, id: SessionId) -> Result<(), RepoError> {
        let life = self.inner.config.session_life;
        self.change_session(id, &Command::End { life }).await.map(drop)
    }
}
