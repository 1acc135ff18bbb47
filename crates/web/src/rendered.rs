//! A page as it goes out: HTML, compressed for browsers that accept it.

use askama::Template;
use bytes::Bytes;
use flate2::Compression;

use crate::assets;

/// A page, rendered and perhaps compressed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rendered {
    pub(crate) body: Bytes,
    pub(crate) gzip: bool,
}

impl Rendered {
    /// Renders a page and compresses it if `gzip` says so.
    ///
    /// # Errors
    /// The template fails, which none of ours can.
    pub(crate) fn new(page: &impl Template, gzip: bool) -> askama::Result<Self> {
        let html = page.render()?;
        // A fast level: pages shrink to a fifth either way, and most are compressed once and thrown away.
        let gzip = gzip.then(|| assets::gzip(html.as_bytes(), Compression::new(3))).flatten();
        Ok(match gzip {
            Some(body) => Self { body, gzip: true },
            None => Self { body: Bytes::from(html), gzip: false },
        })
    }

    /// How many bytes it has.
    pub(crate) fn size(&self) -> usize {
        self.body.len()
    }
}
