//! What a domain event is to the users whom it concerns.

use sha2::{Digest, Sha256};
use stubmart_contract::{
    DomainEvent, Envelope, EventType, MessageId, UserId, WebhookEventId,
    api::{OrderStatus, TicketStatus, WebhookData, WebhookEvent, WebhookEventType as Kind},
    event::{ChargeState, OrderState},
};

/// The domain events that concern somebody.
pub(crate) const TYPES: &[EventType] = &[
    EventType::TicketCreated,
    EventType::TicketUpdated,
    EventType::TicketDeleted,
    EventType::OrderCreated,
    EventType::OrderCompleted,
    EventType::OrderCancelled,
    EventType::OrderExpired,
    EventType::ChargeCompleted,
    EventType::ChargeFailed,
    EventType::ChargeRefunded,
];

/// Whom an event concerns, and what they are told of it: what the API shows to them, and no more.
pub(crate) fn of(envelope: &Envelope) -> Option<(UserId, WebhookEvent)> {
    let (user_id, kind, data) = match &envelope.event {
        DomainEvent::TicketCreated(ticket)
        | DomainEvent::TicketUpdated(ticket)
        | DomainEvent::TicketDeleted(ticket) => {
            let kind = match (envelope.event.event_type(), ticket.status) {
                (EventType::TicketCreated, _) => Kind::TicketListed,
                (EventType::TicketDeleted, _) => Kind::TicketWithdrawn,
                (_, TicketStatus::Sold) => Kind::TicketSold,
                _ => Kind::TicketUpdated,
            };
            let seen = ticket.clone().seen_by(Some(ticket.user_id), envelope.version);
            (ticket.user_id, kind, WebhookData { ticket: Some(seen), ..WebhookData::default() })
        }
        DomainEvent::OrderCreated(order)
        | DomainEvent::OrderCompleted(order)
        | DomainEvent::OrderCancelled(order)
        | DomainEvent::OrderExpired(order) => (order.user_id, order_kind(order), of_order(order)),
        DomainEvent::ChargeCompleted(charge) => {
            (charge.user_id, Kind::PaymentCompleted, of_charge(charge))
        }
        DomainEvent::ChargeFailed(charge) => {
            (charge.user_id, Kind::PaymentFailed, of_charge(charge))
        }
        DomainEvent::ChargeRefunded(charge) => {
            (charge.user_id, Kind::PaymentRefunded, of_charge(charge))
        }
        _ => return None,
    };
    let (id, created_at) = (id_of(envelope.id, user_id), envelope.at);
    Some((user_id, WebhookEvent { id, kind, created_at, data }))
}

const fn order_kind(order: &OrderState) -> Kind {
    match order.status {
        OrderStatus::Created | OrderStatus::AwaitingPayment => Kind::OrderCreated,
        OrderStatus::Completed => Kind::OrderCompleted,
        OrderStatus::Cancelled => Kind::OrderCancelled,
    }
}

fn of_order(order: &OrderState) -> WebhookData {
    WebhookData { order: Some(order.into()), ..WebhookData::default() }
}

fn of_charge(charge: &ChargeState) -> WebhookData {
    WebhookData { payment: Some(charge.into()), ..WebhookData::default() }
}

/// The same for the same domain event and user, however often it comes; and nothing of the event's own id can
/// be read from it.
fn id_of(message_id: MessageId, user_id: UserId) -> WebhookEventId {
    let hash = Sha256::new()
        .chain_update("feed event")
        .chain_update(message_id.0.as_bytes())
        .chain_update(user_id.0.as_bytes())
        .finalize();
    let bytes = hash.first_chunk::<16>().copied().unwrap_or_default();
    WebhookEventId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
