//! Cookies, in and out.
//!
//! Written by hand and not with the `cookie` crate, which reads a header as one text: a foreign cookie
//! of any bytes beside ours must hide nothing, and of ours the server sets one kind only.

use axum::http::{HeaderMap, HeaderValue, header};

/// The values of the cookies with this name, in the order of the request. A browser sends more than one
/// when they were set for different paths or domains. An empty value is no cookie.
pub fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b';'))
        .filter_map(|pair| std::str::from_utf8(pair.trim_ascii()).ok()?.split_once('='))
        .filter_map(move |(key, value)| (key == name && !value.is_empty()).then_some(value))
}

/// A `Set-Cookie` that no script reads, that no other site's form sends, and that lasts for `seconds`;
/// `over_https` keeps it to HTTPS (OWASP, Session Management: cookies). `value` is plain ASCII without
/// `;` and blanks; any other makes no cookie.
#[must_use]
pub fn set(name: &str, value: &str, seconds: u32, over_https: bool) -> Option<HeaderValue> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b';' | b',' | b'"' | b'\\');
    if !value.bytes().all(plain) {
        return None;
    }
    let secure = if over_https { "; Secure" } else { "" };
    let attributes = "Path=/; HttpOnly; SameSite=Lax";
    HeaderValue::try_from(format!("{name}={value}; {attributes}; Max-Age={seconds}{secure}")).ok()
}

/// A `Set-Cookie` that takes the cookie away.
#[must_use]
pub fn clear(name: &str, over_https: bool) -> Option<HeaderValue> {
    set(name, "", 0, over_https)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cookies: &[&[u8]]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::COOKIE, HeaderValue::from_bytes(cookie).unwrap());
        }
        values(&headers, "ours").map(ToOwned::to_owned).collect()
    }

    /// Cookies are read pair by pair: nothing that stands beside ours hides it.
    #[test]
    fn foreign_cookies_hide_nothing() {
        for beside in [
            "city=S\u{e3}o Paulo".as_bytes(),
            b"bytes=\xff\xfe\x80",
            b"no pair",
            b"",
            b"=",
            b"quoted=\"a\\\"b\"",
            b"ours2=x",
            b"Ours=x",
            b"ours=",
            b"x=ours=y",
        ] {
            let before = [beside, b"; ours=abc"].concat();
            let after = [b"ours=abc;", beside].concat();
            assert_eq!(read(&[&before]), ["abc"], "{beside:?}");
            assert_eq!(read(&[&after]), ["abc"], "{beside:?}");
            assert_eq!(read(&[beside, b"ours=abc"]), ["abc"], "{beside:?}");
        }
        assert_eq!(read(&[]), [""; 0]);
    }

    #[test]
    fn several_of_ours_are_all_read_in_order() {
        assert_eq!(read(&[b"ours=a; x=y; ours=b", b"ours=c"]), ["a", "b", "c"]);
    }

    #[test]
    fn a_cookie_is_set_with_what_keeps_it_safe_and_cannot_be_broken_out_of() {
        let text = |value: Option<HeaderValue>| value.unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            text(set("ours", "abc", 60, true)),
            "ours=abc; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure"
        );
        let gone = "ours=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";
        assert_eq!(text(clear("ours", false)), gone);
        for wrong in ["a; Domain=example.org", "a b", "a\r\nX: y", "\u{e4}", "\"a\"", "a,b"] {
            assert_eq!(set("ours", wrong, 60, true), None, "{wrong:?}");
        }
    }
}
