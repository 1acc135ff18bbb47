//! An order and the rules of a checkout, as a pure state machine. The order's own document is the one
//! arbiter of who buys, and money moves only after it has decided.
//!
//! ```text
//!            secure                     complete
//!  created ─────────▶ awaiting_payment ─────────▶ completed
//!     │                     │
//!     │ leave, expire,      │ fail
//!     │ fail, buyer deleted │
//!     └──────▶ cancelled ◀──┘
//! ```

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    ChargeId, Currency, DomainEvent, OrderId, Price, TicketId, Timestamp, UserId,
    api::{CancelReason, OrderStatus, OrderTicket},
    calls::{ExpiredLock, Locked},
    event::OrderState,
    fees::{Breakdown, SaleFees},
};
use stubmart_kernel::{
    aggregate::{Aggregate, Collection, Decision, Index, Key},
    mutant,
};

/// Where orders are kept.
pub static ORDERS: Collection = Collection {
    name: "orders.order",
    indexes: &[
        Index { name: index::LIVE_TICKET, unique: true },
        Index { name: index::USER, unique: false },
        Index { name: index::USER_STATUS, unique: false },
        Index { name: index::LEAVING, unique: false },
        Index { name: index::BUYER, unique: false },
        Index { name: index::BUYER_OPEN, unique: false },
    ],
};

/// The indexes of [`ORDERS`].
pub mod index {
    /// The ticket, of an order that is not cancelled: at most one for each ticket (LOCK-1).
    pub const LIVE_TICKET: &str = "live_ticket";
    /// The buyer.
    pub const USER: &str = "user";
    /// The buyer and the order's status.
    pub const USER_STATUS: &str = "user_status";
    /// When a checkout whose page was closed is left.
    pub const LEAVING: &str = "leaving";
    /// Retired: every order that was saved before there was [`USER_STATUS`] is in it, and no other.
    pub const BUYER: &str = "buyer";
    /// Retired: the buyer, of an order that had not ended.
    pub(super) const BUYER_OPEN: &str = "buyer_open";
}

/// A stored order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// Names it.
    pub id: OrderId,
    /// The buyer.
    pub user_id: UserId,
    /// The seller.
    pub seller_id: UserId,
    /// Where it stands.
    pub status: OrderStatus,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The price at the lock.
    pub price: Price,
    /// The fees at the lock.
    #[serde(default, skip_serializing_if = "SaleFees::is_none")]
    pub fees: SaleFees,
    /// The currency of both.
    pub currency: Currency,
    /// When the checkout runs out.
    pub expires_at: Timestamp,
    /// Why it was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_reason: Option<CancelReason>,
    /// The charge it was secured for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charge_id: Option<ChargeId>,
    /// When it is left, its page having been closed, unless the buyer comes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaving_at: Option<Timestamp>,
    /// What is bought, as it was at the lock.
    pub ticket: OrderTicket,
    /// When the checkout began.
    pub created_at: Timestamp,
    /// When the order last changed.
    pub updated_at: Timestamp,
}

/// What can be done to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Begins the checkout of a ticket that is locked for this order. An order that exists stays as it
    /// is, a tombstone too.
    Place(Placement),
    /// The buyer cancels the checkout.
    Leave,
    /// The buyer's page was closed: leave at this time, unless the buyer comes back.
    BeginLeaving(Timestamp),
    /// The buyer is back.
    ComeBack,
    /// The time to leave a closed checkout may have come.
    LeaveWhenDue,
    /// The lock's time is up. An order that was never saved gets a tombstone, so that a request that
    /// slept for an hour can no longer save it.
    Expire(ExpiredLock),
    /// The checkout's time may be up.
    ExpireWhenDue,
    /// Money is authorised for this charge: hold the order for it. A checkout whose time is up expires
    /// instead.
    Secure(ChargeId),
    /// This charge took its money.
    Complete(ChargeId),
    /// This charge failed for good.
    Fail(ChargeId),
    /// The buyer's account was deleted. An order that awaits its money goes on.
    BuyerDeleted,
}

/// A checkout that begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The order's id.
    pub id: OrderId,
    /// The buyer.
    pub buyer_id: UserId,
    /// The ticket.
    pub ticket_id: TicketId,
    /// The lock that was taken for this order.
    pub locked: Locked,
}

/// Why a command was refused. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such order.
    NotFound,
    /// It awaits its money, for another charge.
    PaymentInProgress,
    /// It is paid for.
    Completed,
    /// It was cancelled because its time ran out.
    Expired,
    /// It was cancelled for another reason.
    Cancelled,
}

impl Aggregate for Order {
    type Id = OrderId;
    type Command = Command;
    type Refusal = Refusal;

    fn id(&self) -> OrderId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let mut entries = vec![
            (index::USER, of_user(self.user_id)),
            (index::USER_STATUS, of_user_in(self.user_id, self.status)),
        ];
        if self.status != OrderStatus::Cancelled {
            entries.push((index::LIVE_TICKET, Key::new().id(self.ticket_id.0)));
        }
        if let Some(at) = self.leaving_at {
            entries.push((index::LEAVING, Key::new().time(at)));
        }
        entries
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Refusal> {
        let after = match (current, command) {
            (None, Command::Place(placement)) => Some(Self::placed(placement, now)),
            (None, Command::Expire(lock)) if !mutant!("no tombstone") => {
                Some(Self::tombstone(lock, now))
            }
            (None, _) => return Err(Refusal::NotFound),
            (Some(order), command) => order.after(command, now)?,
        };
        let Some(after) = after else { return Ok(Decision::Unchanged) };
        // Nobody else needs to know whether the buyer looks at the page.
        if current.is_some_and(|before| before.status == after.status) {
            return Ok(Decision::silent(after));
        }
        let event = after.event();
        Ok(Decision::changed(after, event))
    }
}

/// The key of a buyer's orders in [`index::USER`].
#[must_use]
pub fn of_user(user_id: UserId) -> Key {
    Key::new().id(user_id.0)
}

/// The key of a buyer's orders with this status in [`index::USER_STATUS`].
#[must_use]
pub fn of_user_in(user_id: UserId, status: OrderStatus) -> Key {
    of_user(user_id).number(match status {
        OrderStatus::Created => 0,
        OrderStatus::AwaitingPayment => 1,
        OrderStatus::Completed => 2,
        OrderStatus::Cancelled => 3,
    })
}

impl Order {
    fn placed(placement: &Placement, now: Timestamp) -> Self {
        let Placement { id, buyer_id, ticket_id, locked } = placement;
        Self {
            id: *id,
            user_id: *buyer_id,
            seller_id: locked.seller_id,
            status: OrderStatus::Created,
            ticket_id: *ticket_id,
            price: locked.price,
            fees: locked.fees,
            currency: locked.currency,
            expires_at: locked.until,
            cancel_reason: None,
            charge_id: None,
            leaving_at: None,
            ticket: locked.ticket.clone(),
            created_at: now,
            updated_at: now,
        }
    }

    fn tombstone(lock: &ExpiredLock, now: Timestamp) -> Self {
        let ExpiredLock { order_id, buyer_id, ticket_id, locked, .. } = lock.clone();
        let placement = Placement { id: order_id, buyer_id, ticket_id, locked };
        Self::placed(&placement, now).cancelled(CancelReason::Expired, now)
    }

    /// What `command` makes of this order; `None` when it stays as it is.
    fn after(&self, command: &Command, now: Timestamp) -> Result<Option<Self>, Refusal> {
        match command {
            Command::Place(_) => Ok(None),
            Command::Leave => self.leave(now),
            Command::BeginLeaving(at) => Ok(self.begin_leaving(*at, now)),
            Command::ComeBack => Ok(self.come_back(now)),
            Command::LeaveWhenDue if self.leaving_at.is_some_and(|at| at <= now) => {
                Ok(self.cancel_created(CancelReason::Left, now))
            }
            Command::LeaveWhenDue => Ok(None),
            Command::Expire(_) if mutant!("expire a paid order") && !self.has_ended() => {
                Ok(Some(self.cancelled(CancelReason::Expired, now)))
            }
            Command::Expire(_) => Ok(self.cancel_created(CancelReason::Expired, now)),
            Command::ExpireWhenDue if self.expires_at <= now => {
                Ok(self.cancel_created(CancelReason::Expired, now))
            }
            Command::ExpireWhenDue => Ok(None),
            Command::Secure(charge_id) => self.secure(*charge_id, now),
            Command::Complete(charge_id) => Ok(self.complete(*charge_id, now)),
            Command::Fail(charge_id) => Ok(self.fail(*charge_id, now)),
            Command::BuyerDeleted => Ok(self.cancel_created(CancelReason::AccountDeleted, now)),
        }
    }

    fn leave(&self, now: Timestamp) -> Result<Option<Self>, Refusal> {
        match self.status {
            OrderStatus::Created => Ok(self.cancel_created(CancelReason::Left, now)),
            OrderStatus::Cancelled => Ok(None),
            OrderStatus::AwaitingPayment if mutant!("leave a secured order") => {
                Ok(Some(self.cancelled(CancelReason::Left, now)))
            }
            OrderStatus::AwaitingPayment => Err(Refusal::PaymentInProgress),
            OrderStatus::Completed => Err(Refusal::Completed),
        }
    }

    fn begin_leaving(&self, at: Timestamp, now: Timestamp) -> Option<Self> {
        let can_leave = self.status == OrderStatus::Created && self.leaving_at.is_none();
        can_leave.then(|| Self { leaving_at: Some(at), updated_at: now, ..self.clone() })
    }

    fn come_back(&self, now: Timestamp) -> Option<Self> {
        self.leaving_at.map(|_| Self { leaving_at: None, updated_at: now, ..self.clone() })
    }

    fn secure(&self, charge_id: ChargeId, now: Timestamp) -> Result<Option<Self>, Refusal> {
        let is_same_charge = self.charge_id == Some(charge_id);
        match self.status {
            // The timer is late. Nobody pays for a checkout whose time is up, and a payment that is
            // refused for that has to find the order expired.
            OrderStatus::Created if self.expires_at <= now => {
                Ok(self.cancel_created(CancelReason::Expired, now))
            }
            OrderStatus::Cancelled if mutant!("secure a cancelled order") => {
                Ok(Some(self.secured(charge_id, now)))
            }
            OrderStatus::Created => Ok(Some(self.secured(charge_id, now))),
            OrderStatus::AwaitingPayment | OrderStatus::Completed if is_same_charge => Ok(None),
            OrderStatus::AwaitingPayment => Err(Refusal::PaymentInProgress),
            OrderStatus::Completed => Err(Refusal::Completed),
            OrderStatus::Cancelled if self.has_expired() => Err(Refusal::Expired),
            OrderStatus::Cancelled => Err(Refusal::Cancelled),
        }
    }

    fn secured(&self, charge_id: ChargeId, now: Timestamp) -> Self {
        Self {
            status: OrderStatus::AwaitingPayment,
            charge_id: Some(charge_id),
            leaving_at: None,
            updated_at: now,
            ..self.clone()
        }
    }

    fn complete(&self, charge_id: ChargeId, now: Timestamp) -> Option<Self> {
        self.awaits(charge_id).then(|| Self {
            status: OrderStatus::Completed,
            updated_at: now,
            ..self.clone()
        })
    }

    fn fail(&self, charge_id: ChargeId, now: Timestamp) -> Option<Self> {
        if self.awaits(charge_id) {
            return Some(self.cancelled(CancelReason::PaymentFailed, now));
        }
        self.cancel_created(CancelReason::PaymentFailed, now)
    }

    fn cancel_created(&self, reason: CancelReason, now: Timestamp) -> Option<Self> {
        (self.status == OrderStatus::Created).then(|| self.cancelled(reason, now))
    }

    fn cancelled(&self, reason: CancelReason, now: Timestamp) -> Self {
        Self {
            status: OrderStatus::Cancelled,
            cancel_reason: Some(reason),
            leaving_at: None,
            updated_at: now,
            ..self.clone()
        }
    }

    /// The money as it was fixed at the lock.
    #[must_use]
    pub fn breakdown(&self) -> Breakdown {
        Breakdown::new(self.price, self.fees)
    }

    /// Whether nothing can happen to it any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.status, OrderStatus::Completed | OrderStatus::Cancelled)
    }

    /// Whether it was cancelled because its time ran out.
    #[must_use]
    pub fn has_expired(&self) -> bool {
        self.cancel_reason == Some(CancelReason::Expired)
    }

    /// Whether it awaits the money of this very charge.
    fn awaits(&self, charge_id: ChargeId) -> bool {
        self.status == OrderStatus::AwaitingPayment && self.charge_id == Some(charge_id)
    }

    /// The event of the status that it has reached.
    fn event(&self) -> DomainEvent {
        let state = OrderState {
            id: self.id,
            user_id: self.user_id,
            seller_id: self.seller_id,
            ticket_id: self.ticket_id,
            status: self.status,
            price: self.price,
            fees: self.fees,
            currency: self.currency,
            expires_at: self.expires_at,
            cancel_reason: self.cancel_reason,
            charge_id: self.charge_id,
        };
        match self.status {
            OrderStatus::Created => DomainEvent::OrderCreated(state),
            OrderStatus::AwaitingPayment => DomainEvent::OrderAwaitingPayment(state),
            OrderStatus::Completed => DomainEvent::OrderCompleted(state),
            OrderStatus::Cancelled if self.has_expired() => DomainEvent::OrderExpired(state),
            OrderStatus::Cancelled => DomainEvent::OrderCancelled(state),
        }
    }
}

#[cfg(test)]
mod tests;
