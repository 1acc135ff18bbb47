//! Use case: an event was moved, and the deadlines of its deliveries move with it.

use stubmart_contract::{Context, EventId};
use stubmart_kernel::{RepositoryError, repository::Row};

use crate::{
    deadline::Showtime,
    delivery::{Command, Delivery, index, of_event},
    service::Deliveries,
};

/// How many deliveries are read at once.
const BATCH: usize = 200;

impl Deliveries {
    /// Every delivery of the event that has not ended goes by its new time.
    ///
    /// # Errors
    /// [`RepositoryError`]: some may go by it. Again is fine.
    pub(crate) async fn reschedule(
        &self,
        context: &Context,
        event_id: EventId,
        show: Showtime,
    ) -> Result<(), RepositoryError> {
        let mut scan = self.deliveries().scan(index::EVENT, &of_event(event_id)).limit(BATCH);
        loop {
            let rows: Vec<Row<Delivery>> = self.deliveries().find(scan.clone()).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            scan = scan.behind(&last.key);
            for row in rows {
                let id = row.found.state.order_id;
                self.apply_if_possible(context, id, &Command::Reschedule(show)).await?;
            }
        }
    }
}
