//! Signing up.

use serde::{Deserialize, Serialize};
use stubmart_contract::{Code, Timestamp, UserId, api};
use stubmart_http_kit::{
    Fields, Problem,
    fields::{parsed, text, verbatim},
};
use stubmart_kernel::repo::{ChangeError, RepoError};
use uuid::Uuid;

use crate::{
    Auth,
    email::Email,
    login::{Client, Entered},
    passwords::{Guess, Subject},
    user::{AccountView, Command, Refusal, first_version},
};

/// How long a password is, in characters.
pub(crate) const PASSWORD: (usize, usize) = (8, 128);

/// How long a name is at the most, in characters.
pub(crate) const NAME_MAX: usize = 100;

/// Who wants to sign up.
pub(crate) struct SignUp {
    email: Email,
    name: String,
    password: String,
}

/// What is kept of a creation to answer it once more: nothing personal and nothing secret.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Receipt {
    /// What was created.
    pub(crate) id: Uuid,
    /// When.
    pub(crate) created_at: Timestamp,
}

impl SignUp {
    /// Reads the request.
    pub(crate) fn read(mut fields: Fields) -> Result<Self, Problem> {
        let email = fields.required("email", parsed::<Email>);
        let password = fields.required("password", verbatim(PASSWORD.0, PASSWORD.1));
        let name = fields.optional("name", text(0, NAME_MAX)).unwrap_or_default();
        let both = email.zip(password);
        fields.finish(both.map(|(email, password)| Self { email, name, password }))
    }

    /// What must be the same when its idempotency key comes again. The password is left out: not even
    /// a hash of it that is quick to compute may be kept. It is checked against the account instead.
    pub(crate) fn fingerprint(&self) -> String {
        serde_json::json!([self.email.as_str(), self.name]).to_string()
    }
}

impl Auth {
    /// Opens an account for somebody who is not at a browser: for a demonstration, or a load test.
    ///
    /// # Errors
    /// `validation_failed`, `email_taken`, `unavailable`.
    pub async fn open_account(
        &self,
        email: &str,
        password: &str,
        name: &str,
    ) -> Result<UserId, Problem> {
        let email = email.parse().map_err(|_| Problem::invalid_field("email", "is no address"))?;
        let request = SignUp { email, password: password.to_owned(), name: name.to_owned() };
        let (receipt, _) = self.sign_up(UserId(self.inner.host.uuid()), &request).await?;
        Ok(UserId(receipt.id))
    }

    /// Opens an account. The flag is true when this very call did, false when the account with this
    /// id exists already.
    ///
    /// # Errors
    /// `email_taken`, with the same work done; `unavailable`.
    pub(crate) async fn sign_up(
        &self,
        id: UserId,
        request: &SignUp,
    ) -> Result<(Receipt, bool), Problem> {
        let password_hash = self.inner.passwords.hash(request.password.clone()).await?;
        let (email, name) = (request.email.clone(), request.name.clone());
        let command = Command::SignUp { id, email, name, password_hash };
        match self.change_user(id, &command).await {
            Ok(created_at) => Ok((Receipt { id: id.0, created_at }, true)),
            Err(ChangeError::Refused(Refusal::Exists)) => {
                let user = self.inner.users.load(id.0).await?.ok_or_else(Problem::not_found)?;
                Ok((Receipt { id: id.0, created_at: user.doc.created_at }, false))
            }
            Err(ChangeError::Refused(
                Refusal::Gone | Refusal::StaleProof | Refusal::OtherVersion,
            )) => Err(Problem::internal("a signup was refused")),
            Err(ChangeError::Repo(RepoError::Taken { .. })) => Err(Problem::new(Code::EmailTaken)),
            Err(ChangeError::Repo(error)) => Err(error.into()),
        }
    }

    /// Opens the first session of an account that was just opened, or a further one when the signup
    /// is repeated; a repetition has to know the password.
    ///
    /// # Errors
    /// `idempotency_key_reused` when it has another password than the account, which may have been
    /// deleted meanwhile; `too_many_requests`; `unavailable`. The account exists in any other case.
    pub(crate) async fn enter(
        &self,
        receipt: Receipt,
        request: &SignUp,
        is_new: bool,
        client: &Client,
    ) -> Result<Entered, Problem> {
        let id = UserId(receipt.id);
        let number = if is_new { 1 } else { self.recognise(id, request, client).await? };
        let opened = self.open_session(id, number, client).await?;
        let token = opened.ok_or_else(|| Problem::new(Code::IdempotencyKeyReused))?;
        let user = api::User {
            id,
            email: request.email.as_str().to_owned(),
            name: request.name.clone(),
            created_at: receipt.created_at,
        };
        // It is shown as it was opened, so this is the version that is shown.
        Ok(Entered { user: AccountView { version: first_version(), user }, token })
    }

    /// The number of the account's password, when the signup has that password.
    async fn recognise(
        &self,
        id: UserId,
        request: &SignUp,
        client: &Client,
    ) -> Result<u32, Problem> {
        let user = self.inner.users.load(id.0).await?;
        let account = user.and_then(|user| user.doc.account);
        let (hash, number) = account.map(|it| (it.password_hash, it.password_number)).unzip();
        let folded = request.email.folded();
        let guess = Guess { subject: Subject::Email(&folded), from: client.address };
        let checked = self.check_password(guess, request.password.clone(), hash).await;
        match (checked, number) {
            (Ok(()), Some(number)) => Ok(number),
            (Err(problem), _) if problem.code() != Code::BadCredentials => Err(problem),
            _ => Err(Problem::new(Code::IdempotencyKeyReused)),
        }
    }
}
