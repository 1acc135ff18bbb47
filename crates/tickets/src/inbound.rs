//! Events from other services.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use stubmart_contract::{DomainEvent, Envelope, EventType, UserId};
use stubmart_kernel::{
    consumer::{HandleError, Handler},
    mutant,
    repo::Trace,
};
use stubmart_ports::bus::Consumer;

use crate::{Tickets, ticket::Command};

/// Frees or sells a ticket when its order has ended.
pub static ORDERS: Consumer = Consumer {
    name: "tickets.orders",
    types: &[EventType::OrderCancelled, EventType::OrderCompleted],
};

static USERS: Consumer = Consumer { name: "tickets.users", types: &[EventType::UserDeleted] };

static LISTINGS: Consumer =
    Consumer { name: "tickets.listings", types: &[EventType::TicketCreated] };

/// An order that ends frees its ticket or has bought it.
pub(crate) struct Orders(pub(crate) Tickets);

#[async_trait]
impl Handler for Orders {
    fn consumer(&self) -> &'static Consumer {
        &ORDERS
    }

    async fn handle(
        &self,
        _: &stubmart_contract::Context,
        envelope: &Envelope,
    ) -> Result<(), HandleError> {
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

    async fn handle(
        &self,
        _: &stubmart_contract::Context,
        envelope: &Envelope,
    ) -> Result<(), HandleError> {
        if let DomainEvent::UserDeleted(user) = &envelope.event {
            self.0.seller_gone(user.id, Trace::event(envelope)).await?;
        }
        Ok(())
    }
}

/// A ticket that was listed while its seller's account was being deleted. Whoever lists it looks for the
/// mark afterwards, but can be killed in between; the event of the listing can not be lost.
pub(crate) struct Listings(pub(crate) Tickets);

impl Listings {
    async fn check(
        &self,
        envelope: &Envelope,
        gone: &mut BTreeMap<UserId, bool>,
    ) -> Result<(), HandleError> {
        let DomainEvent::TicketCreated(ticket) = &envelope.event else { return Ok(()) };
        let is_gone = match gone.get(&ticket.user_id) {
            Some(is_gone) => *is_gone,
            None => self.0.0.departed.contains(ticket.user_id).await?,
        };
        gone.insert(ticket.user_id, is_gone);
        if is_gone && !mutant!("list for a deleted account") {
            let trace = Trace::event(envelope);
            self.0.command_by_event(ticket.id.0, &Command::SellerGone, trace).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Handler for Listings {
    fn consumer(&self) -> &'static Consumer {
        &LISTINGS
    }

    async fn handle(
        &self,
        _: &stubmart_contract::Context,
        envelope: &Envelope,
    ) -> Result<(), HandleError> {
        self.check(envelope, &mut BTreeMap::new()).await
    }

    /// A seller who lists a thousand tickets at once is looked up once for each batch.
    async fn handle_all(
        &self,
        events: &[(stubmart_contract::Context, Arc<Envelope>)],
    ) -> Vec<Result<(), HandleError>> {
        let mut gone = BTreeMap::new();
        let mut results = Vec::with_capacity(events.len());
        for (_, envelope) in events {
            results.push(self.check(envelope, &mut gone).await);
        }
        results
    }
}
