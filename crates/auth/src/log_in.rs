//! Logging in.

use std::net::IpAddr;

use stubmart_contract::{Context, Language, UserId, api, email};
use stubmart_kernel::{RepositoryError, Versioned};

use crate::{
    passwords::{CheckError, Guess, Subject},
    service::Auth,
    user::{EMAIL, User, email_key},
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

/// A user who is signed in now.
pub(crate) struct SignedIn {
    /// The account's version.
    pub(crate) version: u64,
    /// The account.
    pub(crate) user: api::User,
    /// The new session's token.
    pub(crate) token: String,
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
    /// [`CheckError::Wrong`], after the same work whether or not the account exists; nothing happened.
    /// [`CheckError::Limited`]: a session whose token nobody has may exist.
    pub(crate) async fn log_in(
        &self,
        context: &Context,
        request: api::LoginRequest,
        client: &Client,
    ) -> Result<SignedIn, CheckError> {
        let found = self.find_by_email(&request.email).await?;
        let account = found.as_ref().and_then(|user| user.state.account.as_ref());
        let hash = account.map(|account| account.password_hash.clone());
        let folded = email::fold(&request.email);
        let guess = Guess { subject: Subject::Email(&folded), from: client.address };
        self.inner.passwords.check(guess, request.password, hash).await?;
        let (Some(found), Some(account)) = (&found, account) else { return Err(CheckError::Wrong) };
        let user = found.state.profile().ok_or(CheckError::Wrong)?;
        let number = account.password_number;
        let opened = self.open_session(context, user.id, number, &client.user_agent).await?;
        let token = opened.ok_or(CheckError::Wrong)?;
        Ok(SignedIn { version: found.version, user, token })
    }
}
