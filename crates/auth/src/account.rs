//! The account: reading it, changing it, and how a user's document is changed at all.

use std::net::IpAddr;

use stubmart_contract::{Code, Timestamp, UserId};
use stubmart_http_kit::{
    Fields, IfMatch, Problem, SignedIn,
    fields::{parsed, text, verbatim},
};
use stubmart_kernel::repo::{ChangeError, Decision, RepoError, Trace};

use crate::{
    Auth,
    email::Email,
    http::any_text,
    passwords::{Guess, Subject},
    signup::{NAME_MAX, PASSWORD},
    user::{self, AccountView, Change, Command, Refusal},
};

/// What is to change; `None` stays.
pub(crate) struct UpdateRequest {
    email: Option<Email>,
    name: Option<String>,
    password: Option<String>,
    current_password: String,
}

impl UpdateRequest {
    /// Reads the request.
    pub(crate) fn read(mut fields: Fields) -> Result<Self, Problem> {
        let email = fields.optional("email", parsed::<Email>);
        let name = fields.optional("name", text(0, NAME_MAX));
        let password = fields.optional("password", verbatim(PASSWORD.0, PASSWORD.1));
        let current_password = fields.required("currentPassword", any_text);
        let built = current_password.map(|current_password| Self {
            email,
            name,
            password,
            current_password,
        });
        fields.finish(built)
    }

    /// Whether it sets a password, and so ends the other sessions.
    pub(crate) const fn sets_password(&self) -> bool {
        self.password.is_some()
    }
}

impl Auth {
    /// The account of a user and its version; `None` when it is deleted.
    ///
    /// # Errors
    /// `unavailable`.
    pub(crate) async fn account(&self, id: UserId) -> Result<Option<AccountView>, Problem> {
        Ok(self.inner.users.load(id.0).await?.and_then(|user| user.doc.view()))
    }

    /// Changes the caller's account. With a new password every other browser session ends, in the
    /// same save; access tokens stay, as they do elsewhere: they were not opened with the password.
    ///
    /// # Errors
    /// `bad_credentials`, `email_taken`, `version_mismatch`, `not_signed_in` when the account is gone,
    /// `too_many_requests`: nothing changed. `unavailable`.
    pub(crate) async fn update_account(
        &self,
        caller: &SignedIn,
        from: Option<IpAddr>,
        request: UpdateRequest,
        if_match: IfMatch,
    ) -> Result<AccountView, Problem> {
        let proof = self.prove(caller.user_id, from, request.current_password).await?;
        let password_hash = match request.password {
            Some(password) => Some(self.inner.passwords.hash(password).await?),
            None => None,
        };
        let command = Command::Update(user::Update {
            proof,
            if_match,
            session: caller.session_id,
            email: request.email,
            name: request.name,
            password_hash,
            notice_ids: [self.inner.host.uuid(), self.inner.host.uuid()],
        });
        self.change_user(caller.user_id, &command).await.map_err(refused)?;
        self.account(caller.user_id).await?.ok_or_else(|| Problem::new(Code::NotSignedIn))
    }

    /// Checks a signed-in user's present password. The answer is the hash it was checked against: a
    /// change that names it holds only while that is still the account's.
    ///
    /// # Errors
    /// `bad_credentials`, `not_signed_in` when the account is gone, `too_many_requests`,
    /// `unavailable`.
    pub(crate) async fn prove(
        &self,
        id: UserId,
        from: Option<IpAddr>,
        password: String,
    ) -> Result<String, Problem> {
        let user = self.inner.users.load(id.0).await?;
        let account = user.and_then(|user| user.doc.account);
        let hash = account.ok_or_else(|| Problem::new(Code::NotSignedIn))?.password_hash;
        let guess = Guess { subject: Subject::User(id), from };
        self.check_password(guess, password, Some(hash.clone())).await?;
        Ok(hash)
    }

    /// Changes a user's document. The answer is when the user signed up.
    pub(crate) async fn change_user(
        &self,
        id: UserId,
        command: &Command,
    ) -> Result<Timestamp, ChangeError<Refusal>> {
        let now = self.inner.host.now();
        let changed = self.inner.users.change(id.0, Trace::REQUEST, |current| {
            let current = current.map(|it| &it.doc);
            Ok(match user::decide(current, command, now)? {
                Change::Keep => Decision::Keep(current.map_or(now, |user| user.created_at)),
                Change::Save(doc, events) => {
                    let answer = doc.created_at;
                    Decision::Save { doc, events, answer }
                }
            })
        });
        let created_at = changed.await?;
        self.inner.notices.wake();
        Ok(created_at)
    }
}

/// Why a signed-in user's change was refused, as the user is told.
pub(crate) fn refused(error: ChangeError<Refusal>) -> Problem {
    match error {
        ChangeError::Refused(Refusal::Gone) => Problem::new(Code::NotSignedIn),
        // Another request changed the password meanwhile: what was checked is no longer right.
        ChangeError::Refused(Refusal::StaleProof) => Problem::new(Code::BadCredentials),
        ChangeError::Refused(Refusal::OtherVersion) => Problem::new(Code::VersionMismatch),
        ChangeError::Refused(Refusal::Exists) => {
            Problem::internal("an update was taken for a signup")
        }
        ChangeError::Repo(RepoError::Taken { .. }) => Problem::new(Code::EmailTaken),
        ChangeError::Repo(error) => error.into(),
    }
}
