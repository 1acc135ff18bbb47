//! Use case: listings as they are now, for the service that shows them live.

use stubmart_contract::calls::{Listing, Listings, ListingsOf, ListingsRequest};
use stubmart_kernel::{
    Versioned,
    aggregate::Key,
    page::{Cursor, LIMIT_MAX, PageError, PageRequest},
};

use crate::{
    service::Tickets,
    ticket::{Phase, Ticket, index},
};

impl Tickets {
    /// One page of listings as they are now.
    ///
    /// # Errors
    /// [`PageError`].
    pub(crate) async fn find_listings(
        &self,
        request: &ListingsRequest,
    ) -> Result<Listings, PageError> {
        let event_id = match request.of {
            ListingsOf::Event(event_id) => event_id,
            ListingsOf::Ticket(id) => {
                let found = self.tickets().load(id).await?;
                return Ok(Listings {
                    listings: found.map(listing).into_iter().collect(),
                    next: None,
                });
            }
        };
        let event = Key::new().id(event_id.0);
        let mut scan = self.tickets().scan(index::EVENT_NEWEST, &event);
        // The withdrawn ones come last in the index.
        scan.to = Some(event.number(Phase::Withdrawn.number()).into_bytes());
        let cursor = match request.cursor.as_deref() {
            Some(text) => Some(Cursor::decode(text).ok_or(PageError::ForeignCursor)?),
            None => None,
        };
        let page = PageRequest { limit: request.limit.clamp(1, LIMIT_MAX), cursor };
        let page = self.tickets().page(scan, &page, |_| true).await?.map(listing);
        Ok(Listings { listings: page.items, next: page.next.map(|cursor| cursor.encode()) })
    }
}

fn listing(ticket: Versioned<Ticket>) -> Listing {
    Listing { version: ticket.version, ticket: ticket.state.into_state() }
}
