//! The delivery of one sale, as a pure state machine.
//!
//! ```text
//!     begin         send, or file       accept, or time
//!  ∅ ───────▶ pending ──────▶ sent ──────────────────────▶ accepted
//!               │   ▲          ▲
//!          time │   │ the show │ send
//!               ▼   │ moves    │
//!              late ┴──────────┘
//!               │ the buyer wants the money back, or the show is over
//!               ▼
//!            cancelled ◀── the money was given back (from anywhere)
//! ```

mod sent_file;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    DeliveryId, DomainEvent, EventId, OrderId, TicketId, Timestamp, UserId,
    api::{
        DeliveryCancelReason, DeliveryKind, DeliverySide, DeliveryStatus, DeliveryStep,
        DeliveryStepKind, LateChoice, OrderTicket,
    },
    event::DeliveryState,
};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};

use crate::deadline::{self, Showtime};

pub use sent_file::{Opening, Reader, SentFile};

/// Where deliveries are kept.
pub static DELIVERIES: Collection = Collection {
    name: "delivery.delivery",
    indexes: &[
        Index { name: index::DUE, unique: false },
        Index { name: index::EVENT, unique: false },
    ],
};

/// The indexes of [`DELIVERIES`].
pub mod index {
    /// When something happens to it by itself, of a delivery that has not ended.
    pub const DUE: &str = "due";
    /// The event, of a delivery that has not ended.
    pub const EVENT: &str = "event";
}

/// A stored delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The order that is delivered.
    pub order_id: OrderId,
    /// The ticket that was sold to it.
    pub ticket_id: TicketId,
    /// The buyer.
    pub buyer_id: UserId,
    /// The seller.
    pub seller_id: UserId,
    /// What was sold.
    pub ticket: OrderTicket,
    /// How it comes to the buyer.
    pub kind: DeliveryKind,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// When this service heard of the sale: the seller's time runs from then on.
    pub began_at: Timestamp,
    /// When the event takes place, if it is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub show: Option<Showtime>,
    /// By when the seller is to deliver.
    pub deliver_by: Timestamp,
    /// The seller was reminded.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_reminded: bool,
    /// The buyer chose to wait for a late one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_awaited: bool,
    /// When it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// The link that opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// What the seller says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// The file that the buyer can open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<SentFile>,
    /// Who opened it, as evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opened: Vec<Opening>,
    /// Why it is not delivered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<DeliveryCancelReason>,
    /// What happened, oldest first.
    pub steps: Vec<DeliveryStep>,
}

/// A sale that is to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// The order.
    pub order_id: OrderId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The buyer.
    pub buyer_id: UserId,
    /// The seller.
    pub seller_id: UserId,
    /// What was sold.
    pub ticket: OrderTicket,
    /// How it comes to the buyer.
    pub kind: DeliveryKind,
    /// When it was sold.
    pub sold_at: Timestamp,
    /// When the event takes place, if it is for one.
    pub show: Option<Showtime>,
}

/// What a seller says who has sent a ticket.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// The link that opens it.
    pub link: Option<String>,
    /// The issuer's confirmation, or the number of the parcel.
    pub reference: Option<String>,
}

/// What can be done to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The ticket was sold. A delivery that exists stays as it is.
    Begin(Box<Sale>),
    /// The event takes place at another time.
    Reschedule(Showtime),
    /// Time has passed.
    Watch,
    /// A user, who must be the seller, has sent it. Sent again it corrects what was said.
    Send {
        /// The user.
        by: UserId,
        /// What they say of it.
        sent: Sent,
    },
    /// The file of the ticket is here: the buyer can open it.
    SendFile(SentFile),
    /// A user, who must be the buyer, opens a page of it.
    Opened {
        /// The user.
        by: UserId,
        /// The page.
        page: u32,
        /// From where.
        reader: Reader,
    },
    /// A user, who must be the buyer, has it.
    Accept(UserId),
    /// A user, who must be the buyer, waits for a late one or does not.
    Choose(UserId, LateChoice),
    /// The buyer was given the money back.
    Refunded,
}

/// Why a command was refused. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such delivery, or the user has no part in it.
    NotFound,
    /// The other side of the sale does this.
    OtherSide,
    /// A delivery by link needs the link.
    LinkMissing,
    /// A delivery by file needs the file.
    FileMissing,
    /// The seller has not sent it.
    NotSent,
    /// It is not late.
    NotLate,
    /// The buyer has the ticket or the money back.
    Ended,
}

impl Aggregate for Delivery {
    type Id = DeliveryId;
    type Command = Command;
    type Refusal = Refusal;

    fn id(&self) -> DeliveryId {
        DeliveryId::of(self.order_id)
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let due = self.due().map(|due| (index::DUE, Key::new().time(due)));
        let event = self.ticket.event_id.filter(|_| !self.has_ended());
        let event = event.map(|id| (index::EVENT, of_event(id)));
        due.into_iter().chain(event).collect()
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Refusal> {
        let after = match (current, command) {
            (None, Command::Begin(sale)) => Some(Self::begin(sale, now)),
            (None, _) => return Err(Refusal::NotFound),
            (Some(_), Command::Begin(_)) => None,
            (Some(it), Command::Reschedule(show)) => it.reschedule(*show, now),
            (Some(it), Command::Watch) => it.watch(now),
            (Some(it), Command::Send { by, sent }) => it.send(*by, sent, now)?,
            (Some(it), Command::SendFile(file)) => it.send_file(*file, now),
            (Some(it), Command::Opened { by, page, reader }) => {
                let opened = it.opened_by(*by, *page, reader, now)?;
                // Evidence for the market alone: no other service learns of it.
                return Ok(Decision::silent(opened));
            }
            (Some(it), Command::Accept(by)) => it.accept(*by, now)?,
            (Some(it), Command::Choose(by, choice)) => it.choose(*by, *choice, now)?,
            (Some(it), Command::Refunded) => it.refunded(now),
        };
        let Some(after) = after else { return Ok(Decision::Unchanged) };
        let event = after.event(current);
        Ok(Decision::changed(after, event))
    }
}

/// The key of an event's deliveries in [`index::EVENT`].
#[must_use]
pub fn of_event(id: EventId) -> Key {
    Key::new().id(id.0)
}

/// The transitions. Each answers with the delivery after the change, or `None` when the command changes
/// nothing, as when it had its effect before.
impl Delivery {
    fn begin(sale: &Sale, now: Timestamp) -> Self {
        let Sale { order_id, ticket_id, buyer_id, seller_id, ticket, kind, sold_at, show } = sale;
        let begun = Self {
            order_id: *order_id,
            ticket_id: *ticket_id,
            buyer_id: *buyer_id,
            seller_id: *seller_id,
            ticket: ticket.clone(),
            kind: *kind,
            status: DeliveryStatus::Pending,
            began_at: now,
            show: *show,
            deliver_by: deadline::deliver_by(now, *show),
            is_reminded: false,
            is_awaited: false,
            sent_at: None,
            link: None,
            reference: None,
            file: None,
            opened: Vec::new(),
            cancel_reason: None,
            steps: vec![DeliveryStep { at: *sold_at, what: DeliveryStepKind::Sold }],
        };
        if deadline::is_history(*sold_at, *show, now) {
            return begun.step(DeliveryStatus::Accepted, DeliveryStepKind::Accepted, now);
        }
        begun
    }

    fn reschedule(&self, show: Showtime, now: Timestamp) -> Option<Self> {
        if self.has_ended() || self.show == Some(show) {
            return None;
        }
        let moved = Self { show: Some(show), ..self.clone() };
        let deliver_by = deadline::moved(self.began_at, self.deliver_by, show, now);
        if self.status == DeliveryStatus::Sent || deliver_by <= now {
            return Some(moved);
        }
        let moved = Self { deliver_by, is_reminded: false, is_awaited: false, ..moved };
        Some(moved.step(DeliveryStatus::Pending, DeliveryStepKind::Moved, now))
    }

    fn watch(&self, now: Timestamp) -> Option<Self> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        match self.status {
            DeliveryStatus::Pending if self.deliver_by <= now => {
                Some(self.step(DeliveryStatus::Late, DeliveryStepKind::Late, now))
            }
            DeliveryStatus::Pending => {
                let reminded = Self { is_reminded: true, ..self.clone() };
                Some(reminded.step(DeliveryStatus::Pending, DeliveryStepKind::Reminded, now))
            }
            DeliveryStatus::Late => Some(self.cancelled(DeliveryCancelReason::NeverCame, now)),
            DeliveryStatus::Sent => {
                Some(self.step(DeliveryStatus::Accepted, DeliveryStepKind::Accepted, now))
            }
            DeliveryStatus::Accepted | DeliveryStatus::Cancelled => None,
        }
    }

    fn send(&self, by: UserId, sent: &Sent, now: Timestamp) -> Result<Option<Self>, Refusal> {
        self.check_side(by, DeliverySide::Seller)?;
        if self.has_ended() {
            return Err(Refusal::Ended);
        }
        if self.kind == DeliveryKind::Link && sent.link.is_none() {
            return Err(Refusal::LinkMissing);
        }
        if self.kind == DeliveryKind::File && self.file.is_none() && sent.link.is_none() {
            return Err(Refusal::FileMissing);
        }
        let Sent { link, reference } = sent.clone();
        let is_sent = self.status == DeliveryStatus::Sent;
        if is_sent && self.link == link && self.reference == reference {
            return Ok(None);
        }
        let sent_at = self.sent_at.or(Some(now));
        let sent = Self { link, reference, sent_at, is_awaited: false, ..self.clone() };
        Ok(Some(sent.step(DeliveryStatus::Sent, DeliveryStepKind::Sent, now)))
    }

    fn send_file(&self, file: SentFile, now: Timestamp) -> Option<Self> {
        if !self.is_awaiting_seller() {
            return None;
        }
        let (kind, sent_at) = (DeliveryKind::File, Some(now));
        let sent = Self { kind, file: Some(file), sent_at, is_awaited: false, ..self.clone() };
        Some(sent.step(DeliveryStatus::Sent, DeliveryStepKind::Sent, now))
    }

    fn opened_by(
        &self,
        by: UserId,
        page: u32,
        reader: &Reader,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        self.check_side(by, DeliverySide::Buyer)?;
        if !self.has_file() {
            return Err(if self.file.is_none() { Refusal::NotSent } else { Refusal::Ended });
        }
        let is_first = self.opened.is_empty();
        let mut after = self.clone();
        sent_file::note(&mut after.opened, page, reader, now);
        Ok(if is_first { after.step(self.status, DeliveryStepKind::Opened, now) } else { after })
    }

    fn accept(&self, by: UserId, now: Timestamp) -> Result<Option<Self>, Refusal> {
        self.check_side(by, DeliverySide::Buyer)?;
        match self.status {
            DeliveryStatus::Sent => {
                Ok(Some(self.step(DeliveryStatus::Accepted, DeliveryStepKind::Accepted, now)))
            }
            DeliveryStatus::Accepted => Ok(None),
            DeliveryStatus::Pending | DeliveryStatus::Late => Err(Refusal::NotSent),
            DeliveryStatus::Cancelled => Err(Refusal::Ended),
        }
    }

    fn choose(
        &self,
        by: UserId,
        choice: LateChoice,
        now: Timestamp,
    ) -> Result<Option<Self>, Refusal> {
        self.check_side(by, DeliverySide::Buyer)?;
        match (self.status, choice) {
            (DeliveryStatus::Late, LateChoice::Refund) => {
                Ok(Some(self.cancelled(DeliveryCancelReason::Late, now)))
            }
            (DeliveryStatus::Late, LateChoice::Wait) if self.is_awaited => Ok(None),
            (DeliveryStatus::Late, LateChoice::Wait) => {
                let awaited = Self { is_awaited: true, ..self.clone() };
                Ok(Some(awaited.step(DeliveryStatus::Late, DeliveryStepKind::Waiting, now)))
            }
            (DeliveryStatus::Cancelled, LateChoice::Refund)
                if self.cancel_reason == Some(DeliveryCancelReason::Late) =>
            {
                Ok(None)
            }
            (DeliveryStatus::Pending | DeliveryStatus::Sent, _) => Err(Refusal::NotLate),
            (DeliveryStatus::Accepted | DeliveryStatus::Cancelled, _) => Err(Refusal::Ended),
        }
    }

    fn refunded(&self, now: Timestamp) -> Option<Self> {
        let is_cancelled = self.status == DeliveryStatus::Cancelled;
        (!is_cancelled).then(|| self.cancelled(DeliveryCancelReason::Refunded, now))
    }

    fn cancelled(&self, reason: DeliveryCancelReason, now: Timestamp) -> Self {
        let cancelled = Self { cancel_reason: Some(reason), ..self.clone() };
        cancelled.step(DeliveryStatus::Cancelled, DeliveryStepKind::Cancelled, now)
    }

    fn step(&self, status: DeliveryStatus, what: DeliveryStepKind, at: Timestamp) -> Self {
        let steps = self.steps.iter().copied().chain([DeliveryStep { at, what }]).collect();
        Self { status, steps, ..self.clone() }
    }
}

impl Delivery {
    /// Which side of the sale a user is.
    #[must_use]
    pub fn side(&self, user: UserId) -> Option<DeliverySide> {
        match user {
            _ if user == self.buyer_id => Some(DeliverySide::Buyer),
            _ if user == self.seller_id => Some(DeliverySide::Seller),
            _ => None,
        }
    }

    fn check_side(&self, user: UserId, side: DeliverySide) -> Result<(), Refusal> {
        match self.side(user) {
            Some(of_user) if of_user == side => Ok(()),
            Some(_) => Err(Refusal::OtherSide),
            None => Err(Refusal::NotFound),
        }
    }

    /// Whether the buyer has the ticket or the money back.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.status, DeliveryStatus::Accepted | DeliveryStatus::Cancelled)
    }

    /// Whether its buyer can open a file: once it is sent, until the money is given back.
    #[must_use]
    pub fn has_file(&self) -> bool {
        self.file.is_some()
            && matches!(self.status, DeliveryStatus::Sent | DeliveryStatus::Accepted)
    }

    /// Whether the seller is still to send it.
    #[must_use]
    pub fn is_awaiting_seller(&self) -> bool {
        matches!(self.status, DeliveryStatus::Pending | DeliveryStatus::Late)
    }

    /// When something happens to it by itself.
    #[must_use]
    pub fn due(&self) -> Option<Timestamp> {
        match self.status {
            DeliveryStatus::Pending if self.is_reminded => Some(self.deliver_by),
            DeliveryStatus::Pending => Some(deadline::reminder(self.began_at, self.deliver_by)),
            DeliveryStatus::Late => Some(deadline::given_up(self.deliver_by, self.show)),
            DeliveryStatus::Sent => self.sent_at.map(|at| deadline::settled(at, self.show)),
            DeliveryStatus::Accepted | DeliveryStatus::Cancelled => None,
        }
    }

    /// Until when its buyer may claim: five days after the event, or after a ticket for none was sent or was to
    /// be. `None` once the money was given back.
    #[must_use]
    pub fn claims_until(&self) -> Option<Timestamp> {
        let from = self.sent_at.unwrap_or(self.deliver_by);
        let is_cancelled = self.status == DeliveryStatus::Cancelled;
        (!is_cancelled).then(|| deadline::settled(from, self.show))
    }

    /// What its events say.
    fn state(&self) -> DeliveryState {
        DeliveryState {
            order_id: self.order_id,
            ticket_id: self.ticket_id,
            buyer_id: self.buyer_id,
            seller_id: self.seller_id,
            ticket: self.ticket.clone(),
            kind: self.kind,
            status: self.status,
            deliver_by: self.deliver_by,
            cancel_reason: self.cancel_reason,
        }
    }

    /// The event of the change that led from `before` to this.
    fn event(&self, before: Option<&Self>) -> DomainEvent {
        let state = self.state();
        let Some(before) = before else { return DomainEvent::DeliveryCreated(state) };
        match self.status {
            DeliveryStatus::Pending if self.is_reminded && !before.is_reminded => {
                DomainEvent::DeliveryDueSoon(state)
            }
            status if status == before.status && status != DeliveryStatus::Sent => {
                DomainEvent::DeliveryUpdated(state)
            }
            DeliveryStatus::Pending => DomainEvent::DeliveryUpdated(state),
            DeliveryStatus::Late => DomainEvent::DeliveryLate(state),
            DeliveryStatus::Sent if self.show != before.show => DomainEvent::DeliveryUpdated(state),
            DeliveryStatus::Sent => DomainEvent::DeliverySent(state),
            DeliveryStatus::Accepted => DomainEvent::DeliveryAccepted(state),
            DeliveryStatus::Cancelled => DomainEvent::DeliveryCancelled(state),
        }
    }
}
