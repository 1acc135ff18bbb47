//! Announces locks anew that outlived their time.
//!
//! Expiration ends every lock by a timer. Timers can be lost (a Redis that was emptied), and so can
//! the event that would have set one. The locks themselves are not: whoever owns them says again which
//! are overdue, and expiration sets their timers again.
//!
//! A lock can be overdue for long and rightly so, as while an order awaits its payment. So each is
//! announced when it comes of age and then once a minute, and all are after a start.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use stubmart_contract::{DomainEvent, Timestamp};
use stubmart_kernel::{
    Aggregate as _, mark, mutant,
    repo::{Document, RepoError, Trace},
    worker::{Next, Worker},
};
use stubmart_ports::{
    Cause,
    key::Key,
    store::{Collection, Scan},
};
use uuid::Uuid;

use crate::{
    service::Tickets,
    ticket::{TICKETS, Ticket, index},
};

/// How many locks are read at once.
const BATCH: usize = 200;

/// How often what is still overdue is announced once more, in milliseconds.
const AGAIN_MS: i64 = 60_000;

impl Document for Ticket {
    const COLLECTION: &'static Collection = &TICKETS;

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn entries(&self) -> Vec<(&'static str, Key)> {
        self.index_entries()
    }
}

/// Announces overdue locks.
pub(crate) struct Overdue {
    tickets: Tickets,
    /// Up to when locks have been looked at; `None` before the first look.
    looked_at: Mutex<Option<Timestamp>>,
}

impl Overdue {
    pub(crate) fn new(tickets: &Tickets) -> Self {
        Self { tickets: tickets.clone(), looked_at: Mutex::default() }
    }

    /// Announces the locks that ran out from `from` on and before `to`. How many there are.
    async fn announce(&self, from: Timestamp, to: Timestamp) -> Result<usize, Cause> {
        let it = &self.tickets;
        let mut scan = Scan::prefix(&TICKETS, index::LOCKED, &Key::new()).limit(BATCH);
        scan.from = Key::new().time(from).into_bytes();
        scan.to = Some(Key::new().time(to).into_bytes());
        let mut announced = 0;
        loop {
            let found = it.announced().keys(scan.clone()).await?;
            let Some(last) = found.last() else { return Ok(announced) };
            scan = scan.behind(&last.key);
            for found in found {
                let told = it
                    .announced()
                    .tell_again(found.id, Trace::REQUEST, |it| {
                        DomainEvent::TicketUpdated(it.state())
                    })
                    .await;
                // One that can not be read keeps no other waiting.
                if let Err(error @ RepoError::Corrupt(_)) = &told {
                    tracing::error!(ticket.id = %found.id, %error, "overdue lock not announced");
                    continue;
                }
                let event = told?;
                // Each at once: the longer it waits, the likelier it is that newer news is out before.
                if let Some(event) = event.filter(|_| !mutant!("timers without a rebuild")) {
                    mark!("a lock that outlived its time was announced anew");
                    it.bus().publish(&[event]).await?;
                    announced += 1;
                }
            }
        }
    }
}

#[async_trait]
impl Worker for Overdue {
    fn name(&self) -> &'static str {
        "tickets-overdue-locks"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let it = &self.tickets;
        let (now, grace) = (it.host().now(), it.config().overdue_after);
        let last = *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        let round = |at: Timestamp| at.millis().div_euclid(AGAIN_MS);
        let from = match last {
            Some(last) if round(last) == round(now) => last.before(grace),
            Some(_) | None => Timestamp::MIN,
        };
        let announced = self.announce(from, now.before(grace)).await?;
        *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        if announced > 0 {
            tracing::warn!(locks = announced, "locks outlived their time, announced anew");
        }
        Ok(Next::At(now.after(grace)))
    }
}
