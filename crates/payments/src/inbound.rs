//! Domain events that payments handles.

use async_trait::async_trait;
use stubmart_contract::{DomainEvent, Envelope, EventType};
use stubmart_kernel::consumer::{HandleError, Handler};
use stubmart_ports::bus::Consumer;

use crate::Payments;

/// Has the charges of a cancelled order looked at.
pub static ORDER_CANCELLED: Consumer = Consumer {
    name: "payments.order-cancelled",
    types: &[EventType::OrderCancelled, EventType::OrderExpired],
};

/// Has every charge of a cancelled order looked at: what is held is voided, what was captured is given
/// back. The looking is the reconciler's; here it is only made sure that it happens.
pub(crate) struct OrderCancelled(pub(crate) Payments);

#[async_trait]
impl Handler for OrderCancelled {
    fn consumer(&self) -> &'static Consumer {
        &ORDER_CANCELLED
    }

    async fn handle(
        &self,
        _: &stubmart_contract::Context,
        envelope: &Envelope,
    ) -> Result<(), HandleError> {
        let (DomainEvent::OrderCancelled(order) | DomainEvent::OrderExpired(order)) =
            &envelope.event
        else {
            return Ok(());
        };
        for charge in self.0.charges_of(order.id).await? {
            if !charge.doc.is_settled() {
                self.0.look_by(charge, self.0.0.host.now()).await?;
            }
        }
        Ok(())
    }
}
