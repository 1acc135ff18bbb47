//! Use cases: a seller edits a ticket, or withdraws it.

use std::sync::Arc;

use stubmart_contract::{Context, TicketId, UserId, api::UpdateTicketRequest};
use stubmart_kernel::{ApplyError, Precondition, RepositoryError, Versioned};

use crate::{
    claim_seats::ClaimError,
    service::Tickets,
    ticket::{Command, Refusal, Ticket, index},
};

/// How often seats are claimed again because other changes came first.
const ROUNDS_MAX: u32 = 8;

/// Why a ticket was not changed.
#[derive(Debug)]
pub enum EditTicketError {
    /// Its rules forbid it. Nothing happened.
    Refused(Refusal),
    /// These seats are in another listing of the event, or somebody else has bought them. Nothing
    /// happened.
    SeatsListed(Vec<String>),
    /// Another listing of the seller's that is on sale has the same external id. Nothing happened.
    ExternalIdTaken,
    /// It has another version than the one that is meant. Nothing happened.
    Stale {
        /// The present version.
        version: u64,
    },
    /// The repository failed. The ticket may be changed.
    Repository(RepositoryError),
}

impl From<ClaimError> for EditTicketError {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Listed(seats) => Self::SeatsListed(seats),
            ClaimError::Repository(error) => Self::Repository(error),
        }
    }
}

impl From<RepositoryError> for EditTicketError {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Taken { index: index::EXTERNAL } => Self::ExternalIdTaken,
            error => Self::Repository(error),
        }
    }
}

impl Tickets {
    /// Edits a ticket of `by`, while no checkout holds it.
    ///
    /// # Errors
    /// [`EditTicketError`], which says what happened.
    pub async fn edit_ticket(
        &self,
        context: &Context,
        id: TicketId,
        by: UserId,
        edit: UpdateTicketRequest,
        precondition: &Precondition,
    ) -> Result<Versioned<Ticket>, EditTicketError> {
        let (edit, fees) = (Box::new(edit), self.fees());
        let mut claimed = None;
        for _ in 0..ROUNDS_MAX {
            let command = Command::Edit { by, edit: edit.clone(), fees: Arc::clone(fees), claimed };
            match self.change(context, id, precondition, &command).await {
                Err(EditTicketError::Refused(Refusal::NotClaimed(wanted))) => {
                    self.claim_seats(context, id, by, &wanted).await?;
                    claimed = Some(*wanted);
                }
                changed => return changed,
            }
        }
        Err(RepositoryError::Contended.into())
    }

    /// Withdraws a ticket of `by`, while no checkout holds it. Again is fine.
    ///
    /// # Errors
    /// As [`Self::edit_ticket`].
    pub async fn withdraw_ticket(
        &self,
        context: &Context,
        id: TicketId,
        by: UserId,
        precondition: &Precondition,
    ) -> Result<(), EditTicketError> {
        self.change(context, id, precondition, &Command::Withdraw { by }).await.map(drop)
    }

    async fn change(
        &self,
        context: &Context,
        id: TicketId,
        precondition: &Precondition,
        command: &Command,
    ) -> Result<Versioned<Ticket>, EditTicketError> {
        let Some(known) = self.tickets().load(id).await? else {
            return Err(EditTicketError::Refused(Refusal::NotFound));
        };
        match self.apply_to(context, known, precondition, command).await {
            Ok(applied) => Ok(applied.after),
            Err(ApplyError::Refused { refusal, version }) => {
                // Only its seller learns which version a ticket has.
                let is_owner = !matches!(refusal, Refusal::NotOwner | Refusal::NotFound);
                let stale = version.filter(|it| is_owner && !precondition.holds_for(*it));
                Err(stale.map_or(EditTicketError::Refused(refusal), |version| {
                    EditTicketError::Stale { version }
                }))
            }
            Err(ApplyError::Stale { version }) => Err(EditTicketError::Stale { version }),
            Err(ApplyError::Repository(error)) => Err(error.into()),
        }
    }
}
