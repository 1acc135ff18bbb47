//! Signing up.

use std::fmt;

use serde::{Deserialize, Serialize};
use stubmart_contract::{Context, Email, Role, Timestamp, UserId, api};
use stubmart_kernel::{ApplyError, RepositoryError};
use uuid::Uuid;

use crate::{
    failure::{Failure, Limited},
    log_in::{Client, SignedIn},
    passwords::{CheckError, Guess, Subject},
    service::Auth,
    user::{self, Command},
};

/// The version of an account as it is opened.
const FIRST_VERSION: u64 = 1;

/// A signup.
pub struct SignUp {
    /// The address.
    pub email: Email,
    /// The user's name; may be empty.
    pub name: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for SignUp {
    /// A password stays out of logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignUp").finish_non_exhaustive()
    }
}

/// The part of an answer that is kept to give it again: nothing personal and nothing secret.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// The id of the creation.
    pub(crate) id: Uuid,
    /// Its time.
    pub(crate) created_at: Timestamp,
}

/// Why no account was opened.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// Another account has the address. Nothing happened.
    #[error("another account has the address")]
    EmailTaken,
    /// A dependency failed.
    #[error(transparent)]
    Failed(Failure),
}

/// Why a signup's session was not opened. The account exists.
#[derive(Debug)]
pub(crate) enum EnterError {
    /// The account has another password than this signup, or was deleted.
    OtherPassword,
    /// The password was not checked, or a dependency failed.
    Limited(Limited),
}

impl<E: Into<Limited>> From<E> for EnterError {
    fn from(error: E) -> Self {
        Self::Limited(error.into())
    }
}

impl SignUp {
    /// The part that must be the same when its idempotency key comes again. The password is left out: not even
    /// a hash of it that is quick to compute may be kept. It is checked against the account instead.
    pub(crate) fn fingerprint(&self) -> String {
        serde_json::json!([self.email.as_str(), self.name]).to_string()
    }
}

impl Auth {
    /// Opens an account without a session, for a demonstration or a load test. Its address counts as
    /// verified.
    ///
    /// # Errors
    /// [`SignUpError`].
    pub async fn open_account(
        &self,
        context: &Context,
        request: &SignUp,
    ) -> Result<UserId, SignUpError> {
        let id = UserId(self.inner.host.uuid());
        self.sign_up(context, id, request, None).await.map(|_| id)
    }

    /// Opens an account. `by` is the client that asks, whose owner is mailed a link to verify the address
    /// with; without one there is nothing to verify. The flag is true when this very call opened it, false
    /// when the account with this id exists already.
    ///
    /// # Errors
    /// [`SignUpError`].
    pub(crate) async fn sign_up(
        &self,
        context: &Context,
        id: UserId,
        request: &SignUp,
        by: Option<&Client>,
    ) -> Result<(Receipt, bool), SignUpError> {
        let hashed = self.inner.passwords.hash(request.password.clone()).await;
        let password_hash = hashed.map_err(SignUpError::Failed)?;
        let (email, name) = (request.email.clone(), request.name.clone());
        let command = Command::SignUp(user::SignUp {
            id,
            email,
            name,
            password_hash,
            language: by.map(|client| client.language).unwrap_or_default(),
            device: by.map(Client::device),
            notice_id: by.map(|_| self.inner.host.uuid()),
        });
        let receipt = |created_at| Receipt { id: id.0, created_at };
        match self.change_user(context, id, &command).await {
            Ok(applied) => Ok((receipt(applied.after.state.created_at), true)),
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {
                let stored = self.inner.users.load(id).await.map_err(failed)?;
                let stored = stored.ok_or_else(|| failed(RepositoryError::Contended))?;
                Ok((receipt(stored.state.created_at), false))
            }
            Err(ApplyError::Repository(RepositoryError::Taken { .. })) => {
                Err(SignUpError::EmailTaken)
            }
            Err(ApplyError::Repository(error)) => Err(failed(error)),
        }
    }

    /// Opens the first session of an account that was just opened, or a further one when the signup
    /// is repeated; a repetition has to know the password.
    ///
    /// # Errors
    /// [`EnterError`].
    pub(crate) async fn enter(
        &self,
        context: &Context,
        receipt: Receipt,
        request: &SignUp,
        is_new: bool,
        client: &Client,
    ) -> Result<SignedIn, EnterError> {
        let id = UserId(receipt.id);
        let number = if is_new { 1 } else { self.recognise(id, request, client).await? };
        let opened = self.open_session(context, id, number, &client.user_agent).await?;
        let token = opened.ok_or(EnterError::OtherPassword)?;
        let user = api::User {
            id,
            email: request.email.as_str().to_owned(),
            email_verified: false,
            role: Role::User,
            name: request.name.clone(),
            created_at: receipt.created_at,
        };
        // The account is shown as it was opened, in the version that it had then.
        Ok(SignedIn { version: FIRST_VERSION, user, token })
    }

    /// The number of the account's password, when the signup has that password.
    async fn recognise(
        &self,
        id: UserId,
        request: &SignUp,
        client: &Client,
    ) -> Result<u32, EnterError> {
        let user = self.inner.users.load(id).await?.map(|user| user.state);
        // A signup that is sent again gives no code.
        let account = user.filter(|it| it.factor().is_none()).and_then(|it| it.account);
        let (hash, number) = account.map(|it| (it.password_hash, it.password_number)).unzip();
        let folded = request.email.folded();
        let guess = Guess { subject: Subject::Email(&folded), from: client.address };
        match self.inner.passwords.check(guess, request.password.clone(), hash).await {
            Ok(()) => number.ok_or(EnterError::OtherPassword),
            Err(CheckError::Wrong) => Err(EnterError::OtherPassword),
            Err(CheckError::Limited(limited)) => Err(limited.into()),
        }
    }
}

fn failed(error: RepositoryError) -> SignUpError {
    SignUpError::Failed(error.into())
}
