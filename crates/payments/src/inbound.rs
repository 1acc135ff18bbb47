//! Events from other services.

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
