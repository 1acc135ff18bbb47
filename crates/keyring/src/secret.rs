//! 256 bits that nobody may see.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

/// How many bytes a key has.
pub(crate) const KEY_BYTES: usize = 32;

/// How many bytes HMAC-SHA-256 works on at once: a shorter key is filled up with zeros (RFC 2104).
const BLOCK_BYTES: usize = 64;

/// A key. It is wiped from memory when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Zeroizing<[u8; KEY_BYTES]>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    pub(crate) fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    /// Reads what [`Self::text`] wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(text).ok()?);
        <[u8; KEY_BYTES]>::try_from(bytes.as_slice()).ok().map(Self::new)
    }

    pub(crate) fn text(&self) -> String {
        BASE64_STANDARD.encode(*self.0)
    }

    /// HMAC-SHA-256 of what is said under `label`: a key, or a fingerprint, for each label that says nothing of
    /// those of others.
    pub(crate) fn hmac(&self, label: &str, said: &[u8]) -> [u8; KEY_BYTES] {
        let mut block = Zeroizing::new([0; BLOCK_BYTES]);
        block.iter_mut().zip(self.0.iter()).for_each(|(to, from)| *to = *from);
        let mut mac = Hmac::<Sha256>::new(&(*block).into());
        // The length tells where the label ends.
        mac.update(&u64::try_from(label.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(label.as_bytes());
        mac.update(said);
        mac.finalize().into_bytes().into()
    }
}
