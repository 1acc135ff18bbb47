//! What services know each other by.

use std::fmt;

use axum::http::{HeaderMap, HeaderValue, header};
use sha2::{Digest, Sha256};

/// The shortest secret, in bytes: 128 bits, written as hex or base64.
const LENGTH_MIN: usize = 22;

/// The secret that all services of a market share.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    bearer: HeaderValue,
    hash: [u8; 32],
}

/// Without the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret").finish_non_exhaustive()
    }
}

impl Secret {
    /// A secret of at least 22 visible characters.
    ///
    /// # Errors
    /// What it must be. The text itself is not repeated.
    pub fn parse(text: &str) -> Result<Self, String> {
        let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        let bearer = HeaderValue::from_str(&format!("Bearer {text}"));
        match bearer {
            Ok(mut bearer) if is_visible && text.len() >= LENGTH_MIN => {
                bearer.set_sensitive(true);
                Ok(Self { hash: Sha256::digest(bearer.as_bytes()).into(), bearer })
            }
            _ => Err(format!(
                "must be a secret of at least {LENGTH_MIN} visible ASCII characters, such as `openssl rand -hex 32` \
                 prints"
            )),
        }
    }

    /// The `Authorization` header of a call (RFC 6750).
    pub(crate) fn header(&self) -> HeaderValue {
        self.bearer.clone()
    }

    /// Whether a call carries it. It is the hashes that are compared, every byte of them: how long that takes
    /// tells nothing of the secret.
    pub(crate) fn is_in(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).map_or(&[][..], HeaderValue::as_bytes);
        let given: [u8; 32] = Sha256::digest(given).into();
        given.iter().zip(self.hash).fold(0, |differs, (given, own)| differs | (given ^ own)) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0123456789abcdef012345";

    fn headers(value: &str) -> HeaderMap {
        let value = HeaderValue::from_str(value).unwrap();
        [(header::AUTHORIZATION, value)].into_iter().collect()
    }

    #[test]
    fn only_the_very_secret_opens() {
        let secret = Secret::parse(TEXT).unwrap();
        assert!(secret.is_in(&headers(&format!("Bearer {TEXT}"))));
        for wrong in
            [TEXT.to_owned(), String::new(), format!("Bearer {TEXT}6"), "Bearer ".to_owned()]
        {
            assert!(!secret.is_in(&headers(&wrong)), "{wrong}");
        }
        assert!(!secret.is_in(&HeaderMap::new()));
    }

    #[test]
    fn a_secret_that_is_none_is_refused_and_never_shown() {
        for wrong in ["", "short", "0123456789abcdef 012345", "0123456789abcdef01234\u{e4}"] {
            let refused = Secret::parse(wrong).unwrap_err();
            assert!(wrong.is_empty() || !refused.contains(wrong), "{refused}");
        }
        assert!(!format!("{:?}", Secret::parse(TEXT)).contains(TEXT));
    }
}
