//! Personal access tokens: for scripts, named, shown once, revocable.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _, digest::InvalidLength};
use sha2::Sha256;
use stubmart_contract::{Context, SessionId, UserId, api::CreateTokenRequest};
use stubmart_kernel::{ApplyError, RepositoryError};
use uuid::Uuid;

use crate::{
    service::Auth,
    session::{Command, Kind, Session, Which},
    sign_up::Receipt,
    token_hash::TokenHash,
    user,
};

/// The beginning of every access token, so that scanners find one that was published by mistake.
const PREFIX: &str = "stub_";

/// The browser session that makes an access token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Maker<'a> {
    pub(crate) user_id: UserId,
    /// The token of the session that asks.
    pub(crate) session_token: &'a str,
}

/// Why no token was made.
#[derive(Debug)]
pub(crate) enum TokenError {
    /// Only a browser session makes tokens: one that leaked must not leave others behind when it is
    /// revoked.
    SessionRequired,
    /// The session has ended.
    NotSignedIn,
    /// The repository failed: the token may exist.
    Failed(RepositoryError),
}

impl From<RepositoryError> for TokenError {
    fn from(error: RepositoryError) -> Self {
        Self::Failed(error)
    }
}

impl Maker<'_> {
    /// A new token's secret. It is made of the session that asks, the token's id and `nonce` (the
    /// request's idempotency key, or random bits), so that the same request, sent again, can be shown it
    /// again although it is stored nowhere.
    ///
    /// # Errors
    /// [`InvalidLength`], never in practice: HMAC takes a key of any length.
    pub(crate) fn secret(self, id: Uuid, nonce: &str) -> Result<String, InvalidLength> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.session_token.as_bytes())?;
        mac.update(b"stubmart access token\0");
        mac.update(id.as_bytes());
        mac.update(nonce.as_bytes());
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
    }
}

impl Auth {
    /// Refuses a caller that is no browser session.
    ///
    /// # Errors
    /// [`TokenError`]. Nothing happened.
    pub(crate) async fn check_maker(
        &self,
        context: &Context,
        maker: Maker<'_>,
    ) -> Result<(), TokenError> {
        let session = self.living_session(context, maker.session_token).await?;
        match session.and_then(|session| session.which()) {
            Some(Which::Browsers) => Ok(()),
            Some(Which::Tokens) => Err(TokenError::SessionRequired),
            None => Err(TokenError::NotSignedIn),
        }
    }

    /// Makes an access token that `secret` opens; one that exists with this id stays as it is. The
    /// owner learns of it by mail.
    ///
    /// # Errors
    /// [`TokenError::NotSignedIn`] when the caller's session died meanwhile; there is no token then.
    /// [`TokenError::Failed`].
    pub(crate) async fn create_token(
        &self,
        context: &Context,
        maker: Maker<'_>,
        id: Uuid,
        request: &CreateTokenRequest,
        secret: &str,
    ) -> Result<Receipt, TokenError> {
        // First, so that no token is made in secret, whatever fails in between.
        let report = user::Command::ReportToken { notice_id: id };
        let owner = match self.change_user(context, maker.user_id, &report).await {
            Ok(applied) => applied.after.state,
            Err(ApplyError::Repository(error)) => return Err(error.into()),
            Err(ApplyError::Refused { .. } | ApplyError::Stale { .. }) => {
                return Err(TokenError::NotSignedIn);
            }
        };
        let recoveries = owner.account.map_or(0, |account| account.recoveries);
        let (id, now) = (SessionId(id), self.inner.host.now());
        let session = Session {
            id,
            user_id: maker.user_id,
            token_hash: TokenHash::of(secret),
            created_at: now,
            last_seen_at: now,
            kind: Kind::Token {
                name: request.name.clone(),
                recoveries,
                expires_at: request.expires_at,
                scope: request.scope.unwrap_or_default(),
            },
        };
        let begun = self.change_session(context, id, &Command::Begin(session)).await?;
        // The token outlives the session that made it, so it must not come of one that was dead. Asked
        // afterwards, this also holds when the password changes or the account goes at this moment.
        if self.living_session(context, maker.session_token).await?.is_none() {
            self.end_session(context, id).await?;
            return Err(TokenError::NotSignedIn);
        }
        let created_at = begun.map_or(now, |begun| begun.after.state.created_at);
        Ok(Receipt { id: id.0, created_at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A secret is derived from the session, the token's id and the nonce, all three: somebody who learns one
    /// or two of them cannot make it.
    #[test]
    fn a_secret_takes_all_of_its_parts() {
        let secret = |session_token: &str, id: u128, nonce: &str| {
            let maker = Maker { user_id: UserId(Uuid::nil()), session_token };
            maker.secret(Uuid::from_u128(id), nonce).unwrap()
        };
        let one = secret("session", 1, "nonce");
        assert_eq!(secret("session", 1, "nonce"), one);
        assert_eq!(one.len(), PREFIX.len() + 43);
        for other in [
            secret("Session", 1, "nonce"),
            secret("session", 2, "nonce"),
            secret("session", 1, "Nonce"),
        ] {
            assert_ne!(other, one);
        }
    }
}
