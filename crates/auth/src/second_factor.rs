//! The second factor: codes of an authenticator app, and recovery codes for who has lost it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use stubmart_contract::Timestamp;
use uuid::Uuid;

use crate::{token_hash::TokenHash, totp};

/// How many recovery codes there are.
pub(crate) const RECOVERY_CODES: usize = 10;

/// An account's second factor. The app's secret has to be read again to check a code, so it is stored as it
/// is; recovery codes are stored as hashes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct SecondFactor {
    /// The app's secret, in base 64.
    secret: String,
    /// Whether a code has shown that the app has the secret. Until then nobody is asked for one.
    pub(crate) is_on: bool,
    /// The step of the last code that was used: it and those before it are of no use any more.
    #[serde(default)]
    last_step: u64,
    /// The login that used the last code.
    #[serde(default)]
    pub(crate) last_use: Option<Uuid>,
    /// The recovery codes that were not used.
    #[serde(default)]
    pub(crate) recovery: Vec<TokenHash>,
}

/// Twenty random bytes, as RFC 4226 (4, R6) recommends.
pub(crate) type Secret = [u8; 20];

impl SecondFactor {
    /// One that is being set up.
    pub(crate) fn begun(secret: &Secret) -> Self {
        let secret = URL_SAFE_NO_PAD.encode(secret);
        Self { secret, is_on: false, last_step: 0, last_use: None, recovery: Vec::new() }
    }

    /// The same, turned on by the app's first code; `None` where the code is wrong.
    pub(crate) fn turned_on(
        &self,
        code: &str,
        recovery: &[TokenHash],
        now: Timestamp,
    ) -> Option<Self> {
        let last_step = totp::step_of(&self.bytes()?, &plain(code), now)?;
        Some(Self { is_on: true, last_step, recovery: recovery.to_vec(), ..self.clone() })
    }

    /// The same after a login with this code, which is of no use any more; `None` where it is wrong.
    pub(crate) fn used(&self, code: &str, by: Uuid, now: Timestamp) -> Option<Self> {
        let code = plain(code);
        let last_use = Some(by);
        let step = totp::step_of(&self.bytes()?, &code, now);
        if let Some(last_step) = step.filter(|step| *step > self.last_step) {
            return Some(Self { last_step, last_use, ..self.clone() });
        }
        let hash = TokenHash::of(&code);
        let mut left = self.recovery.clone();
        left.retain(|known| *known != hash);
        (left.len() < self.recovery.len()).then(|| Self {
            recovery: left,
            last_use,
            ..self.clone()
        })
    }

    fn bytes(&self) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(&self.secret).ok()
    }
}

/// A code without what people put between its characters.
fn plain(code: &str) -> String {
    let kept = code.chars().filter(|it| it.is_ascii_alphanumeric());
    kept.map(|it| it.to_ascii_uppercase()).collect()
}

/// A recovery code of 80 bits, as it is shown, and its hash.
pub(crate) fn recovery_code(random: [u8; 32]) -> (String, TokenHash) {
    let code = totp::base32(random.first_chunk::<10>().unwrap_or(&[0; 10]));
    let hash = TokenHash::of(&code);
    let groups: Vec<String> =
        code.as_bytes().chunks(4).map(|it| String::from_utf8_lossy(it).to_lowercase()).collect();
    (groups.join("-"), hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Secret = *b"12345678901234567890";

    fn on(recovery: &[TokenHash]) -> SecondFactor {
        // RFC 6238, appendix B: 94287082 at second 59.
        let now = Timestamp::from_millis(59_000);
        SecondFactor::begun(&SECRET).turned_on("287 082", recovery, now).unwrap()
    }

    /// A code opens once, and none that is older.
    #[test]
    fn a_code_is_used_once() {
        let factor = on(&[]);
        let now = Timestamp::from_millis(59_000);
        assert!(factor.is_on);
        assert_eq!(factor.used("287082", Uuid::nil(), now), None, "it turned the factor on");
        // 14050471 at second 1111111111.
        let later = Timestamp::from_millis(1_111_111_111_000);
        let used = factor.used("050471", Uuid::from_u128(1), later).unwrap();
        assert_eq!(used.used("050471", Uuid::from_u128(2), later), None);
        // 07081804 two seconds before, in the step before.
        assert_eq!(used.used("081804", Uuid::from_u128(2), later), None);
        assert_eq!(factor.used("000000", Uuid::nil(), later), None);
    }

    /// Each recovery code opens once, however it is written.
    #[test]
    fn a_recovery_code_is_used_once() {
        let (first, first_hash) = recovery_code([7; 32]);
        let (second, second_hash) = recovery_code([8; 32]);
        assert_eq!(first.len(), 19);
        let factor = on(&[first_hash, second_hash]);
        let now = Timestamp::EPOCH;
        let shouted = first.to_uppercase().replace('-', " ");
        let used = factor.used(&shouted, Uuid::nil(), now).unwrap();
        assert_eq!(used.recovery.len(), 1);
        assert_eq!(used.used(&first, Uuid::nil(), now), None);
        assert_eq!(used.used(&second, Uuid::nil(), now).unwrap().recovery, []);
        let stored = serde_json::to_string(&factor).unwrap();
        assert!(
            !stored.contains(&first) && !stored.contains(&first.to_uppercase().replace('-', ""))
        );
    }
}
