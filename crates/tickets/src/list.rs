//! Lists of tickets: index scans, one page at a time.

use std::collections::BTreeSet;

use stubmart_contract::{
    EventId, TicketId, UserId,
    api::{Page, Ticket as PublicTicket, TicketStatus},
};
use stubmart_http_kit::{PageRequest, Problem};
use stubmart_kernel::{RepositoryError, Versioned, repository::Row};
use stubmart_ports::{key::Key, store::Scan};

use crate::{
    service::Tickets,
    ticket::{Phase, TICKETS, Ticket, index, public},
};

/// How many rows a page may look at to find its items: a filter that fits hardly anything ends there,
/// with a cursor to go on.
const LOOKED_AT_MAX: usize = 2_000;

/// How many rows are looked at at once, behind the first ones.
const ROWS: usize = 500;

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Cheapest first.
    Price,
    /// Dearest first.
    PriceDescending,
    /// Listed last first.
    Newest,
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketQuery {
    /// For this show.
    pub event_id: Option<EventId>,
    /// Of this seller.
    pub seller_id: Option<UserId>,
    /// In one of these states; `None`: what can be seen (one's own in every state, others' on offer).
    pub status: Option<Vec<TicketStatus>>,
    /// At least this price.
    pub min_price: Option<u32>,
    /// At most this price.
    pub max_price: Option<u32>,
    /// With so many seats.
    pub quantity: Option<u32>,
    /// In which order.
    pub sort: Sort,
    /// Who asks.
    pub viewer: Option<UserId>,
}

/// A part of an index, in the list's order.
struct Lane {
    scan: Scan,
    /// What all of its keys begin with. The rest of a key is a row's place in the list, whatever the
    /// lane.
    prefix: Key,
}

/// What was found in a lane.
struct Found {
    /// Rows with their places for keys.
    rows: Vec<Row<Ticket>>,
    /// Up to where the lane was looked through; `None` when that is far enough for the page.
    up_to: Option<Vec<u8>>,
}

impl Tickets {
    /// The ticket, as `viewer` may see it. One that was withdrawn is shown to its seller only.
    ///
    /// # Errors
    /// `not_found`, `unavailable`.
    pub async fn ticket(
        &self,
        id: TicketId,
        viewer: Option<UserId>,
    ) -> Result<PublicTicket, Problem> {
        let found = self.repository().load(id).await?;
        let found = found.filter(|found| found.state.is_visible_to(viewer));
        Ok(shown(&found.ok_or_else(Problem::not_found)?, viewer))
    }

    /// One page of tickets. It can have fewer items than asked for, or none, and a cursor all the same:
    /// it was looked far enough for one page.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn tickets(
        &self,
        query: &TicketQuery,
        page: &PageRequest,
    ) -> Result<Page<PublicTicket>, Problem> {
        let mut rows = Vec::new();
        // The page ends where the first lane was not looked through any further.
        let mut end: Option<Vec<u8>> = None;
        for lane in query.lanes() {
            let found = self.look_through(query, lane, page).await?;
            rows.extend(found.rows);
            if let Some(up_to) = found.up_to
                && end.as_ref().is_none_or(|end| query.before(&up_to, end))
            {
                end = Some(up_to);
            }
        }
        rows.sort_by(|a, b| if query.descends() { b.key.cmp(&a.key) } else { a.key.cmp(&b.key) });
        if let Some(end) = &end {
            rows.retain(|row| !query.before(end, &row.key));
        }
        let viewer = query.viewer;
        let mut listed = page.page(rows, |row| &row.key, |row| shown(&row.found, viewer));
        if let (None, Some(end)) = (&listed.next_cursor, end) {
            listed.next_cursor = Some(PageRequest::cursor(&end));
        }
        Ok(listed)
    }

    /// Looks through a lane for the page's items.
    async fn look_through(
        &self,
        query: &TicketQuery,
        lane: Lane,
        page: &PageRequest,
    ) -> Result<Found, RepositoryError> {
        let Lane { mut scan, prefix } = lane;
        let place = |key: &[u8]| key.get(prefix.bytes().len()..).unwrap_or_default().to_vec();
        if let Some(behind) = &page.behind {
            scan = scan.behind(&[prefix.bytes(), behind].concat());
        }
        let mut rows = Vec::new();
        let mut looked_at = 0;
        loop {
            let wanted = page.fetch().saturating_sub(rows.len());
            let limit = wanted.max(if looked_at > 0 { ROWS } else { 0 });
            let found = self.repository().find(scan.clone().limit(limit)).await?;
            let (count, last) = (found.len(), found.last().map(|row| row.key.clone()));
            let fitting = found.into_iter().filter(|row| query.fits(&row.found.state)).take(wanted);
            rows.extend(fitting.map(|row| Row { key: place(&row.key), ..row }));
            looked_at += count;
            let Some(last) = last.filter(|_| count == limit && rows.len() < page.fetch()) else {
                return Ok(Found { rows, up_to: None });
            };
            if looked_at >= LOOKED_AT_MAX {
                return Ok(Found { rows, up_to: Some(place(&last)) });
            }
            scan = scan.behind(&last);
            // Reading so many documents keeps a thread busy; others come first.
            tokio::task::yield_now().await;
        }
    }
}

/// The stored ticket as `viewer` may see it.
pub(crate) fn shown(ticket: &Versioned<Ticket>, viewer: Option<UserId>) -> PublicTicket {
    public(ticket.state.state(), ticket.version, viewer)
}

impl TicketQuery {
    /// Whether the list goes from the end of its index to the beginning. Ids grow with time, so the
    /// newest come last in theirs.
    fn descends(&self) -> bool {
        self.sort != Sort::Price
    }

    /// Whether a place comes before another in the list.
    fn before(&self, place: &[u8], other: &[u8]) -> bool {
        if self.descends() { place > other } else { place < other }
    }

    /// Whether a ticket in this state can be in the list.
    fn lists(&self, status: TicketStatus) -> bool {
        let own = self.viewer.is_some() && self.viewer == self.seller_id;
        let asked_for = match &self.status {
            Some(statuses) => statuses.contains(&status),
            None => own || Phase::of(status) == Phase::Offered,
        };
        // Only its seller sees a ticket that was withdrawn.
        let others = self.viewer.is_none() || self.seller_id.is_some() && !own;
        asked_for && !(others && status == TicketStatus::Withdrawn)
    }

    /// Whether a ticket belongs into the list.
    fn fits(&self, ticket: &Ticket) -> bool {
        let price = ticket.price.minor();
        self.lists(ticket.status)
            && ticket.is_visible_to(self.viewer)
            && self.event_id.is_none_or(|event_id| ticket.event_id == Some(event_id))
            && self.seller_id.is_none_or(|seller_id| ticket.user_id == seller_id)
            && self.min_price.is_none_or(|min| price >= min)
            && self.max_price.is_none_or(|max| price <= max)
            && self.quantity.is_none_or(|quantity| ticket.quantity == quantity)
    }

    /// What to look through: the tickets of the seller, else of the show, else all; these phase by phase.
    fn lanes(&self) -> Vec<Lane> {
        use TicketStatus::{Available, Locked, Sold, Withdrawn};
        let listed = [Available, Locked, Sold, Withdrawn].into_iter().filter(|it| self.lists(*it));
        let phases: BTreeSet<Phase> = listed.map(Phase::of).collect();
        let by_price = self.sort != Sort::Newest;
        // Of what was withdrawn only one's own is shown.
        let withdrawn_only = phases.first() == Some(&Phase::Withdrawn);
        let seller = self.seller_id.or(self.viewer.filter(|_| withdrawn_only));
        if let Some(seller) = seller.filter(|_| !phases.is_empty()) {
            let index = if by_price { index::SELLER_PRICE } else { index::SELLER_NEWEST };
            return vec![self.lane(index, Key::new().id(seller.0))];
        }
        let (index, all) = match (self.event_id, by_price) {
            (Some(event), true) => (index::EVENT_PRICE, Key::new().id(event.0)),
            (Some(event), false) => (index::EVENT_NEWEST, Key::new().id(event.0)),
            (None, true) => (index::PRICE, Key::new()),
            (None, false) => (index::NEWEST, Key::new()),
        };
        phases.into_iter().map(|it| self.lane(index, all.clone().number(it.number()))).collect()
    }

    /// The part of an index with this beginning, as far as the prices that are asked for.
    fn lane(&self, index: &'static str, prefix: Key) -> Lane {
        let mut scan = Scan::prefix(&TICKETS, index, &prefix);
        if self.sort != Sort::Newest {
            if let Some(min) = self.min_price {
                scan.from = prefix.clone().number(min).into_bytes();
            }
            if let Some(behind) = self.max_price.and_then(|max| max.checked_add(1)) {
                scan.to = Some(prefix.clone().number(behind).into_bytes());
            }
        }
        Lane { scan: if self.descends() { scan.descending() } else { scan }, prefix }
    }
}
