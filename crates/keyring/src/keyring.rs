//! The market's keys.

use std::collections::BTreeMap;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use stubmart_contract::Timestamp;

use crate::{
    cipher::{self, Nonce, NotOpened, NotSealed},
    secret::Secret,
};

/// What something is sealed for. What is sealed for one purpose opens for no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purpose(pub &'static str);

/// The market's keys: those that seal, by version, and the one for fingerprints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyring {
    fingerprints: Secret,
    newest: u32,
    keys: BTreeMap<u32, Key>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    made_at: Timestamp,
    secret: Secret,
}

/// Why a text is no keyring. It says nothing of the keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidKeyring {
    /// It is not JSON of the right form.
    #[error("it is not a file of keys: {0}")]
    Form(String),
    /// There is no key in it.
    #[error("it has no key")]
    Empty,
    /// This key, or the one for fingerprints where there is no version, is not 32 bytes in Base64.
    #[error("{}: must be 32 bytes in Base64", .0.map_or("fingerprints".to_owned(), |it| format!("key {it}")))]
    NotAKey(Option<u32>),
    /// Two keys have this version.
    #[error("there are two keys of version {0}")]
    Twice(u32),
}

/// A keyring as it is written down.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    fingerprints: String,
    keys: Vec<WrittenKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenKey {
    version: u32,
    made_at: Timestamp,
    key: String,
}

impl Keyring {
    /// A keyring with its first key. Both are 256 random bits.
    #[must_use]
    pub fn new(fingerprints: [u8; 32], key: [u8; 32], now: Timestamp) -> Self {
        let key = Key { made_at: now, secret: Secret::new(key) };
        let fingerprints = Secret::new(fingerprints);
        Self { fingerprints, newest: 1, keys: BTreeMap::from([(1, key)]) }
    }

    /// The same with a new key, which seals from now on.
    #[must_use]
    pub fn rotated(&self, key: [u8; 32], now: Timestamp) -> Self {
        let mut rotated = self.clone();
        rotated.newest = self.newest.saturating_add(1);
        rotated.keys.insert(rotated.newest, Key { made_at: now, secret: Secret::new(key) });
        rotated
    }

    /// Reads what [`Self::text`] wrote.
    ///
    /// # Errors
    /// [`InvalidKeyring`].
    pub fn parse(text: &str) -> Result<Self, InvalidKeyring> {
        let written: Written = serde_json::from_str(text).map_err(|error| {
            // What serde says of a value would show it.
            InvalidKeyring::Form(format!("line {}, column {}", error.line(), error.column()))
        })?;
        let fingerprints =
            Secret::parse(&written.fingerprints).ok_or(InvalidKeyring::NotAKey(None))?;
        let mut keys = BTreeMap::new();
        for WrittenKey { version, made_at, key } in written.keys {
            let secret = Secret::parse(&key).ok_or(InvalidKeyring::NotAKey(Some(version)))?;
            if keys.insert(version, Key { made_at, secret }).is_some() {
                return Err(InvalidKeyring::Twice(version));
            }
        }
        let newest = *keys.keys().next_back().ok_or(InvalidKeyring::Empty)?;
        Ok(Self { fingerprints, newest, keys })
    }

    /// The keyring as JSON. It is as secret as the keys.
    ///
    /// # Errors
    /// Never in practice: what is written has a JSON form.
    pub fn text(&self) -> Result<String, serde_json::Error> {
        let key = |(version, key): (&u32, &Key)| WrittenKey {
            version: *version,
            made_at: key.made_at,
            key: key.secret.text(),
        };
        let keys = self.keys.iter().map(key).collect();
        let written = Written { fingerprints: self.fingerprints.text(), keys };
        serde_json::to_string_pretty(&written).map(|it| it + "\n")
    }

    /// The version that seals.
    #[must_use]
    pub const fn newest(&self) -> u32 {
        self.newest
    }

    /// Every version, the oldest first, and when it was made.
    pub fn versions(&self) -> impl Iterator<Item = (u32, Timestamp)> {
        self.keys.iter().map(|(version, key)| (*version, key.made_at))
    }

    /// Seals with the newest key. `aad` says what it belongs to: it opens with nothing else.
    ///
    /// # Errors
    /// [`NotSealed`].
    pub fn seal(
        &self,
        purpose: Purpose,
        aad: &[u8],
        plaintext: &[u8],
        nonce: Nonce,
    ) -> Result<Sealed, NotSealed> {
        // The newest is always there.
        let key = self.key(self.newest, purpose).map_err(|_| NotSealed)?;
        let mut bytes = self.newest.to_be_bytes().to_vec();
        bytes.extend(cipher::seal(&key, nonce, aad, plaintext)?);
        Ok(Sealed(bytes))
    }

    /// What [`Self::seal`] was given.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub fn open(
        &self,
        purpose: Purpose,
        aad: &[u8],
        sealed: &Sealed,
    ) -> Result<Vec<u8>, NotOpened> {
        let (version, sealed) = sealed.parts().ok_or(NotOpened::Broken)?;
        cipher::open(&self.key(version, purpose)?, aad, sealed)
    }

    /// A fingerprint: the same for the same secret and purpose, whatever keys are added, and of no use to anybody
    /// without the keyring.
    #[must_use]
    pub fn fingerprint(&self, purpose: Purpose, secret: &[u8]) -> [u8; 32] {
        self.fingerprints.hmac(&format!("stubmart fingerprint {}", purpose.0), secret)
    }

    /// The key of a version that seals for a purpose.
    fn key(&self, version: u32, purpose: Purpose) -> Result<Secret, NotOpened> {
        let key = self.keys.get(&version).ok_or(NotOpened::UnknownKey(version))?;
        Ok(Secret::new(key.secret.hmac(&format!("stubmart seal {}", purpose.0), &[])))
    }
}

/// What a keyring has sealed: the version of the key, the nonce, and what is sealed. Base64 where it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// The version of the key that it was sealed with.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.parts().map_or(0, |(version, _)| version)
    }

    fn parts(&self) -> Option<(u32, &[u8])> {
        let (version, sealed) = self.0.split_first_chunk()?;
        Some((u32::from_be_bytes(*version), sealed))
    }
}

impl Serialize for Sealed {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64_STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Sealed {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        BASE64_STANDARD.decode(text).map(Self).map_err(|_| D::Error::custom("must be Base64"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ContentKey;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const FILES: Purpose = Purpose("files");
    const TOTP: Purpose = Purpose("totp");

    fn nonce(number: u8) -> Nonce {
        Nonce::from([number; 32])
    }

    fn keyring() -> Keyring {
        Keyring::new([1; 32], [2; 32], NOW)
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_and_owner_alone() {
        let keyring = keyring();
        let sealed = keyring.seal(FILES, b"ticket 1", b"secret", nonce(1)).unwrap();
        assert_eq!(keyring.open(FILES, b"ticket 1", &sealed).unwrap(), b"secret");
        assert_eq!(keyring.open(TOTP, b"ticket 1", &sealed), Err(NotOpened::Broken));
        assert_eq!(keyring.open(FILES, b"ticket 2", &sealed), Err(NotOpened::Broken));
        let other = Keyring::new([1; 32], [3; 32], NOW);
        assert_eq!(other.open(FILES, b"ticket 1", &sealed), Err(NotOpened::Broken));
    }

    #[test]
    fn every_bit_of_what_is_sealed_counts() {
        let keyring = keyring();
        let sealed = keyring.seal(FILES, b"", b"secret", nonce(1)).unwrap();
        for at in 0..sealed.0.len() {
            let mut changed = sealed.clone();
            changed.0[at] ^= 1;
            assert!(keyring.open(FILES, b"", &changed).is_err(), "byte {at}");
            let cut = Sealed(sealed.0[..at].to_vec());
            assert!(keyring.open(FILES, b"", &cut).is_err(), "cut at {at}");
        }
    }

    /// A key that is added seals; what older ones sealed opens until they are taken out; fingerprints stay.
    #[test]
    fn keys_are_added_and_taken_out() {
        let old = keyring();
        let first = old.seal(FILES, b"", b"secret", nonce(1)).unwrap();
        let both = old.rotated([9; 32], NOW);
        let second = both.seal(FILES, b"", b"secret", nonce(2)).unwrap();
        assert_eq!((first.version(), second.version(), both.newest()), (1, 2, 2));
        assert_eq!(both.open(FILES, b"", &first).unwrap(), b"secret");
        assert_eq!(old.open(FILES, b"", &second), Err(NotOpened::UnknownKey(2)));
        let mut new = both.clone();
        new.keys.remove(&1);
        assert_eq!(new.open(FILES, b"", &first), Err(NotOpened::UnknownKey(1)));
        assert_eq!(new.open(FILES, b"", &second).unwrap(), b"secret");
        assert_eq!(old.fingerprint(FILES, b"code"), new.fingerprint(FILES, b"code"));
        assert_ne!(old.fingerprint(FILES, b"code"), old.fingerprint(TOTP, b"code"));
    }

    #[test]
    fn a_content_has_a_key_of_its_own_that_is_wrapped_again() {
        let (old, aad) = (keyring(), b"ticket 1");
        let key = ContentKey::new([7; 32]);
        let page = key.seal(b"page 1", b"a ticket", nonce(3)).unwrap();
        let wrapped = key.wrap(&old, FILES, aad, nonce(4)).unwrap();
        let new = old.rotated([9; 32], NOW);
        let key = ContentKey::unwrap(&new, FILES, aad, &wrapped).unwrap();
        let again = key.wrap(&new, FILES, aad, nonce(5)).unwrap();
        assert_eq!(again.version(), 2);
        let key = ContentKey::unwrap(&new, FILES, aad, &again).unwrap();
        assert_eq!(key.open(b"page 1", &page).unwrap(), b"a ticket");
        assert_eq!(key.open(b"page 2", &page), Err(NotOpened::Broken));
    }

    /// What was written yesterday is read tomorrow.
    #[test]
    fn a_keyring_is_written_and_read() {
        let keyring = keyring().rotated([9; 32], NOW);
        let text = keyring.text().unwrap();
        assert_eq!(Keyring::parse(&text).unwrap(), keyring);
        assert!(text.contains("\"madeAt\": \"2027-01-15T08:00:00.000Z\""), "{text}");
        assert!(!format!("{keyring:?}").contains("[9,"), "keys are not logged");
        // The key of an earlier build opens what it sealed.
        let earlier = r#"{"fingerprints": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
            "keys": [{"version": 1, "madeAt": "2027-01-15T08:00:00Z",
            "key": "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="}]}"#;
        let earlier = Keyring::parse(earlier).unwrap();
        let sealed = earlier.seal(FILES, b"", b"secret", nonce(1)).unwrap();
        let written = serde_json::to_value(&sealed).unwrap();
        assert_eq!(written, SEALED_EARLIER, "the form of what is sealed stays");
        let read: Sealed = serde_json::from_value(written).unwrap();
        assert_eq!(earlier.open(FILES, b"", &read).unwrap(), b"secret");
    }

    const SEALED_EARLIER: &str =
        "AAAAAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAVDA0O7OuULhQhpixabBMKUIeiuCKKk=";

    #[test]
    fn what_is_no_keyring_is_told_without_showing_it() {
        let key = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";
        let with = |keys: &str| format!(r#"{{"fingerprints": "{key}", "keys": [{keys}]}}"#);
        let one = |version: u32, key: &str| {
            format!(r#"{{"version": {version}, "madeAt": "2027-01-15T08:00:00Z", "key": "{key}"}}"#)
        };
        assert_eq!(Keyring::parse(&with("")), Err(InvalidKeyring::Empty));
        assert_eq!(
            Keyring::parse(&with(&one(3, "c2VjcmV0"))),
            Err(InvalidKeyring::NotAKey(Some(3)))
        );
        let twice = with(&format!("{},{}", one(1, key), one(1, key)));
        assert_eq!(Keyring::parse(&twice), Err(InvalidKeyring::Twice(1)));
        let unknown = with(r#"{"secret": "hunter2"}"#);
        let told = Keyring::parse(&unknown).unwrap_err().to_string();
        assert!(!told.contains("hunter2"), "{told}");
    }
}
