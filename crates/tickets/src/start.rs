//! Reads the catalogue when the service starts, and the shows that others add later.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use stubmart_contract::{EventId, Price, TicketId, Timestamp, api::TicketStatus};
use stubmart_http_kit::Idempotency;
use stubmart_kernel::{
    departed::Departed,
    repo::{Repo, RepoError},
    worker::{Next, Worker},
};
use stubmart_ports::{Cause, key::Key, store::Scan};
use uuid::Uuid;

use crate::{
    Config, Deps, Inner, Tickets,
    catalogue::Catalogue,
    feed::Feed,
    pages::Pages,
    show::{ADDED, SHOWS, Show},
    ticket::{TICKETS, Ticket, index, shelf},
};

/// How many entries are read at once.
const BATCH: usize = 10_000;

/// How far the clocks of two instances may be apart.
const SKEW_MAX: Duration = Duration::from_secs(60);

impl Tickets {
    /// Starts the service: reads what is on offer.
    ///
    /// # Errors
    /// The cause, when the store or the bus can not be read.
    pub async fn start(deps: Deps, config: Config) -> Result<Self, Cause> {
        let tickets: Repo<Ticket> =
            Repo::new(Arc::clone(&deps.store), deps.host.clone(), deps.outbox.clone());
        let shows: Repo<Show> =
            Repo::new(Arc::clone(&deps.store), deps.host.clone(), deps.outbox.clone());
        // The feed begins where the bus is before anything is read, so that no change falls between.
        let feed = Feed::new(deps.bus.position().await?);
        let catalogue = Catalogue::new()?;
        let shows_read_at = deps.host.now();
        read_shows(&shows, &catalogue, Key::new()).await?;
        read_offers(&tickets, &catalogue).await?;
        Ok(Self(Arc::new(Inner {
            departed: Departed::new(Arc::clone(&deps.store), deps.host.clone()),
            idempotency: Idempotency::new(deps.store, deps.host.clone()),
            tickets,
            shows,
            catalogue,
            shows_read_at,
            feed,
            pages: Pages::default(),
            bus: deps.bus,
            host: deps.host,
            shutdown: deps.shutdown,
            config,
        })))
    }
}

/// Reads the shows whose key in [`ADDED`] is `from` or later.
async fn read_shows(shows: &Repo<Show>, catalogue: &Catalogue, from: Key) -> Result<(), RepoError> {
    let mut scan = Scan::prefix(&SHOWS, ADDED, &Key::new()).limit(BATCH);
    scan.from = from.into_bytes();
    loop {
        let rows = shows.find(scan.clone()).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        scan = scan.behind(&last.key);
        for row in rows {
            catalogue.add_show(row.doc);
        }
    }
}

/// Reads what is on offer, from index keys alone: 200,000 documents would take most of a second.
async fn read_offers(tickets: &Repo<Ticket>, catalogue: &Catalogue) -> Result<(), RepoError> {
    let mut locked = HashSet::new();
    each_key(tickets, index::LOCKED, |_, id| {
        locked.insert(id);
    })
    .await?;
    each_key(tickets, index::EVENT_PRICE, |key, id| {
        if let Some((event_id, price)) = offered(key) {
            catalogue.add_offer(TicketId(id), event_id, price, !locked.contains(&id));
        }
    })
    .await
}

async fn each_key(
    tickets: &Repo<Ticket>,
    index: &'static str,
    mut see: impl FnMut(&[u8], Uuid),
) -> Result<(), RepoError> {
    let mut scan = Scan::prefix(&TICKETS, index, &Key::new()).limit(BATCH);
    loop {
        let keys = tickets.keys(scan.clone()).await?;
        let Some(last) = keys.last() else { return Ok(()) };
        scan = scan.behind(&last.key);
        for found in &keys {
            see(&found.key, found.id);
        }
    }
}

/// Event and price of a key of [`index::EVENT_PRICE`], when the ticket is on offer.
fn offered(key: &[u8]) -> Option<(EventId, Price)> {
    let (event, rest) = key.split_first_chunk::<16>()?;
    let (on_shelf, rest) = rest.split_first_chunk::<4>()?;
    let (price, _) = rest.split_first_chunk::<4>()?;
    if u32::from_be_bytes(*on_shelf) != shelf(TicketStatus::Available) {
        return None;
    }
    let price = Price::try_from(i64::from(u32::from_be_bytes(*price))).ok()?;
    Some((EventId(Uuid::from_bytes(*event)), price))
}

/// Looks for shows that another instance, or an import beside the server, has added.
pub(crate) struct NewShows {
    tickets: Tickets,
    /// When the last look began that saw all there was.
    looked_at: Mutex<Timestamp>,
}

impl NewShows {
    pub(crate) fn new(tickets: &Tickets) -> Self {
        let looked_at = Mutex::new(tickets.0.shows_read_at);
        Self { tickets: tickets.clone(), looked_at }
    }
}

#[async_trait]
impl Worker for NewShows {
    fn name(&self) -> &'static str {
        "tickets-new-shows"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let it = &self.tickets.0;
        let now = it.host.now();
        let last = *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        read_shows(&it.shows, &it.catalogue, Key::new().time(last.before(SKEW_MAX))).await?;
        *self.looked_at.lock().unwrap_or_else(PoisonError::into_inner) = now;
        // So that no search has to wait for many.
        it.catalogue.catch_up(&it.host).await?;
        Ok(Next::At(it.host.now().after(it.config.new_shows_every)))
    }
}
