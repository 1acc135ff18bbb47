//! Logging out.

use stubmart_contract::Context;
use stubmart_kernel::RepositoryError;

use crate::{service::Auth, session::TOKEN, token_hash::TokenHash};

impl Auth {
    /// Ends the session, or the access token, that `token` opens; one that has ended stays so.
    ///
    /// # Errors
    /// [`RepositoryError`]: the session may have ended.
    pub(crate) async fn log_out(
        &self,
        context: &Context,
        token: &str,
    ) -> Result<(), RepositoryError> {
        let found = self.inner.sessions.by_unique(TOKEN, &TokenHash::of(token).key()).await?;
        match found {
            Some(session) => self.end_session(context, session.state.id).await,
            None => Ok(()),
        }
    }
}
