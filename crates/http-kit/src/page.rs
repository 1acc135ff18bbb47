//! Lists page by page: a limit, and a cursor that is the last page's last key.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use stubmart_contract::api::Page;

use crate::{fields::Fields, query::number};

/// How many items a page has when nobody says.
pub const LIMIT_DEFAULT: u32 = 50;

/// How many items a page has at the most.
pub const LIMIT_MAX: u32 = 200;

/// Which page a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many items.
    pub limit: usize,
    /// What the page begins behind: the key in the last page's cursor.
    pub behind: Option<Vec<u8>>,
}

impl PageRequest {
    /// Reads `limit` and `cursor`. Where one is wrong, that is noted in `fields`.
    #[must_use]
    pub fn read(fields: &mut Fields) -> Self {
        let limit = fields.optional("limit", number(1, LIMIT_MAX)).unwrap_or(LIMIT_DEFAULT);
        let behind = fields.optional("cursor", |value| {
            let text = value.as_str().unwrap_or_default();
            URL_SAFE_NO_PAD
                .decode(text)
                .map_err(|_| "must be the nextCursor of the page before".to_owned())
        });
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), behind }
    }

    /// The page of `rows`, of which there is one more than the limit when there is a next page.
    pub fn page<R, T>(
        &self,
        mut rows: Vec<R>,
        key: impl Fn(&R) -> &[u8],
        item: impl Fn(R) -> T,
    ) -> Page<T> {
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        let last = rows.last().filter(|_| more);
        let next_cursor = last.map(|row| Self::cursor(key(row)));
        Page { items: rows.into_iter().map(item).collect(), next_cursor }
    }

    /// The page behind `cursor`, which [`Self::page`] gave; `None` when it is none.
    #[must_use]
    pub fn behind(limit: usize, cursor: &str) -> Option<Self> {
        Some(Self { limit, behind: Some(URL_SAFE_NO_PAD.decode(cursor).ok()?) })
    }

    /// The cursor for the page that begins behind `key`.
    #[must_use]
    pub fn cursor(key: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(key)
    }

    /// How many rows to fetch to know whether there is a next page.
    #[must_use]
    pub fn fetch(&self) -> usize {
        self.limit.saturating_add(1)
    }
}
