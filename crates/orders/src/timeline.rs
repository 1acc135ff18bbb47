//! What happened to one order beside what its own document says, as a pure state machine: a list that grows by the
//! events of every service that has a part in it. They come in any order and more than once, so each entry is
//! named by its event, and the list is in the order of time.

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    Currency, DomainEvent, EventType, MessageId, OrderId, Timestamp,
    api::{ClaimOutcome, DeliverySide, TimelineEntry, TimelineStep},
    event::ChargeState,
};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Key},
};

/// Where timelines are kept.
pub(crate) static TIMELINES: Collection = Collection { name: "orders.timeline", indexes: &[] };

/// How many entries a timeline has. No order comes near.
const ENTRIES_MAX: usize = 200;

/// The events that stand in timelines.
pub(crate) const EVENTS: &[EventType] = &[
    EventType::ChargeFailed,
    EventType::ChargeRefunded,
    EventType::ChargeRefundFailed,
    EventType::DeliveryUpdated,
    EventType::DeliveryLate,
    EventType::DeliverySent,
    EventType::DeliveryAccepted,
    EventType::DeliveryCancelled,
    EventType::ClaimOpened,
    EventType::ClaimAnswered,
    EventType::ClaimDecided,
    EventType::PayoutDue,
    EventType::PayoutPaid,
];

/// The stored timeline of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Timeline {
    pub(crate) order_id: OrderId,
    /// Oldest first.
    pub(crate) notes: Vec<Note>,
}

/// An entry of a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Note {
    /// The event that says so.
    pub(crate) event: MessageId,
    /// Who may see it; both sides where none is named.
    pub(crate) only: Option<DeliverySide>,
    /// What it says.
    pub(crate) entry: TimelineEntry,
}

/// Something happened to an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Happened {
    pub(crate) order_id: OrderId,
    pub(crate) note: Note,
}

/// A timeline takes everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Never {}

impl Aggregate for Timeline {
    type Id = OrderId;
    type Command = Happened;
    type Refusal = Never;

    fn id(&self) -> OrderId {
        self.order_id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        Vec::new()
    }

    fn decide(
        current: Option<&Self>,
        happened: &Happened,
        _: Timestamp,
    ) -> Result<Decision<Self>, Never> {
        let Happened { order_id, note } = *happened;
        let Some(current) = current else {
            return Ok(Decision::silent(Self { order_id, notes: vec![note] }));
        };
        let is_known = current.notes.iter().any(|it| it.event == note.event);
        if is_known || current.notes.len() >= ENTRIES_MAX {
            return Ok(Decision::Unchanged);
        }
        let mut notes = current.notes.clone();
        // What came later stands behind what happened before.
        let place = notes.partition_point(|it| it.entry.at <= note.entry.at);
        notes.insert(place, note);
        Ok(Decision::silent(Self { order_id, notes }))
    }
}

impl Timeline {
    /// What one side of the sale may see.
    pub(crate) fn seen_by(&self, side: DeliverySide) -> Vec<TimelineEntry> {
        let seen = self.notes.iter().filter(|it| it.only.is_none_or(|only| only == side));
        seen.map(|it| it.entry).collect()
    }
}

/// What an event of this id, at this time, says of orders.
pub(crate) fn told(event: &DomainEvent, id: MessageId, at: Timestamp) -> Vec<Happened> {
    let note = |order_id, only, what, money: Option<(i64, Currency)>| {
        let (amount, currency) = (money.map(|it| it.0), money.map(|it| it.1));
        let entry = TimelineEntry { at, what, amount, currency };
        vec![Happened { order_id, note: Note { event: id, only, entry } }]
    };
    let (buyer, seller) = (Some(DeliverySide::Buyer), Some(DeliverySide::Seller));
    let delivery = |order_id, what| note(order_id, None, what, None);
    match event {
        DomainEvent::ChargeFailed(it) => {
            note(it.order_id, buyer, TimelineStep::PaymentFailed, None)
        }
        DomainEvent::ChargeRefunded(it) => {
            note(it.order_id, None, TimelineStep::Refunded, Some(last_refund(it)))
        }
        DomainEvent::ChargeRefundFailed(it) => {
            note(it.order_id, buyer, TimelineStep::RefundFailed, None)
        }
        DomainEvent::DeliveryUpdated(it) => delivery(it.order_id, TimelineStep::DeliveryMoved),
        DomainEvent::DeliveryLate(it) => delivery(it.order_id, TimelineStep::DeliveryLate),
        DomainEvent::DeliverySent(it) => delivery(it.order_id, TimelineStep::Sent),
        DomainEvent::DeliveryAccepted(it) => delivery(it.order_id, TimelineStep::Received),
        DomainEvent::DeliveryCancelled(it) => {
            delivery(it.order_id, TimelineStep::DeliveryCancelled)
        }
        DomainEvent::ClaimOpened(it) => delivery(it.order_id, TimelineStep::Claimed),
        DomainEvent::ClaimAnswered(it) => delivery(it.order_id, TimelineStep::ClaimAnswered),
        DomainEvent::ClaimDecided(it) if it.outcome == Some(ClaimOutcome::Refund) => {
            delivery(it.order_id, TimelineStep::ClaimGranted)
        }
        DomainEvent::ClaimDecided(it) => delivery(it.order_id, TimelineStep::ClaimRejected),
        DomainEvent::PayoutDue(it) => {
            let money = (it.net.saturating_sub(it.paid), it.currency);
            note(it.order_id, seller, TimelineStep::PayoutDue, Some(money))
        }
        DomainEvent::PayoutPaid(it) => {
            let items = it.items.iter();
            let money = |amount| Some((amount, it.currency));
            let each = items.flat_map(|item| {
                note(item.order_id, seller, TimelineStep::PaidOut, money(item.amount))
            });
            each.collect()
        }
        _ => Vec::new(),
    }
}

/// The refund that the event of one tells of: the newest.
fn last_refund(charge: &ChargeState) -> (i64, Currency) {
    let last = charge.given_back().pop().map_or(charge.amount, |(_, amount)| amount);
    (i64::from(last.minor()), charge.currency)
}

#[cfg(test)]
mod tests {
    use stubmart_contract::{TicketId, UserId, api::SaleStatus, event::SaleState};
    use uuid::Uuid;

    use super::*;

    const ORDER: OrderId = OrderId(Uuid::from_u128(1));

    fn due(id: u128, at: i64) -> Happened {
        let state = SaleState {
            order_id: ORDER,
            ticket_id: TicketId(Uuid::nil()),
            buyer_id: UserId(Uuid::nil()),
            seller_id: UserId(Uuid::nil()),
            status: SaleStatus::Due,
            net: 9_500,
            paid: 500,
            currency: Currency::USD,
            payout_on: None,
            holds: Vec::new(),
        };
        let (id, at) = (MessageId(Uuid::from_u128(id)), Timestamp::from_millis(at));
        told(&DomainEvent::PayoutDue(state), id, at).pop().unwrap()
    }

    fn after(happened: &[Happened]) -> Timeline {
        happened
            .iter()
            .fold(None, |timeline: Option<Timeline>, it| {
                match Timeline::decide(timeline.as_ref(), it, Timestamp::EPOCH) {
                    Ok(Decision::Changed { state, event: None }) => Some(state),
                    _ => timeline,
                }
            })
            .unwrap()
    }

    /// Events come in any order and more than once: the list is the same.
    #[test]
    fn a_timeline_is_in_order_whatever_came_first() {
        let (first, second, third) = (due(1, 10), due(2, 20), due(3, 30));
        let expected = after(&[first, second, third]);
        assert_eq!(after(&[third, second, third, first, first]), expected);
        assert_eq!(expected.notes.len(), 3);
    }

    /// What the seller is paid is not the buyer's to see.
    #[test]
    fn each_side_sees_its_own() {
        let timeline = after(&[due(1, 10)]);
        assert!(timeline.seen_by(DeliverySide::Buyer).is_empty());
        let [entry] = &timeline.seen_by(DeliverySide::Seller)[..] else { panic!("one entry") };
        assert_eq!((entry.what, entry.amount), (TimelineStep::PayoutDue, Some(9_000)));
    }
}
