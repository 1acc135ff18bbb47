//! Email addresses.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use stubmart_http_kit::fields::Invalid;
use stubmart_ports::key::Key;

/// The longest address that can be delivered to, in bytes (RFC 5321, 4.5.3.1.3).
const LENGTH_MAX: usize = 254;

/// The longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
const LOCAL_MAX: usize = 64;

/// An email address, as it was given. Two addresses are the same account when their [`Email::folded`]
/// forms are equal.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(test, derive(Debug))]
pub(crate) struct Email(String);

impl FromStr for Email {
    type Err = Invalid;

    /// Reads an address; white space around it is dropped. Whether it can be delivered to is not
    /// known, but it is one address and nothing that a mailer could take for more.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        let sane = |(local, domain): (&str, &str)| {
            (1..=LOCAL_MAX).contains(&local.len())
                && domain.contains('.')
                && domain.split('.').all(|label| !label.is_empty())
                && local.chars().chain(domain.chars()).all(is_plain)
        };
        if text.len() > LENGTH_MAX {
            return Err(format!("must be at most {LENGTH_MAX} bytes"));
        }
        if !text.split_once('@').is_some_and(sane) {
            return Err("must be an email address such as ann@example.com".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

impl Email {
    /// The address as it was given.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that addresses are compared by.
    pub(crate) fn folded(&self) -> String {
        self.0.to_lowercase()
    }

    /// The key in the unique index.
    pub(crate) fn key(&self) -> Key {
        Key::new().text(&self.folded())
    }
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
        assert_eq!(lower.key(), upper.key());
    }
}
