//! Events from other services.

use async_trait::async_trait;
use stubmart_contract::{DomainEvent, Envelope, EventType};
use stubmart_kernel::{
    consumer::{HandleError, Handler},
    repo::Trace,
};
use stubmart_ports::bus::Consumer;

use crate::{Orders, order::Command};

/// Ends the orders whose locks have run out.
pub static LOCKS: Consumer = Consumer { name: "orders.locks", types: &[EventType::OrderExpired] };

/// Completes or cancels an order when its charge has ended.
pub static CHARGES: Consumer = Consumer {
    name: "orders.charges",
    types: &[EventType::ChargeCompleted, EventType::ChargeFailed],
};

static USERS: Consumer = Consumer { name: "orders.users", types: &[EventType::UserDeleted] };

/// A lock's time is up.
pub(crate) struct Locks(pub(crate) Orders);

#[async_trait]
impl Handler for Locks {
    fn consumer(&self) -> &'static Consumer {
        &LOCKS
    }

    async fn handle(
        &self,
        _: &stubmart_contract::Context,
        envelope: &Envelope,
    ) -> Result<(), HandleError> {
        if let DomainEvent::OrderExpired(expired) = &envelope.event {
            self.0.lock_expired(expired, Trace::event(envelope)).await?;
        }
        Ok(())
    }
}

/// A charge ended.
pub(crate) struct Charges(pub(crate) Orders);

#[async_trait]
impl Handler for Charges {
    fn consumer(&self) -> &'static Consumer {
        &CHARGES
    }

    async fn handle(
        &self,
        _: &stubmart_contract::Context,
        envelope: &Envelope,
    ) -> Result<(), HandleError> {
        let (charge, command) = match &envelope.event {
            DomainEvent::ChargeCompleted(charge) => (charge, Command::Complete(charge.id)),
            DomainEvent::ChargeFailed(charge) if charge.ends_order => {
                (charge, Command::Fail(charge.id))
            }
            _ => return Ok(()),
        };
        self.0.apply(charge.order_id, command, Trace::event(envelope)).await?;
        Ok(())
    }
}

/// A user who is gone buys nothing.
pub(crate) struct Users(pub(crate) Orders);

#[async_trait]
impl Handler for Users {
    fn consumer(&self) -> &'static Consumer {
        &USERS
    }

    async fn handle(
        &self,
        _: &stubmart_contract::Context,
        envelope: &Envelope,
    ) -> Result<(), HandleError> {
        if let DomainEvent::UserDeleted(user) = &envelope.event {
            self.0.buyer_gone(user.id, Trace::event(envelope)).await?;
        }
        Ok(())
    }
}
