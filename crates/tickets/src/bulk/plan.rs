//! What has to be done about an item of a batch, as a pure function.

use stubmart_contract::{
    api::{BulkListing, CreateTicketRequest, FieldError, Patch, TicketStatus, UpdateTicketRequest},
    calls::ShowForListing,
    seats::normal_seat,
};

use super::refused::Refused;
use crate::{
    edit_ticket::EditTicketError,
    list_ticket::{ListTicketError, in_its_currency},
    row_claims::SeatRow,
    ticket::{Refusal, Ticket, WantedSeats},
};

/// What has to be done.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// It is to be listed.
    List(Box<CreateTicketRequest>),
    /// It is on sale, and has to be changed.
    Edit(Box<UpdateTicketRequest>),
    /// It is as it should be.
    Nothing,
}

/// What has to be done about an item; `current` is the seller's newest listing of that name, and on sale if
/// any is.
///
/// # Errors
/// [`Refused`].
pub(super) fn step(
    asked: &BulkListing,
    show: Option<&ShowForListing>,
    current: Option<&Ticket>,
) -> Result<Step, Refused> {
    if show.is_some_and(|it| !it.status.is_on_sale()) {
        return Err(ListTicketError::EventOver.into());
    }
    let title = asked.title.clone().or_else(|| Some(current?.title.clone()));
    let title = title.or_else(|| show.map(|it| it.name.clone())).filter(|it| !it.is_empty());
    let title = title.ok_or_else(|| invalid("title", "is required where no event is named"))?;
    let listing = asked.clone().listing(title, show.map(|it| it.id));
    let listing = in_its_currency(listing, show)?;
    let quantity = Ticket::quantity(&listing).map_err(ListTicketError::Refused)?;
    let delivery_kind = listing.delivery_kind.or_else(|| Some(current?.delivery_kind));
    let listing = CreateTicketRequest { quantity: Some(quantity), delivery_kind, ..listing };
    match current.map(|it| (it, it.status)) {
        None | Some((_, TicketStatus::Withdrawn)) => Ok(Step::List(Box::new(listing))),
        // An inventory that is sent whole still has what was sold here a minute ago.
        Some((_, TicketStatus::Sold)) => Err(EditTicketError::Refused(Refusal::Sold).into()),
        Some((current, TicketStatus::Available | TicketStatus::Locked)) => edit(listing, current),
    }
}

fn edit(listing: CreateTicketRequest, current: &Ticket) -> Result<Step, Refused> {
    if listing.event_id != current.event_id {
        let message = "is another than that of the listing with this externalId: withdraw it first";
        return Err(invalid("eventId", message));
    }
    if listing.currency.unwrap_or_default() != current.currency {
        return Err(invalid("currency", "cannot be changed: withdraw the listing first"));
    }
    if listing.delivery_kind.unwrap_or_default() != current.delivery_kind {
        return Err(invalid("deliveryKind", "cannot be changed: withdraw the listing first"));
    }
    let text = |text: Option<String>| text.filter(|it| !it.is_empty());
    let (section, row) = (text(listing.section), text(listing.row));
    let seats = listing.seats.unwrap_or_default();
    let changed = UpdateTicketRequest {
        title: Some(listing.title).filter(|it| *it != current.title),
        price: Some(listing.price).filter(|it| *it != current.price),
        section: patch(section, current.section.as_ref()),
        row: patch(row, current.row.as_ref()),
        seats: if seats == current.seats { Patch::Keep } else { Patch::Set(seats) },
        quantity: listing.quantity.filter(|it| *it != current.quantity),
        external_id: Patch::Keep,
        when_free: false,
    };
    let is_same = changed.title.is_none()
        && changed.price.is_none()
        && changed.section.is_keep()
        && changed.row.is_keep()
        && changed.seats.is_keep()
        && changed.quantity.is_none();
    Ok(if is_same { Step::Nothing } else { Step::Edit(Box::new(changed)) })
}

fn patch(wanted: Option<String>, current: Option<&String>) -> Patch<String> {
    if wanted.as_ref() == current { Patch::Keep } else { wanted.into() }
}

/// The seats that a listing has to have for itself once it is as the item says.
pub(super) fn wanted_seats(
    asked: &BulkListing,
    show: Option<&ShowForListing>,
) -> Option<WantedSeats> {
    let seats = asked.seats.as_ref().filter(|it| !it.is_empty())?;
    Some(WantedSeats {
        row: SeatRow::of(show?.id, asked.section.as_deref(), asked.row.as_deref()),
        seats: seats.iter().map(|seat| (normal_seat(seat), seat.clone())).collect(),
        fence: 0,
    })
}

/// The request that lists what a listing has.
pub(super) fn relisting(ticket: &Ticket) -> CreateTicketRequest {
    let ticket = ticket.clone();
    CreateTicketRequest {
        title: ticket.title,
        price: ticket.price,
        currency: Some(ticket.currency),
        event_id: ticket.event_id,
        section: ticket.section,
        row: ticket.row,
        seats: Some(ticket.seats),
        quantity: Some(ticket.quantity),
        delivery_kind: Some(ticket.delivery_kind),
        external_id: ticket.external_id,
    }
}

/// One field is wrong.
pub(super) fn invalid(field: &str, message: &str) -> Refused {
    Refused::Invalid(vec![FieldError { field: field.to_owned(), message: message.to_owned() }])
}
