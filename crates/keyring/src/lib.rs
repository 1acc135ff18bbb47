//! The market's keys, and what is done with them.
//!
//! A [`Keyring`] has keys of several versions. The newest one seals; every one opens what was sealed with it, so that
//! a new key can be added at any time and the old one taken out once nothing is sealed with it. What is large is sealed
//! with a [`ContentKey`] of its own, and only that key is sealed with the market's: a new market key costs a few bytes
//! for each file, and the files stay as they are.
//!
//! Beside them is a key for fingerprints, which stays the same for ever: a fingerprint tells whether two secrets are the
//! same, to nobody who does not have the key.
//!
//! No I/O and no randomness: who seals draws the nonce.

mod cipher;
mod content;
mod keyring;
mod secret;

pub use cipher::{NONCE_BYTES, Nonce, NotOpened, NotSealed};
pub use content::ContentKey;
pub use keyring::{InvalidKeyring, Keyring, Purpose, Sealed};
