//! Logging in.

use std::net::IpAddr;

use stubmart_contract::{Context, Language, UserId, api, email};
use stubmart_kernel::{ApplyError, RepositoryError, Versioned};

use crate::{
    passwords::{CheckError, Guess, Subject},
    service::Auth,
    token_hash::TokenHash,
    user::{Command, EMAIL, User, email_key},
};

/// The client that signs in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Client {
    /// The address that the request came from, where it is known.
    pub(crate) address: Option<IpAddr>,
    /// The client's name for itself.
    pub(crate) user_agent: String,
    /// The language that it asks for.
    pub(crate) language: Language,
}

impl Client {
    /// Names the device, as far as a request tells: what the client calls itself, less the numbers of its
    /// version, and roughly where it is.
    pub(crate) fn device(&self) -> TokenHash {
        let name: String = self.user_agent.chars().filter(|it| !it.is_ascii_digit()).collect();
        let region = match self.address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => address.octets().into_iter().take(2).collect(),
            Some(IpAddr::V6(address)) => address.octets().into_iter().take(4).collect(),
            None => Vec::new(),
        };
        TokenHash::of(&format!("{name}@{region:?}"))
    }
}

/// A user who is signed in now.
pub(crate) struct SignedIn {
    /// The account's version.
    pub(crate) version: u64,
    /// The account.
    pub(crate) user: api::User,
    /// The new session's token.
    pub(crate) token: String,
}

/// Why nobody was signed in.
#[derive(Debug)]
pub(crate) enum LogInError {
    /// The password is right, and the account has a second factor. Nothing happened.
    CodeRequired,
    /// The password or the code is wrong, or was not checked.
    Check(CheckError),
}

impl<E: Into<CheckError>> From<E> for LogInError {
    fn from(error: E) -> Self {
        Self::Check(error.into())
    }
}

impl Auth {
    /// The account with this email, compared as at login.
    ///
    /// # Errors
    /// [`RepositoryError::Unavailable`].
    pub async fn user_by_email(
        &self,
        _: &Context,
        email: &str,
    ) -> Result<Option<UserId>, RepositoryError> {
        Ok(self.find_by_email(email).await?.map(|user| user.state.id))
    }

    pub(crate) async fn find_by_email(
        &self,
        email: &str,
    ) -> Result<Option<Versioned<User>>, RepositoryError> {
        let folded = email::fold(email);
        let found = self.inner.users.by_unique(EMAIL, &email_key(&folded)).await?;
        // Earlier versions folded case and nothing else.
        let earlier = email.trim().to_lowercase();
        if found.is_some() || earlier == folded {
            return Ok(found);
        }
        self.inner.users.by_unique(EMAIL, &email_key(&earlier)).await
    }

    /// Opens a session for the account with this email and password. Any text is taken for an email: one
    /// that is none is answered like the email of no account.
    ///
    /// # Errors
    /// [`LogInError::CodeRequired`]. [`CheckError::Wrong`], after the same work whether or not the account
    /// exists; nothing happened. [`CheckError::Limited`]: a session whose token nobody has may exist.
    pub(crate) async fn log_in(
        &self,
        context: &Context,
        request: api::LoginRequest,
        client: &Client,
    ) -> Result<SignedIn, LogInError> {
        let found = self.find_by_email(&request.email).await?;
        let account = found.as_ref().and_then(|user| user.state.account.as_ref());
        let hash = account.map(|account| account.password_hash.clone());
        let folded = email::fold(&request.email);
        let guess = Guess { subject: Subject::Email(&folded), from: client.address };
        self.inner.passwords.check(guess, request.password, hash).await?;
        let (Some(found), Some(account)) = (&found, account) else {
            return Err(CheckError::Wrong.into());
        };
        if found.state.factor().is_some() {
            let code = request.code.ok_or(LogInError::CodeRequired)?;
            self.use_code(context, found.state.id, code, guess).await?;
        }
        // Before the session is there, so that none is opened in secret, whatever fails in between.
        self.see_device(context, found, client).await?;
        let user = found.state.profile().ok_or(CheckError::Wrong)?;
        let number = account.password_number;
        let opened = self.open_session(context, user.id, number, &client.user_agent).await?;
        let token = opened.ok_or(CheckError::Wrong)?;
        Ok(SignedIn { version: found.version, user, token })
    }

    /// Tells the owner of a login from a device that was not seen before.
    async fn see_device(
        &self,
        context: &Context,
        found: &Versioned<User>,
        client: &Client,
    ) -> Result<(), CheckError> {
        let device = client.device();
        if found.state.devices.contains(&device) {
            return Ok(());
        }
        let command = Command::SeeDevice { device, notice_id: self.inner.host.uuid() };
        match self.change_user(context, found.state.id, &command).await {
            Ok(_) | Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => Ok(()),
            Err(ApplyError::Repository(error)) => Err(error.into()),
        }
    }

    /// Takes a code of the second factor, which is used up. A wrong one counts like a wrong password.
    async fn use_code(
        &self,
        context: &Context,
        id: UserId,
        code: String,
        guess: Guess<'_>,
    ) -> Result<(), CheckError> {
        let command = Command::UseCode { code, login: self.inner.host.uuid() };
        match self.change_user(context, id, &command).await {
            Ok(_) => Ok(()),
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {
                self.inner.passwords.count_wrong(guess).await?;
                Err(CheckError::Wrong)
            }
            Err(ApplyError::Repository(error)) => Err(error.into()),
        }
    }
}
