//! PAY-1 and PAY-3, LOCK-2 and LOCK-3, as far as answers show them: a buyer who paid has the ticket for ever,
//! a buyer who learned that nothing was charged was charged nothing, and at rest all accounts are settled.

use std::collections::HashMap;

use stubmart_contract::{
    Code, OrderId,
    api::{ChargeStatus, OrderStatus, TicketStatus},
};

use super::view::{View, is_payment};
use crate::{
    history::{ChargeSeen, Moment, Outcome, Request},
    violation::Found,
};

pub(crate) fn check(view: &View<'_>, found: &mut Found) {
    paid_is_paid(view, found);
    refused_is_free(view, found);
    amounts(view, found);
    if let Some(rest) = view.history.rest {
        at_rest(view, rest, found);
    }
}

/// A payment that was answered with 201 has completed its order and sold its ticket, for ever.
fn paid_is_paid(view: &View<'_>, found: &mut Found) {
    for call in &view.history.calls {
        let Some(charge) = is_payment(call) else { continue };
        let order = charge.order;
        let sights = view.orders.get(&order).into_iter().flatten();
        for seen in sights.clone().filter(|it| it.start > call.end) {
            if seen.doc.status != OrderStatus::Completed {
                found.add("PAY-1", format!("{charge:?} was paid, and then {seen:?}"));
            }
        }
        let Some(ticket) = sights.map(|it| it.doc.ticket).next() else { continue };
        for seen in view.tickets.get(&ticket).into_iter().flatten().filter(|it| it.start > call.end)
        {
            // The ticket learns of the payment by an event, a moment later.
            if matches!(seen.doc.status, TicketStatus::Available | TicketStatus::Withdrawn) {
                found.add("LOCK-2", format!("{charge:?} was paid, and then {seen:?}"));
            }
        }
        for seen in view.charges.get(&charge.id).into_iter().flatten() {
            if seen.doc.refunded || seen.doc.status == ChargeStatus::Failed {
                found.add("PAY-1", format!("{charge:?} was paid, and then {seen:?}"));
            }
        }
    }
}

/// A payment that was refused for good took nothing: its order is never completed. A decline is for good
/// because every run allows one attempt.
fn refused_is_free(view: &View<'_>, found: &mut Found) {
    for call in &view.history.calls {
        let Request::Pay { order, .. } = &call.request else { continue };
        let Outcome::Refused(code) = &call.outcome else { continue };
        let is_paid = view.is_paid(*order);
        match code {
            Code::CardDeclined | Code::OrderExpired | Code::OrderCancelled if is_paid => {
                found.add(
                    "PAY-3",
                    format!("a payment was refused, and its order is paid: {call:?}"),
                );
            }
            Code::OrderCompleted => {
                let sights = view.orders.get(order).into_iter().flatten();
                for seen in sights.filter(|it| it.doc.status == OrderStatus::Cancelled) {
                    found.add("PAY-1", format!("{seen:?} was said to be completed by {call:?}"));
                }
            }
            _ => {}
        }
    }
}

/// What is charged is the price of the lock.
fn amounts(view: &View<'_>, found: &mut Found) {
    for charge in view.charges.values().flatten() {
        let order = view.orders.get(&charge.doc.order).and_then(|sights| sights.first());
        if let Some(order) = order.filter(|order| order.doc.price != charge.doc.amount) {
            found.add("PRICE-1", format!("{charge:?} asks another amount than {order:?}"));
        }
    }
}

/// At rest no lock and no checkout is open, a completed order has a sold ticket and exactly one charge
/// that was kept, and no other order has any.
fn at_rest(view: &View<'_>, rest: Moment, found: &mut Found) {
    let mut charges: HashMap<OrderId, Vec<&ChargeSeen>> = HashMap::new();
    for sights in view.charges.values() {
        if let Some(seen) = sights.iter().filter(|it| it.start >= rest).max_by_key(|it| it.end) {
            charges.entry(seen.doc.order).or_default().push(seen.doc);
            if seen.doc.status == ChargeStatus::Created {
                found.add("PAY-2", format!("{seen:?} is not settled"));
            }
        }
    }
    for (id, sights) in &view.orders {
        let Some(seen) = sights.iter().filter(|it| it.start >= rest).max_by_key(|it| it.end) else {
            continue;
        };
        let kept = charges.get(id).into_iter().flatten().filter(|it| is_kept(it)).count();
        match seen.doc.status {
            OrderStatus::Completed if kept != 1 => {
                found.add("PAY-1", format!("{seen:?} is paid for by {kept} charges"));
            }
            OrderStatus::Cancelled if kept != 0 => {
                found.add("PAY-3", format!("{seen:?} is paid for by {kept} charges"));
            }
            OrderStatus::Completed | OrderStatus::Cancelled => {}
            OrderStatus::Created | OrderStatus::AwaitingPayment => {
                found.add("LOCK-3", format!("{seen:?} has not ended"));
            }
        }
    }
    for (id, sights) in &view.tickets {
        for seen in sights.iter().filter(|it| it.start >= rest) {
            let order = seen.doc.order.and_then(|order| view.orders.get(&order));
            let mut orders = order.into_iter().flatten().filter(|it| it.start >= rest);
            let is_completed = orders.any(|it| it.doc.status == OrderStatus::Completed);
            match seen.doc.status {
                TicketStatus::Locked => found.add("LOCK-3", format!("{seen:?} is still locked")),
                TicketStatus::Sold if !is_completed => {
                    found.add(
                        "LOCK-2",
                        format!("ticket {id} is sold to no completed order: {seen:?}"),
                    );
                }
                _ => {}
            }
        }
    }
    sold_to_the_payer(view, rest, found);
}

/// At rest, the ticket of each completed order is sold to it.
fn sold_to_the_payer(view: &View<'_>, rest: Moment, found: &mut Found) {
    for order in view.orders.values().flatten().filter(|it| it.start >= rest) {
        if order.doc.status != OrderStatus::Completed {
            continue;
        }
        let sights = view.tickets.get(&order.doc.ticket).into_iter().flatten();
        for ticket in sights.filter(|it| it.start >= rest) {
            if ticket.doc.status != TicketStatus::Sold || ticket.doc.order != Some(order.doc.id) {
                found.add("LOCK-2", format!("{order:?} is completed, and {ticket:?}"));
            }
        }
    }
}

fn is_kept(charge: &ChargeSeen) -> bool {
    charge.status == ChargeStatus::Completed && !charge.refunded
}
