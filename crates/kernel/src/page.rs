//! Lists, page by page: one reader for all of them.
//!
//! A cursor is the key of the last item, so that a list is stable while others insert. A page is empty
//! only when nothing is left: a filter that no index answers goes on reading until the page is full.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use stubmart_ports::store::Scan;

use crate::{
    aggregate::Aggregate,
    repository::{Repository, RepositoryError, Row, Versioned},
};

/// The number of items of a page, unless the client asks for another.
pub const LIMIT_DEFAULT: usize = 50;

/// The largest number of items that a client may ask for.
pub const LIMIT_MAX: usize = 200;

/// How many rows a filter reads at once beyond the first page's worth.
const ROWS: usize = 500;

/// Where a page begins: after the item with this key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(Vec<u8>);

impl Cursor {
    /// The place after `key`.
    #[must_use]
    pub const fn behind(key: Vec<u8>) -> Self {
        Self(key)
    }

    /// The key of the item before the page.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.0
    }

    /// The cursor's text form: base64url without padding (RFC 4648, 5).
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.0)
    }

    /// Reads what [`Self::encode`] wrote; `None` for any other text.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok().map(Self)
    }
}

/// A request for one page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many items, 1 to [`LIMIT_MAX`].
    pub limit: usize,
    /// Where it begins; at the list's beginning when `None`.
    pub cursor: Option<Cursor>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: LIMIT_DEFAULT, cursor: None }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// Its items.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// The page with each item made into another.
    pub fn map<U>(self, make: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(make).collect(), next: self.next }
    }

    /// The page of `rows`, of which there is one more than the limit when there is a next page.
    pub fn of<R>(
        limit: usize,
        mut rows: Vec<R>,
        key: impl Fn(&R) -> &[u8],
        item: impl FnMut(R) -> T,
    ) -> Self {
        let has_next = rows.len() > limit;
        rows.truncate(limit);
        let last = rows.last().filter(|_| has_next);
        let next = last.map(|row| Cursor(key(row).to_vec()));
        Self { items: rows.into_iter().map(item).collect(), next }
    }
}

/// Why there is no page.
#[derive(Debug)]
pub enum PageError {
    /// The cursor belongs to another list.
    ForeignCursor,
    /// The repository failed.
    Repository(RepositoryError),
}

impl From<RepositoryError> for PageError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

impl<A: Aggregate> Repository<A> {
    /// One page of `scan`, with the items that `keep` keeps.
    ///
    /// # Errors
    /// [`PageError`].
    pub async fn page(
        &self,
        scan: Scan,
        request: &PageRequest,
        keep: impl Fn(&A) -> bool + Send + Sync,
    ) -> Result<Page<Versioned<A>>, PageError> {
        let wanted = request.limit.saturating_add(1);
        let mut scan = scan.limit(wanted);
        if let Some(cursor) = &request.cursor {
            let key = cursor.key();
            let is_before_end = scan.to.as_deref().is_none_or(|to| key < to);
            if key < scan.from.as_slice() || !is_before_end {
                return Err(PageError::ForeignCursor);
            }
            scan = scan.behind(key);
        }
        let mut rows: Vec<Row<A>> = Vec::new();
        loop {
            let found = self.find(scan.clone()).await?;
            let is_end = found.len() < scan.at_most();
            let last = found.last().map(|row| row.key.clone());
            rows.extend(found.into_iter().filter(|row| keep(&row.found.state)));
            match last {
                Some(last) if !is_end && rows.len() < wanted => {
                    scan = scan.behind(&last).limit(ROWS);
                    // Reading so many documents keeps a thread busy: let other tasks run.
                    tokio::task::yield_now().await;
                }
                Some(_) | None => {
                    return Ok(Page::of(request.limit, rows, |row| &row.key, |row| row.found));
                }
            }
        }
    }
}
