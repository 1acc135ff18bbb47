//! The invariants, as pure rules over everything that is stored.

use std::{collections::HashMap, time::Duration};

use stubmart_contract::{
    ChargeId, OrderId, TicketId, Timestamp, UserId,
    api::{OrderStatus, TicketStatus},
};
use stubmart_delivery::{claim::Claim, delivery::Delivery, files::Files};
use stubmart_orders::order::Order;
use stubmart_payments::{charge::Charge, ledger::Transaction, payout::Payout, sale::Sale};
use stubmart_ports::{bus::Consumer, gateway::PaymentRecord};
use stubmart_tickets::{row_claims::SeatRow, ticket::Ticket};

/// How long after its time a lock may still be there, and a charge be looked at, while the services run.
pub(crate) const GRACE: Duration = Duration::from_secs(60);

/// Everything that is stored.
#[derive(Debug, Default)]
pub(crate) struct Market {
    pub(crate) tickets: HashMap<TicketId, Ticket>,
    pub(crate) orders: HashMap<OrderId, Order>,
    pub(crate) charges: HashMap<ChargeId, Charge>,
    pub(crate) deliveries: HashMap<OrderId, Delivery>,
    pub(crate) claims: Vec<Claim>,
    pub(crate) files: Vec<Files>,
    /// The provider's books.
    pub(crate) payments: Vec<PaymentRecord>,
    /// Our own.
    pub(crate) ledger: Vec<Transaction>,
    pub(crate) sales: HashMap<OrderId, Sale>,
    pub(crate) payouts: Vec<Payout>,
}

/// When the services were last known to run.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Alive {
    /// They run now, and this is the time.
    At(Timestamp),
    /// They do not run now. They did when an order last changed: nothing else changes one.
    AtLastOrder,
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Finding {
    /// Which invariant.
    pub(crate) invariant: &'static str,
    /// What is wrong, with the ids.
    pub(crate) text: String,
    /// The order it is about.
    pub(crate) order: Option<OrderId>,
    /// The consumers that mend it when they handle an event about that order.
    pub(crate) mended_by: &'static [&'static Consumer],
}

/// They free or sell a ticket when its order has ended.
static TICKETS: &[&Consumer] = &[&stubmart_tickets::inbound::ORDERS];

/// They arm the timer that ends a lock.
static LOCKS: &[&Consumer] = &[&stubmart_expiration::arm::LOCKS];

/// They end an order when its charge has.
static CHARGES: &[&Consumer] = &[&stubmart_orders::inbound::CHARGES];

/// They end an order when its charge has, or give the money of a cancelled one back.
static MONEY: &[&Consumer] =
    &[&stubmart_orders::inbound::CHARGES, &stubmart_payments::inbound::ORDER_CANCELLED];

/// Consumers that something reads for whenever the services run.
pub(crate) static MENDERS: [&Consumer; 3] = [
    &stubmart_tickets::inbound::ORDERS,
    &stubmart_expiration::arm::LOCKS,
    &stubmart_orders::inbound::CHARGES,
];

/// Ids, as an operator can copy them.
fn list(ids: &[impl ToString]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Where an order stands, that should be completed.
pub(crate) fn state(order: Option<&Order>) -> &'static str {
    match order.map(|order| order.status) {
        None => "is not there",
        Some(OrderStatus::Created) => "is created",
        Some(OrderStatus::AwaitingPayment) => "awaits its payment",
        Some(OrderStatus::Completed) => "is completed",
        Some(OrderStatus::Cancelled) => "is cancelled",
    }
}

/// Something that nothing under way will mend.
pub(crate) fn broken(invariant: &'static str, text: String) -> Finding {
    Finding { invariant, text, order: None, mended_by: &[] }
}

/// Something that these consumers mend when they handle an event about the order.
pub(crate) fn mended_by(
    mended_by: &'static [&'static Consumer],
    order: OrderId,
    invariant: &'static str,
    text: String,
) -> Finding {
    Finding { invariant, text, order: Some(order), mended_by }
}

/// Everything that does not hold.
pub(crate) fn audit(market: &Market, alive: Alive) -> Vec<Finding> {
    let mut found = Vec::new();
    one_live_order(market, &mut found);
    sold_means_completed(market, &mut found);
    locks_end(market, alive, &mut found);
    seats_are_listed_once(market, &mut found);
    orders_hold_their_tickets(market, &mut found);
    payments_end(market, alive, &mut found);
    prices_stand(market, &mut found);
    charges_belong(market, &mut found);
    provider_knows_no_more(market, &mut found);
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
        found.push(broken("LOCK-1", format!("ticket {ticket} has live orders {}", list(&orders))));
    }
}

/// LOCK-2: a ticket is sold exactly when one completed order exists for it.
fn sold_means_completed(market: &Market, found: &mut Vec<Finding>) {
    for ticket in market.tickets.values() {
        let order = ticket.order_id.and_then(|id| market.orders.get(&id));
        let is_completed = order
            .is_some_and(|it| it.status == OrderStatus::Completed && it.ticket_id == ticket.id);
        if ticket.status == TicketStatus::Sold && !is_completed {
            found.push(broken(
                "LOCK-2",
                format!("ticket {} is sold without a completed order", ticket.id),
            ));
        }
    }
    for order in market.orders.values().filter(|order| order.status == OrderStatus::Completed) {
        let sold = market.tickets.get(&order.ticket_id);
        if !sold.is_some_and(|it| it.status == TicketStatus::Sold && it.order_id == Some(order.id))
        {
            found.push(mended_by(
                TICKETS,
                order.id,
                "LOCK-2",
                format!(
                    "order {} is completed, ticket {} is not sold to it",
                    order.id, order.ticket_id
                ),
            ));
        }
    }
}

/// LOCK-3: every lock ends. A lock is overdue when the services run, or ran, long after its time.
fn locks_end(market: &Market, alive: Alive, found: &mut Vec<Finding>) {
    let alive_at = match alive {
        Alive::At(now) => Some(now),
        Alive::AtLastOrder => market.orders.values().map(|order| order.updated_at).max(),
    };
    for ticket in market.tickets.values() {
        if let Some(turn) = ticket.line.turn()
            && alive_at.is_some_and(|at| at > turn.until.after(GRACE))
        {
            let text = format!(
                "the turn of user {} for ticket {} was over at {} and is not passed on",
                turn.user_id, ticket.id, turn.until
            );
            found.push(broken("LOCK-3", text));
        }
    }
    for ticket in market.tickets.values().filter(|ticket| ticket.status == TicketStatus::Locked) {
        let (Some(order_id), Some(until)) = (ticket.order_id, ticket.locked_until) else {
            found.push(broken(
                "LOCK-3",
                format!("ticket {} is locked for no order or without an end", ticket.id),
            ));
            continue;
        };
        let status = market.orders.get(&order_id).map(|order| order.status);
        let overdue = alive_at.is_some_and(|at| at > until.after(GRACE));
        match status {
            Some(OrderStatus::Cancelled) => found.push(mended_by(
                TICKETS,
                order_id,
                "LOCK-3",
                format!("ticket {} is locked for order {order_id}, which is cancelled", ticket.id),
            )),
            Some(OrderStatus::Created) | None if overdue => found.push(mended_by(
                LOCKS,
                order_id,
                "LOCK-3",
                format!("ticket {} is locked since its time ran out at {until}", ticket.id),
            )),
            _ => {}
        }
    }
}

/// SEAT-1: at one event no seat is in two listings that are on sale or sold, unless who bought it lists it
/// again.
fn seats_are_listed_once(market: &Market, found: &mut Vec<Finding>) {
    let mut seats: HashMap<(SeatRow, String), Vec<&Ticket>> = HashMap::new();
    for ticket in market.tickets.values().filter(|it| it.status != TicketStatus::Withdrawn) {
        let Some(wanted) = ticket.wanted_seats() else { continue };
        for seat in wanted.seats.into_keys() {
            seats.entry((wanted.row.clone(), seat)).or_default().push(ticket);
        }
    }
    for ((row, seat), listings) in seats.into_iter().filter(|(_, it)| it.len() > 1) {
        let on_sale = listings.iter().filter(|it| it.status != TicketStatus::Sold).count();
        if on_sale > 1 || not_bought_before(&listings) > 1 {
            let SeatRow { event_id, section, row } = row;
            let mut tickets: Vec<_> = listings.iter().map(|it| it.id).collect();
            tickets.sort();
            let tickets = list(&tickets);
            found.push(broken(
                "SEAT-1",
                format!("seat {seat} of {section:?} {row:?} at {event_id} is in tickets {tickets}"),
            ));
        }
    }
}

/// How many of these listings of one seat are by somebody who did not buy it from another one of them.
fn not_bought_before(listings: &[&Ticket]) -> usize {
    let mut listed: HashMap<UserId, usize> = HashMap::new();
    for listing in listings {
        *listed.entry(listing.user_id).or_default() += 1;
    }
    for buyer in
        listings.iter().filter_map(|it| it.buyer_id.filter(|_| it.status == TicketStatus::Sold))
    {
        listed.entry(buyer).and_modify(|count| *count = count.saturating_sub(1));
    }
    listed.into_values().sum()
}

/// LOCK-1: an order that is live holds its ticket.
fn orders_hold_their_tickets(market: &Market, found: &mut Vec<Finding>) {
    for order in market.orders.values() {
        let live = matches!(order.status, OrderStatus::Created | OrderStatus::AwaitingPayment);
        let holder = market.tickets.get(&order.ticket_id).and_then(|ticket| ticket.order_id);
        if live && holder != Some(order.id) {
            let (id, ticket) = (order.id, order.ticket_id);
            found.push(broken(
                "LOCK-1",
                format!("order {id} is live, and ticket {ticket} is not locked for it"),
            ));
        }
    }
}

/// LOCK-3 and PAY-2: an order that awaits its money gets it or ends, since its charge is open and is
/// looked at until its outcome is known.
fn payments_end(market: &Market, alive: Alive, found: &mut Vec<Finding>) {
    let awaiting = |order: &&Order| order.status == OrderStatus::AwaitingPayment;
    for order in market.orders.values().filter(awaiting) {
        let id = order.id;
        match order.charge_id.and_then(|charge_id| market.charges.get(&charge_id)) {
            None => found.push(broken("LOCK-3", format!("order {id} awaits money of no charge"))),
            Some(charge) if charge.is_open() || charge.due_at.is_some() => {}
            Some(charge) => found.push(mended_by(
                CHARGES,
                id,
                "LOCK-3",
                format!("order {id} awaits the money of charge {}, which has ended", charge.id),
            )),
        }
    }
    for charge in market.charges.values() {
        match (charge.due_at, alive) {
            (None, _) if charge.is_open() => found.push(broken(
                "PAY-2",
                format!("charge {} is open, and nobody will look at it", charge.id),
            )),
            (Some(due_at), Alive::At(now)) if now > due_at.after(GRACE) => found.push(broken(
                "PAY-2",
                format!("charge {} was to be looked at by {due_at}", charge.id),
            )),
            _ => {}
        }
    }
}

/// PRICE-1: the amount charged is the total at the lock.
fn prices_stand(market: &Market, found: &mut Vec<Finding>) {
    for order in market.orders.values() {
        let ticket =
            market.tickets.get(&order.ticket_id).filter(|ticket| ticket.order_id == Some(order.id));
        if let Some(ticket) = ticket.filter(|ticket| ticket.price != order.price) {
            let (is, was) = (ticket.price.minor(), order.price.minor());
            found.push(broken(
                "PRICE-1",
                format!(
                    "ticket {} costs {is} under order {}, which locked it at {was}",
                    ticket.id, order.id
                ),
            ));
        }
    }
    for charge in market.charges.values() {
        match market.orders.get(&charge.order_id) {
            Some(order)
                if (order.breakdown().total, order.currency)
                    != (charge.amount, charge.currency) =>
            {
                let (asked, total) = (charge.amount.minor(), order.breakdown().total.minor());
                let (asked_in, costs_in) = (charge.currency, order.currency);
                found.push(broken(
                    "PRICE-1",
                    format!(
                        "charge {} asks {asked} {asked_in} for order {} at {total} {costs_in}",
                        charge.id, order.id
                    ),
                ));
            }
            Some(_) => {}
            None => found.push(broken("PAY-1", format!("charge {} is for no order", charge.id))),
        }
    }
}

/// PAY-1: a charge that is completed and not refunded belongs to exactly one completed order, and the
/// other way round. A charge that is due to be looked at is not at rest.
fn charges_belong(market: &Market, found: &mut Vec<Finding>) {
    let mut kept: HashMap<OrderId, Vec<ChargeId>> = HashMap::new();
    for charge in market.charges.values() {
        let at_rest = charge.due_at.is_none();
        if at_rest && charge.is_kept() {
            kept.entry(charge.order_id).or_default().push(charge.id);
        }
    }
    for (&order_id, charges) in &mut kept {
        charges.sort();
        let order = market.orders.get(&order_id);
        if order.is_none_or(|order| order.status != OrderStatus::Completed) {
            let state = state(order);
            found.push(mended_by(
                MONEY,
                order_id,
                "PAY-1",
                format!("charges kept for order {order_id}, which {state}: {}", list(charges)),
            ));
        }
        if charges.len() > 1 {
            found.push(broken(
                "PAY-1",
                format!("order {order_id} is paid for by {}", list(charges)),
            ));
        }
    }
    for order in market.orders.values().filter(|order| order.status == OrderStatus::Completed) {
        let paid = order.charge_id.and_then(|charge_id| market.charges.get(&charge_id));
        let paid =
            paid.is_some_and(|it| it.order_id == order.id && (it.is_kept() || it.was_given_back()));
        if !paid {
            let id = order.id;
            found.push(broken(
                "PAY-1",
                format!("order {id} is completed without a charge that was kept or given back"),
            ));
        }
    }
}

/// PAY-2 and PRICE-1, by the provider's own books: no payment without a charge, and each asks for what
/// its charge says.
fn provider_knows_no_more(market: &Market, found: &mut Vec<Finding>) {
    for payment in &market.payments {
        let (id, charge_id) = (&payment.id, payment.charge_id);
        let Some(charge) = market.charges.get(&charge_id) else {
            found.push(broken(
                "PAY-2",
                format!("payment {id} names charge {charge_id}, which was never saved"),
            ));
            continue;
        };
        if (payment.amount, payment.currency) != (charge.amount, charge.currency) {
            let (asked, asks) = (payment.amount.minor(), charge.amount.minor());
            let (asked_in, asks_in) = (payment.currency, charge.currency);
            found.push(broken(
                "PRICE-1",
                format!("payment {id} is of {asked} {asked_in}, its charge {charge_id} asks for {asks} {asks_in}"),
            ));
        }
    }
}

/// PAY-3, by the provider's own books: what was captured and not given back equals the total of a
/// completed order, and is nothing for any other. A charge that is due to be looked at is not at rest.
fn money_adds_up(market: &Market, found: &mut Vec<Finding>) {
    let mut captured: HashMap<OrderId, u64> = HashMap::new();
    for payment in &market.payments {
        let charge = market.charges.get(&payment.charge_id);
        let at_rest = charge.is_none_or(|charge| charge.due_at.is_none());
        let (id, order_id) = (&payment.id, payment.order_id);
        let order = market.orders.get(&order_id);
        let completed = order.is_some_and(|order| order.status == OrderStatus::Completed);
        *captured.entry(order_id).or_default() += payment.kept;
        if payment.kept > 0 && at_rest && !completed {
            found.push(mended_by(
                MONEY,
                order_id,
                "PAY-3",
                format!("payment {id} was taken for order {order_id}, which {}", state(order)),
            ));
        }
        let ended = charge.is_some_and(|charge| !charge.is_open());
        if payment.held > 0 && at_rest && ended {
            found.push(broken("PAY-3", format!("payment {id} is held, and its charge has ended")));
        }
    }
    for order in market.orders.values().filter(|order| order.status == OrderStatus::Completed) {
        let taken = captured.get(&order.id).copied().unwrap_or(0);
        let charge = order.charge_id.and_then(|id| market.charges.get(&id));
        let given_back = |charge: &Charge| -> u64 {
            let refunds = charge.refunds.iter();
            let refunds = refunds.filter(|it| it.stands() && it.is_decided_by_people());
            refunds.map(|it| u64::from(it.amount.minor())).sum()
        };
        if charge.is_some_and(|it| !it.refunds.is_empty() && it.due_at.is_some()) {
            continue;
        }
        let total = u64::from(order.breakdown().total.minor());
        let total = total.saturating_sub(charge.map_or(0, given_back));
        let id = order.id;
        if taken != total {
            let text = format!("{total} is to be kept for order {id}, and {taken} is");
            found.push(broken("PAY-3", text));
        }
    }
}

#[cfg(test)]
mod tests;
