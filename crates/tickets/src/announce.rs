//! Announces locks anew that outlived their time.
//!
//! Expiration ends every lock by a timer. Timers can be lost (a Redis that was emptied), and so can
//! the event that would have set one. The locks themselves are not: whoever owns them says again which
//! are overdue, and expiration sets their timers again.

use async_trait::async_trait;
use stubmart_ports::{
    Cause,
    key::Key,
    mark, mutant,
    repo::Trace,
    store::Scan,
    worker::{Next, Worker},
};

use crate::{
    Tickets,
    ticket::{TICKETS, Ticket, index},
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
        for found in it.tickets.keys(scan).await? {
            events.extend(it.tickets.tell_again(found.id, Trace::REQUEST, Ticket::event).await?);
        }
        if mutant!("timers without a rebuild") {
            events.clear();
        }
        if !events.is_empty() {
            mark!("a lock that outlived its time was announced anew");
            tracing::warn!(locks = events.len(), "locks outlived their time, announced anew");
            it.bus.publish(&events).await?;
        }
        Ok(Next::At(now.after(it.config.overdue_after)))
    }
}
