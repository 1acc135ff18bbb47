//! Announces locks anew that outlived their time.
//!
//! Expiration ends every lock by a timer. Timers can be lost (a Redis that was emptied), and so can
//! the event that would have set one. The locks themselves are not: whoever owns them says again which
//! are overdue, and expiration sets their timers again.

use async_trait::async_trait;
use stubmart_contract::Envelope;
use stubmart_ports::{
    Cause,
    key::Key,
    store::{Outgoing, Scan},
    worker::{Next, Worker},
};

use crate::{
    Tickets,
    ticket::{TICKETS, index},
};

/// How many locks are announced at once.
const BATCH: usize = 200;

/// Announces overdue locks.
pub(crate) struct Overdue(pub(crate) Tickets);

#[async_trait]
impl Worker for Overdue {
    fn name(&self) -> &'static str {
        "tickets-overdue-locks"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let it = &self.0.0;
        let now = it.host.now();
        let mut scan = Scan::prefix(&TICKETS, index::LOCKED, &Key::new()).limit(BATCH);
        scan.to = Some(Key::new().time(now.before(it.config.overdue_after)).into_bytes());
        let mut events = Vec::new();
        for row in it.tickets.find(scan).await? {
            let id = it.host.message_id();
            let event = row.doc.event();
            let event_type = event.event_type();
            // The same version as the event that first told of it: consumers that saw that one and
            // need no timer drop this one.
            let envelope = Envelope {
                id,
                aggregate_id: row.doc.id.0,
                version: row.version,
                at: now,
                causation_id: id,
                correlation_id: id,
                event,
            };
            events.push(Outgoing { id, event_type, body: envelope.encode()? });
        }
        if !events.is_empty() {
            tracing::warn!(locks = events.len(), "locks outlived their time, announced anew");
            it.bus.publish(&events).await?;
        }
        Ok(Next::At(now.after(it.config.overdue_after)))
    }
}
