//! The lists of browser sessions and of access tokens.

use stubmart_contract::{Context, SessionId, UserId, api};
use stubmart_kernel::page::{Page, PageError, PageRequest};

use crate::{
    service::Auth,
    session::{Kind, Session, USER, Which},
};

impl Auth {
    /// A page of a user's browser sessions that are alive, newest first; `current` is the one that asks.
    ///
    /// # Errors
    /// [`PageError`].
    pub(crate) async fn sessions(
        &self,
        _: &Context,
        user_id: UserId,
        current: SessionId,
        page: &PageRequest,
    ) -> Result<Page<api::Session>, PageError> {
        let sessions = self.living(user_id, Which::Browsers, page).await?;
        Ok(sessions.map(|session| api::Session {
            current: session.id == current,
            id: session.id,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            user_agent: match session.kind {
                Kind::Browser { user_agent, .. } => user_agent,
                Kind::Token { .. } | Kind::Ended { .. } => String::new(),
            },
        }))
    }

    /// A page of a user's access tokens, newest first.
    ///
    /// # Errors
    /// [`PageError`].
    pub(crate) async fn tokens(
        &self,
        _: &Context,
        user_id: UserId,
        page: &PageRequest,
    ) -> Result<Page<api::AccessToken>, PageError> {
        let tokens = self.living(user_id, Which::Tokens, page).await?;
        Ok(tokens.map(|token| {
            let (name, expires_at, scope) = match token.kind {
                Kind::Token { name, expires_at, scope, .. } => (name, expires_at, scope),
                Kind::Browser { .. } | Kind::Ended { .. } => Default::default(),
            };
            api::AccessToken {
                id: token.id,
                created_at: token.created_at,
                last_seen_at: token.last_seen_at,
                name,
                expires_at,
                scope,
            }
        }))
    }

    /// Dead sessions that have not been cleaned up yet take no room in a page.
    async fn living(
        &self,
        user_id: UserId,
        which: Which,
        page: &PageRequest,
    ) -> Result<Page<Session>, PageError> {
        let inner = &self.inner;
        let user = inner.users.load(user_id).await?.map(|user| user.state);
        let now = inner.host.now();
        let scan = inner.sessions.scan(USER, &which.prefix(user_id)).descending();
        let is_alive = |session: &Session| session.is_alive(user.as_ref(), now);
        Ok(inner.sessions.page(scan, page, is_alive).await?.map(|found| found.state))
    }
}
