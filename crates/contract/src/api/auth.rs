//! Accounts, sessions and access tokens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    actor::Role,
    email,
    ids::{SessionId, UserId},
    password,
    time::Timestamp,
};

/// An account, as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// As given at signup; compared case-insensitively.
    pub email: String,
    /// Whether the user has shown that mail to the address reaches them.
    pub email_verified: bool,
    /// What to call the user; empty when none was given.
    pub name: String,
    /// What the user may do beyond buying and selling.
    pub role: Role,
    /// When the account was made.
    pub created_at: Timestamp,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CurrentUser {
    /// Null when nobody is.
    pub current_user: Option<User>,
}

/// `POST /api/auth/signup`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignupRequest {
    /// An email address.
    #[serde(deserialize_with = "email::given")]
    #[schema(max_length = 254, format = Email)]
    pub email: String,
    /// 8 to 128 characters, and not one of the most common passwords.
    #[serde(deserialize_with = "password::given")]
    #[schema(min_length = 8, max_length = 128, format = Password)]
    pub password: String,
    /// What to call the user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub name: Option<String>,
}

/// `POST /api/auth/login`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoginRequest {
    /// The email given at signup, in any case.
    pub email: String,
    /// The password.
    #[schema(format = Password)]
    pub password: String,
    /// The code of the second factor, or a recovery code, where the account has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub code: Option<String>,
}

/// `PATCH /api/auth/currentuser`: what is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateUserRequest {
    /// A new email address.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "email::given_or_null"
    )]
    #[schema(max_length = 254, format = Email)]
    pub email: Option<String>,
    /// A new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub name: Option<String>,
    /// A new password; it ends every other session.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "password::given_or_null"
    )]
    #[schema(min_length = 8, max_length = 128, format = Password)]
    pub password: Option<String>,
    /// The present password.
    #[schema(format = Password)]
    pub current_password: String,
}

/// `DELETE /api/auth/currentuser`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteUserRequest {
    /// The present password.
    #[schema(format = Password)]
    pub current_password: String,
}

/// The second factor of an account. What is null is shown once, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Totp {
    /// Whether logging in asks for a code.
    pub enabled: bool,
    /// How many recovery codes were not used.
    pub recovery_codes_left: u32,
    /// The secret for the app, in base 32.
    pub secret: Option<String>,
    /// The same for a QR code.
    pub uri: Option<String>,
    /// Codes that open the account once each, in place of the app's.
    pub recovery_codes: Option<Vec<String>>,
}

/// `POST /api/auth/totp`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TotpRequest {
    /// The present password.
    #[schema(format = Password)]
    pub current_password: String,
    /// The app's first code; left out to begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub code: Option<String>,
}

/// `DELETE /api/auth/totp`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteTotpRequest {
    /// The present password.
    #[schema(format = Password)]
    pub current_password: String,
    /// A code of the app, or a recovery code, where the second factor is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 100)]
    pub code: Option<String>,
}

/// `POST /api/auth/verify-email`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerifyEmailRequest {
    /// The token in the link of the mail.
    #[schema(min_length = 1, max_length = 200)]
    pub token: String,
}

/// `POST /api/auth/password-reset`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordResetRequest {
    /// The email of the account, in any case.
    pub email: String,
}

/// `POST /api/auth/password-reset/confirm`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfirmPasswordResetRequest {
    /// The token in the link of the mail.
    #[schema(min_length = 1, max_length = 200)]
    pub token: String,
    /// The new password: 8 to 128 characters, and not one of the most common passwords.
    #[serde(deserialize_with = "password::given")]
    #[schema(min_length = 8, max_length = 128, format = Password)]
    pub password: String,
}

/// Where an account is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Names the session; it is not the secret that opens it.
    pub id: SessionId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// The `User-Agent` it began with.
    pub user_agent: String,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// `POST /api/auth/tokens`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTokenRequest {
    /// What the token is for.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// When it ends; never when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// What it may do; everything when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<TokenScope>,
}

/// What an access token may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenScope {
    /// Look: `GET` and `HEAD`.
    Read,
    /// All that its owner may, but for making further tokens.
    #[default]
    Full,
}

/// A personal access token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessToken {
    /// Names the token; it is not the secret.
    pub id: SessionId,
    /// What it is for.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// When it ends; null where it does not by itself.
    pub expires_at: Option<Timestamp>,
    /// What it may do.
    pub scope: TokenScope,
}

/// A new access token with its secret, which is shown this once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct IssuedAccessToken {
    /// Names the token.
    pub id: SessionId,
    /// What it is for.
    pub name: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_seen_at: Timestamp,
    /// When it ends; null where it does not by itself.
    pub expires_at: Option<Timestamp>,
    /// What it may do.
    pub scope: TokenScope,
    /// Send it as `Authorization: Bearer <token>`.
    pub token: String,
}
