//! What events do to a ticket: its order ended, or its seller is gone.

use stubmart_kernel::repo::{ChangeError, Decision, RepoError, Trace, Versioned};
use uuid::Uuid;

use crate::{
    Tickets,
    ticket::{Command, Ticket},
};

impl Tickets {
    /// Applies a command that an event brought. One that was applied already, or that does not fit
    /// the ticket as it is, changes nothing.
    pub(crate) async fn command_by_event(
        &self,
        id: Uuid,
        command: &Command,
        trace: Trace,
    ) -> Result<(), RepoError> {
        let now = self.0.host.now();
        let changed = self.0.tickets.change(id, trace, |current: Option<&Versioned<Ticket>>| {
            let Some(current) = current else { return Ok(Decision::Keep(None)) };
            Ok::<_, crate::ticket::Refusal>(match current.doc.decide(command, now)? {
                None => Decision::Keep(None),
                Some(doc) => Decision::Save {
                    events: vec![doc.event()],
                    answer: Some(doc.standing(current.version + 1)),
                    doc,
                },
            })
        });
        match changed.await {
            Ok(Some(standing)) => {
                self.learn(&standing);
                Ok(())
            }
            Ok(None) | Err(ChangeError::Refused(_)) => Ok(()),
            Err(ChangeError::Repo(error)) => Err(error),
        }
    }
}
