//! The signature of a webhook (<https://docs.stripe.com/webhooks#verify-manually>).
//!
//! `Stripe-Signature: t=1700000000,v1=…,v1=…`: each `v1` is an HMAC-SHA256 of `t`, a dot and the raw body, by
//! one of the endpoint's secrets. While a secret is replaced there are several.

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use stubmart_contract::Timestamp;

use crate::secret::Secret;

/// How far the time of a signature may be from now, to either side: a webhook that was recorded cannot be
/// played back later.
const TOLERANCE: Duration = Duration::from_secs(300);

/// How many signatures are looked at.
const SIGNATURES_MAX: usize = 16;

/// Whether `header` signs `body` by one of `secrets` at about `now`. Takes as long for a wrong signature
/// as for a right one.
pub(crate) fn is_signed(header: &str, body: &[u8], secrets: &[Secret], now: Timestamp) -> bool {
    let mut times = fields(header, "t");
    let (Some(time), None) = (times.next(), times.next()) else { return false };
    let Some(at) = seconds(time) else { return false };
    if now.since(at) > TOLERANCE || at.since(now) > TOLERANCE {
        return false;
    }
    let given: Vec<Vec<u8>> = fields(header, "v1")
        .take(SIGNATURES_MAX)
        .filter_map(|signature| hex::decode(signature).ok())
        .collect();
    let mut is_signed = false;
    for secret in secrets {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
            continue;
        };
        mac.update(time.as_bytes());
        mac.update(b".");
        mac.update(body);
        for signature in &given {
            is_signed |= mac.clone().verify_slice(signature).is_ok();
        }
    }
    is_signed
}

/// The values of the header's fields with this name.
fn fields<'a>(header: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let pairs = header.split(',').filter_map(|field| field.trim().split_once('='));
    pairs.filter(move |(key, _)| *key == name).map(|(_, value)| value)
}

/// A time in whole seconds, written in digits alone.
fn seconds(text: &str) -> Option<Timestamp> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds: i64 = is_number.then(|| text.parse().ok()).flatten()?;
    Some(Timestamp::from_millis(seconds.checked_mul(1000)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Computed with `openssl dgst -sha256 -hmac whsec_test` over `1700000000.{"id":"evt_1"}`.
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    const TIME: i64 = 1_700_000_000;
    const SIGNATURE: &str = "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925";

    fn secrets() -> Vec<Secret> {
        vec![Secret::new("whsec_other"), Secret::new("whsec_test")]
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1000)
    }

    fn is_taken(header: &str) -> bool {
        is_signed(header, BODY, &secrets(), at(TIME))
    }

    #[test]
    fn a_signature_by_any_of_the_secrets_is_taken() {
        assert!(is_taken(&format!("t={TIME},v1={SIGNATURE}")));
        assert!(is_taken(&format!("t={TIME}, v1=00,v1={SIGNATURE},v0=ff")));
        assert!(!is_signed(&format!("t={TIME},v1={SIGNATURE}"), BODY, &[], at(TIME)));
    }

    #[test]
    fn what_is_not_signed_as_documented_is_refused() {
        for header in [
            String::new(),
            "t=,v1=".to_owned(),
            format!("v1={SIGNATURE}"),
            format!("t={TIME}"),
            format!("t={TIME},v0={SIGNATURE}"),
            format!("t={TIME},t={TIME},v1={SIGNATURE}"),
            format!("t=+{TIME},v1={SIGNATURE}"),
            format!("t={},v1={SIGNATURE}", TIME + 1),
            format!("t={TIME},v1={}", &SIGNATURE[2..]),
            format!("t={TIME},v1={SIGNATURE}00"),
            format!("t=99999999999999999999,v1={SIGNATURE}"),
        ] {
            assert!(!is_taken(&header), "{header}");
        }
    }

    #[test]
    fn a_signature_holds_for_five_minutes_to_either_side() {
        let header = format!("t={TIME},v1={SIGNATURE}");
        for (seconds, taken) in [(-301, false), (-300, true), (300, true), (301, false)] {
            assert_eq!(
                is_signed(&header, BODY, &secrets(), at(TIME + seconds)),
                taken,
                "{seconds}"
            );
        }
    }

    proptest! {
        /// Whatever the header and the body: nothing panics, and nothing but the signed is taken.
        #[test]
        fn nothing_else_is_taken(header in ".{0,200}", body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(!is_signed(&header, &body, &secrets(), at(TIME)));
        }

        /// A header that looks right, with any signature but the right one.
        #[test]
        fn no_guess_is_taken(guess in "[0-9a-f]{64}", time in TIME - 300..TIME + 300) {
            prop_assume!(guess != SIGNATURE);
            let header = format!("t={time},v1={guess}");
            prop_assert!(!is_taken(&header));
        }

        /// One byte of the body is changed.
        #[test]
        fn one_changed_byte_is_noticed(position in 0..BODY.len(), by in 1_u8..=255) {
            let mut body = BODY.to_vec();
            body[position] = body[position].wrapping_add(by);
            let header = format!("t={TIME},v1={SIGNATURE}");
            prop_assert!(!is_signed(&header, &body, &secrets(), at(TIME)));
        }
    }
}
