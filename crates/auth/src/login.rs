//! Logging in.

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use stubmart_contract::{Code, SessionId, UserId};
use stubmart_http_kit::{Fields, Problem};
use stubmart_kernel::repo::RepoError;

use crate::{
    Auth,
    email::Email,
    http::any_text,
    passwords::{Guess, Subject},
    session::{Command, Kind, Session, TokenHash},
    user::{AccountView, User},
};

/// Who wants to log in.
pub(crate) struct Login {
    email: String,
    password: String,
}

impl Login {
    /// Reads the request. Any text will do: what can be no account's is answered like an unknown one.
    pub(crate) fn read(mut fields: Fields) -> Result<Self, Problem> {
        let email = fields.required("email", any_text);
        let password = fields.required("password", any_text);
        fields.finish(email.zip(password).map(|(email, password)| Self { email, password }))
    }
}

/// Where a session begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    /// The address the request came from, where it is known.
    pub(crate) address: Option<IpAddr>,
    /// What the client calls itself.
    pub(crate) user_agent: String,
    /// Whether the client came over HTTPS, as far as is known.
    pub(crate) https: bool,
}

/// Somebody who is signed in now.
pub(crate) struct Entered {
    pub(crate) user: AccountView,
    /// The new session's token.
    pub(crate) token: String,
}

impl Auth {
    /// The account with this email, compared as at login.
    ///
    /// # Errors
    /// [`RepoError::Unavailable`].
    pub async fn user_by_email(&self, email: &str) -> Result<Option<UserId>, RepoError> {
        let Ok(email) = email.parse::<Email>() else { return Ok(None) };
        let user = self.inner.users.by_unique("email", &email.key()).await?;
        Ok(user.map(|user| user.doc.id))
    }

    /// Opens a session for the account with this email and password.
    ///
    /// # Errors
    /// `bad_credentials` with the same work done whether or not the account exists;
    /// `too_many_requests`; `unavailable`.
    pub(crate) async fn log_in(&self, login: Login, client: &Client) -> Result<Entered, Problem> {
        let user = match login.email.parse::<Email>() {
            Ok(email) => self.inner.users.by_unique("email", &email.key()).await?,
            Err(_) => None,
        };
        let user = user.map(|found| found.doc);
        let account = user.as_ref().and_then(|user| user.account.as_ref());
        let hash = account.map(|account| account.password_hash.clone());
        let folded = login.email.trim().to_lowercase();
        let guess = Guess { subject: Subject::Email(&folded), from: client.address };
        self.check_password(guess, login.password, hash).await?;
        let Some((view, account)) = user.as_ref().and_then(User::view).zip(account) else {
            return Err(Problem::new(Code::BadCredentials));
        };
        let opened = self.open_session(view.user.id, account.password_number, client).await?;
        let token = opened.ok_or_else(|| Problem::new(Code::BadCredentials))?;
        Ok(Entered { user: view, token })
    }

    /// Opens a session for a user whose password of this number was just checked or set. The answer
    /// is its token, which is kept nowhere; `None` when the password was changed or the account
    /// deleted meanwhile: no session is left then.
    ///
    /// # Errors
    /// `unavailable`: a session nobody has the token of may exist.
    pub(crate) async fn open_session(
        &self,
        user_id: UserId,
        password_number: u32,
        client: &Client,
    ) -> Result<Option<String>, Problem> {
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
                user_agent: client.user_agent.clone(),
                password_number,
                expires_at: now.after(inner.config.session_life),
            },
        };
        self.change_session(session.id, &Command::Begin(session.clone())).await?;
        // Asked afterwards: had the account gone before, whoever tidied up may have come too early to
        // see this session, and nobody else would end it.
        let user = inner.users.load(user_id.0).await?.map(|user| user.doc);
        if !session.is_alive(user.as_ref(), inner.host.now()) {
            self.end_session(session.id).await?;
            return Ok(None);
        }
        Ok(Some(token))
    }
}
