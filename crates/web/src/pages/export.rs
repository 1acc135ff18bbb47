//! One's listings as a file, which the import reads.

use axum::response::Response;
use stubmart_inventory::{Listed, export};

use super::{
    events,
    import::csv_file,
    own_listings::{self, Filter},
};
use crate::{failure::Failure, form::Query, visitor::Visitor};

/// The most listings of a file: as many as the import takes.
const MOST: usize = 20_000;

/// `GET /selling/export.csv`: the listings that the list shows; those on sale where it shows all.
pub(crate) async fn file(visitor: Visitor, Query(form): Query) -> Result<Response, Failure> {
    visitor.member().await?;
    let api = visitor.api();
    let tickets = own_listings::all(&api, &Filter::read(&form), MOST).await?;
    let events = events(&api, tickets.iter().filter_map(|it| it.event_id)).await?;
    let listed = tickets
        .iter()
        .map(|ticket| Listed { ticket, event: ticket.event_id.and_then(|id| events.get(&id)) });
    Ok(csv_file("stubmart-listings.csv", export(listed)))
}
