//! Email addresses.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize};

use crate::text;

/// The longest address that can be delivered to, in bytes (RFC 5321, 4.5.3.1.3).
const LENGTH_MAX: usize = 254;

/// The longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
const LOCAL_MAX: usize = 64;

/// An email address, as it was given. Two addresses are the same account when their [`Email::folded`]
/// forms are equal. A stored address is taken as it is.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Email(String);

/// A text that is no email address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// It is too long.
    #[error("must be at most {LENGTH_MAX} bytes")]
    Long,
    /// It does not look like one.
    #[error("must be an email address such as ann@example.com")]
    Form,
}

impl FromStr for Email {
    type Err = InvalidEmail;

    /// Reads an address; white space around it is dropped. Whether it can be delivered to is not
    /// known, but it is one address and nothing that a mailer could take for more.
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let is_sane = |(local, domain): (&str, &str)| {
            (1..=LOCAL_MAX).contains(&local.len())
                && domain.contains('.')
                && domain.split('.').all(|label| !label.is_empty())
                && local.chars().chain(domain.chars()).all(is_plain)
        };
        if text.len() > LENGTH_MAX {
            return Err(InvalidEmail::Long);
        }
        if !text.split_once('@').is_some_and(is_sane) {
            return Err(InvalidEmail::Form);
        }
        Ok(Self(text.to_owned()))
    }
}

impl Email {
    /// The address as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that addresses are compared by.
    #[must_use]
    pub fn folded(&self) -> String {
        self.0.to_lowercase()
    }
}

/// An address is personal data: it stays out of logs.
impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email")
    }
}

/// An address in a request.
struct Given(Email);

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parse(deserializer).map(Self)
    }
}

/// Reads a request's address.
pub(crate) fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Given::deserialize(deserializer).map(|Given(email)| email.0)
}

/// Reads a request's address that may be null.
pub(crate) fn given_or_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    Ok(<Option<Given>>::deserialize(deserializer)?.map(|Given(email)| email.0))
}

/// Whether `it` may stand in an address unquoted.
fn is_plain(it: char) -> bool {
    !it.is_whitespace() && !it.is_control() && !"@()<>[],;:\\\"".contains(it)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An address has one `@`, a local part and a domain with a dot, and nothing that is special in
    /// a mail's header.
    #[test]
    fn an_address_is_checked_for_sanity() {
        let long = format!("{}@example.com", "l".repeat(64));
        // Mail counts in bytes, of which an `ä` has two.
        let wide = format!("{}@{}.example.com", "ä".repeat(32), "ö".repeat(88));
        assert_eq!(wide.len(), 64 + 1 + 176 + ".example.com".len());
        for right in [
            "a@b.c",
            " ann@example.com ",
            "a+b_c!#$%&'*/=?^`{|}~-@x-1.co.uk",
            "ä@ö.de",
            &long,
            &wide,
        ] {
            assert_eq!(right.parse::<Email>().unwrap().as_str(), right.trim());
        }
        let too_long = format!("l{long}");
        let far_too_long = format!("a@{}.com", "d".repeat(250));
        let too_wide = wide.replace('@', "@öö");
        let too_wide_before = format!("{}@b.c", "ä".repeat(33));
        for wrong in [
            "",
            " ",
            "a",
            "@",
            "a@",
            "@b.c",
            "a@b",
            "a@b@c.d",
            "a b@c.d",
            "a@c d.e",
            "a@.c",
            "a@b.",
            "a@b..c",
            "a\n@b.c",
            "a@b\u{0}.c",
            "a,b@c.d",
            "<a@b.c>",
            "\"a\"@b.c",
            "a@[1.2]",
            &too_long,
            &far_too_long,
            &too_wide,
            &too_wide_before,
        ] {
            assert!(wrong.parse::<Email>().is_err(), "{wrong:?}");
        }
    }

    /// Addresses that differ in case only are one account.
    #[test]
    fn addresses_are_compared_without_case() {
        let [lower, upper] =
            ["ann@example.com", "ANN@Example.COM"].map(|it| it.parse::<Email>().unwrap());
        assert_ne!(lower, upper);
        assert_eq!(lower.folded(), upper.folded());
    }
}
