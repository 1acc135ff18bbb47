//! Whose token a request carries.

use async_trait::async_trait;
use stubmart_contract::{Context, Role, calls::Identity};
use stubmart_kernel::RepositoryError;
use stubmart_ports::calls::{self, CallError};

use crate::{
    service::Auth,
    session::{Command, Session, TOKEN, TokenHash},
};

#[async_trait]
impl calls::Auth for Auth {
    async fn introspect(
        &self,
        context: &Context,
        token: &str,
    ) -> Result<Option<Identity>, CallError> {
        let found = self.living_session(context, token).await;
        let found = found.map_err(|error| CallError(error.into()))?;
        // Everybody buys and sells, until there are operators.
        let role = Role::User;
        Ok(found.map(|it| Identity { user_id: it.user_id, session_id: it.id, role }))
    }
}

impl Auth {
    /// The session or access token that `token` opens, if it is alive. Its use is noted.
    pub(crate) async fn living_session(
        &self,
        context: &Context,
        token: &str,
    ) -> Result<Option<Session>, RepositoryError> {
        let inner = &self.inner;
        let found = inner.sessions.by_unique(TOKEN, &TokenHash::of(token).key()).await?;
        let Some(session) = found.map(|found| found.state) else { return Ok(None) };
        let user = inner.users.load(session.user_id).await?.map(|user| user.state);
        let now = inner.host.now();
        if !session.is_alive(user.as_ref(), now) {
            return Ok(None);
        }
        if session.is_use_to_be_noted(now) {
            self.note_use(context, &session);
        }
        Ok(Some(session))
    }

    /// Notes, beside the request that waits, that a session is in use. A use that is lost because that
    /// fails is noted with the next one.
    fn note_use(&self, context: &Context, session: &Session) {
        let (auth, context, id) = (self.clone(), context.clone(), session.id);
        let note = async move {
            let command = Command::Use { life: auth.inner.config.session_life };
            if let Err(error) = auth.change_session(&context, id, &command).await {
                tracing::debug!(session.id = %id, %error, "use of a session not noted");
            }
        };
        self.inner.host.spawner.spawn("auth-note-use", Box::pin(note));
    }
}
