//! Events from other services.

use async_trait::async_trait;
use stubmart_contract::{
    Context, DomainEvent, Envelope, EventType,
    api::{OrderStatus, TicketStatus},
};
use stubmart_kernel::consumer::{HandleError, Handler};
use stubmart_ports::bus::Consumer;

use crate::{deadline::Showtime, delivery::Command, service::Deliveries};

/// Begins the delivery of what was sold.
pub static SALES: Consumer =
    Consumer { name: "delivery.sales", types: &[EventType::TicketUpdated] };

/// Ends the delivery of what was given back.
pub static REFUNDS: Consumer =
    Consumer { name: "delivery.refunds", types: &[EventType::ChargeRefunded] };

static SHOWS: Consumer = Consumer { name: "delivery.shows", types: &[EventType::ShowUpdated] };

/// A ticket was sold.
pub(crate) struct Sales(pub(crate) Deliveries);

#[async_trait]
impl Handler for Sales {
    fn consumer(&self) -> &'static Consumer {
        &SALES
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        if let DomainEvent::TicketUpdated(ticket) = &envelope.event
            && ticket.status == TicketStatus::Sold
        {
            self.0.begin(context, ticket).await?;
        }
        Ok(())
    }
}

/// A buyer was given the money back.
pub(crate) struct Refunds(pub(crate) Deliveries);

#[async_trait]
impl Handler for Refunds {
    fn consumer(&self) -> &'static Consumer {
        &REFUNDS
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let DomainEvent::ChargeRefunded(charge) = &envelope.event else { return Ok(()) };
        // What a part was given back of is delivered all the same.
        let amounts = charge.given_back().into_iter().map(|(_, amount)| u64::from(amount.minor()));
        if amounts.sum::<u64>() < u64::from(charge.amount.minor()) {
            return Ok(());
        }
        // What was bought may have come and gone before this service heard of the sale.
        if self.0.of_buyer(context, charge.order_id, charge.user_id).await?.is_none() {
            let order = self.0.orders().order(context, charge.user_id, charge.order_id).await?;
            if order.is_some_and(|it| it.status == OrderStatus::Completed) {
                return Err(HandleError::Retry("the sale is not known yet".into()));
            }
            return Ok(());
        }
        Ok(self.0.apply_if_possible(context, charge.order_id, &Command::Refunded).await?)
    }
}

/// A show was changed.
pub(crate) struct Shows(pub(crate) Deliveries);

#[async_trait]
impl Handler for Shows {
    fn consumer(&self) -> &'static Consumer {
        &SHOWS
    }

    /// Goes by the catalogue, not by the event: events come late and in any order.
    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let DomainEvent::ShowUpdated(show) = &envelope.event else { return Ok(()) };
        if let Some(show) = self.0.catalogue().show(context, show.id).await? {
            let at = Showtime { starts_at: show.starts_at, ends_at: show.ends_at };
            self.0.reschedule(context, show.id, at).await?;
        }
        Ok(())
    }
}
