//! Events from other services, and of the charges themselves.

use async_trait::async_trait;
use stubmart_contract::{Context, DomainEvent, Envelope, EventType};
use stubmart_kernel::consumer::{HandleError, Handler};
use stubmart_ports::bus::Consumer;

use crate::service::Payments;

/// The consumer of cancelled and expired orders.
pub static ORDER_CANCELLED: Consumer = Consumer {
    name: "payments.order-cancelled",
    types: &[EventType::OrderCancelled, EventType::OrderExpired],
};

/// The consumer that posts to the ledger. An event that was saved is never lost, so what was captured or
/// given back is booked whatever became of the process that did it. The first time it runs it reads every
/// event there ever was.
pub static LEDGER: Consumer = Consumer {
    name: "payments.ledger",
    types: &[EventType::ChargeCompleted, EventType::ChargeRefunded, EventType::ChargeRefundFailed],
};

/// Posts what happened to a charge's money.
pub(crate) struct Money(pub(crate) Payments);

#[async_trait]
impl Handler for Money {
    fn consumer(&self) -> &'static Consumer {
        &LEDGER
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let (DomainEvent::ChargeCompleted(charge)
        | DomainEvent::ChargeRefunded(charge)
        | DomainEvent::ChargeRefundFailed(charge)) = &envelope.event
        else {
            return Ok(());
        };
        Ok(self.0.post(context, charge.id).await?)
    }
}

/// Has the reconciler work on every charge of an order that was cancelled: it voids what is held and
/// refunds what was captured.
pub(crate) struct OrderCancelled(pub(crate) Payments);

#[async_trait]
impl Handler for OrderCancelled {
    fn consumer(&self) -> &'static Consumer {
        &ORDER_CANCELLED
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let (DomainEvent::OrderCancelled(order) | DomainEvent::OrderExpired(order)) =
            &envelope.event
        else {
            return Ok(());
        };
        for charge in self.0.charges_of(order.id).await? {
            if !charge.state.is_settled() {
                self.0.schedule_by(context, charge, self.0.host().now()).await?;
            }
        }
        Ok(())
    }
}
