//! The lock: one order has the ticket to itself until it has ended. Of any number of buyers one gets it, and
//! while people wait in line it is the one whose turn it is.

use stubmart_contract::{OrderId, Timestamp, api::TicketStatus, calls::LockRequest};
use stubmart_kernel::mutant;

use super::{Line, Refusal, Ticket};

impl Ticket {
    pub(super) fn lock(
        &self,
        request: &LockRequest,
        now: Timestamp,
    ) -> Result<Option<Self>, Refusal> {
        match self.status {
            TicketStatus::Withdrawn => return Err(Refusal::Withdrawn),
            // A seller can never buy the ticket, so that comes before what passes.
            _ if self.user_id == request.buyer_id => return Err(Refusal::OwnTicket),
            TicketStatus::Sold => return Err(Refusal::Sold),
            TicketStatus::Locked if self.order_id == Some(request.order_id) => return Ok(None),
            TicketStatus::Locked if mutant!("lock what is locked") => {}
            TicketStatus::Locked => return Err(Refusal::Locked),
            TicketStatus::Available => {}
        }
        if self.is_event_over(now) {
            return Err(Refusal::EventOver);
        }
        let line = self.line.served(request.buyer_id, now).ok_or(Refusal::Reserved)?;
        if request.price.is_some_and(|price| price != self.price) {
            return Err(Refusal::PriceChanged);
        }
        Ok(Some(Self {
            status: TicketStatus::Locked,
            order_id: Some(request.order_id),
            buyer_id: Some(request.buyer_id),
            locked_until: Some(request.until),
            line,
            ..self.clone()
        }))
    }

    /// Frees it for the next in line, or for everybody.
    pub(super) fn release(&self, order_id: OrderId, now: Timestamp) -> Option<Self> {
        let status = if self.retired { TicketStatus::Withdrawn } else { TicketStatus::Available };
        self.is_held_by(order_id).then(|| Self {
            status,
            order_id: None,
            buyer_id: None,
            locked_until: None,
            ..self.freed(now)
        })
    }

    pub(super) fn sell(&self, order_id: OrderId) -> Option<Self> {
        self.is_held_by(order_id).then(|| Self {
            status: TicketStatus::Sold,
            locked_until: None,
            pending_price: None,
            line: Line::default(),
            ..self.clone()
        })
    }

    /// Nobody waits any more for what is not offered again.
    pub(super) fn retired(&self) -> Option<Self> {
        let after = Self { line: Line::default(), ..self.clone() };
        match self.status {
            TicketStatus::Available => Some(Self { status: TicketStatus::Withdrawn, ..after }),
            TicketStatus::Locked if !self.retired => Some(Self { retired: true, ..after }),
            TicketStatus::Locked | TicketStatus::Sold | TicketStatus::Withdrawn => None,
        }
    }

    /// Whether it is locked for this very order.
    fn is_held_by(&self, order_id: OrderId) -> bool {
        let is_holder = self.order_id == Some(order_id) || mutant!("unlock by another order");
        self.status == TicketStatus::Locked && is_holder
    }
}
