//! Reads everything that is stored at one moment, and what is about to happen to it.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use stubmart_contract::{DomainEvent, OrderId, Timestamp};
use stubmart_delivery::{
    claim::{CLAIMS, Claim},
    delivery::{DELIVERIES, Delivery},
    files::{FILES, Files},
};
use stubmart_orders::order::{ORDERS, Order};
use stubmart_payments::{
    charge::{CHARGES, Charge},
    ledger::{LEDGER, Transaction},
    payout::{PAYOUTS, Payout},
    sale::{SALES, Sale},
};
use stubmart_ports::{Cause, bus::Consumer, gateway::PaymentRecord};
use stubmart_sandbox::payment::{PAYMENTS, SandboxPayment};
use stubmart_tickets::ticket::{TICKETS, Ticket};

use super::{
    books, deliveries,
    files::{self, Vault},
    payouts, record,
    rules::{self, Alive, Finding, Market},
};
use crate::whole::Whole;

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

/// Looks at a stored market.
///
/// # Errors
/// The cause: it, or what is in it, cannot be read.
pub(crate) async fn look(whole: &Whole, vault: &Vault, alive: Alive) -> Result<Looked, Cause> {
    let market = market(whole).await?;
    let (mut found, events) = record::audit(whole).await?;
    found.extend(rules::audit(&market, alive));
    books::balance(&market, &mut found);
    payouts::audit(&market, alive, &mut found);
    deliveries::audit(&market, alive, &mut found);
    deliveries::audit_claims(&market, alive, &mut found);
    files::audit(&market, &mut found);
    vault.audit(&market, &mut found).await;
    let consumers: HashSet<_> = found.iter().flat_map(|it| it.mended_by).copied().collect();
    let waiting = waiting(whole, consumers).await?;
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
            "{} tickets, {} orders, {} charges, {} postings, {} payouts, {} deliveries and {events} domain events",
            market.tickets.len(),
            market.orders.len(),
            market.charges.len(),
            market.ledger.len(),
            market.payouts.len(),
            market.deliveries.len()
        ),
    })
}

async fn market(whole: &Whole) -> Result<Market, Cause> {
    Ok(Market {
        tickets: by(whole.all::<Ticket>(&TICKETS).await?, |it| it.id),
        orders: by(whole.all::<Order>(&ORDERS).await?, |it| it.id),
        charges: by(whole.all::<Charge>(&CHARGES).await?, |it| it.id),
        deliveries: by(whole.all::<Delivery>(&DELIVERIES).await?, |it| it.order_id),
        claims: whole.all::<Claim>(&CLAIMS).await?,
        files: whole.all::<Files>(&FILES).await?,
        payments: payments(whole).await?,
        ledger: whole.all::<Transaction>(&LEDGER).await?,
        sales: by(whole.all::<Sale>(&SALES).await?, |it| it.order_id),
        payouts: whole.all::<Payout>(&PAYOUTS).await?,
    })
}

/// The books of the provider, where that is the sandbox.
async fn payments(whole: &Whole) -> Result<Vec<PaymentRecord>, Cause> {
    let payments = whole.all::<SandboxPayment>(&PAYMENTS).await?;
    Ok(payments.iter().flat_map(|it| it.records(Timestamp::MAX)).collect())
}

fn by<K: Eq + Hash, T>(documents: Vec<T>, id: impl Fn(&T) -> K) -> HashMap<K, T> {
    documents.into_iter().map(|it| (id(&it), it)).collect()
}

/// The oldest event that waits for each of `consumers`, by the order it is about.
async fn waiting(
    whole: &Whole,
    consumers: HashSet<&'static Consumer>,
) -> Result<HashMap<(&'static str, OrderId), OnItsWay>, Cause> {
    let mut oldest = HashMap::new();
    for consumer in consumers {
        for event in whole.waiting(consumer).await? {
            // One that cannot be read mends nothing.
            let Ok(envelope) = &event.event else { continue };
            for order in orders(&envelope.event) {
                oldest.entry((consumer.name, order)).or_insert(OnItsWay {
                    consumer: consumer.name,
                    position: event.position,
                    due: event.due,
                });
            }
        }
    }
    Ok(oldest)
}

/// The orders that an event is about.
fn orders(event: &DomainEvent) -> Vec<OrderId> {
    if let DomainEvent::PayoutPaid(payout) = event {
        return payout.items.iter().map(|it| it.order_id).collect();
    }
    order(event).into_iter().collect()
}

/// The one order that an event is about.
fn order(event: &DomainEvent) -> Option<OrderId> {
    match event {
        DomainEvent::UserCreated(_)
        | DomainEvent::UserUpdated(_)
        | DomainEvent::UserRoleChanged(_)
        | DomainEvent::UserDeleted(_)
        | DomainEvent::ShowCreated(_)
        | DomainEvent::ShowUpdated(_)
        | DomainEvent::PayoutPaid(_) => None,
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
        DomainEvent::PayoutScheduled(it)
        | DomainEvent::PayoutUpdated(it)
        | DomainEvent::PayoutDue(it) => Some(it.order_id),
    }
}
