//! Email addresses.

use std::{borrow::Cow, fmt, str::FromStr};

use idna::{
    AsciiDenyList,
    uts46::{DnsLength, Hyphens, Uts46},
};
use serde::{Deserialize, Deserializer, Serialize};

use crate::text;

/// The longest address that can be delivered to, in bytes (RFC 5321, 4.5.3.1.3).
const LENGTH_MAX: usize = 254;

/// The longest part before the `@`, in bytes (RFC 5321, 4.5.3.1.1).
const LOCAL_MAX: usize = 64;

/// An email address, as it was given, composed ([`text::nfc`]). Two addresses are the same account when their [`Email::folded`]
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
    /// known, but it is one address, at a domain that the DNS can hold (RFC 5890, UTS 46), and nothing that
    /// a mailer could take for more.
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = text::nfc(text.trim());
        let is_sane = |(local, domain): (&str, &str)| {
            (1..=LOCAL_MAX).contains(&local.len())
                && local.chars().chain(domain.chars()).all(is_plain)
                && is_domain(domain)
        };
        if text.len() > LENGTH_MAX {
            return Err(InvalidEmail::Long);
        }
        if !text.split_once('@').is_some_and(is_sane) {
            return Err(InvalidEmail::Form);
        }
        Ok(Self(text.into_owned()))
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
        fold(&self.0)
    }
}

/// The form that a text is compared by with addresses, be it one or not: without case, composed, and with the
/// domain in the letters that people read (`xn--…` is the same one).
#[must_use]
pub fn fold(text: &str) -> String {
    let text = text.trim();
    let readable = text.rsplit_once('@').and_then(|(local, domain)| {
        let (domain, valid) = Uts46::new().to_unicode(domain.as_bytes(), DENIED, HYPHENS);
        valid.ok().map(|()| format!("{local}@{domain}"))
    });
    let lower = readable.map_or(Cow::Borrowed(text), Cow::Owned).to_lowercase();
    text::nfc(&lower).into_owned()
}

/// What no label of a host name holds: all of ASCII but letters, digits and hyphens (STD 3).
const DENIED: AsciiDenyList = AsciiDenyList::STD3;

/// A label neither begins nor ends with a hyphen.
const HYPHENS: Hyphens = Hyphens::CheckFirstLast;

/// Whether this is a domain with a dot, and not an IPv4 address, which ends with digits (RFC 3696, 2).
fn is_domain(domain: &str) -> bool {
    let name = Uts46::new().to_ascii(domain.as_bytes(), DENIED, HYPHENS, DnsLength::Verify);
    let top = name.as_deref().ok().and_then(|name| Some(name.rsplit_once('.')?.1));
    top.is_some_and(|top| top.bytes().any(|it| !it.is_ascii_digit()))
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
    !text::is_blank(it) && !text::is_unseen(it) && !"@()<>[],;:\\\"".contains(it)
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
        let label = format!("{}.", "ö".repeat(21));
        let wide = format!("{}@{}example.com", "ä".repeat(32), label.repeat(4));
        assert_eq!(wide.len(), 64 + 1 + 4 * 43 + "example.com".len());
        for right in [
            "a@b.c",
            " ann@example.com ",
            "a+b_c!#$%&'*/=?^`{|}~-@x-1.co.uk",
            "ä@ö.de",
            "a@xn--nda.de",
            "a@1.example",
            "a@1password.com",
            "用户@例子.中国",
            &long,
            &wide,
        ] {
            assert_eq!(right.parse::<Email>().unwrap().as_str(), right.trim());
        }
        let too_long = format!("l{long}");
        let far_too_long = format!("a@{}com", "d.".repeat(130));
        let too_wide = wide.replace('@', &format!("@{label}"));
        let long_label = format!("a@{}.com", "d".repeat(64));
        // 63 letters, but not in the form that the DNS holds.
        let wide_label = format!("a@{}.com", "ö".repeat(60));
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
            // The domain is one that the DNS can hold.
            "a@example.com?subject=x",
            "a@#.com",
            "a@127.0.0.1",
            "a@1.2",
            "a@b_c.com",
            "a@-b.com",
            "a@b-.com",
            "a@b.com.",
            "a@xn--a.com",
            "a@xn--\u{e4}.com",
            "a@b.c%41",
            "a@b.c/d",
            "a@\u{300}b.com",
            // Nothing in it is unseen.
            "a\u{200b}@b.com",
            "a@b\u{ad}.com",
            "\u{202e}a@b.com",
            &long_label,
            &wide_label,
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

    /// However an address is spelled, it is one account.
    #[test]
    fn an_address_has_one_form_to_be_compared_by() {
        let zoe = "zo\u{eb}@b\u{fc}cher.de";
        for spelling in [
            "zoe\u{308}@bu\u{308}cher.de",
            "ZOE\u{308}@B\u{dc}CHER.DE",
            "zo\u{eb}@xn--bcher-kva.de",
            " zo\u{eb}@b\u{fc}cher\u{3002}de ",
        ] {
            assert_eq!(spelling.parse::<Email>().unwrap().folded(), zoe, "{spelling}");
            assert_eq!(fold(spelling), zoe, "{spelling}");
        }
        // What is none is compared without case, as before there was a rule for domains.
        for (text, folded) in [("Nobody", "nobody"), ("A@#.com", "a@#.com"), (" A@1.2 ", "a@1.2")] {
            assert_eq!(fold(text), folded);
        }
    }
}
