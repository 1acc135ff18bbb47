//! Time-based one-time passwords (RFC 6238) as authenticator apps make them: SHA-1, 30 seconds, 6 digits.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use stubmart_contract::Timestamp;

/// How long a code is shown (RFC 6238, 5.2).
const STEP_MS: u64 = 30_000;

/// The alphabet of secrets, without padding (RFC 4648, 6).
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step that an instant is in.
fn step(at: Timestamp) -> u64 {
    u64::try_from(at.millis()).unwrap_or(0) / STEP_MS
}

/// The step whose code this is, among the present one, the one before and the one after: clocks differ
/// by so much, and people type slowly (RFC 6238, 5.2).
pub(crate) fn step_of(secret: &[u8], code: &str, now: Timestamp) -> Option<u64> {
    let now = step(now);
    let near = [now.saturating_sub(1), now, now.saturating_add(1)];
    near.into_iter().find(|step| self::code(secret, *step, 6).as_deref() == Some(code))
}

/// The code of a step (RFC 4226, 5.3); `None` never in practice: HMAC takes a key of any length.
fn code(secret: &[u8], step: u64, digits: u32) -> Option<String> {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).ok()?;
    mac.update(&step.to_be_bytes());
    let hash = mac.finalize().into_bytes();
    let offset = usize::from(hash.last()? & 0xf);
    let chunk: [u8; 4] = hash.get(offset..offset + 4)?.try_into().ok()?;
    let number = u32::from_be_bytes(chunk) & 0x7fff_ffff;
    let width = usize::try_from(digits).ok()?;
    Some(format!("{:0width$}", number % 10_u32.pow(digits)))
}

/// Bytes in base 32, as authenticator apps take secrets.
pub(crate) fn base32(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(5) {
        let mut block = [0_u8; 8];
        for (to, from) in block.iter_mut().skip(3).zip(chunk) {
            *to = *from;
        }
        let bits = u64::from_be_bytes(block);
        let letters = (chunk.len() * 8).div_ceil(5);
        for place in 0..letters {
            let index = usize::try_from((bits >> (35 - 5 * place)) & 31).unwrap_or(0);
            text.extend(BASE32.get(index).map(|letter| char::from(*letter)));
        }
    }
    text
}

/// What a QR code for authenticator apps says.
pub(crate) fn uri(secret: &[u8], account: &str) -> String {
    let mut label = String::new();
    for byte in account.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            label.push(char::from(byte));
        } else {
            label.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("otpauth://totp/Stubmart:{label}?secret={}&issuer=Stubmart", base32(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 6238, appendix B, for SHA-1.
    #[test]
    fn codes_are_those_of_rfc_6238() {
        for (seconds, expected) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            let step = step(Timestamp::from_millis(seconds * 1000));
            let code = code(b"12345678901234567890", step, 8);
            assert_eq!(code.as_deref(), Some(expected), "{seconds}");
        }
    }

    /// The vectors of RFC 4648, chapter 10, without padding.
    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(bytes.as_bytes()), text);
        }
    }

    /// A code is taken for its own step and its neighbours.
    #[test]
    fn a_code_is_taken_a_step_early_or_late() {
        let secret = b"12345678901234567890";
        let code = code(secret, 100, 6).unwrap();
        for (step, taken) in [(98, false), (99, true), (100, true), (101, true), (102, false)] {
            let now = Timestamp::from_millis(step * 30_000);
            assert_eq!(step_of(secret, &code, now), taken.then_some(100), "{step}");
        }
        assert_eq!(step_of(secret, "", Timestamp::EPOCH), None);
    }

    #[test]
    fn the_uri_holds_one_account_and_one_secret() {
        let uri = uri(b"12345678901234567890", "ann+a&b@example.com");
        assert_eq!(
            uri,
            "otpauth://totp/Stubmart:ann%2Ba%26b@example.com?\
             secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Stubmart"
        );
    }
}
