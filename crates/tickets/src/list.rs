//! Lists of tickets: index scans, one page at a time.

use stubmart_contract::{
    EventId, Price, TicketId, UserId,
    api::{Page, Ticket as PublicTicket, TicketStatus},
};
use stubmart_http_kit::{PageRequest, Problem};
use stubmart_ports::{
    key::Key,
    repo::{RepoError, Row, Versioned},
    store::Scan,
};

use crate::{
    Tickets,
    stream::Topic,
    ticket::{TICKETS, Ticket, index, public, shelf},
};

/// How many rows a page may look at to find its items: a filter that fits hardly anything ends there,
/// with a cursor to go on.
const LOOKED_AT_MAX: usize = 20_000;

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
    /// In this state; `None`: what can be seen (one's own in every state, others' on offer).
    pub status: Option<TicketStatus>,
    /// At least this price.
    pub min_price: Option<Price>,
    /// At most this price.
    pub max_price: Option<Price>,
    /// With so many seats.
    pub quantity: Option<u32>,
    /// In which order.
    pub sort: Sort,
    /// Who asks.
    pub viewer: Option<UserId>,
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
        let found = self.0.tickets.load(id.0).await?.ok_or_else(Problem::not_found)?;
        if found.doc.status == TicketStatus::Withdrawn && viewer != Some(found.doc.user_id) {
            return Err(Problem::not_found());
        }
        Ok(shown(&found, viewer))
    }

    /// One page of tickets.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn tickets(
        &self,
        query: &TicketQuery,
        page: &PageRequest,
    ) -> Result<Page<PublicTicket>, Problem> {
        let mut scan = query.scan();
        if let Some(behind) = &page.behind {
            scan = scan.behind(behind);
        }
        let mut rows: Vec<Row<Ticket>> = Vec::new();
        let mut looked_at = 0;
        let mut resume = None;
        loop {
            let wanted = page.fetch().saturating_sub(rows.len());
            let limit = wanted.max(if looked_at > 0 { 500 } else { 0 });
            let found = self.0.tickets.find(scan.clone().limit(limit)).await?;
            let (count, last) = (found.len(), found.last().map(|row| row.key.clone()));
            rows.extend(found.into_iter().filter(|row| query.fits(&row.doc)).take(wanted));
            looked_at += count;
            let Some(last) = last.filter(|_| count == limit) else { break };
            if rows.len() >= page.fetch() {
                break;
            }
            if looked_at >= LOOKED_AT_MAX {
                resume = Some(last);
                break;
            }
            scan = scan.behind(&last);
        }
        let viewer = query.viewer;
        let mut listed = page.page(rows, |row| &row.key, |row| shown(&row.into(), viewer));
        if let (None, Some(resume)) = (&listed.next_cursor, resume) {
            listed.next_cursor = Some(PageRequest::cursor(&resume));
        }
        Ok(listed)
    }
}

/// The stored ticket as `viewer` may see it.
pub(crate) fn shown(ticket: &Versioned<Ticket>, viewer: Option<UserId>) -> PublicTicket {
    public(ticket.doc.state(), ticket.version, viewer)
}

impl TicketQuery {
    /// Whether the seller asks for their own.
    fn own(&self) -> bool {
        self.viewer.is_some() && self.viewer == self.seller_id
    }

    /// Whether a ticket belongs into the list.
    fn fits(&self, ticket: &Ticket) -> bool {
        let state = match self.status {
            Some(status) => ticket.status == status,
            None => self.own() || shelf(ticket.status) == shelf(TicketStatus::Available),
        };
        let visible =
            ticket.status != TicketStatus::Withdrawn || self.viewer == Some(ticket.user_id);
        state
            && visible
            && self.event_id.is_none_or(|event_id| ticket.event_id == Some(event_id))
            && self.seller_id.is_none_or(|seller_id| ticket.user_id == seller_id)
            && self.min_price.is_none_or(|price| ticket.price >= price)
            && self.max_price.is_none_or(|price| ticket.price <= price)
            && self.quantity.is_none_or(|quantity| ticket.quantity == quantity)
    }

    /// The index range to look through: by seller, else by show, else by all.
    fn scan(&self) -> Scan {
        let on = shelf(self.status.unwrap_or(TicketStatus::Available));
        let by_price = self.sort != Sort::Newest;
        let (name, prefix) = match (self.seller_id, self.event_id, by_price) {
            (Some(seller), _, true) => (index::SELLER_PRICE, Key::new().id(seller.0)),
            (Some(seller), _, false) => (index::SELLER_NEWEST, Key::new().id(seller.0)),
            (None, Some(event), true) => (index::EVENT_PRICE, Key::new().id(event.0).number(on)),
            (None, Some(event), false) => (index::EVENT_NEWEST, Key::new().id(event.0).number(on)),
            (None, None, true) => (index::PRICE, Key::new().number(on)),
            (None, None, false) => (index::NEWEST, Key::new().number(on)),
        };
        let mut scan = Scan::prefix(&TICKETS, name, &prefix);
        if by_price {
            if let Some(min) = self.min_price {
                scan.from = prefix.clone().number(min.minor()).into_bytes();
            }
            if let Some(max) = self.max_price {
                scan.to = Some(prefix.number(max.minor() + 1).into_bytes());
            }
        }
        // Ids grow with time, so the newest come last in their index.
        if self.sort == Sort::Price { scan } else { scan.descending() }
    }
}

impl Tickets {
    /// All tickets of a stream's topic as they are now, in every state.
    pub(crate) async fn present(
        &self,
        topic: Topic,
    ) -> Result<Vec<(stubmart_contract::event::TicketState, u64)>, RepoError> {
        let event_id = match topic {
            Topic::Ticket(id) => {
                let found = self.0.tickets.load(id.0).await?;
                return Ok(found.iter().map(|it| (it.doc.state(), it.version)).collect());
            }
            Topic::Event(event_id) => event_id,
        };
        let scan = Scan::prefix(&TICKETS, index::EVENT_NEWEST, &Key::new().id(event_id.0));
        let rows = self.0.tickets.find(scan).await?;
        Ok(rows.into_iter().map(|row| (row.doc.state(), row.version)).collect())
    }
}
