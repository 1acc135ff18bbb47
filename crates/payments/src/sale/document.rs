//! The document of a sale.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    ChargeId, ClaimId, Currency, EventId, OrderId, PayoutId, Price, TicketId, Timestamp, UserId,
    api::{ClaimOutcome, DeliveryStatus, HoldReason, OrderTicket, SaleStatus},
    event::SaleState,
    fees::{Breakdown, SaleFees},
};
use stubmart_kernel::aggregate::{Collection, Index, Key};

use super::moves::{Move, MoveKind, Position};

/// Where sales are kept.
pub static SALES: Collection = Collection {
    name: "payments.sale",
    indexes: &[
        Index { name: index::DUE, unique: false },
        Index { name: index::EVENT, unique: false },
        Index { name: index::OPEN, unique: false },
        Index { name: index::PAYABLE, unique: false },
        Index { name: index::SELLER, unique: false },
        Index { name: index::SELLER_STATUS, unique: false },
    ],
};

/// The indexes of [`SALES`].
pub mod index {
    /// When it becomes due, of one that nothing else holds.
    pub const DUE: &str = "due";
    /// The event, of a sale whose money is not released.
    pub const EVENT: &str = "event";
    /// The seller, of a sale that is not settled.
    pub const OPEN: &str = "open";
    /// The seller, of a sale of which something is to be paid or is owed.
    pub const PAYABLE: &str = "payable";
    /// By seller, oldest first.
    pub const SELLER: &str = "seller";
    /// By seller and status, oldest first.
    pub const SELLER_STATUS: &str = "seller_status";
}

/// A stored sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sale {
    /// The order that was completed.
    pub order_id: OrderId,
    /// The charge that paid for it.
    pub charge_id: ChargeId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The buyer.
    pub buyer_id: UserId,
    /// The seller.
    pub seller_id: UserId,
    /// What was sold; `None` where orders did not say.
    pub ticket: Option<OrderTicket>,
    /// What the buyer paid.
    pub total: Price,
    /// The fees in it.
    #[serde(default, skip_serializing_if = "SaleFees::is_none")]
    pub fees: SaleFees,
    /// The currency of all its amounts.
    pub currency: Currency,
    /// How long after the event it is paid, in milliseconds: as it was promised when it was sold.
    pub payout_after: u64,
    /// When the event is over, if it is for one.
    pub show: Option<Show>,
    /// The newest that is known of its delivery.
    pub delivery: Option<DeliveryNews>,
    /// The newest that is known of what was claimed.
    pub claim: Option<ClaimNews>,
    /// An operator holds it.
    pub hold: Option<OperatorHold>,
    /// The parts of it that are the seller's and ours, less refunds.
    pub part: Part,
    /// What moved since the money was captured.
    pub moves: Vec<Move>,
    /// When it was sold.
    pub sold_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What a sale goes by of its event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Show {
    /// When it is over.
    pub ends_at: Timestamp,
    /// It is cancelled, or its new date is not known.
    pub is_off: bool,
}

/// What is known of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryNews {
    /// The delivery's version: older news change nothing.
    pub version: u64,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// By when the seller is to deliver.
    pub deliver_by: Timestamp,
    /// When that became known.
    pub at: Timestamp,
}

/// What is known of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClaimNews {
    /// The claim.
    pub id: ClaimId,
    /// Its version: older news change nothing.
    pub version: u64,
    /// How it was decided, if it was.
    pub outcome: Option<ClaimOutcome>,
    /// When that happened.
    pub at: Timestamp,
}

/// An operator's decision to hold the money of a sale.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OperatorHold {
    /// Why, in the operator's words.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

/// The parts of what was captured and not given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The version of the charge that this is of: older news change nothing.
    pub version: u64,
    /// The seller's, in minor units.
    pub net: i64,
    /// Ours, without the tax.
    pub fees: i64,
}

/// The key of an event's sales in [`index::EVENT`].
#[must_use]
pub fn of_event(id: EventId) -> Key {
    Key::new().id(id.0)
}

impl Sale {
    /// Where its money is.
    #[must_use]
    pub fn position(&self) -> Position {
        Position::after(&self.moves)
    }

    /// What buyer, seller and market make of it.
    #[must_use]
    pub fn breakdown(&self) -> Breakdown {
        let minor = i64::from(self.total.minor()).saturating_sub(self.fees.buyer);
        let price = Price::try_from(minor).unwrap_or(self.total);
        Breakdown { total: self.total, ..Breakdown::new(price, self.fees) }
    }

    /// Where the seller's money stands.
    #[must_use]
    pub fn status(&self) -> SaleStatus {
        let position = self.position();
        match position.balance() {
            ..0 => SaleStatus::Owed,
            0 if position.is_released && position.paid > 0 => SaleStatus::Paid,
            _ if self.part.net == 0 => SaleStatus::Reversed,
            1.. if position.is_released && !self.is_frozen() => SaleStatus::Due,
            _ => SaleStatus::Held,
        }
    }

    /// When it is to be paid, if nothing else holds it: some time after the event, or after a ticket for no
    /// event was sent.
    #[must_use]
    pub fn payout_on(&self) -> Option<Timestamp> {
        let from = match (self.show, self.delivery) {
            (Some(show), _) => Some(show.ends_at),
            (None, Some(delivery)) if delivery.is_sent() => Some(delivery.at),
            (None, _) => None,
        };
        from.map(|from| from.after(Duration::from_millis(self.payout_after)))
    }

    /// Whether the buyer claims, and it is not decided that the seller keeps the sale.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        self.claim.is_some_and(|it| it.outcome != Some(ClaimOutcome::Rejected))
    }

    /// Whether something holds the money, whatever the time is.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        let is_off = self.show.is_some_and(|it| it.is_off);
        let is_sent = self.delivery.is_some_and(|it| it.is_sent());
        self.is_claimed() || self.hold.is_some() || is_off || !is_sent
    }

    /// Whether the seller still has to deliver the ticket.
    #[must_use]
    pub fn is_to_deliver(&self) -> bool {
        let is_over = |it: DeliveryNews| it.is_sent() || it.status == DeliveryStatus::Cancelled;
        self.status() == SaleStatus::Held && !self.delivery.is_some_and(is_over)
    }

    /// Why the money is held, at `now`. Empty where it is not.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> Vec<HoldReason> {
        if self.status() != SaleStatus::Held {
            return Vec::new();
        }
        let is_released = self.position().is_released;
        let is_sent = self.delivery.is_some_and(|it| it.is_sent());
        let is_off = self.show.is_some_and(|it| it.is_off);
        let is_before = self.show.is_some_and(|it| now < it.ends_at);
        let waits = !is_released && self.payout_on().is_some();
        let reasons = [
            (!is_sent, HoldReason::NotDelivered),
            (is_off, HoldReason::EventOff),
            (waits && is_before && !is_off, HoldReason::BeforeEvent),
            (waits && !is_before, HoldReason::ClaimWindow),
            (self.is_claimed(), HoldReason::Claim),
            (self.hold.is_some(), HoldReason::Manual),
        ];
        reasons.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect()
    }

    /// Since when a claim or an operator holds the money, of a sale that one of them holds.
    #[must_use]
    pub fn held_since(&self) -> Option<Timestamp> {
        let claimed = self.claim.filter(|_| self.is_claimed()).map(|it| it.at);
        let held = self.hold.as_ref().map(|it| it.at);
        claimed.into_iter().chain(held).min()
    }

    /// When its money becomes due by itself.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        let is_left = self.part.net > 0 || self.part.fees > 0;
        let waits = is_left && !self.position().is_released && !self.is_frozen();
        self.payout_on().filter(|_| waits)
    }

    /// What of it `payout` paid, if it did.
    #[must_use]
    pub fn is_paid_by(&self, payout: PayoutId) -> bool {
        let mut moves = self.moves.iter();
        moves.any(|it| matches!(it.what, MoveKind::Paid { payout: by, .. } if by == payout))
    }

    /// Whether nothing is left to come of it, unless money is given back.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        matches!(self.status(), SaleStatus::Paid | SaleStatus::Reversed)
    }

    /// What its events say.
    pub(super) fn to_event(&self, now: Timestamp) -> SaleState {
        SaleState {
            order_id: self.order_id,
            ticket_id: self.ticket_id,
            buyer_id: self.buyer_id,
            seller_id: self.seller_id,
            status: self.status(),
            net: self.part.net,
            paid: self.position().paid,
            currency: self.currency,
            payout_on: self.payout_on(),
            holds: self.holds(now),
        }
    }

    /// Its index entries.
    pub(super) fn keys(&self) -> Vec<(&'static str, Key)> {
        let seller = || Key::new().id(self.seller_id.0);
        let position = self.position();
        let status = self.status();
        let mut keys = vec![
            (index::SELLER, seller().time(self.sold_at)),
            (index::SELLER_STATUS, of_seller_in(self.seller_id, status).time(self.sold_at)),
        ];
        keys.extend(self.due().map(|at| (index::DUE, Key::new().time(at))));
        let event = self.ticket.as_ref().and_then(|it| it.event_id);
        let event = event.filter(|_| !position.is_released);
        keys.extend(event.map(|id| (index::EVENT, of_event(id))));
        if !self.is_settled() {
            keys.push((index::OPEN, seller()));
        }
        if matches!(status, SaleStatus::Due | SaleStatus::Owed) {
            keys.push((index::PAYABLE, seller().time(self.sold_at)));
        }
        keys
    }
}

/// The key of a seller's sales with a status in [`index::SELLER_STATUS`].
#[must_use]
pub(crate) fn of_seller_in(seller: UserId, status: SaleStatus) -> Key {
    let place = match status {
        SaleStatus::Held => 0,
        SaleStatus::Due => 1,
        SaleStatus::Paid => 2,
        SaleStatus::Reversed => 3,
        SaleStatus::Owed => 4,
    };
    Key::new().id(seller.0).number(place)
}

impl DeliveryNews {
    /// Whether the seller has sent the ticket.
    #[must_use]
    pub const fn is_sent(&self) -> bool {
        matches!(self.status, DeliveryStatus::Sent | DeliveryStatus::Accepted)
    }
}
