//! Accounts, sessions and access tokens.

use axum::http::Method;
use stubmart_contract::{
    SessionId,
    api::{
        AccessToken, ConfirmPasswordResetRequest, CreateTokenRequest, CurrentUser,
        DeleteTotpRequest, DeleteUserRequest, IssuedAccessToken, LoginRequest, Page,
        PasswordResetRequest, Session, SignupRequest, Totp, TotpRequest, UpdateUserRequest, User,
        VerifyEmailRequest,
    },
};

use crate::{answer::Answer, call::Client, error::ClientError, session::SessionToken};

/// The most items of a page.
const PAGE_MAX: u32 = 200;

/// A signup or login that succeeded.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who is signed in now.
    pub user: User,
    /// Opens the new session.
    pub token: SessionToken,
    /// The answer, whose `Set-Cookie` a web server passes on.
    pub answer: Answer,
}

impl SignedIn {
    fn read(answer: Answer) -> Result<Self, ClientError> {
        let token = answer
            .session_token()
            .ok_or_else(|| answer.unexpected(&"no session cookie was set".into()))?;
        Ok(Self { user: answer.json()?, token, answer })
    }
}

/// Every error of these methods is a [`ClientError`]: a problem means that nothing happened.
impl Client {
    /// `POST /api/auth/signup`.
    ///
    /// # Errors
    /// `email_taken`, `validation_failed`, `too_many_requests`.
    pub async fn signup(&self, request: &SignupRequest) -> Result<SignedIn, ClientError> {
        SignedIn::read(self.send(Method::POST, "/api/auth/signup", Some(request)).await?)
    }

    /// `POST /api/auth/login`.
    ///
    /// # Errors
    /// `bad_credentials`, `too_many_requests`.
    pub async fn login(&self, request: &LoginRequest) -> Result<SignedIn, ClientError> {
        SignedIn::read(self.send(Method::POST, "/api/auth/login", Some(request)).await?)
    }

    /// `POST /api/auth/logout`: the answer's `Set-Cookie` clears the cookie.
    ///
    /// # Errors
    /// Only when the API is not there.
    pub async fn logout(&self) -> Result<Answer, ClientError> {
        self.send(Method::POST, "/api/auth/logout", None::<&()>).await
    }

    /// `POST /api/auth/verify-email`, with the token from the mail.
    ///
    /// # Errors
    /// `token_invalid`.
    pub async fn verify_email(&self, request: &VerifyEmailRequest) -> Result<User, ClientError> {
        self.send(Method::POST, "/api/auth/verify-email", Some(request)).await?.json()
    }

    /// `POST /api/auth/verify-email/resend`.
    ///
    /// # Errors
    /// `too_many_requests`, `not_signed_in`.
    pub async fn resend_verification(&self) -> Result<(), ClientError> {
        self.send(Method::POST, "/api/auth/verify-email/resend", None::<&()>).await.map(drop)
    }

    /// `POST /api/auth/password-reset`: the answer does not say whether there is such an account.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub async fn ask_password_reset(
        &self,
        request: &PasswordResetRequest,
    ) -> Result<(), ClientError> {
        self.send(Method::POST, "/api/auth/password-reset", Some(request)).await.map(drop)
    }

    /// `POST /api/auth/password-reset/confirm`, with the token from the mail: every session ends.
    ///
    /// # Errors
    /// `token_invalid`, `validation_failed`, `too_many_requests`.
    pub async fn reset_password(
        &self,
        request: &ConfirmPasswordResetRequest,
    ) -> Result<(), ClientError> {
        self.send(Method::POST, "/api/auth/password-reset/confirm", Some(request)).await.map(drop)
    }

    /// `GET /api/auth/currentuser`.
    ///
    /// # Errors
    /// Only when the API is not there: nobody being signed in is no error.
    pub async fn current_user(&self) -> Result<Option<User>, ClientError> {
        Ok(self.get::<CurrentUser>("/api/auth/currentuser").await?.current_user)
    }

    /// `PATCH /api/auth/currentuser`.
    ///
    /// # Errors
    /// `bad_credentials`, `email_taken`, `validation_failed`, `not_signed_in`.
    pub async fn update_user(&self, request: &UpdateUserRequest) -> Result<User, ClientError> {
        self.send(Method::PATCH, "/api/auth/currentuser", Some(request)).await?.json()
    }

    /// `DELETE /api/auth/currentuser`.
    ///
    /// # Errors
    /// `bad_credentials`, `open_sales`, `not_signed_in`.
    pub async fn delete_user(&self, request: &DeleteUserRequest) -> Result<Answer, ClientError> {
        self.send(Method::DELETE, "/api/auth/currentuser", Some(request)).await
    }

    /// `GET /api/auth/totp`.
    ///
    /// # Errors
    /// `not_signed_in`.
    pub async fn totp(&self) -> Result<Totp, ClientError> {
        self.get("/api/auth/totp").await
    }

    /// `POST /api/auth/totp`: without a code it begins, with the app's first code it is on.
    ///
    /// # Errors
    /// `bad_credentials`, `second_factor_on`, `validation_failed`, `too_many_requests`, `not_signed_in`.
    pub async fn set_up_totp(&self, request: &TotpRequest) -> Result<Totp, ClientError> {
        self.send(Method::POST, "/api/auth/totp", Some(request)).await?.json()
    }

    /// `DELETE /api/auth/totp`.
    ///
    /// # Errors
    /// `bad_credentials`, `second_factor_required`, `validation_failed`, `too_many_requests`, `not_signed_in`.
    pub async fn remove_totp(&self, request: &DeleteTotpRequest) -> Result<(), ClientError> {
        self.send(Method::DELETE, "/api/auth/totp", Some(request)).await.map(drop)
    }

    /// `GET /api/auth/sessions`: the newest, as many as one page holds.
    ///
    /// # Errors
    /// `not_signed_in`.
    pub async fn sessions(&self) -> Result<Page<Session>, ClientError> {
        self.get(&format!("/api/auth/sessions?limit={PAGE_MAX}")).await
    }

    /// `DELETE /api/auth/sessions/{id}`.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn end_session(&self, id: SessionId) -> Result<(), ClientError> {
        self.send(Method::DELETE, &format!("/api/auth/sessions/{id}"), None::<&()>).await.map(drop)
    }

    /// `POST /api/auth/tokens`: the secret is in this answer and nowhere else.
    ///
    /// # Errors
    /// `validation_failed`, `not_signed_in`.
    pub async fn create_token(
        &self,
        request: &CreateTokenRequest,
    ) -> Result<IssuedAccessToken, ClientError> {
        self.send(Method::POST, "/api/auth/tokens", Some(request)).await?.json()
    }

    /// `GET /api/auth/tokens`: the newest, as many as one page holds.
    ///
    /// # Errors
    /// `not_signed_in`.
    pub async fn tokens(&self) -> Result<Page<AccessToken>, ClientError> {
        self.get(&format!("/api/auth/tokens?limit={PAGE_MAX}")).await
    }

    /// `DELETE /api/auth/tokens/{id}`.
    ///
    /// # Errors
    /// `not_found`, `not_signed_in`.
    pub async fn revoke_token(&self, id: SessionId) -> Result<(), ClientError> {
        self.send(Method::DELETE, &format!("/api/auth/tokens/{id}"), None::<&()>).await.map(drop)
    }
}
