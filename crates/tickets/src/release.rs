//! What events do to a ticket: its order ended, or its seller is gone.

use stubmart_ports::repo::{ChangeError, Decision, RepoError, Trace, Versioned};
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
                Some(doc) => {
                    let events = vec![doc.event()];
                    let answer = Some(Versioned::over(Some(current), doc.clone(), &events));
                    Decision::Save { doc, events, answer }
                }
            })
        });
        match changed.await {
            Ok(Some(ticket)) => {
                self.learn(&ticket);
                Ok(())
            }
            Ok(None) | Err(ChangeError::Refused(_)) => Ok(()),
            Err(ChangeError::Repo(error)) => Err(error),
        }
    }
}
