//! The lock: one conditional write on the ticket's own document, so that of any number of buyers
//! exactly one wins.

use async_trait::async_trait;
use stubmart_kernel::repo::{ChangeError, Decision, Trace, Versioned};
use stubmart_ports::calls::{CallError, LockRefusal, LockRequest, LockTickets, Locked};

use crate::{
    Tickets,
    ticket::{Command, Ticket},
};

#[async_trait]
impl LockTickets for Tickets {
    async fn lock(&self, request: LockRequest) -> Result<Result<Locked, LockRefusal>, CallError> {
        let now = self.0.host.now();
        let id = request.ticket_id.0;
        let command = Command::Lock(request);
        let changed =
            self.0.tickets.change(id, Trace::REQUEST, |current: Option<&Versioned<Ticket>>| {
                let current = current.ok_or(LockRefusal::NotFound)?;
                // Copied only where it must be: every hold comes along here.
                let answer = |doc: &Ticket, version| {
                    (doc.standing(version), doc.locked(doc.locked_until.unwrap_or(now)))
                };
                Ok::<_, LockRefusal>(match current.doc.decide(&command, now)? {
                    None => Decision::Keep(answer(&current.doc, current.version)),
                    Some(doc) => Decision::Save {
                        events: vec![doc.event()],
                        answer: answer(&doc, current.version + 1),
                        doc,
                    },
                })
            });
        match changed.await {
            Ok((standing, locked)) => {
                self.learn(&standing);
                Ok(Ok(locked))
            }
            Err(ChangeError::Refused(refusal)) => Ok(Err(refusal)),
            Err(ChangeError::Repo(error)) => Err(CallError(error.into())),
        }
    }
}
