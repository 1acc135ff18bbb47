//! Reads the catalogue when the service starts.

use std::collections::HashSet;

use stubmart_contract::{EventId, Price, TicketId};
use stubmart_kernel::{
    Repository, RepositoryError,
    repo::{Repo, RepoError},
};
use stubmart_ports::{Cause, key::Key, store::Scan};
use uuid::Uuid;

use crate::{
    catalogue::Catalogue,
    show::{ADDED, SHOWS, Show},
    ticket::{Phase, Ticket, index},
};

/// How many entries are read at once.
const BATCH: usize = 10_000;

/// Reads the shows and what is on offer.
///
/// # Errors
/// The cause, when the store cannot be read.
pub(crate) async fn read(
    shows: &Repo<Show>,
    tickets: &Repository<Ticket>,
) -> Result<Catalogue, Cause> {
    let catalogue = Catalogue::new()?;
    read_shows(shows, &catalogue, Key::new()).await?;
    read_offers(tickets, &catalogue).await?;
    Ok(catalogue)
}

/// Reads the shows whose key in [`ADDED`] is `from` or later.
pub(crate) async fn read_shows(
    shows: &Repo<Show>,
    catalogue: &Catalogue,
    from: Key,
) -> Result<(), RepoError> {
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
async fn read_offers(
    tickets: &Repository<Ticket>,
    catalogue: &Catalogue,
) -> Result<(), RepositoryError> {
    let mut locked = HashSet::new();
    each_key(tickets, index::LOCKED, |_, id| {
        locked.insert(id);
    })
    .await?;
    each_key(tickets, index::EVENT_PRICE, |key, id| {
        if let Some((event_id, price)) = offered(key) {
            catalogue.add_offer(id, event_id, price, !locked.contains(&id));
        }
    })
    .await
}

async fn each_key(
    tickets: &Repository<Ticket>,
    index: &'static str,
    mut see: impl FnMut(&[u8], TicketId),
) -> Result<(), RepositoryError> {
    let mut scan = tickets.scan(index, &Key::new()).limit(BATCH);
    loop {
        let keys = tickets.keys(scan.clone()).await?;
        let Some((last, _)) = keys.last() else { return Ok(()) };
        scan = scan.behind(last);
        for (key, id) in &keys {
            see(key, *id);
        }
    }
}

/// Event and price of a key of [`index::EVENT_PRICE`], when the ticket is on offer.
fn offered(key: &[u8]) -> Option<(EventId, Price)> {
    let (event, rest) = key.split_first_chunk::<16>()?;
    let (phase, rest) = rest.split_first_chunk::<4>()?;
    let (price, _) = rest.split_first_chunk::<4>()?;
    if u32::from_be_bytes(*phase) != Phase::Offered.number() {
        return None;
    }
    let price = Price::try_from(i64::from(u32::from_be_bytes(*price))).ok()?;
    Some((EventId(Uuid::from_bytes(*event)), price))
}
