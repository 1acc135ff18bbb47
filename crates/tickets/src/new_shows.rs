//! Finds the shows that other instances added.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use stubmart_contract::Timestamp;
use stubmart_kernel::worker::{Next, Worker};
use stubmart_ports::{Cause, key::Key};

use crate::{service::Tickets, start::read_shows};

/// How far the clocks of two instances may be apart.
const SKEW_MAX: Duration = Duration::from_secs(60);

/// Looks for shows that another instance, or an import beside the server, has added.
pub(crate) struct NewShows {
    tickets: Tickets,
    /// When the last look began that saw all there was.
    looked_at: Mutex<Timestamp>,
}

impl NewShows {
    pub(crate) fn new(tickets: &Tickets) -> Self {
        let looked_at = Mutex::new(tickets.shows_read_at());
        Self { tickets: tickets.clone(), looked_at }
    }
}

#[async_trait]
impl Worker for NewShows {
    fn name(&self) -> &'static str {
        "tickets-new-shows"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let it = &self.tickets;
        let now = it.host().now();
        let last = *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        read_shows(it.shows(), it.catalogue(), Key::new().time(last.before(SKEW_MAX))).await?;
        *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = now;
        // So that no search has to wait for many.
        it.catalogue().catch_up(it.host()).await?;
        Ok(Next::At(it.host().now().after(it.config().new_shows_every)))
    }
}
