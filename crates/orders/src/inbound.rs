//! Events from other services.

use async_trait::async_trait;
use stubmart_contract::{Context, DomainEvent, Envelope, EventType};
use stubmart_kernel::consumer::{HandleError, Handler};
use stubmart_ports::bus::Consumer;

use crate::{service::Orders, timeline};

/// Completes or cancels an order when its charge has ended.
pub static CHARGES: Consumer = Consumer {
    name: "orders.charges",
    types: &[EventType::ChargeCompleted, EventType::ChargeFailed],
};

static USERS: Consumer = Consumer { name: "orders.users", types: &[EventType::UserDeleted] };

/// Notes what happened to orders. The first time it runs it reads every event there ever was.
static TIMELINES: Consumer = Consumer { name: "orders.timelines", types: timeline::EVENTS };

/// A charge ended. Payments calls too, and sooner; the event comes whatever became of the call.
pub(crate) struct Charges(pub(crate) Orders);

#[async_trait]
impl Handler for Charges {
    fn consumer(&self) -> &'static Consumer {
        &CHARGES
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        match &envelope.event {
            DomainEvent::ChargeCompleted(charge) => {
                self.0.complete(context, charge.order_id, charge.id).await?;
            }
            DomainEvent::ChargeFailed(charge) if charge.ends_order => {
                self.0.fail(context, charge.order_id, charge.id).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// A user's account was deleted.
pub(crate) struct Users(pub(crate) Orders);

#[async_trait]
impl Handler for Users {
    fn consumer(&self) -> &'static Consumer {
        &USERS
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        if let DomainEvent::UserDeleted(user) = &envelope.event {
            self.0.buyer_deleted(context, user.id).await?;
        }
        Ok(())
    }
}

/// Something happened to an order.
pub(crate) struct Timelines(pub(crate) Orders);

#[async_trait]
impl Handler for Timelines {
    fn consumer(&self) -> &'static Consumer {
        &TIMELINES
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        Ok(self.0.note(context, envelope).await?)
    }
}
