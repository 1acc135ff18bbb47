//! What other services ask: whose token a request carries, where a user is written to, and what may be shown
//! of a user.

use async_trait::async_trait;
use stubmart_contract::{
    Context, Role, Timestamp, UserId,
    calls::{Identity, Profile, Recipient},
};
use stubmart_kernel::RepositoryError;
use stubmart_ports::calls::{self, CallError};

use crate::{
    service::{Auth, Config},
    session::{Command, Session, TOKEN},
    token_hash::TokenHash,
    user::Account,
};

/// What a token opens.
struct Opened {
    session: Session,
    account: Account,
    /// When the account was opened.
    since: Timestamp,
}

#[async_trait]
impl calls::Auth for Auth {
    async fn introspect(
        &self,
        context: &Context,
        token: &str,
    ) -> Result<Option<Identity>, CallError> {
        let found = self.opened_by(context, token).await;
        let found = found.map_err(|error| CallError(error.into()))?;
        let Config { sellers_verify, new_account_age, .. } = self.inner.config;
        let now = self.inner.host.now();
        Ok(found.map(|Opened { session, account, since }| Identity {
            user_id: session.user_id,
            is_established: account.email_verified
                || account.role != Role::User
                || now.since(since) >= new_account_age,
            session_id: session.id,
            role: account.role,
            read_only: session.is_read_only(),
            may_sell: account.email_verified || !sellers_verify,
        }))
    }

    async fn recipient(
        &self,
        _: &Context,
        user_id: UserId,
    ) -> Result<Option<Recipient>, CallError> {
        let found = self.inner.users.load(user_id).await;
        let found = found.map_err(|error| CallError(error.into()))?.map(|user| user.state);
        Ok(found.and_then(|user| {
            let language = user.language;
            user.account.map(|account| Recipient {
                name: account.name_in_mails().to_owned(),
                email: account.email,
                language,
            })
        }))
    }

    async fn profile(&self, _: &Context, user_id: UserId) -> Result<Option<Profile>, CallError> {
        let found = self.inner.users.load(user_id).await;
        let found = found.map_err(|error| CallError(error.into()))?;
        Ok(found.and_then(|user| {
            let (version, since) = (user.version, user.state.created_at);
            user.state.account.map(|account| Profile {
                version,
                name: account.shown_name().map(str::to_owned),
                since,
                email_verified: account.email_verified,
            })
        }))
    }
}

impl Auth {
    /// The session or access token that `token` opens, if it is alive. Its use is noted.
    pub(crate) async fn living_session(
        &self,
        context: &Context,
        token: &str,
    ) -> Result<Option<Session>, RepositoryError> {
        Ok(self.opened_by(context, token).await?.map(|opened| opened.session))
    }

    /// The same, with its account.
    async fn opened_by(
        &self,
        context: &Context,
        token: &str,
    ) -> Result<Option<Opened>, RepositoryError> {
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
        Ok(user.and_then(|user| {
            let since = user.created_at;
            user.account.map(|account| Opened { session, account, since })
        }))
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
