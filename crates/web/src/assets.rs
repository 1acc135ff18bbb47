//! The style sheet, the script and the pictures: part of the binary, compressed once at the start, and
//! named by their content so that browsers may cache them for ever.

use std::io::Write as _;

use axum::{
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};

const CSS: &str = include_str!("../assets/app.css");
const JS: &str = include_str!("../assets/app.js");
const ICON: &str = include_str!("../assets/icon.svg");
const PREVIEW: &[u8] = include_bytes!("../assets/preview.png");

/// Everything that pages refer to.
#[derive(Debug)]
pub(crate) struct Assets {
    pub(crate) css: Asset,
    pub(crate) js: Asset,
    pub(crate) icon: Asset,
    /// The picture of link previews (Open Graph).
    pub(crate) preview: Asset,
}

/// One file.
#[derive(Debug)]
pub(crate) struct Asset {
    /// `app-1a2b3c4d5e6f.css`: another content has another name.
    name: String,
    /// Where it is served.
    pub(crate) href: String,
    content_type: HeaderValue,
    plain: Bytes,
    /// Absent where compressing gains nothing.
    gzip: Option<Bytes>,
}

impl Assets {
    pub(crate) fn new() -> Self {
        Self {
            css: Asset::new("css", "text/css; charset=utf-8", CSS.as_bytes()),
            js: Asset::new("js", "text/javascript; charset=utf-8", JS.as_bytes()),
            icon: Asset::new("svg", "image/svg+xml", ICON.as_bytes()),
            preview: Asset::new("png", "image/png", PREVIEW),
        }
    }

    /// The file of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&Asset> {
        [&self.css, &self.js, &self.icon, &self.preview].into_iter().find(|it| it.name == name)
    }
}

impl Asset {
    fn new(extension: &str, content_type: &'static str, content: &'static [u8]) -> Self {
        let digest = Sha256::digest(content);
        let hash: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("app-{hash}.{extension}");
        let gzip = gzip(content, Compression::best()).filter(|it| it.len() < content.len());
        Self {
            href: format!("/assets/{name}"),
            name,
            content_type: HeaderValue::from_static(content_type),
            plain: Bytes::from_static(content),
            gzip,
        }
    }

    /// Answers with the file, compressed if the browser accepts that.
    pub(crate) fn respond(&self, headers: &HeaderMap, cache: &'static str) -> Response {
        let (body, encoding) = match &self.gzip {
            Some(gzip) if accepts_gzip(headers) => (gzip.clone(), Some("gzip")),
            _ => (self.plain.clone(), None),
        };
        let mut response = body.into_response();
        let out = response.headers_mut();
        out.insert(header::CONTENT_TYPE, self.content_type.clone());
        out.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
        out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Some(encoding) = encoding {
            out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }
}

/// `content`, compressed; nothing if that fails.
pub(crate) fn gzip(content: &[u8], level: Compression) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(content.len() / 4), level);
    encoder.write_all(content).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// Whether the browser takes gzip (RFC 9110, 12.5.3).
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|coding| coding.split(';').map(str::trim))
        .any(|mut coding| {
            coding.next() == Some("gzip") && !coding.any(|it| it == "q=0" || it == "q=0.0")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_only_to_browsers_that_accept_it() {
        for (value, taken) in [
            ("gzip, deflate, br", true),
            ("br;q=1.0, gzip;q=0.8", true),
            ("gzip;q=0", false),
            ("x-gzip-like", false),
            ("identity", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(value));
            assert_eq!(accepts_gzip(&headers), taken, "{value}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
