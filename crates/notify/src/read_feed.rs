//! The feed of what happened to what is one's own.

use stubmart_contract::{
    UserId, WebhookEventId,
    api::{WebhookEvent, WebhookEventType},
};
use stubmart_kernel::{
    RepositoryError,
    page::{Page, PageError, PageRequest},
};
use stubmart_ports::store::Scan;

use crate::{
    feed::{Entry, FEED},
    service::Notify,
};

/// Why the feed was not read.
#[derive(Debug)]
pub(crate) enum FeedError {
    /// No event of this user's feed has the id.
    UnknownEvent,
    /// The page cannot be read.
    Page(PageError),
}

impl<E: Into<PageError>> From<E> for FeedError {
    fn from(error: E) -> Self {
        Self::Page(error.into())
    }
}

impl Notify {
    /// A page of a user's events, oldest first, behind the event with the id `after`. No event ever comes
    /// before one that was read.
    ///
    /// # Errors
    /// [`FeedError`].
    pub(crate) async fn read_feed(
        &self,
        user_id: UserId,
        after: Option<WebhookEventId>,
        types: Option<&[WebhookEventType]>,
        page: &PageRequest,
    ) -> Result<Page<WebhookEvent>, FeedError> {
        let entries = &self.inner.entries;
        let behind = match after {
            Some(id) => {
                let found = entries.load(id).await?.map(|found| found.state);
                let found = found.filter(|entry| entry.user_id == user_id);
                found.ok_or(FeedError::UnknownEvent)?.number
            }
            None => 0,
        };
        let Some(scan) = self.feed_behind(user_id, behind).await? else {
            return Ok(Page { items: Vec::new(), next: None });
        };
        let keep = |entry: &Entry| types.is_none_or(|types| types.contains(&entry.event.kind));
        Ok(entries.page(scan, page, keep).await?.map(|found| found.state.event))
    }

    /// A user's events behind this number, up to the last before which none is missing; `None` for a user
    /// who has no feed.
    pub(crate) async fn feed_behind(
        &self,
        user_id: UserId,
        number: u32,
    ) -> Result<Option<Scan>, RepositoryError> {
        let inner = &self.inner;
        // Read first: what is numbered later is beyond its end.
        let Some(feed) = inner.feeds.load(user_id).await? else { return Ok(None) };
        let key = |number| Entry::key(user_id, number);
        let mut scan = inner.entries.scan(FEED, &Entry::of(user_id));
        scan.from = key(number.saturating_add(1)).into_bytes();
        scan.to = Some(key(feed.state.end()).into_bytes());
        Ok(Some(scan))
    }
}
