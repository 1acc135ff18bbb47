//! Reads everything that is stored at one moment, and what is about to happen to it.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    path::Path,
};

use serde::de::DeserializeOwned;
use stubmart_contract::{DomainEvent, OrderId, Timestamp};
use stubmart_delivery::{
    claim::{CLAIMS, Claim},
    delivery::{DELIVERIES, Delivery},
};
use stubmart_orders::order::{ORDERS, Order};
use stubmart_payments::{
    charge::{CHARGES, Charge},
    ledger::{LEDGER, Transaction},
};
use stubmart_ports::{Cause, bus::Consumer, gateway::PaymentRecord, store::Collection};
use stubmart_sandbox::payment::{PAYMENTS, SandboxPayment};
use stubmart_sqlite::snapshot::Snapshot;
use stubmart_tickets::ticket::{TICKETS, Ticket};

use super::{
    books, deliveries, record,
    rules::{self, Alive, Finding, Market},
};

/// What one look found.
#[derive(Debug)]
pub(crate) struct Looked {
    /// Everything that does not hold, with the event that will mend it.
    pub(crate) findings: HashMap<Finding, Option<OnItsWay>>,
    /// What there was to look at.
    pub(crate) summary: String,
}

/// An event on its way to a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OnItsWay {
    /// The consumer's name.
    pub(crate) consumer: &'static str,
    /// The event's place in the log.
    pub(crate) position: u64,
    /// When it is delivered again, if it was before.
    pub(crate) due: Option<Timestamp>,
}

/// Looks at the market in the file at `path`.
///
/// # Errors
/// The cause: the file, or what is in it, cannot be read.
pub(crate) fn look(path: &Path, alive: Alive) -> Result<Looked, Cause> {
    let snapshot = Snapshot::take(path)?;
    let market = market(&snapshot)?;
    let (mut found, events) = record::audit(&snapshot)?;
    found.extend(rules::audit(&market, alive));
    books::balance(&market, &mut found);
    deliveries::audit(&market, alive, &mut found);
    deliveries::audit_claims(&market, alive, &mut found);
    let consumers: HashSet<_> = found.iter().flat_map(|it| it.mended_by).copied().collect();
    let waiting = waiting(&snapshot, consumers)?;
    let findings = found.into_iter().map(|finding| {
        let way = finding
            .mended_by
            .iter()
            .find_map(|consumer| waiting.get(&(consumer.name, finding.order?)).cloned());
        (finding, way)
    });
    Ok(Looked {
        findings: findings.collect(),
        summary: format!(
            "{} tickets, {} orders, {} charges, {} postings, {} deliveries and {events} domain events",
            market.tickets.len(),
            market.orders.len(),
            market.charges.len(),
            market.ledger.len(),
            market.deliveries.len()
        ),
    })
}

fn market(snapshot: &Snapshot) -> Result<Market, Cause> {
    Ok(Market {
        tickets: by(all::<Ticket>(snapshot, &TICKETS)?, |it| it.id),
        orders: by(all::<Order>(snapshot, &ORDERS)?, |it| it.id),
        charges: by(all::<Charge>(snapshot, &CHARGES)?, |it| it.id),
        deliveries: by(all::<Delivery>(snapshot, &DELIVERIES)?, |it| it.order_id),
        claims: all::<Claim>(snapshot, &CLAIMS)?,
        payments: payments(snapshot)?,
        ledger: all::<Transaction>(snapshot, &LEDGER)?,
    })
}

/// The books of the provider, which is the sandbox where the market lies in this file.
fn payments(snapshot: &Snapshot) -> Result<Vec<PaymentRecord>, Cause> {
    let payments = all::<SandboxPayment>(snapshot, &PAYMENTS)?;
    Ok(payments.iter().flat_map(|it| it.records(Timestamp::MAX)).collect())
}

fn by<K: Eq + Hash, T>(documents: Vec<T>, id: impl Fn(&T) -> K) -> HashMap<K, T> {
    documents.into_iter().map(|it| (id(&it), it)).collect()
}

/// Every document of a collection.
///
/// # Errors
/// The cause: one of them cannot be read.
pub(crate) fn all<T: DeserializeOwned>(
    snapshot: &Snapshot,
    collection: &Collection,
) -> Result<Vec<T>, Cause> {
    let name = collection.name;
    let read = |body: Vec<u8>| {
        serde_json::from_slice(&body)
            .map_err(|error| format!("a document of {name} cannot be read: {error}").into())
    };
    snapshot.bodies(name)?.into_iter().map(read).collect()
}

/// The oldest event that waits for each of `consumers`, by the order it is about.
fn waiting(
    snapshot: &Snapshot,
    consumers: HashSet<&'static Consumer>,
) -> Result<HashMap<(&'static str, OrderId), OnItsWay>, Cause> {
    let mut oldest = HashMap::new();
    for consumer in consumers {
        for event in snapshot.waiting(consumer)? {
            // One that cannot be read mends nothing.
            let Ok(envelope) = &event.event else { continue };
            let Some(order) = order(&envelope.event) else { continue };
            oldest.entry((consumer.name, order)).or_insert(OnItsWay {
                consumer: consumer.name,
                position: event.position,
                due: event.due,
            });
        }
    }
    Ok(oldest)
}

/// The order that an event is about.
fn order(event: &DomainEvent) -> Option<OrderId> {
    match event {
        DomainEvent::UserCreated(_)
        | DomainEvent::UserUpdated(_)
        | DomainEvent::UserRoleChanged(_)
        | DomainEvent::UserDeleted(_)
        | DomainEvent::ShowCreated(_)
        | DomainEvent::ShowUpdated(_) => None,
        DomainEvent::TicketCreated(it)
        | DomainEvent::TicketUpdated(it)
        | DomainEvent::TicketDeleted(it) => it.order_id,
        DomainEvent::OrderCreated(it)
        | DomainEvent::OrderCancelled(it)
        | DomainEvent::OrderExpired(it)
        | DomainEvent::OrderAwaitingPayment(it)
        | DomainEvent::OrderCompleted(it) => Some(it.id),
        DomainEvent::LockExpired(it) => Some(it.order_id),
        DomainEvent::ChargeCreated(it)
        | DomainEvent::ChargeCompleted(it)
        | DomainEvent::ChargeFailed(it)
        | DomainEvent::ChargeRefunded(it)
        | DomainEvent::ChargeRefundFailed(it) => Some(it.order_id),
        DomainEvent::DeliveryCreated(it)
        | DomainEvent::DeliveryUpdated(it)
        | DomainEvent::DeliveryDueSoon(it)
        | DomainEvent::DeliveryLate(it)
        | DomainEvent::DeliverySent(it)
        | DomainEvent::DeliveryAccepted(it)
        | DomainEvent::DeliveryCancelled(it) => Some(it.order_id),
        DomainEvent::ClaimOpened(it)
        | DomainEvent::ClaimAnswered(it)
        | DomainEvent::ClaimDecided(it) => Some(it.order_id),
    }
}
