//! Arms a timer for every lock, and disarms it when the lock's order has ended.

use std::sync::Arc;

use async_trait::async_trait;
use stubmart_contract::{
    Context, DomainEvent, Envelope, EventType,
    event::{LockExpired, TicketState},
};
use stubmart_kernel::consumer::{HandleError, Handler};
use stubmart_ports::{bus::Consumer, timers::Timer};
use uuid::Uuid;

use crate::Expiration;

/// Sets a timer for every lock.
pub static LOCKS: Consumer = Consumer {
    name: "expiration.locks",
    types: &[EventType::TicketUpdated, EventType::OrderCancelled, EventType::OrderCompleted],
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
        let (set, cancel) = changes(events);
        let armed = !set.is_empty();
        if armed || !cancel.is_empty() {
            if let Err(error) = self.0.deps.timers.change(set, cancel).await {
                let text = error.to_string();
                return events
                    .iter()
                    .map(|_| Err(HandleError::Retry(text.clone().into())))
                    .collect();
            }
            if armed {
                self.0.armed.wake();
            }
        }
        events.iter().map(|_| Ok(())).collect()
    }
}

/// Which timers to set and which to cancel. A timer is named by the order that holds the lock: an
/// order locks its ticket once, so events that come late or in another order can not disarm the timer
/// of a later lock.
fn changes(events: &[(Context, Arc<Envelope>)]) -> (Vec<Timer>, Vec<Uuid>) {
    let mut cancel: Vec<Uuid> = Vec::new();
    for (_, envelope) in events {
        if let DomainEvent::OrderCancelled(order) | DomainEvent::OrderCompleted(order) =
            &envelope.event
        {
            cancel.push(order.id.0);
        }
    }
    let mut set = Vec::new();
    for (_, envelope) in events {
        if let DomainEvent::TicketUpdated(ticket) = &envelope.event
            && let Some(timer) = timer(ticket)
            && !cancel.contains(&timer.key)
        {
            set.push(timer);
        }
    }
    (set, cancel)
}

/// The timer of a locked ticket.
fn timer(ticket: &TicketState) -> Option<Timer> {
    let (order_id, due_at) = (ticket.order_id?, ticket.locked_until?);
    let body = serde_json::to_vec(&LockExpired { order_id, ticket: ticket.clone() }).ok()?;
    Some(Timer { key: order_id.0, due_at, body })
}
