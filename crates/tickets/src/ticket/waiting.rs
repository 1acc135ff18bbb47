//! What happens to a ticket while people wait for it: its line, and a price that waits with them.

use stubmart_contract::{
    Timestamp, UserId,
    api::{TicketStatus, UpdateTicketRequest},
    fees::FeeSchedule,
};

use super::{
    Refusal, Ticket, check_money,
    line::{Line, PLACES},
    price::PendingPrice,
};

impl Ticket {
    /// Takes a place at the end of the line.
    pub(super) fn join(&self, by: UserId, now: Timestamp) -> Result<Option<Self>, Refusal> {
        match self.status {
            TicketStatus::Withdrawn => return Err(Refusal::NotFound),
            _ if self.user_id == by => return Err(Refusal::OwnTicket),
            TicketStatus::Sold => return Err(Refusal::Sold),
            _ if self.line.people().any(|it| it == by) => return Ok(None),
            _ if self.is_event_over(now) => return Err(Refusal::EventOver),
            _ if self.retired => return Err(Refusal::NotFound),
            TicketStatus::Locked if self.buyer_id == Some(by) => return Err(Refusal::OwnCheckout),
            TicketStatus::Available if self.line.is_empty() => return Err(Refusal::Free),
            TicketStatus::Locked | TicketStatus::Available => {}
        }
        if self.line.people().count() >= PLACES {
            return Err(Refusal::LineFull);
        }
        let mut after = self.clone();
        after.line.waiting.push(by);
        Ok(Some(after))
    }

    /// Gives a place up; a turn goes to the next one at once.
    pub(super) fn leave_line(&self, by: UserId, now: Timestamp) -> Option<Self> {
        if self.line.turn_of(by).is_some() {
            return Some(self.freed(now));
        }
        let mut after = self.clone();
        after.line.waiting.retain(|it| *it != by);
        (after != *self).then_some(after)
    }

    /// Ends a turn whose time is over.
    pub(super) fn pass_on(&self, now: Timestamp) -> Option<Self> {
        let is_over = self.line.turn.is_some_and(|turn| turn.until <= now);
        is_over.then(|| self.freed(now))
    }

    /// The line when the ticket is freed. It has an end where the ticket cannot be bought any more.
    pub(super) fn next_in_line(&self, now: Timestamp) -> Line {
        if self.retired || self.is_event_over(now) { Line::default() } else { self.line.next(now) }
    }

    /// Has the price wait. The present price, as a new one, takes back what waits.
    pub(super) fn edit_when_free(
        &self,
        edit: &UpdateTicketRequest,
        fees: &FeeSchedule,
    ) -> Result<Option<Self>, Refusal> {
        let price = edit.price.filter(|_| edit.is_price_alone()).ok_or(Refusal::OnlyPriceWaits)?;
        let fees = self.fees_by(fees).at(price)?;
        check_money(price, fees, self.currency)?;
        let pending_price = (price != self.price).then_some(PendingPrice { price, fees });
        let after = Self { pending_price, ..self.clone() };
        Ok((after != *self).then_some(after))
    }

    /// The ticket that somebody had alone, at the price that waited, for the next in line.
    pub(super) fn freed(&self, now: Timestamp) -> Self {
        let PendingPrice { price, fees } =
            self.pending_price.unwrap_or(PendingPrice { price: self.price, fees: self.fees });
        Self { price, fees, pending_price: None, line: self.next_in_line(now), ..self.clone() }
    }
}

#[cfg(test)]
#[path = "waiting_tests.rs"]
mod tests;
