//! Names in addresses: `/cities/new-york-city`. The API compares names without case and punctuation, so a name is
//! found by its slug.

use std::fmt::Write as _;

/// A link.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Link {
    pub(crate) label: String,
    pub(crate) href: String,
}

impl Link {
    pub(crate) fn new(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self { label: label.into(), href: href.into() }
    }
}

/// A name as it stands in an address: `st-louis` for St. Louis, `acdc` stays what the API makes of `AC/DC`.
pub(crate) fn slug(name: &str) -> String {
    let name = name.to_lowercase().replace(['.', '\'', '’'], "");
    let words = name.split(|it: char| !it.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// A slug as it stands in a path (RFC 3986).
fn encoded(slug: &str) -> String {
    let mut path = String::with_capacity(slug.len());
    for byte in slug.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            path.push(char::from(byte));
        } else {
            // Writing to a text cannot fail.
            let _written = write!(path, "%{byte:02X}");
        }
    }
    path
}

/// Reads [`encoded`]; nothing where no slug was written.
pub(crate) fn decoded(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        rest = behind;
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
    }
    let text = String::from_utf8(bytes).ok()?;
    (slug(&text) == text && !text.is_empty()).then_some(text)
}

/// The page of a city.
pub(crate) fn city(city: &str) -> String {
    format!("/cities/{}", encoded(&slug(city)))
}

/// The page of a venue. Houses in several cities have the same name.
pub(crate) fn venue(city: &str, venue: &str) -> String {
    format!("/venues/{}/{}", encoded(&slug(city)), encoded(&slug(venue)))
}

/// The page of a performer, or of a show that names none.
pub(crate) fn performer(name: &str) -> String {
    format!("/performers/{}", encoded(&slug(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_an_address_that_needs_no_table() {
        for (name, path) in [
            ("New York City", "/cities/new-york-city"),
            ("St. Louis", "/cities/st-louis"),
            ("Zürich", "/cities/z%C3%BCrich"),
            ("  Saint-Denis ", "/cities/saint-denis"),
            ("L’Aquila", "/cities/laquila"),
            ("../x?y#z", "/cities/x-y-z"),
            ("東京", "/cities/%E6%9D%B1%E4%BA%AC"),
        ] {
            assert_eq!(city(name), path);
        }
        for name in ["New York City", "Zürich", "東京"] {
            let path = city(name);
            assert_eq!(decoded(&path[8..]), Some(slug(name)));
        }
        for none in ["", "%", "%Z1", "%FF", "A", "a b", "%2F"] {
            assert_eq!(decoded(none), None, "{none}");
        }
        assert_eq!(venue("London", "O2 Arena"), "/venues/london/o2-arena");
        assert_eq!(performer("AC/DC"), "/performers/ac-dc");
    }
}
