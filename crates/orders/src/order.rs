//! An order and the rules of a checkout, as a pure state machine. The order's own document is the one
//! arbiter of who buys, and money moves only after it has decided.
//!
//! ```text
//!            secure                     complete
//!  created ─────────▶ awaiting_payment ─────────▶ completed
//!     │                     │
//!     │ leave, expire,      │ fail
//!     │ fail, buyer gone    │
//!     └──────▶ cancelled ◀──┘
//! ```

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    ChargeId, Currency, DomainEvent, OrderId, Price, TicketId, Timestamp, UserId,
    api::{self, CancelReason, OrderStatus, OrderTicket},
    event::{LockExpired, OrderState},
};
use stubmart_kernel::{mutant, repo::Document};
use stubmart_ports::{
    key::Key,
    store::{Collection, Index},
};
use uuid::Uuid;

/// Where orders are kept.
pub static ORDERS: Collection = Collection {
    name: "orders.order",
    indexes: &[
        Index { name: index::LIVE_TICKET, unique: true },
        Index { name: index::BUYER, unique: false },
        Index { name: index::BUYER_OPEN, unique: false },
        Index { name: index::LEAVING, unique: false },
    ],
};

/// The indexes of [`ORDERS`].
pub mod index {
    /// The ticket, of an order that is not cancelled: at most one for each ticket (LOCK-1).
    pub const LIVE_TICKET: &str = "live_ticket";
    /// The buyer.
    pub const BUYER: &str = "buyer";
    /// The buyer, of an order that has not ended.
    pub const BUYER_OPEN: &str = "buyer_open";
    /// When a checkout whose page was closed is left.
    pub const LEAVING: &str = "leaving";
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
    /// The price's currency.
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

impl Document for Order {
    const COLLECTION: &'static Collection = &ORDERS;

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn entries(&self) -> Vec<(&'static str, Key)> {
        let buyer = Key::new().id(self.user_id.0);
        let mut entries = vec![(index::BUYER, buyer.clone())];
        if !self.has_ended() {
            entries.push((index::BUYER_OPEN, buyer));
        }
        if self.status != OrderStatus::Cancelled {
            entries.push((index::LIVE_TICKET, Key::new().id(self.ticket_id.0)));
        }
        if let Some(at) = self.leaving_at {
            entries.push((index::LEAVING, Key::new().time(at)));
        }
        entries
    }
}

/// What can be done to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// The buyer cancels the checkout.
    Leave,
    /// The buyer's page was closed: leave at this time, unless the buyer comes back.
    BeginLeaving(Timestamp),
    /// The buyer is back.
    ComeBack,
    /// The time to leave a closed checkout may have come.
    LeaveWhenDue,
    /// The lock's time is up.
    Expire,
    /// Money is authorised for this charge: hold the order for it.
    Secure(ChargeId),
    /// This charge took its money.
    Complete(ChargeId),
    /// This charge failed for good.
    Fail(ChargeId),
    /// The buyer's account was deleted.
    BuyerGone,
}

/// Why a command was refused. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It awaits its money, for another charge.
    PaymentInProgress,
    /// It is paid for.
    Completed,
    /// It was cancelled because its time ran out.
    Expired,
    /// It was cancelled for another reason.
    Cancelled,
}

impl Order {
    /// What `command` makes of this order; `None` when it changes nothing, as when it was done
    /// already.
    ///
    /// # Errors
    /// The [`Refusal`].
    pub fn decide(&self, command: Command, now: Timestamp) -> Result<Option<Self>, Refusal> {
        match command {
            Command::Leave => self.leave(now),
            Command::BeginLeaving(at) => Ok(self.begin_leaving(at, now)),
            Command::ComeBack => Ok(self.come_back(now)),
            Command::LeaveWhenDue if self.leaving_at.is_some_and(|at| at <= now) => {
                Ok(self.cancel_created(CancelReason::Left, now))
            }
            Command::LeaveWhenDue => Ok(None),
            Command::Expire if mutant!("expire a paid order") && !self.has_ended() => {
                Ok(Some(self.cancelled(CancelReason::Expired, now)))
            }
            Command::Expire => Ok(self.cancel_created(CancelReason::Expired, now)),
            Command::Secure(charge_id) => self.secure(charge_id, now),
            Command::Complete(charge_id) => Ok(self.complete(charge_id, now)),
            Command::Fail(charge_id) => Ok(self.fail(charge_id, now)),
            Command::BuyerGone => Ok(self.cancel_created(CancelReason::AccountDeleted, now)),
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
        let same_charge = self.charge_id == Some(charge_id);
        match self.status {
            // A timer that is late must not let an expired checkout be paid for.
            OrderStatus::Created if self.expires_at <= now => Err(Refusal::Expired),
            OrderStatus::Cancelled if mutant!("secure a cancelled order") => Ok(Some(Self {
                status: OrderStatus::AwaitingPayment,
                charge_id: Some(charge_id),
                ..self.clone()
            })),
            OrderStatus::Created => Ok(Some(Self {
                status: OrderStatus::AwaitingPayment,
                charge_id: Some(charge_id),
                leaving_at: None,
                updated_at: now,
                ..self.clone()
            })),
            OrderStatus::AwaitingPayment | OrderStatus::Completed if same_charge => Ok(None),
            OrderStatus::AwaitingPayment => Err(Refusal::PaymentInProgress),
            OrderStatus::Completed => Err(Refusal::Completed),
            OrderStatus::Cancelled if self.cancel_reason == Some(CancelReason::Expired) => {
                Err(Refusal::Expired)
            }
            OrderStatus::Cancelled => Err(Refusal::Cancelled),
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

    /// Whether nothing can happen to it any more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self.status, OrderStatus::Completed | OrderStatus::Cancelled)
    }

    /// Whether it awaits the money of this very charge.
    fn awaits(&self, charge_id: ChargeId) -> bool {
        self.status == OrderStatus::AwaitingPayment && self.charge_id == Some(charge_id)
    }

    /// The event that tells of this order after a change from `before`; none where only the buyer's
    /// presence changed.
    #[must_use]
    pub fn event(&self, before: Option<OrderStatus>) -> Option<DomainEvent> {
        if before == Some(self.status) {
            return None;
        }
        Some(self.status_event())
    }

    /// The event of the status it has.
    #[must_use]
    pub fn status_event(&self) -> DomainEvent {
        let state = self.state();
        match self.status {
            OrderStatus::Created => DomainEvent::OrderCreated(state),
            OrderStatus::AwaitingPayment => DomainEvent::OrderAwaitingPayment(state),
            OrderStatus::Completed => DomainEvent::OrderCompleted(state),
            OrderStatus::Cancelled => DomainEvent::OrderCancelled(state),
        }
    }

    fn state(&self) -> OrderState {
        OrderState {
            id: self.id,
            user_id: self.user_id,
            seller_id: self.seller_id,
            ticket_id: self.ticket_id,
            status: self.status,
            price: self.price,
            currency: self.currency,
            expires_at: self.expires_at,
            cancel_reason: self.cancel_reason,
            charge_id: self.charge_id,
        }
    }

    /// The order as its buyer sees it.
    #[must_use]
    pub fn public(self, server_time: Timestamp) -> api::Order {
        api::Order {
            id: self.id,
            user_id: self.user_id,
            status: self.status,
            ticket_id: self.ticket_id,
            price: self.price,
            currency: self.currency,
            expires_at: self.expires_at,
            server_time,
            cancel_reason: self.cancel_reason,
            ticket: self.ticket,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }

    /// A tombstone for an order that was never saved although its ticket was locked for it: with it
    /// in place, a request that slept for an hour can not save the order any more.
    #[must_use]
    pub fn tombstone(expired: &LockExpired, now: Timestamp) -> Self {
        let ticket = expired.ticket.clone();
        Self {
            id: expired.order_id,
            user_id: ticket.buyer_id.unwrap_or(ticket.user_id),
            seller_id: ticket.user_id,
            status: OrderStatus::Cancelled,
            ticket_id: ticket.id,
            price: ticket.price,
            currency: ticket.currency,
            expires_at: ticket.locked_until.unwrap_or(now),
            cancel_reason: Some(CancelReason::Expired),
            charge_id: None,
            leaving_at: None,
            ticket: OrderTicket {
                title: ticket.title,
                event_id: ticket.event_id,
                section: ticket.section,
                row: ticket.row,
                seats: ticket.seats,
                quantity: ticket.quantity,
            },
            created_at: now,
            updated_at: now,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(5_000);
    const LATER: Timestamp = Timestamp::from_millis(9_000);
    const CHARGE: ChargeId = ChargeId(Uuid::from_u128(7));
    const OTHER: ChargeId = ChargeId(Uuid::from_u128(8));

    fn order(status: OrderStatus, reason: Option<CancelReason>) -> Order {
        let secured = matches!(status, OrderStatus::AwaitingPayment | OrderStatus::Completed);
        Order {
            id: OrderId(Uuid::from_u128(1)),
            user_id: UserId(Uuid::from_u128(2)),
            seller_id: UserId(Uuid::from_u128(3)),
            status,
            ticket_id: TicketId(Uuid::from_u128(4)),
            price: Price::try_from(5000).unwrap(),
            currency: Currency::USD,
            expires_at: LATER,
            cancel_reason: reason,
            charge_id: secured.then_some(CHARGE),
            leaving_at: None,
            ticket: OrderTicket {
                title: "Two in the stalls".to_owned(),
                event_id: None,
                section: None,
                row: None,
                seats: Vec::new(),
                quantity: 2,
            },
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        }
    }

    /// What becomes of an order: status and reason after the change, `None` for no change, or the
    /// refusal.
    type Outcome = Result<Option<(OrderStatus, Option<CancelReason>)>, Refusal>;

    #[test]
    fn every_command_on_every_status_has_one_outcome() {
        use CancelReason::{AccountDeleted, Expired, Left, PaymentFailed};
        use OrderStatus::{AwaitingPayment, Cancelled, Completed, Created};
        use Refusal as R;
        let ends = |reason| Ok(Some((Cancelled, Some(reason))));
        let stays: Outcome = Ok(None);
        let table: [(Command, [Outcome; 5]); 11] = [
            // command, then what comes of it on: created, awaiting payment (for CHARGE), completed
            // (by CHARGE), cancelled (left), cancelled (expired)
            (
                Command::Leave,
                [ends(Left), Err(R::PaymentInProgress), Err(R::Completed), stays, stays],
            ),
            (Command::BeginLeaving(LATER), [Ok(Some((Created, None))), stays, stays, stays, stays]),
            (Command::ComeBack, [stays; 5]),
            (Command::LeaveWhenDue, [stays; 5]),
            (Command::Expire, [ends(Expired), stays, stays, stays, stays]),
            (
                Command::Secure(CHARGE),
                [
                    Ok(Some((AwaitingPayment, None))),
                    stays,
                    stays,
                    Err(R::Cancelled),
                    Err(R::Expired),
                ],
            ),
            (
                Command::Secure(OTHER),
                [
                    Ok(Some((AwaitingPayment, None))),
                    Err(R::PaymentInProgress),
                    Err(R::Completed),
                    Err(R::Cancelled),
                    Err(R::Expired),
                ],
            ),
            (Command::Complete(CHARGE), [stays, Ok(Some((Completed, None))), stays, stays, stays]),
            (Command::Complete(OTHER), [stays; 5]),
            (
                Command::Fail(CHARGE),
                [ends(PaymentFailed), ends(PaymentFailed), stays, stays, stays],
            ),
            (Command::BuyerGone, [ends(AccountDeleted), stays, stays, stays, stays]),
        ];
        let starts = [
            order(Created, None),
            order(AwaitingPayment, None),
            order(Completed, None),
            order(Cancelled, Some(Left)),
            order(Cancelled, Some(Expired)),
        ];
        for (command, outcomes) in table {
            for (before, expected) in starts.iter().zip(outcomes) {
                let after = before.decide(command, NOW);
                let outcome = after
                    .as_ref()
                    .map(|it| it.as_ref().map(|it| (it.status, it.cancel_reason)))
                    .map_err(|it| *it);
                assert_eq!(
                    outcome, expected,
                    "{command:?} on {:?} {:?}",
                    before.status, before.cancel_reason
                );
                if let Ok(Some(after)) = after {
                    assert_eq!(after.price, before.price);
                    assert_eq!(
                        after.event(Some(before.status)).is_some(),
                        after.status != before.status
                    );
                }
            }
        }
    }

    #[test]
    fn another_charges_failure_does_not_end_an_order_that_awaits_its_money() {
        assert_eq!(
            order(OrderStatus::AwaitingPayment, None).decide(Command::Fail(OTHER), NOW),
            Ok(None)
        );
    }

    #[test]
    fn a_checkout_whose_time_is_over_is_not_secured_even_if_its_timer_is_late() {
        let created = order(OrderStatus::Created, None);
        assert_eq!(created.decide(Command::Secure(CHARGE), LATER), Err(Refusal::Expired));
    }

    #[test]
    fn a_closed_page_leaves_the_checkout_at_its_time_unless_the_buyer_comes_back_or_pays() {
        let closed = order(OrderStatus::Created, None)
            .decide(Command::BeginLeaving(NOW), Timestamp::EPOCH)
            .unwrap()
            .unwrap();
        assert_eq!(
            closed.decide(Command::LeaveWhenDue, Timestamp::EPOCH),
            Ok(None),
            "not before its time"
        );
        let left = closed.decide(Command::LeaveWhenDue, NOW).unwrap().unwrap();
        assert_eq!(
            (left.status, left.cancel_reason),
            (OrderStatus::Cancelled, Some(CancelReason::Left))
        );
        let back = closed.decide(Command::ComeBack, NOW).unwrap().unwrap();
        assert_eq!(back.decide(Command::LeaveWhenDue, LATER), Ok(None));
        let paid = closed.decide(Command::Secure(CHARGE), NOW).unwrap().unwrap();
        assert_eq!(paid.decide(Command::LeaveWhenDue, LATER), Ok(None));
    }

    #[test]
    fn a_second_beacon_does_not_put_the_leaving_off() {
        let closed = order(OrderStatus::Created, None)
            .decide(Command::BeginLeaving(NOW), Timestamp::EPOCH)
            .unwrap()
            .unwrap();
        assert_eq!(closed.decide(Command::BeginLeaving(LATER), NOW), Ok(None));
    }
}
