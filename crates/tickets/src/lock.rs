//! Use case: an order locks a ticket. One conditional write on the ticket's own document, so that of any
//! number of buyers exactly one wins.

use stubmart_contract::{
    Context,
    calls::{LockRefusal, LockRequest, Locked},
};
use stubmart_kernel::{ApplyError, RepositoryError};

use crate::{service::Tickets, ticket::Command};

impl Tickets {
    /// Locks a ticket for an order. Asked again for the order that holds it, it answers as before.
    ///
    /// # Errors
    /// [`RepositoryError`]: the ticket may be locked.
    pub async fn lock_ticket(
        &self,
        context: &Context,
        request: LockRequest,
    ) -> Result<Result<Locked, LockRefusal>, RepositoryError> {
        let (id, until) = (request.ticket_id, request.until);
        match self.apply(context, id, &Command::Lock(request)).await {
            Ok(applied) => {
                let ticket = applied.after.state;
                Ok(Ok(ticket.locked(ticket.locked_until.unwrap_or(until))))
            }
            Err(ApplyError::Refused { refusal, .. }) => Ok(Err(refusal.into())),
            Err(ApplyError::Stale { .. }) => Err(RepositoryError::Contended),
            Err(ApplyError::Repository(error)) => Err(error),
        }
    }
}
