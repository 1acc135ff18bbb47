//! XChaCha20-Poly1305: nobody reads what is sealed, and nobody changes a bit of it unnoticed. Its nonces are long
//! enough to be drawn at random.

use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Aead as _, KeyInit as _, Payload},
};

use crate::secret::Secret;

/// How many bytes a nonce has.
pub const NONCE_BYTES: usize = 24;

/// Random bytes for one sealing, never to be used again.
#[derive(Debug, Clone, Copy)]
pub struct Nonce([u8; NONCE_BYTES]);

impl From<[u8; 32]> for Nonce {
    /// The first bytes of a fresh secret.
    fn from(secret: [u8; 32]) -> Self {
        let mut nonce = [0; NONCE_BYTES];
        nonce.iter_mut().zip(secret).for_each(|(to, from)| *to = from);
        Self(nonce)
    }
}

/// It is too large to be sealed: more than 256 GB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is too large to be sealed")]
pub struct NotSealed;

/// Why something was not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// It was sealed with a key that the keyring does not have.
    #[error("it is sealed with key {0}, which is not among the market's keys")]
    UnknownKey(u32),
    /// It was sealed for something else, with another key of the same version, or is not as it was sealed.
    #[error("it is not as it was sealed, or with other keys")]
    Broken,
}

/// The nonce, and behind it what is sealed.
pub(crate) fn seal(
    key: &Secret,
    nonce: Nonce,
    aad: &[u8],
    plaintext: &[u8],
) -> Result<Vec<u8>, NotSealed> {
    let cipher = XChaCha20Poly1305::new(&(*key.bytes()).into());
    let sealed = cipher.encrypt(&nonce.0.into(), Payload { msg: plaintext, aad });
    let mut bytes = nonce.0.to_vec();
    bytes.extend(sealed.map_err(|_| NotSealed)?);
    Ok(bytes)
}

/// What [`seal`] was given.
pub(crate) fn open(key: &Secret, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(NotOpened::Broken)?;
    let cipher = XChaCha20Poly1305::new(&(*key.bytes()).into());
    cipher.decrypt(&(*nonce).into(), Payload { msg: sealed, aad }).map_err(|_| NotOpened::Broken)
}
