//! Personal access tokens: for scripts, named, shown once, revocable.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stubmart_contract::{Code, SessionId, api};
use stubmart_http_kit::{Fields, PageRequest, Problem, SignedIn, fields::text};
use uuid::Uuid;

use crate::{
    Auth,
    account::refused,
    session::{Command, Kind, Session, TokenHash, Which},
    signup::Receipt,
    user,
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
    /// Whether the caller may make access tokens. Only a browser session may: a token that leaked must
    /// not leave others behind when it is revoked.
    ///
    /// # Errors
    /// `session_required`, `not_signed_in`, `unavailable`.
    pub(crate) async fn may_make_tokens(&self, caller: &SignedIn) -> Result<(), Problem> {
        match self.living_session(&caller.token).await?.and_then(|session| session.which()) {
            Some(Which::Browsers) => Ok(()),
            Some(Which::Tokens) => Err(Problem::new(Code::SessionRequired)),
            None => Err(Problem::new(Code::NotSignedIn)),
        }
    }

    /// Makes an access token that `secret` opens; one that exists with this id stays as it is. The
    /// owner is told by mail.
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
        // First, so that no token is made in secret, whatever fails in between.
        let tell = user::Command::TellOfToken { notice_id: id };
        self.change_user(caller.user_id, &tell).await.map_err(refused)?;
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
        if self.living_session(&caller.token).await?.is_none() {
            self.end_session(SessionId(id)).await?;
            return Err(Problem::new(Code::NotSignedIn));
        }
        Ok(Receipt { id, created_at: session.map_or(now, |session| session.created_at) })
    }

    /// A page of the caller's access tokens, newest first.
    ///
    /// # Errors
    /// `unavailable`.
    pub(crate) async fn tokens(
        &self,
        caller: &SignedIn,
        page: &PageRequest,
    ) -> Result<api::Page<api::AccessToken>, Problem> {
        let living = self.living(caller.user_id, Which::Tokens, page).await?;
        let tokens = living.into_iter().filter_map(|row| match row.doc.kind {
            Kind::Token { name } => {
                let token = api::AccessToken {
                    id: row.doc.id,
                    name,
                    created_at: row.doc.created_at,
                    last_seen_at: row.doc.last_seen_at,
                };
                Some((row.key, token))
            }
            Kind::Browser { .. } | Kind::Ended { .. } => None,
        });
        Ok(page.page(tokens.collect(), |(key, _)| key, |(_, token)| token))
    }
}

#[cfg(test)]
mod tests {
    use stubmart_contract::{Actor, Context, Role, UserId};

    use super::*;

    /// A secret comes of the session, the token's id and the nonce, and of all three: who learns one
    /// or two of them can not make it.
    #[test]
    fn a_secret_takes_all_of_its_parts() {
        let secret = |session: &str, id: u128, nonce: &str| {
            let caller = SignedIn {
                context: Context::of(Actor::System),
                user_id: UserId(Uuid::nil()),
                role: Role::User,
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
