//! Use cases: lists of shows, their prices, and the filters that fit.

use std::fmt;

use stubmart_contract::{
    EventId,
    api::{Event, EventPrices, Facets},
};
use stubmart_kernel::{
    RepositoryError,
    page::{Cursor, Page, PageRequest},
};
use stubmart_ports::Cause;

use crate::{
    days::Days,
    prices::prices,
    search::Hit,
    service::Catalogue,
    shows::{ShowQuery, SortKey},
};

/// What a query asks for: shows that have its words, and days that it names.
type Wanted = (Option<Vec<Hit>>, Option<Days>);

/// Why no shows were found.
#[derive(Debug)]
pub enum FindError {
    /// The cursor belongs to another list.
    ForeignCursor,
    /// The search engine failed.
    Search(Cause),
    /// The repository failed.
    Repository(RepositoryError),
}

impl fmt::Display for FindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ForeignCursor => f.write_str("the cursor belongs to another list"),
            Self::Search(cause) => write!(f, "the search engine failed: {cause}"),
            Self::Repository(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for FindError {}

impl From<RepositoryError> for FindError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

impl Catalogue {
    /// The show as clients see it, if there is one.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub async fn event(&self, id: EventId) -> Result<Option<Event>, RepositoryError> {
        Ok(if self.knows(id).await? { self.listed().event(id, &self.seen()) } else { None })
    }

    /// One page of the shows that `query` asks for.
    ///
    /// # Errors
    /// [`FindError`].
    pub async fn find_shows(
        &self,
        query: &ShowQuery,
        page: &PageRequest,
    ) -> Result<Page<Event>, FindError> {
        self.load().await?;
        let behind = match &page.cursor {
            Some(cursor) => Some(SortKey::read(cursor.key()).ok_or(FindError::ForeignCursor)?),
            None => None,
        };
        let Some((hits, days)) = self.wanted(query).await? else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let limit = page.limit.saturating_add(1);
        let wanted = (hits.as_deref(), days);
        let mut rows = self.listed().find(query, wanted, behind, limit, &self.seen());
        let has_next = rows.len() > page.limit;
        rows.truncate(page.limit);
        let last = rows.last().filter(|_| has_next);
        let next = last.map(|(key, _)| Cursor::behind(key.bytes()));
        Ok(Page { items: rows.into_iter().map(|(_, event)| event).collect(), next })
    }

    /// The shows that have the words of a query, and the days that it names; `None` when it asks for
    /// something and has neither. A name of days that nothing is on is a word like others: of a show's
    /// name.
    async fn wanted(&self, query: &ShowQuery) -> Result<Option<Wanted>, FindError> {
        let Some(text) = query.words.as_deref() else { return Ok(Some((None, None))) };
        self.search().catch_up(self.host()).await.map_err(FindError::Search)?;
        let find = |words: &str| self.search().find(words).map_err(FindError::Search);
        if let Some((days, rest)) = Days::read(text) {
            let hits = find(&rest)?;
            let wanted = (hits.as_deref(), Some(days));
            if !self.listed().find(query, wanted, None, 1, &self.seen()).is_empty() {
                return Ok(Some((hits, Some(days))));
            }
        }
        Ok(find(text)?.map(|hits| (Some(hits), None)))
    }

    /// What a show's tickets cost, over all its listings in its currency; `None` when there is no such show.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub async fn event_prices(&self, id: EventId) -> Result<Option<EventPrices>, RepositoryError> {
        if !self.knows(id).await? {
            return Ok(None);
        }
        let Some(currency) = self.listed().show(id).map(|show| show.currency) else {
            return Ok(None);
        };
        self.with_offers(id, |offers| prices(offers, currency)).await.map(Some)
    }

    /// The categories and cities of coming shows, with their counts.
    ///
    /// # Errors
    /// [`RepositoryError`].
    pub async fn facets(&self) -> Result<Facets, RepositoryError> {
        self.load().await?;
        Ok(self.listed().facets(self.host().now()))
    }
}
