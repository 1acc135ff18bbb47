//! The seats of a listing, and what it does when another listing wants them.

use stubmart_contract::{
    Currency, DomainEvent, Price, TicketId, Timestamp, UserId,
    api::{CreateTicketRequest, DeliveryKind, TicketStatus},
    fees::SaleFees,
    seats::normal_seat,
};
use stubmart_kernel::{Decision, mutant};
use uuid::Uuid;

use super::{
    Line, Refusal, Ticket,
    wanted::{GiveWay, WantedSeats, has_twins},
};
use crate::row_claims::SeatRow;

impl Ticket {
    /// The seats that nobody else may list while this listing is on sale or sold; `None` for general
    /// admission, and where the listing is of no event.
    #[must_use]
    pub fn wanted_seats(&self) -> Option<WantedSeats> {
        let event_id = self.event_id.filter(|_| !self.seats.is_empty())?;
        let row = SeatRow::of(event_id, self.section.as_deref(), self.row.as_deref());
        let seats = self.seats.iter().map(|seat| (normal_seat(seat), seat.clone())).collect();
        Some(WantedSeats { row, seats, fence: self.fence })
    }

    /// How many seats a lot has that is to be listed: those that are named, where nothing else is said.
    ///
    /// # Errors
    /// [`Refusal::SeatCount`].
    pub fn quantity(listing: &CreateTicketRequest) -> Result<u32, Refusal> {
        let seats = listing.seats.as_deref().unwrap_or_default();
        let quantity = listing.quantity.unwrap_or_else(|| count(seats).max(1));
        Self::check_seats(seats, quantity)?;
        Ok(quantity)
    }

    /// Refuses seats that are not as many as the lot has, or twice the same.
    pub(super) fn check_seats(seats: &[String], quantity: u32) -> Result<(), Refusal> {
        match count(seats) {
            0 => Ok(()),
            _ if has_twins(seats) => Err(Refusal::SeatTwice),
            named if named == quantity => Ok(()),
            named => Err(Refusal::SeatCount { named, quantity }),
        }
    }

    /// Refuses seats that the listing neither had `before` nor has claimed for this very change.
    pub(super) fn check_claimed(
        &self,
        before: Option<&Self>,
        claimed: Option<&WantedSeats>,
    ) -> Result<(), Refusal> {
        let Some(wanted) = self.wanted_seats() else { return Ok(()) };
        let had = before.and_then(Self::wanted_seats);
        let has = |seats: &WantedSeats| seats.fence == wanted.fence && seats.cover(&wanted);
        if had.as_ref().is_some_and(has)
            || claimed.is_some_and(has)
            || mutant!("list seats without a claim")
        {
            return Ok(());
        }
        Err(Refusal::NotClaimed(Box::new(wanted)))
    }

    /// Which of these seats it has, in normal form.
    #[must_use]
    pub fn seats_among(&self, row: &SeatRow, seats: &[String]) -> Vec<String> {
        let Some(own) = self.wanted_seats().filter(|own| own.row == *row) else {
            return Vec::new();
        };
        seats.iter().filter(|seat| own.seats.contains_key(*seat)).cloned().collect()
    }

    /// Gives way to another listing, or refuses because it has the seats. Once it has given way, no claim
    /// that it made before can bring the seats back.
    pub(super) fn give_way(
        current: Option<&Self>,
        asked: &GiveWay,
        now: Timestamp,
    ) -> Result<Decision<Self>, Refusal> {
        let Some(ticket) = current else {
            let unlisted = Self::never_listed(asked.id, now);
            let event = DomainEvent::TicketDeleted(unlisted.state());
            return Ok(Decision::changed(unlisted, event));
        };
        let has = ticket.seats_among(&asked.row, &asked.seats);
        match ticket.status {
            TicketStatus::Withdrawn => Ok(Decision::Unchanged),
            TicketStatus::Sold if has.is_empty() || ticket.buyer_id == Some(asked.seller) => {
                Ok(Decision::Unchanged)
            }
            _ if !has.is_empty() => Err(Refusal::SeatsListed(has)),
            _ if ticket.fence > asked.fence => Ok(Decision::Unchanged),
            _ => {
                let fence = ticket.fence.saturating_add(1);
                Ok(Decision::silent(Self { fence, ..ticket.clone() }))
            }
        }
    }

    /// What is left of a listing whose seats were claimed and that was never saved: nobody's, and
    /// withdrawn, so that a request that was asleep can never save it later.
    fn never_listed(id: TicketId, now: Timestamp) -> Self {
        Self {
            id,
            user_id: UserId(Uuid::nil()),
            title: String::new(),
            price: Price::LOWEST,
            fees: SaleFees::default(),
            currency: Currency::USD,
            status: TicketStatus::Withdrawn,
            event_id: None,
            category: None,
            section: None,
            row: None,
            seats: Vec::new(),
            quantity: 0,
            delivery_kind: DeliveryKind::default(),
            external_id: None,
            order_id: None,
            buyer_id: None,
            locked_until: None,
            pending_price: None,
            line: Line::default(),
            retired: true,
            event_ends_at: None,
            fence: 0,
            created_at: now,
            updated_at: now,
        }
    }

    /// Whether this is the mark that keeps a listing from being saved late.
    pub(super) fn is_never_listed(&self) -> bool {
        self.user_id == UserId(Uuid::nil())
    }
}

fn count(seats: &[String]) -> u32 {
    u32::try_from(seats.len()).unwrap_or(u32::MAX)
}
