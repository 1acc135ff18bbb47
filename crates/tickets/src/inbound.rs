//! Events from other services.

use async_trait::async_trait;
use stubmart_contract::{DomainEvent, Envelope, EventType};
use stubmart_ports::{
    bus::Consumer,
    consumer::{HandleError, Handler},
    mutant,
    repo::Trace,
};

use crate::{Tickets, ticket::Command};

static ORDERS: Consumer = Consumer {
    name: "tickets.orders",
    types: &[EventType::OrderCancelled, EventType::OrderCompleted],
};

static USERS: Consumer = Consumer { name: "tickets.users", types: &[EventType::UserDeleted] };

/// An order that ends frees its ticket or has bought it.
pub(crate) struct Orders(pub(crate) Tickets);

#[async_trait]
impl Handler for Orders {
    fn consumer(&self) -> &'static Consumer {
        &ORDERS
    }

    async fn handle(&self, envelope: &Envelope) -> Result<(), HandleError> {
        let (order, command) = match &envelope.event {
            DomainEvent::OrderCompleted(order) if mutant!("free what is sold") => {
                (order, Command::Unlock(order.id))
            }
            DomainEvent::OrderCancelled(order) => (order, Command::Unlock(order.id)),
            DomainEvent::OrderCompleted(order) => (order, Command::Sell(order.id)),
            _ => return Ok(()),
        };
        self.0.command_by_event(order.ticket_id.0, &command, Trace::event(envelope)).await?;
        Ok(())
    }
}

/// A user who is gone offers nothing.
pub(crate) struct Users(pub(crate) Tickets);

#[async_trait]
impl Handler for Users {
    fn consumer(&self) -> &'static Consumer {
        &USERS
    }

    async fn handle(&self, envelope: &Envelope) -> Result<(), HandleError> {
        if let DomainEvent::UserDeleted(user) = &envelope.event {
            self.0.seller_gone(user.id, Trace::event(envelope)).await?;
        }
        Ok(())
    }
}
