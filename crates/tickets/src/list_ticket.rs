//! Use case: a seller lists a ticket.

use std::sync::Arc;

use stubmart_contract::{
    Context, Currency, TicketId, UserId, api::CreateTicketRequest, calls::ShowForListing,
};
use stubmart_kernel::{ApplyError, RepositoryError, Versioned, mark, mutant};
use stubmart_ports::calls::CallError;

use crate::{
    claim_seats::ClaimError,
    service::Tickets,
    ticket::{Command, Refusal, Ticket, index},
};

/// Why a ticket was not listed.
#[derive(Debug)]
pub enum ListTicketError {
    /// The event is not known. Nothing happened.
    NoSuchEvent,
    /// Tickets of the event are sold in this currency, and in no other. Nothing happened.
    OtherCurrency(Currency),
    /// The event does not take place. Nothing happened.
    EventOver,
    /// The catalogue did not answer. Nothing happened.
    Call(CallError),
    /// The listing breaks a rule. Nothing happened.
    Refused(Refusal),
    /// These seats are in another listing of the event, or somebody else has bought them. Nothing is
    /// listed.
    SeatsListed(Vec<String>),
    /// Another listing of the seller's that is on sale has the same external id. Nothing is listed.
    ExternalIdTaken,
    /// The seller's account was deleted meanwhile. The ticket is withdrawn, if it was listed at all.
    SellerDeleted,
    /// The repository failed. The ticket may be listed; listing it again under its id lists it once.
    Repository(RepositoryError),
}

impl From<CallError> for ListTicketError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<ClaimError> for ListTicketError {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Listed(seats) => Self::SeatsListed(seats),
            ClaimError::Repository(error) => Self::Repository(error),
        }
    }
}

impl From<RepositoryError> for ListTicketError {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Taken { index: index::EXTERNAL } => Self::ExternalIdTaken,
            error => Self::Repository(error),
        }
    }
}

/// The listing, in the one currency of its event.
///
/// # Errors
/// [`ListTicketError::OtherCurrency`].
pub(crate) fn in_its_currency(
    listing: CreateTicketRequest,
    show: Option<&ShowForListing>,
) -> Result<CreateTicketRequest, ListTicketError> {
    let Some(show) = show else { return Ok(listing) };
    match listing.currency {
        Some(other) if other != show.currency => Err(ListTicketError::OtherCurrency(show.currency)),
        _ => Ok(CreateTicketRequest { currency: Some(show.currency), ..listing }),
    }
}

impl Tickets {
    /// Lists a ticket under `id`. Asked again with the same id, it answers with what is listed.
    ///
    /// # Errors
    /// [`ListTicketError`], which says what happened.
    pub async fn list_ticket(
        &self,
        context: &Context,
        id: TicketId,
        seller: UserId,
        listing: CreateTicketRequest,
    ) -> Result<Versioned<Ticket>, ListTicketError> {
        let show = self.show_of(context, &listing).await?;
        if show.as_ref().is_some_and(|it| !it.status.is_on_sale()) {
            return Err(ListTicketError::EventOver);
        }
        let listing = in_its_currency(listing, show.as_ref())?;
        let listed = self.save_listing(context, id, seller, listing, show).await?;
        // The mark is looked for after the save: see `kernel::deleted_users`.
        let is_deleted = self.deleted_users().contains(seller).await?;
        if is_deleted && !mutant!("list for a deleted account") {
            mark!("a listing came after its seller's account was deleted");
            self.apply_if_possible(context, id, &Command::Retire).await?;
            return Err(ListTicketError::SellerDeleted);
        }
        self.sellers().meet(context, seller).await;
        Ok(listed)
    }

    /// The show that a lot is to be listed for, if it is for one.
    ///
    /// # Errors
    /// [`ListTicketError::NoSuchEvent`], [`ListTicketError::Call`].
    pub(crate) async fn show_of(
        &self,
        context: &Context,
        listing: &CreateTicketRequest,
    ) -> Result<Option<ShowForListing>, ListTicketError> {
        let Some(event_id) = listing.event_id else { return Ok(None) };
        let show = self.catalogue().show(context, event_id).await?;
        show.map(Some).ok_or(ListTicketError::NoSuchEvent)
    }

    /// Saves the listing, and claims its seats before that.
    pub(crate) async fn save_listing(
        &self,
        context: &Context,
        id: TicketId,
        seller: UserId,
        listing: CreateTicketRequest,
        show: Option<ShowForListing>,
    ) -> Result<Versioned<Ticket>, ListTicketError> {
        let listing = Box::new(listing);
        let mut claimed = None;
        loop {
            let command = Command::List {
                id,
                seller,
                listing: listing.clone(),
                category: show.as_ref().map(|it| it.category.clone()),
                fees: Arc::clone(self.fees()),
                event_ends_at: show.as_ref().map(|it| it.ends_at),
                claimed,
            };
            let refusal = match self.apply(context, id, &command).await {
                Ok(applied) => return Ok(applied.after),
                Err(ApplyError::Refused { refusal, .. }) => refusal,
                Err(ApplyError::Stale { .. }) => return Err(RepositoryError::Contended.into()),
                Err(ApplyError::Repository(error)) => return Err(error.into()),
            };
            match refusal {
                Refusal::NotClaimed(wanted) => {
                    self.claim_seats(context, id, seller, &wanted).await?;
                    claimed = Some(*wanted);
                }
                Refusal::SeatsListed(seats) => {
                    mark!("a listing that came too late was never saved");
                    return Err(ListTicketError::SeatsListed(seats));
                }
                other => return Err(ListTicketError::Refused(other)),
            }
        }
    }
}
