//! What is stored of a secret that somebody else keeps.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use stubmart_kernel::aggregate::Key;

/// The hash of a token, which is stored in its place: a reader of the store cannot sign in with it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct TokenHash(String);

impl TokenHash {
    /// The hash of a token. Plain SHA-256 is enough: a token is 256 random bits, not a password.
    pub(crate) fn of(token: &str) -> Self {
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes())))
    }

    /// The key in the unique index.
    pub(crate) fn key(&self) -> Key {
        Key::new().text(&self.0)
    }
}
