//! Arms a timer for every lock, and disarms it when the lock's order has ended.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_contract::{
    Context, DomainEvent, Envelope, EventType,
    api::{OrderTicket, TicketStatus},
    calls::{ExpiredLock, Locked},
    event::TicketState,
};
use stubmart_kernel::consumer::{HandleError, Handler};
use stubmart_ports::{bus::Consumer, timers::Timer};
use uuid::Uuid;

use crate::service::Expiration;

/// Sets a timer for every lock.
pub static LOCKS: Consumer = Consumer {
    name: "expiration.locks",
    types: &[
        EventType::TicketUpdated,
        EventType::OrderCancelled,
        EventType::OrderExpired,
        EventType::OrderCompleted,
    ],
};

pub(crate) struct Locks(pub(crate) Expiration);

#[async_trait]
impl Handler for Locks {
    fn consumer(&self) -> &'static Consumer {
        &LOCKS
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let results = self.handle_all(&[(context.clone(), Arc::new(envelope.clone()))]).await;
        results.into_iter().next().unwrap_or(Ok(()))
    }

    /// All events of a batch are one change of the timers. A checkout that began and ended within the
    /// batch never gets one.
    async fn handle_all(
        &self,
        events: &[(Context, Arc<Envelope>)],
    ) -> Vec<Result<(), HandleError>> {
        let wanted: Vec<_> =
            events.iter().map(|(_, envelope)| Wanted::by(&envelope.event)).collect();
        let (set, cancel) = changes(&wanted);
        let is_armed = !set.is_empty();
        let changed = if is_armed || !cancel.is_empty() {
            self.0.deps.timers.change(set, cancel).await.map_err(|error| error.to_string())
        } else {
            Ok(())
        };
        if is_armed && changed.is_ok() {
            self.0.armed.wake();
        }
        let result = |wanted| match (wanted, &changed) {
            (Wanted::Unreadable(reason), _) => Err(HandleError::Reject(reason)),
            (Wanted::Timer(_) | Wanted::NoTimer(_), Err(error)) => {
                Err(HandleError::Retry(error.clone().into()))
            }
            (_, _) => Ok(()),
        };
        wanted.into_iter().map(result).collect()
    }
}

/// What an event asks for.
enum Wanted {
    /// A timer for a lock.
    Timer(Timer),
    /// No timer for this order's lock.
    NoTimer(Uuid),
    /// Nothing.
    Nothing,
    /// It makes no sense, for this reason.
    Unreadable(String),
}

impl Wanted {
    fn by(event: &DomainEvent) -> Self {
        match event {
            DomainEvent::TicketUpdated(ticket) if ticket.status == TicketStatus::Locked => {
                expired_lock(ticket)
                    .and_then(|lock| timer(&lock))
                    .map_or_else(Self::Unreadable, Self::Timer)
            }
            DomainEvent::OrderCancelled(order)
            | DomainEvent::OrderExpired(order)
            | DomainEvent::OrderCompleted(order) => Self::NoTimer(order.id.0),
            _ => Self::Nothing,
        }
    }
}

/// Which timers to set and which to cancel. A timer is named by the order that holds the lock: an order
/// locks its ticket once, so an event that comes late or in another order cannot disarm the timer of a
/// later lock.
fn changes(wanted: &[Wanted]) -> (Vec<Timer>, Vec<Uuid>) {
    let no_timer = |it: &Wanted| match it {
        Wanted::NoTimer(key) => Some(*key),
        _ => None,
    };
    let cancel: Vec<_> = wanted.iter().filter_map(no_timer).collect();
    let timer = |it: &Wanted| match it {
        Wanted::Timer(timer) if !cancel.contains(&timer.key) => Some(timer.clone()),
        _ => None,
    };
    (wanted.iter().filter_map(timer).collect(), cancel)
}

/// The lock of a locked ticket, as orders has to know it when its time is up.
pub(crate) fn expired_lock(ticket: &TicketState) -> Result<ExpiredLock, String> {
    let (Some(order_id), Some(buyer_id), Some(until)) =
        (ticket.order_id, ticket.buyer_id, ticket.locked_until)
    else {
        return Err(format!("ticket {} is locked without an order, buyer or end", ticket.id));
    };
    Ok(ExpiredLock {
        order_id,
        buyer_id,
        ticket_id: ticket.id,
        until,
        locked: Locked {
            seller_id: ticket.user_id,
            price: ticket.price,
            fees: ticket.fees,
            currency: ticket.currency,
            ticket: OrderTicket {
                title: ticket.title.clone(),
                event_id: ticket.event_id,
                section: ticket.section.clone(),
                row: ticket.row.clone(),
                seats: ticket.seats.clone(),
                quantity: ticket.quantity,
            },
            until,
        },
    })
}

fn timer(lock: &ExpiredLock) -> Result<Timer, String> {
    let body = serde_json::to_vec(lock).map_err(|error| error.to_string())?;
    Ok(Timer { key: lock.order_id.0, due_at: lock.until, body })
}
