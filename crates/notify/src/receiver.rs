//! Where a webhook may lead.

use std::net::IpAddr;

use stubmart_kernel::network::is_public;
use url::{Host, Url};

/// The address, in one spelling, if events can be sent there; `to_any` also takes plain HTTP and addresses
/// that are not public. What a name leads to is looked at each time when something is sent.
///
/// # Errors
/// What is wrong with it, for its owner.
pub(crate) fn checked(text: &str, to_any: bool) -> Result<String, &'static str> {
    let url = Url::parse(text.trim())
        .map_err(|_| "must be an address such as https://example.com/hook")?;
    match url.scheme() {
        "https" => {}
        "http" if to_any => {}
        _ => return Err("must begin with https://"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must hold no user name or password");
    }
    if url.fragment().is_some() {
        return Err("must hold no #");
    }
    let address = match url.host() {
        None => return Err("must name a host"),
        Some(Host::Domain(_)) => None,
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
    };
    if !to_any && address.is_some_and(|it| !is_public(it)) {
        return Err("must lead to the public internet");
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_https_addresses_are_taken() {
        for (text, spelled) in [
            ("https://example.com", "https://example.com/"),
            (" https://EXAMPLE.com:443/Hook?a=b ", "https://example.com/Hook?a=b"),
            ("https://example.com:8443/", "https://example.com:8443/"),
            ("https://1.1.1.1/", "https://1.1.1.1/"),
        ] {
            assert_eq!(checked(text, false).as_deref(), Ok(spelled));
        }
        for text in [
            "",
            "example.com",
            "http://example.com/",
            "ftp://example.com/",
            "https://",
            "https://u:p@example.com/",
            "https://u@example.com/",
            "https://example.com/#a",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
            "file:///etc/passwd",
            "javascript:alert(1)",
        ] {
            assert!(checked(text, false).is_err(), "{text}");
        }
        assert!(checked("http://127.0.0.1:9000/", true).is_ok());
        assert!(checked("file:///etc/passwd", true).is_err());
    }
}
