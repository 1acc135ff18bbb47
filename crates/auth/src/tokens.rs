//! Personal access tokens: for scripts, named, shown once, revocable.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stubmart_contract::{Code, SessionId, api};
use stubmart_http_kit::{Fields, Problem, SignedIn, fields::text};
use stubmart_ports::calls::Introspect as _;
use uuid::Uuid;

use crate::{
    Auth,
    session::{Command, Kind, Session, TokenHash, Which},
    signup::Receipt,
};

/// What every access token begins with, so that scanners find one that was published by mistake.
const PREFIX: &str = "stub_";

/// How long a token's name is at the most, in characters.
const NAME_MAX: usize = 100;

/// The name of a new token, out of the request.
pub(crate) fn read(mut fields: Fields) -> Result<String, Problem> {
    let name = fields.required("name", text(1, NAME_MAX));
    fields.finish(name)
}

/// A new token's secret. It is made of the session that asks, the token's id and `nonce` (the
/// request's idempotency key, or random bits), so that the same request, sent again, can be shown it
/// again although it is stored nowhere.
///
/// # Errors
/// `internal`, never in practice: every key length is fine for HMAC.
pub(crate) fn secret(caller: &SignedIn, id: Uuid, nonce: &str) -> Result<String, Problem> {
    let mut mac = Hmac::<Sha256>::new_from_slice(caller.token.as_bytes())
        .map_err(|error| Problem::internal(error.to_string()))?;
    mac.update(b"stubmart access token\0");
    mac.update(id.as_bytes());
    mac.update(nonce.as_bytes());
    Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
}

impl Auth {
    /// Makes an access token that `secret` opens; one that exists with this id stays as it is.
    ///
    /// # Errors
    /// `not_signed_in` when the caller's session died meanwhile; there is no token then.
    /// `unavailable`: the token may exist.
    pub(crate) async fn create_token(
        &self,
        caller: &SignedIn,
        id: Uuid,
        name: &str,
        secret: &str,
    ) -> Result<Receipt, Problem> {
        let now = self.inner.host.now();
        let session = Session {
            id: SessionId(id),
            user_id: caller.user_id,
            token_hash: TokenHash::of(secret),
            created_at: now,
            last_seen_at: now,
            kind: Kind::Token { name: name.to_owned() },
        };
        let begin = Command::Begin(session);
        let session = self.change_session(SessionId(id), &begin).await?;
        // The token outlives the session that made it, so it must not come of one that was dead. Asked
        // afterwards, this also holds when the password changes or the account goes at this moment.
        if self.introspect(&caller.token).await?.is_none() {
            self.end_session(SessionId(id)).await?;
            return Err(Problem::new(Code::NotSignedIn));
        }
        Ok(Receipt { id, created_at: session.map_or(now, |session| session.created_at) })
    }

    /// The caller's access tokens, newest first.
    ///
    /// # Errors
    /// `unavailable`.
    pub(crate) async fn tokens(&self, caller: &SignedIn) -> Result<Vec<api::AccessToken>, Problem> {
        let tokens = self.living(caller.user_id, Which::Tokens).await?;
        let listed = tokens.into_iter().filter_map(|token| match token.kind {
            Kind::Token { name } => Some(api::AccessToken {
                id: token.id,
                name,
                created_at: token.created_at,
                last_seen_at: token.last_seen_at,
            }),
            Kind::Browser { .. } | Kind::Ended { .. } => None,
        });
        Ok(listed.collect())
    }
}

#[cfg(test)]
mod tests {
    use stubmart_contract::UserId;

    use super::*;

    /// A secret comes of the session, the token's id and the nonce, and of all three: who learns one
    /// or two of them can not make it.
    #[test]
    fn a_secret_takes_all_of_its_parts() {
        let secret = |session: &str, id: u128, nonce: &str| {
            let caller = SignedIn {
                user_id: UserId(Uuid::nil()),
                session_id: SessionId(Uuid::nil()),
                token: session.to_owned(),
            };
            secret(&caller, Uuid::from_u128(id), nonce).unwrap()
        };
        let one = secret("session", 1, "nonce");
        assert_eq!(secret("session", 1, "nonce"), one);
        for other in [
            secret("Session", 1, "nonce"),
            secret("session", 2, "nonce"),
            secret("session", 1, "Nonce"),
        ] {
            assert_ne!(other, one);
        }
    }
}
