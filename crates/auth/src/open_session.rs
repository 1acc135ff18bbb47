//! Opening a session.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use stubmart_contract::{Context, SessionId, UserId};
use stubmart_kernel::RepositoryError;

use crate::{
    service::Auth,
    session::{Command, Kind, Session},
    token_hash::TokenHash,
};

impl Auth {
    /// Opens a session for a user whose password of this number was just checked or set. The answer
    /// is its token, which is kept nowhere; `None` when the password was changed or the account
    /// deleted meanwhile: no session is left then.
    ///
    /// # Errors
    /// [`RepositoryError`]: a session whose token nobody has may exist.
    pub(crate) async fn open_session(
        &self,
        context: &Context,
        user_id: UserId,
        password_number: u32,
        user_agent: &str,
    ) -> Result<Option<String>, RepositoryError> {
        let inner = &self.inner;
        let now = inner.host.now();
        let token = URL_SAFE_NO_PAD.encode(inner.host.ids.secret());
        let session = Session {
            id: SessionId(inner.host.uuid()),
            user_id,
            token_hash: TokenHash::of(&token),
            created_at: now,
            last_seen_at: now,
            kind: Kind::Browser {
                user_agent: user_agent.to_owned(),
                password_number,
                expires_at: now.after(inner.config.session_life),
            },
        };
        self.change_session(context, session.id, &Command::Begin(session.clone())).await?;
        // Asked afterwards: had the account gone before, the clean-up of its sessions may have come too
        // early to see this one, and nobody else would end it.
        let user = inner.users.load(user_id).await?.map(|user| user.state);
        if !session.is_alive(user.as_ref(), inner.host.now()) {
            self.end_session(context, session.id).await?;
            return Ok(None);
        }
        Ok(Some(token))
    }
}
