//! Events from other services, and the event of a listing.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use async_trait::async_trait;
use stubmart_contract::{Context, DomainEvent, Envelope, EventType, UserId, api::TicketStatus};
use stubmart_kernel::{
    consumer::{HandleError, Handler},
    mutant,
};
use stubmart_ports::bus::Consumer;

use crate::{service::Tickets, ticket::Command};

/// Frees or sells a ticket when its order has ended.
pub static ORDERS: Consumer = Consumer {
    name: "tickets.orders",
    types: &[EventType::OrderCancelled, EventType::OrderExpired, EventType::OrderCompleted],
};

static USERS: Consumer = Consumer { name: "tickets.users", types: &[EventType::UserDeleted] };

static SELLERS: Consumer = Consumer {
    name: "tickets.sellers",
    types: &[EventType::UserUpdated, EventType::TicketCreated, EventType::TicketUpdated],
};

static LISTINGS: Consumer =
    Consumer { name: "tickets.listings", types: &[EventType::TicketCreated] };

static SHOWS: Consumer = Consumer { name: "tickets.shows", types: &[EventType::ShowUpdated] };

/// An order that ended frees its ticket or has bought it. Orders calls at once; its event comes too, in
/// case the call was lost.
pub(crate) struct Orders(pub(crate) Tickets);

#[async_trait]
impl Handler for Orders {
    fn consumer(&self) -> &'static Consumer {
        &ORDERS
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        let tickets = &self.0;
        match &envelope.event {
            DomainEvent::OrderCompleted(order) if mutant!("free what is sold") => {
                tickets.release_ticket(context, order.ticket_id, order.id).await?;
            }
            DomainEvent::OrderCancelled(order) | DomainEvent::OrderExpired(order) => {
                tickets.release_ticket(context, order.ticket_id, order.id).await?;
            }
            DomainEvent::OrderCompleted(order) => {
                tickets.sell_ticket(context, order.ticket_id, order.id).await?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// A show that was changed may end at another time, or not take place.
pub(crate) struct Shows(pub(crate) Tickets);

#[async_trait]
impl Handler for Shows {
    fn consumer(&self) -> &'static Consumer {
        &SHOWS
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        if let DomainEvent::ShowUpdated(show) = &envelope.event {
            self.0.show_changed(context, show.id).await?;
        }
        Ok(())
    }
}

/// A user whose account was deleted offers nothing.
pub(crate) struct Users(pub(crate) Tickets);

#[async_trait]
impl Handler for Users {
    fn consumer(&self) -> &'static Consumer {
        &USERS
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        if let DomainEvent::UserDeleted(user) = &envelope.event {
            self.0.seller_deleted(context, user.id).await?;
        }
        Ok(())
    }
}

/// A ticket that was listed while its seller's account was being deleted. The use case that lists it looks
/// for the mark afterwards, but can be killed in between; the event of the listing cannot be lost.
pub(crate) struct Listings(pub(crate) Tickets);

impl Listings {
    async fn check(
        &self,
        context: &Context,
        envelope: &Envelope,
        deleted: &mut BTreeMap<UserId, bool>,
    ) -> Result<(), HandleError> {
        let DomainEvent::TicketCreated(ticket) = &envelope.event else { return Ok(()) };
        let is_deleted = match deleted.get(&ticket.user_id) {
            Some(is_deleted) => *is_deleted,
            None => self.0.deleted_users().contains(ticket.user_id).await?,
        };
        deleted.insert(ticket.user_id, is_deleted);
        if is_deleted && !mutant!("list for a deleted account") {
            self.0.apply_if_possible(context, ticket.id, &Command::Retire).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Handler for Listings {
    fn consumer(&self) -> &'static Consumer {
        &LISTINGS
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        self.check(context, envelope, &mut BTreeMap::new()).await
    }

    /// A seller who lists a thousand tickets at once is looked up once for each batch.
    async fn handle_all(
        &self,
        events: &[(Context, Arc<Envelope>)],
    ) -> Vec<Result<(), HandleError>> {
        let mut deleted = BTreeMap::new();
        let mut results = Vec::with_capacity(events.len());
        for (context, envelope) in events {
            results.push(self.check(context, envelope, &mut deleted).await);
        }
        results
    }
}

/// What is shown of sellers follows their accounts and their sales. Events have no personal data, so that
/// auth is asked for it; and a sale is counted by counting what is sold, so that no event counts twice.
pub(crate) struct Sellers(pub(crate) Tickets);

/// What an event asks to be done for a seller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Seen {
    /// The account has changed.
    Account(UserId),
    /// A ticket was listed.
    Listing(UserId),
    /// A ticket was sold.
    Sale(UserId),
}

impl Seen {
    fn of(envelope: &Envelope) -> Option<Self> {
        match &envelope.event {
            DomainEvent::UserUpdated(user) => Some(Self::Account(user.id)),
            DomainEvent::TicketCreated(ticket) => Some(Self::Listing(ticket.user_id)),
            DomainEvent::TicketUpdated(ticket) if ticket.status == TicketStatus::Sold => {
                Some(Self::Sale(ticket.user_id))
            }
            _ => None,
        }
    }
}

impl Sellers {
    async fn follow(&self, context: &Context, seen: Seen) -> Result<(), HandleError> {
        let tickets = &self.0;
        match seen {
            // A buyer is nobody's seller yet; a first listing asks for the account as it is then.
            Seen::Account(user) if !tickets.has_listed(user).await? => {}
            Seen::Account(user) => tickets.sellers().learn(context, user).await?,
            Seen::Listing(user) => {
                if !tickets.sellers().is_known(user).await? {
                    tickets.sellers().learn(context, user).await?;
                }
            }
            Seen::Sale(user) => {
                let sold = tickets.count_sold(user).await?;
                tickets.sellers().sold(context, user, sold).await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Handler for Sellers {
    fn consumer(&self) -> &'static Consumer {
        &SELLERS
    }

    async fn handle(&self, context: &Context, envelope: &Envelope) -> Result<(), HandleError> {
        match Seen::of(envelope) {
            Some(seen) => self.follow(context, seen).await,
            None => Ok(()),
        }
    }

    /// A seller whose sales come in numbers is counted once for each batch.
    async fn handle_all(
        &self,
        events: &[(Context, Arc<Envelope>)],
    ) -> Vec<Result<(), HandleError>> {
        let mut done = BTreeSet::new();
        let mut results = Vec::with_capacity(events.len());
        for (context, envelope) in events {
            let seen = Seen::of(envelope).filter(|seen| !done.contains(seen));
            let result = match seen {
                Some(seen) => self.follow(context, seen).await,
                None => Ok(()),
            };
            if let (Some(seen), Ok(())) = (seen, &result) {
                done.insert(seen);
            }
            results.push(result);
        }
        results
    }
}
