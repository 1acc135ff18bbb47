//! The ticket as others see it.

use stubmart_contract::{
    Price, Timestamp, UserId,
    api::{OrderTicket, TicketStatus},
    calls::Locked,
    event::{TicketState, TicketTurn},
    fees::Breakdown,
};

use super::{Ticket, Turn};

impl Ticket {
    /// Whether `viewer` may see it: only its seller sees a ticket that was withdrawn.
    #[must_use]
    pub fn is_visible_to(&self, viewer: Option<UserId>) -> bool {
        self.status != TicketStatus::Withdrawn || viewer == Some(self.user_id)
    }

    /// Where it stands to `viewer`: a ticket that is available to the one whose turn it is, is locked to all
    /// others.
    #[must_use]
    pub fn status_to(&self, viewer: Option<UserId>) -> TicketStatus {
        match self.line.turn() {
            Some(turn) if viewer != Some(turn.user_id) => TicketStatus::Locked,
            Some(_) | None => self.status,
        }
    }

    /// Until when somebody has it alone.
    #[must_use]
    pub fn held_until(&self) -> Option<Timestamp> {
        self.locked_until.or_else(|| self.line.turn().map(|turn| turn.until))
    }

    /// What a buyer pays for one ticket of the lot, fees included, rounded up.
    #[must_use]
    pub fn total_per_ticket(&self) -> Price {
        Breakdown::new(self.price, self.fees).total.per_ticket(self.quantity)
    }

    /// The payload of its events.
    #[must_use]
    pub fn state(&self) -> TicketState {
        self.clone().into_state()
    }

    /// As [`Self::state`].
    #[must_use]
    pub fn into_state(self) -> TicketState {
        TicketState {
            id: self.id,
            user_id: self.user_id,
            title: self.title,
            price: self.price,
            fees: self.fees,
            currency: self.currency,
            status: self.status,
            event_id: self.event_id,
            section: self.section,
            row: self.row,
            seats: self.seats,
            quantity: self.quantity,
            delivery_kind: self.delivery_kind,
            external_id: self.external_id,
            order_id: self.order_id,
            buyer_id: self.buyer_id,
            locked_until: self.locked_until,
            turn: self.line.turn().map(|Turn { user_id, until }| TicketTurn { user_id, until }),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }

    /// The answer to the order that locked it.
    #[must_use]
    pub fn locked(&self, until: Timestamp) -> Locked {
        Locked {
            seller_id: self.user_id,
            price: self.price,
            fees: self.fees,
            currency: self.currency,
            ticket: OrderTicket {
                title: self.title.clone(),
                event_id: self.event_id,
                section: self.section.clone(),
                row: self.row.clone(),
                seats: self.seats.clone(),
                quantity: self.quantity,
            },
            until,
        }
    }
}
