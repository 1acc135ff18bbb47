//! The invariants, as pure rules over everything that is stored.

use std::{collections::HashMap, time::Duration};

use stubmart_contract::{
    ChargeId, OrderId, TicketId, Timestamp,
    api::{OrderStatus, TicketStatus},
};
use stubmart_embedded::sandbox::{SandboxIntent, Status};
use stubmart_orders::order::Order;
use stubmart_payments::charge::{Charge, Stage};
use stubmart_tickets::ticket::Ticket;

/// How long after its time a lock may still be there while the services run.
const GRACE: Duration = Duration::from_secs(60);

/// Everything that is stored.
#[derive(Debug, Default)]
pub(crate) struct Market {
    pub(crate) tickets: HashMap<TicketId, Ticket>,
    pub(crate) orders: HashMap<OrderId, Order>,
    pub(crate) charges: HashMap<ChargeId, Charge>,
    pub(crate) intents: HashMap<ChargeId, SandboxIntent>,
    /// When anything last happened.
    pub(crate) last_activity: Option<Timestamp>,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Finding {
    /// Which invariant.
    pub(crate) invariant: &'static str,
    /// What is wrong, with the ids.
    pub(crate) text: String,
    /// The consumers whose events mend it, when one is on its way.
    pub(crate) mended_by: &'static [&'static str],
}

const TICKETS: &[&str] = &["tickets.orders", "tickets.users", "orders.locks", "expiration.locks"];
const ORDERS: &[&str] =
    &["orders.charges", "orders.locks", "orders.users", "tickets.orders", "expiration.locks"];
const CHARGES: &[&str] = &["payments.orders", "orders.charges"];

fn finding(invariant: &'static str, mended_by: &'static [&'static str], text: String) -> Finding {
    Finding { invariant, text, mended_by }
}

/// Everything that does not hold.
pub(crate) fn audit(market: &Market) -> Vec<Finding> {
    let mut found = Vec::new();
    one_live_order(market, &mut found);
    sold_means_completed(market, &mut found);
    locks_end(market, &mut found);
    prices_stand(market, &mut found);
    charges_belong(market, &mut found);
    money_adds_up(market, &mut found);
    found
}

/// LOCK-1: at most one order that is not cancelled exists for a ticket.
fn one_live_order(market: &Market, found: &mut Vec<Finding>) {
    let mut live: HashMap<TicketId, Vec<OrderId>> = HashMap::new();
    for order in market.orders.values().filter(|order| order.status != OrderStatus::Cancelled) {
        live.entry(order.ticket_id).or_default().push(order.id);
    }
    for (ticket, mut orders) in live.into_iter().filter(|(_, orders)| orders.len() > 1) {
        orders.sort();
        found.push(finding("LOCK-1", &[], format!("ticket {ticket} has live orders {orders:?}")));
    }
}

/// LOCK-2: a ticket is sold exactly when one completed order exists for it.
fn sold_means_completed(market: &Market, found: &mut Vec<Finding>) {
    for ticket in market.tickets.values() {
        let order = ticket.order_id.and_then(|id| market.orders.get(&id));
        let is_completed = order
            .is_some_and(|it| it.status == OrderStatus::Completed && it.ticket_id == ticket.id);
        if ticket.status == TicketStatus::Sold && !is_completed {
            found.push(finding(
                "LOCK-2",
                &[],
                format!("ticket {} is sold without a completed order", ticket.id),
            ));
        }
    }
    for order in market.orders.values().filter(|order| order.status == OrderStatus::Completed) {
        let sold = market.tickets.get(&order.ticket_id);
        if !sold.is_some_and(|it| it.status == TicketStatus::Sold && it.order_id == Some(order.id))
        {
            found.push(finding(
                "LOCK-2",
                TICKETS,
                format!(
                    "order {} is completed, ticket {} is not sold to it",
                    order.id, order.ticket_id
                ),
            ));
        }
    }
}

/// LOCK-3: every lock ends. A lock counts as overdue when the market was seen alive long after its time.
fn locks_end(market: &Market, found: &mut Vec<Finding>) {
    for ticket in market.tickets.values().filter(|ticket| ticket.status == TicketStatus::Locked) {
        let (Some(order_id), Some(until)) = (ticket.order_id, ticket.locked_until) else {
            found.push(finding(
                "LOCK-3",
                &[],
                format!("ticket {} is locked for no order or without an end", ticket.id),
            ));
            continue;
        };
        let status = market.orders.get(&order_id).map(|order| order.status);
        let overdue = market.last_activity.is_some_and(|at| at > until.after(GRACE));
        match status {
            Some(OrderStatus::Cancelled) => {
                found.push(finding(
                    "LOCK-3",
                    TICKETS,
                    format!(
                        "ticket {} is locked for order {order_id}, which is cancelled",
                        ticket.id
                    ),
                ));
            }
            Some(OrderStatus::Created) | None if overdue => {
                found.push(finding(
                    "LOCK-3",
                    ORDERS,
                    format!("ticket {} is locked since its time ran out at {until}", ticket.id),
                ));
            }
            _ => {}
        }
    }
    for order in market.orders.values() {
        let live = matches!(order.status, OrderStatus::Created | OrderStatus::AwaitingPayment);
        let holder = market.tickets.get(&order.ticket_id).and_then(|ticket| ticket.order_id);
        if live && holder != Some(order.id) {
            found.push(finding(
                "LOCK-1",
                &[],
                format!(
                    "order {} is live, and ticket {} is not locked for it",
                    order.id, order.ticket_id
                ),
            ));
        }
    }
}

/// PRICE-1: the amount charged is the price at the lock.
fn prices_stand(market: &Market, found: &mut Vec<Finding>) {
    for order in market.orders.values() {
        let ticket =
            market.tickets.get(&order.ticket_id).filter(|ticket| ticket.order_id == Some(order.id));
        if let Some(ticket) = ticket.filter(|ticket| ticket.price != order.price) {
            let (is, was) = (ticket.price.minor(), order.price.minor());
            found.push(finding(
                "PRICE-1",
                &[],
                format!(
                    "ticket {} costs {is} under order {}, which locked it at {was}",
                    ticket.id, order.id
                ),
            ));
        }
    }
    for charge in market.charges.values() {
        match market.orders.get(&charge.order_id) {
            Some(order) if (order.price, order.currency) != (charge.amount, charge.currency) => {
                let (asked, price) = (charge.amount.minor(), order.price.minor());
                found.push(finding(
                    "PRICE-1",
                    &[],
                    format!("charge {} asks {asked} for order {} at {price}", charge.id, order.id),
                ));
            }
            Some(_) => {}
            None => {
                found.push(finding("PAY-1", &[], format!("charge {} is for no order", charge.id)))
            }
        }
    }
}

/// PAY-1: a charge that is completed and not refunded belongs to exactly one completed order, and the
/// other way round.
fn charges_belong(market: &Market, found: &mut Vec<Finding>) {
    let mut kept: HashMap<OrderId, Vec<ChargeId>> = HashMap::new();
    for charge in market.charges.values() {
        if charge.stage == Stage::Completed && charge.stripe_refund_id.is_none() {
            kept.entry(charge.order_id).or_default().push(charge.id);
        }
    }
    for (order_id, charges) in &mut kept {
        charges.sort();
        let status = market.orders.get(order_id).map(|order| order.status);
        if status != Some(OrderStatus::Completed) {
            found.push(finding(
                "PAY-1",
                ORDERS,
                format!("charges {charges:?} are kept, and order {order_id} is {status:?}"),
            ));
        }
        if charges.len() > 1 {
            found.push(finding(
                "PAY-1",
                CHARGES,
                format!("order {order_id} is paid for by {charges:?}"),
            ));
        }
    }
    for order in market.orders.values().filter(|order| order.status == OrderStatus::Completed) {
        let paid = kept
            .get(&order.id)
            .is_some_and(|charges| charges.iter().any(|it| Some(*it) == order.charge_id));
        if !paid {
            found.push(finding(
                "PAY-1",
                CHARGES,
                format!("order {} is completed without a charge that was kept", order.id),
            ));
        }
    }
}

/// PAY-2 and PAY-3, by the sandbox's own books: no payment without a charge; what was captured and not
/// given back equals the price of a completed order, and is nothing for any other.
fn money_adds_up(market: &Market, found: &mut Vec<Finding>) {
    let mut captured: HashMap<OrderId, u64> = HashMap::new();
    for intent in market.intents.values() {
        let charge = market.charges.get(&intent.charge_id);
        if charge.is_none() {
            found.push(finding(
                "PAY-2",
                &[],
                format!(
                    "payment {} names charge {}, which was never saved",
                    intent.id, intent.charge_id
                ),
            ));
        }
        // Where a look at the provider is due, the charge is not at rest.
        let at_rest = charge.is_none_or(|charge| charge.due_at.is_none());
        let taken = matches!(intent.status, Status::Succeeded { refund_id: None });
        let status = market.orders.get(&intent.order_id).map(|order| order.status);
        if taken {
            *captured.entry(intent.order_id).or_default() += u64::from(intent.amount.minor());
        }
        if taken && at_rest && status != Some(OrderStatus::Completed) {
            found.push(finding(
                "PAY-3",
                ORDERS,
                format!(
                    "payment {} was taken, and order {} is {status:?}",
                    intent.id, intent.order_id
                ),
            ));
        }
        if intent.status == Status::RequiresCapture
            && at_rest
            && charge.is_some_and(|it| !it.is_open())
        {
            found.push(finding(
                "PAY-3",
                CHARGES,
                format!("payment {} is held, and its charge has ended", intent.id),
            ));
        }
    }
    for order in market.orders.values().filter(|order| order.status == OrderStatus::Completed) {
        let taken = captured.get(&order.id).copied().unwrap_or(0);
        if taken != u64::from(order.price.minor()) {
            found.push(finding(
                "PAY-3",
                CHARGES,
                format!("order {} costs {}, and {taken} was taken", order.id, order.price.minor()),
            ));
        }
    }
}
