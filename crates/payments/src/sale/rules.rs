//! What may happen to the money of a sale, as a pure state machine.
//!
//! ```text
//!     begin          time: the event is over, and nobody claims          pay
//!  ∅ ───────▶ held ─────────────────────────────────────────────▶ due ─────────▶ paid
//!               │ ▲                                            │   │               │
//!               │ └─────────── a claim, or an operator ────────┼───┘               │ given back
//!               ▼ given back                                   ▼                   ▼
//!            reversed ◀────────────────────────────────────────┘                 owed
//! ```

#[cfg(test)]
mod tests;

use std::time::Duration;

use stubmart_contract::{
    ChargeId, DomainEvent, PayoutId, SaleId, Timestamp, api::SaleStatus, calls::OrderForPayment,
};
use stubmart_kernel::{Aggregate, Decision, aggregate::Key, mutant};

use super::{
    document::{ClaimNews, DeliveryNews, OperatorHold, Part, Sale, Show},
    moves::{Move, MoveKind},
};

/// What can be done to a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The order was paid for. A sale that exists stays as it is.
    Begin {
        /// The order.
        order: Box<OrderForPayment>,
        /// The charge that paid for it.
        charge_id: ChargeId,
        /// When it was paid for.
        sold_at: Timestamp,
        /// When the event is over, if it is for one.
        show: Option<Show>,
        /// How long after the event it is paid.
        payout_after: Duration,
        /// What is the seller's and ours of it.
        part: Part,
    },
    /// What is the seller's and ours of it is this now.
    Share(Part),
    /// The delivery stands so now.
    Delivery(DeliveryNews),
    /// The claim stands so now.
    Claim(ClaimNews),
    /// The event takes place at this time.
    Reschedule(Show),
    /// An operator holds it, for this reason.
    Hold(String),
    /// The operator holds it no longer.
    Free,
    /// Time has passed.
    Watch,
    /// The seller was paid so much for it.
    Settle {
        /// With this payout.
        payout: PayoutId,
        /// How much.
        amount: i64,
    },
}

/// Why a command was refused. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such sale.
    #[error("there is no sale of this order")]
    NotFound,
    /// The seller has the money.
    #[error("the seller was paid for this order")]
    Paid,
    /// The buyer has the money back.
    #[error("the money of this order was given back")]
    Reversed,
    /// No operator holds it.
    #[error("nobody holds the money of this order by hand")]
    NotHeld,
}

impl Aggregate for Sale {
    type Id = SaleId;
    type Command = Command;
    type Refusal = Refusal;

    fn id(&self) -> SaleId {
        SaleId::of(self.order_id)
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        self.keys()
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Refusal> {
        let Some(current) = current else {
            let begun = Self::begin(command, now).ok_or(Refusal::NotFound)?;
            let event = DomainEvent::PayoutScheduled(begun.to_event(now));
            return Ok(Decision::changed(begun, event));
        };
        let after = match command {
            Command::Begin { .. } | Command::Watch => Some(current.clone()),
            Command::Share(part) => current.shared(*part),
            Command::Delivery(news) => current.delivered(*news),
            Command::Claim(news) => current.claimed(*news),
            Command::Reschedule(show) => current.rescheduled(*show),
            Command::Hold(reason) => Some(current.held(reason, now)?),
            Command::Free => Some(current.freed()?),
            Command::Settle { payout, amount } => current.settled(*payout, *amount, now),
        };
        let after = after.unwrap_or_else(|| current.clone()).moved(now);
        if after == *current {
            return Ok(Decision::Unchanged);
        }
        let after = Self { updated_at: now, ..after };
        let state = after.to_event(now);
        let became_due = after.status() == SaleStatus::Due && current.status() != SaleStatus::Due;
        let event = if became_due {
            DomainEvent::PayoutDue(state)
        } else {
            DomainEvent::PayoutUpdated(state)
        };
        Ok(Decision::changed(after, event))
    }
}

/// The transitions. Each answers with the sale after the change, or `None` when the command changes nothing, as
/// when the news is old.
impl Sale {
    fn begin(command: &Command, now: Timestamp) -> Option<Self> {
        let Command::Begin { order, charge_id, sold_at, show, payout_after, part } = command else {
            return None;
        };
        Some(Self {
            order_id: order.id,
            charge_id: *charge_id,
            ticket_id: order.ticket_id,
            buyer_id: order.user_id,
            seller_id: order.seller_id,
            ticket: order.ticket.clone(),
            total: order.amount,
            fees: order.fees,
            currency: order.currency,
            payout_after: u64::try_from(payout_after.as_millis()).unwrap_or(u64::MAX),
            show: *show,
            delivery: None,
            claim: None,
            hold: None,
            part: *part,
            moves: Vec::new(),
            sold_at: *sold_at,
            updated_at: now,
        })
    }

    fn shared(&self, part: Part) -> Option<Self> {
        let is_news =
            part.version > self.part.version && !mutant!("a refund does not reach the seller");
        is_news.then(|| Self { part, ..self.clone() })
    }

    /// What was sent stays sent at the time at which that was first known.
    fn delivered(&self, news: DeliveryNews) -> Option<Self> {
        if self.delivery.is_some_and(|it| it.version >= news.version) {
            return None;
        }
        let first = self.delivery.filter(|it| it.is_sent() && news.is_sent());
        let at = first.map_or(news.at, |it| it.at);
        Some(Self { delivery: Some(DeliveryNews { at, ..news }), ..self.clone() })
    }

    fn claimed(&self, news: ClaimNews) -> Option<Self> {
        let is_old = self.claim.is_some_and(|it| it.id == news.id && it.version >= news.version);
        (!is_old).then(|| Self { claim: Some(news), ..self.clone() })
    }

    /// The event of what was released is over.
    fn rescheduled(&self, show: Show) -> Option<Self> {
        let is_over = self.position().is_released;
        (!is_over).then(|| Self { show: Some(show), ..self.clone() })
    }

    fn held(&self, reason: &str, now: Timestamp) -> Result<Self, Refusal> {
        match self.status() {
            SaleStatus::Paid | SaleStatus::Owed => return Err(Refusal::Paid),
            SaleStatus::Reversed => return Err(Refusal::Reversed),
            SaleStatus::Held | SaleStatus::Due => {}
        }
        let at = self.hold.as_ref().map_or(now, |it| it.at);
        Ok(Self { hold: Some(OperatorHold { reason: reason.to_owned(), at }), ..self.clone() })
    }

    fn freed(&self) -> Result<Self, Refusal> {
        if self.hold.is_none() {
            return Err(Refusal::NotHeld);
        }
        Ok(Self { hold: None, ..self.clone() })
    }

    fn settled(&self, payout: PayoutId, amount: i64, at: Timestamp) -> Option<Self> {
        (!self.is_paid_by(payout)).then(|| self.with(MoveKind::Paid { payout, amount }, at))
    }

    fn with(&self, what: MoveKind, at: Timestamp) -> Self {
        let moves = self.moves.iter().copied().chain([Move { at, what }]).collect();
        Self { moves, ..self.clone() }
    }

    /// The sale after the moves that follow from where it stands at `now`.
    fn moved(self, now: Timestamp) -> Self {
        let is_due = self.due().is_some_and(|due| due <= now);
        let before = self.position();
        let net = self.part.net - before.net;
        let fees = self.part.fees - before.fees;
        let has_changed = before.is_released && (net, fees) != (0, 0);
        let released = if is_due || has_changed {
            self.with(MoveKind::Released { net, fees }, now)
        } else {
            self
        };
        let position = released.position();
        if !position.is_released || position.balance() <= 0 {
            return released;
        }
        match (position.is_frozen, released.is_frozen()) {
            (false, true) => released.with(MoveKind::Frozen, now),
            (true, false) => released.with(MoveKind::Freed, now),
            (true, true) | (false, false) => released,
        }
    }
}
