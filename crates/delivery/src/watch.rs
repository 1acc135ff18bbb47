//! Reminds sellers, notes what is late, and ends what nobody ends.

use async_trait::async_trait;
use stubmart_contract::{Context, DeliveryId};
use stubmart_kernel::{
    Repository,
    due::{Due, DueError},
    worker::Wake,
};
use stubmart_ports::calls::CallError;

use crate::{
    deadline::Showtime,
    delivery::{Command, Delivery, index},
    service::{Deliveries, SERVICE},
};

/// Does what is due of deliveries.
pub(crate) struct DueDeliveries(pub(crate) Deliveries);

#[async_trait]
impl Due for DueDeliveries {
    type Aggregate = Delivery;

    fn name(&self) -> &'static str {
        "delivery-deadlines"
    }

    fn repository(&self) -> &Repository<Delivery> {
        self.0.deliveries()
    }

    fn index(&self) -> &'static str {
        index::DUE
    }

    async fn run(&self, id: DeliveryId) -> Result<(), DueError> {
        let context = Context::work(SERVICE);
        let (found, id) = (self.repository().load(id).await?, id.order());
        // Nobody is late for an event that has been moved.
        if let Some(event_id) = found.and_then(|it| it.state.ticket.event_id) {
            let show = self.0.catalogue().show(&context, event_id).await;
            let show = show.map_err(|CallError(cause)| DueError::Dependency(cause))?;
            if let Some(show) = show {
                let show = Showtime { starts_at: show.starts_at, ends_at: show.ends_at };
                self.0.apply_if_possible(&context, id, &Command::Reschedule(show)).await?;
            }
        }
        self.0.fulfil(&context, id).await?;
        self.0.apply_if_possible(&context, id, &Command::Watch).await?;
        Ok(())
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.watch().clone())
    }
}
