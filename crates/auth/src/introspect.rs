//! Whose token it is.

use async_trait::async_trait;
use stubmart_contract::{Context, Role, calls::Identity};
use stubmart_kernel::repo::RepoError;
use stubmart_ports::calls::{self, CallError};

use crate::{
    Auth,
    session::{Command, Session, TokenHash},
};

#[async_trait]
impl calls::Auth for Auth {
    async fn introspect(&self, _: &Context, token: &str) -> Result<Option<Identity>, CallError> {
        let found = self.living_session(token).await.map_err(|error| CallError(error.into()))?;
        Ok(found.map(|session| Identity {
            user_id: session.user_id,
            session_id: session.id,
            role: Role::User,
        }))
    }
}

impl Auth {
    /// The session or access token that `token` opens, if it is alive. That it is in use is noted.
    pub(crate) async fn living_session(&self, token: &str) -> Result<Option<Session>, RepoError> {
        let inner = &self.inner;
        let Some(found) = inner.sessions.by_unique("token", &TokenHash::of(token).key()).await?
        else {
            return Ok(None);
        };
        let session = found.doc;
        let user = inner.users.load(session.user_id.0).await?;
        let now = inner.host.now();
        if !session.is_alive(user.as_ref().map(|user| &user.doc), now) {
            return Ok(None);
        }
        if session.is_seen_anew(now) {
            self.note_use(&session);
        }
        Ok(Some(session))
    }

    /// Notes, besides the request that waits, that a session is in use. What is lost when that fails
    /// is noted with the next use.
    fn note_use(&self, session: &Session) {
        let (auth, id) = (self.clone(), session.id);
        let note = async move {
            let command = Command::Use { life: auth.inner.config.session_life };
            if let Err(error) = auth.change_session(id, &command).await {
                tracing::debug!(session.id = %id, %error, "use of a session not noted");
            }
        };
        self.inner.host.spawner.spawn("auth-note-use", Box::pin(note));
    }
}
