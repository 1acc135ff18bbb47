//! An operator's settings for Stripe, and which of them go together.

use std::{net::IpAddr, time::Duration};

use hyper::Uri;

use crate::secret::Secret;

/// Where Stripe's API is.
pub const API_BASE: &str = "https://api.stripe.com";

/// The settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The key of the account that takes the money.
    pub secret_key: SecretKey,
    /// The secrets that webhooks are signed with: while one is replaced by another, both.
    pub webhook_secrets: Vec<Secret>,
    /// Where the API is.
    pub api_base: ApiBase,
    /// How patient the client is.
    pub patience: Patience,
}

/// How patient the client is with Stripe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patience {
    /// How long one request may take.
    pub request: Duration,
    /// How often a request is sent whose answer is lost, or is a failure of Stripe's.
    pub tries: u32,
    /// How often a request is sent that meets another one with its key or about its object.
    pub conflicts: u32,
    /// How long a request may wait for its turn.
    pub queue: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            request: Duration::from_secs(8),
            tries: 3,
            conflicts: 8,
            queue: Duration::from_secs(4),
        }
    }
}

/// A setting that is not valid; the text says what it must be, and does not repeat it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidSetting(pub &'static str);

/// A secret or restricted key (<https://docs.stripe.com/keys>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretKey(Secret);

impl SecretKey {
    /// Reads a key.
    ///
    /// # Errors
    /// [`InvalidSetting`]: it is no key of this kind.
    pub fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let wrong =
            "must be a secret key of Stripe's: sk_test_…, sk_live_…, rk_test_… or rk_live_…";
        let prefixes = ["sk_test_", "sk_live_", "rk_test_", "rk_live_"];
        let is_key = prefixes.iter().any(|prefix| is_key(text, prefix));
        if is_key { Ok(Self(Secret::new(text))) } else { Err(InvalidSetting(wrong)) }
    }

    /// Whether it moves real money.
    #[must_use]
    pub fn is_live(&self) -> bool {
        is_live(self.0.expose())
    }

    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Reads a publishable key, which browsers are given.
///
/// # Errors
/// [`InvalidSetting`]: it is no such key; a secret key is never passed on.
pub fn publishable_key(text: &str) -> Result<String, InvalidSetting> {
    let is_key = ["pk_test_", "pk_live_"].iter().any(|prefix| is_key(text, prefix));
    let wrong = InvalidSetting("must be a publishable key of Stripe's: pk_test_… or pk_live_…");
    if is_key { Ok(text.to_owned()) } else { Err(wrong) }
}

/// Reads the webhook secrets, separated by commas.
///
/// # Errors
/// [`InvalidSetting`]: one of them is no such secret.
pub fn webhook_secrets(text: &str) -> Result<Vec<Secret>, InvalidSetting> {
    let secrets = text.split(',').map(str::trim).filter(|text| !text.is_empty());
    let read = secrets.map(|text| {
        let wrong =
            InvalidSetting("must be signing secrets of webhooks: whsec_…, separated by commas");
        if is_key(text, "whsec_") { Ok(Secret::new(text)) } else { Err(wrong) }
    });
    read.collect()
}

/// The scheme, the host and the port of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiBase(String);

impl ApiBase {
    /// Reads an address such as `https://api.stripe.com`.
    ///
    /// # Errors
    /// [`InvalidSetting`]: it is none, or plain HTTP to another machine, over which neither keys nor
    /// buyers' data may go.
    pub fn parse(text: &str) -> Result<Self, InvalidSetting> {
        let wrong = InvalidSetting("must be a scheme and a host, such as https://api.stripe.com");
        let uri: Uri = text.parse().map_err(|_| wrong.clone())?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(wrong);
        };
        let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        if !is_bare || authority.as_str().contains('@') {
            return Err(wrong);
        }
        match scheme {
            "https" => {}
            "http" if is_loopback(authority.host()) => {}
            "http" => {
                return Err(InvalidSetting(
                    "must be https://, or http:// to this machine (127.0.0.1, [::1], localhost)",
                ));
            }
            _ => return Err(wrong),
        }
        Ok(Self(format!("{scheme}://{authority}")))
    }

    /// Whether requests go unencrypted.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.starts_with("http://")
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ApiBase {
    fn default() -> Self {
        Self(API_BASE.to_owned())
    }
}

/// Checks that the settings go together.
///
/// # Errors
/// [`InvalidSetting`]: a live key over plain HTTP or without the publishable key, or keys of which one is live
/// and the other is not.
pub fn check(
    secret_key: &SecretKey,
    publishable_key: Option<&str>,
    api_base: &ApiBase,
) -> Result<(), InvalidSetting> {
    if secret_key.is_live() && api_base.is_plain() {
        return Err(InvalidSetting("a live key must not be used over plain HTTP"));
    }
    if secret_key.is_live() && publishable_key.is_none() {
        return Err(InvalidSetting(
            "a live key needs the publishable key beside it: buyers pay in the browser",
        ));
    }
    if publishable_key.is_some_and(|key| is_live(key) != secret_key.is_live()) {
        return Err(InvalidSetting(
            "the secret and the publishable key must both be live or both be test keys",
        ));
    }
    Ok(())
}

fn is_live(key: &str) -> bool {
    key.split('_').nth(1) == Some("live")
}

fn is_key(text: &str, prefix: &str) -> bool {
    let rest = text.strip_prefix(prefix).unwrap_or_default();
    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or(host.eq_ignore_ascii_case("localhost"), |address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_their_prefix_and_never_printed() {
        for (text, is_live) in [("sk_test_51abc", false), ("rk_live_x", true), ("sk_live_9", true)]
        {
            let key = SecretKey::parse(text).unwrap();
            assert_eq!(key.is_live(), is_live, "{text}");
            assert!(!format!("{key:?}").contains(text), "{key:?}");
        }
        for wrong in
            ["", "sk_test_", "pk_test_1", "sk_test_a b", "sk_test_é", "whsec_1", " sk_test_1"]
        {
            assert!(SecretKey::parse(wrong).is_err(), "{wrong}");
            assert!(!format!("{:?}", SecretKey::parse(wrong)).contains("a b"));
        }
        assert!(publishable_key("sk_live_1").is_err(), "a secret key is no publishable key");
        assert_eq!(publishable_key("pk_live_1"), Ok("pk_live_1".to_owned()));
    }

    #[test]
    fn several_webhook_secrets_are_separated_by_commas() {
        let two = vec![Secret::new("whsec_a"), Secret::new("whsec_b")];
        assert_eq!(webhook_secrets("whsec_a, whsec_b,"), Ok(two));
        assert!(webhook_secrets("whsec_a,b").is_err());
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for right in [
            "https://api.stripe.com",
            "http://127.0.0.1:12111",
            "http://[::1]:1",
            "http://localhost:1/",
        ] {
            assert!(ApiBase::parse(right).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "api.stripe.com",
            "http://api.stripe.com",
            "http://127.0.0.1.example",
            "http://10.0.0.1:80",
            "https://me@api.stripe.com",
            "https://api.stripe.com/v1",
            "ftp://127.0.0.1",
        ] {
            assert!(ApiBase::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_live_key_needs_tls_and_a_live_publishable_key() {
        let plain = ApiBase::parse("http://127.0.0.1:1").unwrap();
        let live = SecretKey::parse("sk_live_1").unwrap();
        let test = SecretKey::parse("sk_test_1").unwrap();
        assert!(check(&live, None, &plain).is_err());
        assert!(check(&test, None, &plain).is_ok());
        assert!(check(&live, Some("pk_live_1"), &ApiBase::default()).is_ok());
        assert!(check(&live, Some("pk_test_1"), &ApiBase::default()).is_err());
        assert!(check(&test, Some("pk_live_1"), &ApiBase::default()).is_err());
    }
}
