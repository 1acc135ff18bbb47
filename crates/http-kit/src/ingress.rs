//! Who sends a request and from where, as far as its headers can be believed.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header, uri::Authority};
use stubmart_contract::Code;

use crate::{problem::Problem, session};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// How requests reach the market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingress {
    /// The origin that people know the market by, as browsers write it (`https://tickets.example`),
    /// where it differs from the scheme and the `Host` header that arrive here.
    pub public_origin: Option<String>,
    /// Whether a proxy in front sets `X-Forwarded-For` and `X-Forwarded-Proto`. Without one, any client
    /// could.
    pub trust_proxy: bool,
    /// How many addresses at the end of `X-Forwarded-For` are the trusted proxies' to add: the first of these is
    /// the client's. Where there are fewer, the first there is.
    pub proxy_addresses: usize,
}

impl Default for Ingress {
    /// Nobody is in front.
    fn default() -> Self {
        Self { public_origin: None, trust_proxy: false, proxy_addresses: 1 }
    }
}

/// The address a request came from, as a request extension. The server that accepts connections puts
/// it there; without it nothing is limited by address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddr(pub IpAddr);

/// Whether a request came over HTTPS, as a request extension ([`Ingress::is_https`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverHttps(pub bool);

/// Checks that a request that came over a connection says which host it is for: with exactly one valid
/// `Host`, which only HTTP/1.0 may leave out (RFC 9112, 3.2). With two, a proxy on the way may have looked
/// at the other one.
///
/// # Errors
/// `malformed_request`.
pub fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Problem> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let is_host = |value: &HeaderValue| {
        let authority = value.to_str().ok().and_then(|text| text.parse::<Authority>().ok());
        authority.is_some_and(|it| !it.host().is_empty() && !it.as_str().contains('@'))
    };
    let fault = match (hosts.next(), hosts.next()) {
        (None, _) if version < Version::HTTP_11 => return Ok(()),
        (Some(host), None) if is_host(host) => return Ok(()),
        (None, _) => "A request needs a Host header",
        (Some(_), None) => "The Host header names no host",
        (Some(_), Some(_)) => "A request has one Host header only",
    };
    Err(Problem::with_detail(Code::MalformedRequest, fault))
}

impl Ingress {
    /// Who is asking: the address that the trusted proxies in front have added, or the connection's.
    #[must_use]
    pub fn client_address(&self, headers: &HeaderMap, peer: IpAddr) -> IpAddr {
        let forwarded = || {
            let values = headers.get_all(FORWARDED_FOR).iter().rev();
            let last_first = values.flat_map(|it| it.to_str().unwrap_or_default().rsplit(','));
            let client = last_first.take(self.proxy_addresses).last()?.trim();
            // Some proxies write the port too.
            let bare = client.trim_start_matches('[').trim_end_matches(']').parse().ok();
            bare.or_else(|| client.parse::<SocketAddr>().ok().map(|address| address.ip()))
        };
        if self.trust_proxy { forwarded().unwrap_or(peer) } else { peer }
    }

    /// Whether the client came over HTTPS: the market is reached over nothing else, or the trusted
    /// proxy says so. Of several proxies, the one nearest to the client is named first.
    #[must_use]
    pub fn is_https(&self, headers: &HeaderMap) -> bool {
        let public = self.public_origin.as_deref();
        let proto = text(headers, &FORWARDED_PROTO).and_then(|protos| protos.split(',').next());
        public.is_some_and(|origin| origin.starts_with("https://"))
            || (self.trust_proxy
                && proto.is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https")))
    }

    /// Whether a browser says that another site's page made it send this, with the visitor's cookie or
    /// to get one (OWASP, Cross-Site Request Forgery Prevention: Fetch Metadata headers, and verifying
    /// the origin where a browser sends none).
    ///
    /// Only requests that may change something count. A bearer token is sent by programs, not by
    /// browsers on their own, and a request without both headers comes from a program too.
    #[must_use]
    pub fn is_cross_site(&self, method: &Method, headers: &HeaderMap) -> bool {
        if method.is_safe() || session::bearer(headers).is_some() {
            return false;
        }
        if headers.contains_key(FETCH_SITE) {
            return !matches!(text(headers, &FETCH_SITE), Some("same-origin" | "none"));
        }
        headers.contains_key(header::ORIGIN)
            && text(headers, &header::ORIGIN).is_none_or(|origin| !self.is_own(origin, headers))
    }

    fn is_own(&self, origin: &str, headers: &HeaderMap) -> bool {
        let scheme = if self.is_https(headers) { "https" } else { "http" };
        self.public_origin.as_deref() == Some(origin)
            || origin.split_once("://").is_some_and(|(origin_scheme, host)| {
                origin_scheme == scheme && text(headers, &header::HOST) == Some(host)
            })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        };
        pairs.iter().map(pair).collect()
    }

    fn public(origin: &str) -> Ingress {
        Ingress { public_origin: Some(origin.to_owned()), ..Ingress::default() }
    }

    /// One host, in any form that RFC 3986, 3.2, knows; older clients than HTTP/1.1 may name none.
    #[test]
    fn a_request_names_one_host() {
        let is_fine = |version, hosts: &[&str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                let host = HeaderValue::from_bytes(host.as_bytes()).unwrap();
                headers.append(header::HOST, host);
            }
            check_host(version, &headers).is_ok()
        };
        for host in ["a", "tickets.example", "a:80", "127.0.0.1:8080", "[::1]", "[::1]:80", "a_b"] {
            assert!(is_fine(Version::HTTP_11, &[host]), "{host}");
            assert!(is_fine(Version::HTTP_10, &[host]), "{host}");
            assert!(!is_fine(Version::HTTP_11, &[host, host]), "{host}");
            assert!(!is_fine(Version::HTTP_10, &[host, "b"]), "{host}");
        }
        for host in ["", "a b", "a/b", "u@a", "a, b", "\u{e4}", "http://a", ":80"] {
            assert!(!is_fine(Version::HTTP_11, &[host]), "{host:?}");
            assert!(!is_fine(Version::HTTP_10, &[host]), "{host:?}");
        }
        assert!(!is_fine(Version::HTTP_11, &[]));
        assert!(is_fine(Version::HTTP_10, &[]));
    }

    #[test]
    fn a_change_that_another_sites_page_asks_for_is_cross_site() {
        let plain = Ingress::default();
        let proxied = Ingress { trust_proxy: true, ..Ingress::default() };
        let public = public("https://tickets.example");
        let host = ("host", "shop.example");
        let https = ("x-forwarded-proto", "https");
        let is_cross_site = |ingress: &Ingress, pairs: &[(&str, &str)]| {
            ingress.is_cross_site(&Method::POST, &headers(pairs))
        };
        let own: &[(&Ingress, &[(&str, &str)])] = &[
            (&plain, &[]),
            (&plain, &[host]),
            (&plain, &[("sec-fetch-site", "same-origin")]),
            (&plain, &[("sec-fetch-site", "none")]),
            (
                &plain,
                &[("sec-fetch-site", "same-origin"), host, ("origin", "https://shop.example")],
            ),
            (&plain, &[host, ("origin", "http://shop.example")]),
            (&plain, &[("host", "[::1]:80"), ("origin", "http://[::1]:80")]),
            (&proxied, &[host, https, ("origin", "https://shop.example")]),
            (&public, &[host, ("origin", "https://tickets.example")]),
            (&public, &[("host", "tickets.example"), ("origin", "https://tickets.example")]),
            (&plain, &[("authorization", "Bearer t"), ("origin", "https://evil.example")]),
        ];
        for (ingress, pairs) in own {
            assert!(!is_cross_site(ingress, pairs), "{ingress:?} {pairs:?}");
        }
        let foreign: &[(&Ingress, &[(&str, &str)])] = &[
            (&plain, &[("sec-fetch-site", "cross-site")]),
            (&plain, &[("sec-fetch-site", "same-site")]),
            (&plain, &[("sec-fetch-site", "")]),
            (&plain, &[("sec-fetch-site", "\u{e4}")]),
            (&plain, &[("sec-fetch-site", "cross-site"), host, ("origin", "http://shop.example")]),
            (&plain, &[host, ("origin", "https://evil.example")]),
            (&plain, &[host, ("origin", "null")]),
            (&plain, &[host, ("origin", "")]),
            (&plain, &[host, ("origin", "\u{e4}")]),
            (&plain, &[host, ("origin", "shop.example")]),
            (&plain, &[host, ("origin", "https://shop.example")]),
            (&plain, &[host, https, ("origin", "https://shop.example")]),
            (&plain, &[host, ("origin", "http://shop.example:8080")]),
            (&plain, &[host, ("origin", "http://shop.example.evil.example")]),
            (&plain, &[("origin", "http://shop.example")]),
            (&proxied, &[host, https, ("origin", "http://shop.example")]),
            (&public, &[host, ("origin", "http://tickets.example")]),
            // A browser adds these by itself.
            (&plain, &[("authorization", "Basic dTpw"), host, ("origin", "https://evil.example")]),
        ];
        for (ingress, pairs) in foreign {
            assert!(is_cross_site(ingress, pairs), "{ingress:?} {pairs:?}");
            let read = ingress.is_cross_site(&Method::GET, &headers(pairs));
            assert!(!read, "reading changes nothing: {pairs:?}");
        }
    }

    /// Google's balancer adds the client's address and its own
    /// (<https://cloud.google.com/load-balancing/docs/https#x-forwarded-for_header>).
    #[test]
    fn of_several_addresses_that_proxies_add_the_first_is_the_clients() {
        let behind = Ingress { trust_proxy: true, proxy_addresses: 2, ..Ingress::default() };
        let peer: IpAddr = [10, 0, 0, 1].into();
        for (values, client) in [
            (&["203.0.113.7, 192.0.2.1"][..], "203.0.113.7"),
            (&["198.51.100.1, 203.0.113.7, 192.0.2.1"], "203.0.113.7"),
            (&["198.51.100.1", "203.0.113.7", "192.0.2.1"], "203.0.113.7"),
            (&["198.51.100.1,203.0.113.7", "192.0.2.1"], "203.0.113.7"),
            // From inside, such as from the pages, which say for whom they ask.
            (&["203.0.113.7"], "203.0.113.7"),
            (&["unknown, 192.0.2.1"], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED_FOR, value.parse().unwrap());
            }
            assert_eq!(behind.client_address(&headers, peer).to_string(), client, "{values:?}");
        }
    }

    #[test]
    fn a_proxy_is_believed_only_where_it_is_trusted() {
        let trusting = Ingress { trust_proxy: true, ..Ingress::default() };
        for (value, https) in
            [("https", true), ("HTTPS, http", true), ("http, https", false), ("", false)]
        {
            let headers = headers(&[("x-forwarded-proto", value)]);
            assert_eq!(trusting.is_https(&headers), https, "{value}");
            assert!(!Ingress::default().is_https(&headers), "{value}");
        }
        assert!(public("https://tickets.example").is_https(&HeaderMap::new()));
        assert!(!public("http://tickets.example").is_https(&HeaderMap::new()));

        let peer: IpAddr = [10, 0, 0, 1].into();
        for (values, client) in [
            (&["203.0.113.7"][..], "203.0.113.7"),
            (&["198.51.100.1, 203.0.113.7"], "203.0.113.7"),
            (&["198.51.100.1", "203.0.113.7"], "203.0.113.7"),
            (&["203.0.113.7:4711"], "203.0.113.7"),
            (&["2001:db8::1"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["[2001:db8::1]:4711"], "2001:db8::1"),
            (&["unknown"], "10.0.0.1"),
            (&[], "10.0.0.1"),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(value));
            }
            assert_eq!(trusting.client_address(&headers, peer).to_string(), client, "{values:?}");
            assert_eq!(Ingress::default().client_address(&headers, peer), peer);
        }
    }
}
