//! The worker that applies fees that the operator has changed to every listing on offer.
//!
//! A ticket keeps the fees of a sale at its price, so that lists, streams, the catalogue and the lock all
//! show one total. So when the operator changes the fees, the tickets on offer follow: once after the
//! start, and not at all where the fees are those of the last start.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use futures_util::future::join_all;
use stubmart_contract::{Context, TicketId, fees::FeeSchedule};
use stubmart_kernel::{
    ApplyError, RepositoryError,
    aggregate::Key,
    worker::{Next, Worker},
};
use stubmart_ports::Cause;

use crate::{
    applied_fees::TheFees,
    service::{SERVICE, Tickets},
    ticket::{Command, Phase, index},
};

/// How many tickets follow at once.
const BATCH: usize = 100;

/// Applies changed fees, once after the start.
pub(crate) struct SetFees {
    tickets: Tickets,
    is_done: AtomicBool,
}

impl SetFees {
    pub(crate) const fn new(tickets: Tickets) -> Self {
        Self { tickets, is_done: AtomicBool::new(false) }
    }

    async fn set(&self, context: &Context, id: TicketId) -> Result<(), RepositoryError> {
        let command = Command::SetFees(Arc::clone(self.tickets.fees()));
        match self.tickets.apply_if_possible(context, id, &command).await {
            Err(error @ RepositoryError::Corrupt(_)) => {
                tracing::error!(ticket.id = %id, %error, "fees not applied to a ticket");
                Ok(())
            }
            result => result,
        }
    }
}

#[async_trait]
impl Worker for SetFees {
    fn name(&self) -> &'static str {
        "tickets-fees"
    }

    async fn step(&self) -> Result<Next, Cause> {
        if self.is_done.load(Ordering::Relaxed) {
            return Ok(Next::Idle);
        }
        let tickets = &self.tickets;
        // A market that never had any fees has nothing to change.
        let applied = tickets.applied_fees().load(TheFees).await?;
        let applied = applied.map_or_else(FeeSchedule::default, |it| it.state.schedule);
        if applied != **tickets.fees() {
            let context = Context::work(SERVICE);
            let offered = Key::new().number(Phase::Offered.number());
            let mut scan = tickets.tickets().scan(index::QUANTITY, &offered).limit(BATCH);
            loop {
                let keys = tickets.tickets().keys(scan.clone()).await?;
                let Some((last, _)) = keys.last() else { break };
                scan = scan.behind(last);
                let set = join_all(keys.into_iter().map(|(_, id)| self.set(&context, id))).await;
                set.into_iter().collect::<Result<(), _>>()?;
            }
            match tickets.applied_fees().apply(&context, TheFees, tickets.fees()).await {
                Ok(_) => {}
                Err(ApplyError::Repository(error)) => return Err(error.into()),
                Err(ApplyError::Stale { .. }) => return Err(RepositoryError::Contended.into()),
                Err(ApplyError::Refused { refusal, .. }) => match refusal {},
            }
        }
        self.is_done.store(true, Ordering::Relaxed);
        Ok(Next::Idle)
    }
}
