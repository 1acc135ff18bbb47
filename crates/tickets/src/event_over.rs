//! Use cases: when an event is over its listings end by themselves; and when it ends at another time than
//! was said, its listings learn of it.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::join_all;
use stubmart_contract::{Context, EventId, TicketId};
use stubmart_kernel::{
    Repository, RepositoryError,
    aggregate::Key,
    due::{Due, DueError, Sweep},
    mark,
    worker::Worker,
};

use stubmart_ports::calls::CallError;

use crate::{
    service::{SERVICE, Tickets},
    ticket::{Command, Phase, Ticket, index},
};

/// How many tickets are read at once.
const BATCH: usize = 200;

/// Ends listings of events that are over. One that a checkout holds ends with the checkout, unless that is a
/// sale.
struct Ended(Tickets);

#[async_trait]
impl Due for Ended {
    type Aggregate = Ticket;

    fn name(&self) -> &'static str {
        "tickets.end_listings"
    }

    fn repository(&self) -> &Repository<Ticket> {
        self.0.tickets()
    }

    fn index(&self) -> &'static str {
        index::EVENT_ENDS
    }

    async fn run(&self, id: TicketId) -> Result<(), DueError> {
        mark!("a listing ended with its event");
        let context = Context::work(SERVICE);
        Ok(self.0.apply_if_possible(&context, id, &Command::Retire).await?)
    }
}

/// Why listings may not know when their event ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShowChangedError {
    /// The catalogue did not answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The repository failed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl Tickets {
    /// The worker that ends listings of events that are over.
    pub(crate) fn end_listings(&self) -> Arc<dyn Worker> {
        Sweep::worker(Ended(self.clone()), self.host().clone())
    }

    /// Has the listings of an event know when it ends, as catalogue says it now: nothing is sold of one
    /// that does not take place.
    ///
    /// # Errors
    /// [`ShowChangedError`]: some of them may not know.
    pub(crate) async fn show_changed(
        &self,
        context: &Context,
        event_id: EventId,
    ) -> Result<(), ShowChangedError> {
        let Some(show) = self.catalogue().show(context, event_id).await? else { return Ok(()) };
        let at = if show.status.is_on_sale() {
            show.ends_at
        } else {
            self.host().now().min(show.ends_at)
        };
        let offered = Key::new().id(event_id.0).number(Phase::Offered.number());
        let mut scan = self.tickets().scan(index::EVENT_NEWEST, &offered).limit(BATCH);
        loop {
            let keys = self.tickets().keys(scan.clone()).await?;
            let Some((last, _)) = keys.last() else { return Ok(()) };
            scan = scan.behind(last);
            let command = Command::EventEnds(at);
            let told =
                keys.into_iter().map(|(_, id)| self.apply_if_possible(context, id, &command));
            join_all(told).await.into_iter().collect::<Result<(), _>>()?;
        }
    }
}
