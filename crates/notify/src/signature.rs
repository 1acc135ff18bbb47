//! The signature of what is sent to a webhook.

use hmac::{Hmac, KeyInit as _, Mac as _, digest::InvalidLength};
use sha2::Sha256;
use stubmart_contract::Timestamp;

/// The header's value: `t=1767225600,v1=…`, with a `v1` for each secret: HMAC-SHA-256 of the time, a dot and
/// the body, in hex. The time is in seconds; it is signed, so that an old request cannot be sent again.
///
/// # Errors
/// [`InvalidLength`], never in practice: HMAC takes a key of any length.
pub(crate) fn sign<'a>(
    secrets: impl Iterator<Item = &'a str>,
    at: Timestamp,
    body: &[u8],
) -> Result<String, InvalidLength> {
    let seconds = at.millis() / 1000;
    let mut value = format!("t={seconds}");
    for secret in secrets {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
        mac.update(format!("{seconds}.").as_bytes());
        mac.update(body);
        value.push_str(",v1=");
        for byte in mac.finalize().into_bytes() {
            value.push_str(&format!("{byte:02x}"));
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value is the one that `printf '1767225600.{"a":1}' | openssl dgst -sha256 -hmac whsec_test` prints.
    #[test]
    fn a_signature_is_what_any_other_program_makes() {
        let at = Timestamp::from_millis(1_767_225_600_999);
        let value = sign(["whsec_test"].into_iter(), at, b"{\"a\":1}").unwrap();
        assert_eq!(
            value,
            "t=1767225600,v1=6d204545ff126a339c00513d93603299c984074ce1331c3537c3f6c976b49019"
        );
        let both = sign(["whsec_test", "whsec_old"].into_iter(), at, b"{\"a\":1}").unwrap();
        assert!(both.starts_with(&value) && both.matches(",v1=").count() == 2);
    }
}
