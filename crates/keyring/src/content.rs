//! Keys of their own for what is large.

use crate::{
    cipher::{self, Nonce, NotOpened, NotSealed},
    keyring::{Keyring, Purpose, Sealed},
    secret::Secret,
};

/// The key of one content. Nobody keeps it but sealed with the market's key.
#[derive(Debug, Clone)]
pub struct ContentKey(Secret);

impl ContentKey {
    /// The key of these 256 random bits.
    #[must_use]
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Secret::new(secret))
    }

    /// Seals a part of the content. `aad` says which part of what it is: it opens as nothing else.
    ///
    /// # Errors
    /// [`NotSealed`].
    pub fn seal(&self, aad: &[u8], plaintext: &[u8], nonce: Nonce) -> Result<Vec<u8>, NotSealed> {
        cipher::seal(&self.0, nonce, aad, plaintext)
    }

    /// What [`Self::seal`] was given.
    ///
    /// # Errors
    /// [`NotOpened::Broken`].
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotOpened> {
        cipher::open(&self.0, aad, sealed)
    }

    /// The key itself, sealed with the newest key of `keyring`.
    ///
    /// # Errors
    /// [`NotSealed`].
    pub fn wrap(
        &self,
        keyring: &Keyring,
        purpose: Purpose,
        aad: &[u8],
        nonce: Nonce,
    ) -> Result<Sealed, NotSealed> {
        keyring.seal(purpose, aad, self.0.bytes(), nonce)
    }

    /// The key that [`Self::wrap`] sealed.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub fn unwrap(
        keyring: &Keyring,
        purpose: Purpose,
        aad: &[u8],
        wrapped: &Sealed,
    ) -> Result<Self, NotOpened> {
        let bytes = keyring.open(purpose, aad, wrapped)?;
        bytes.try_into().map(Self::new).map_err(|_| NotOpened::Broken)
    }
}
