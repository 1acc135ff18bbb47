//! LOCK-1 and PRICE-1: at most one live order at a time, and nothing changes under a lock.
//!
//! An order holds its ticket from some moment of the call that started it. What is certain of it is a
//! latest beginning `by` and an earliest end `until`. Orders of a ticket can be put one after the other
//! exactly when no two of them exclude each other: A can be before B only if A's earliest end is not
//! behind B's latest beginning. If for some pair neither can be first, no order of events explains the
//! answers. That pairs are enough: "must be before" has no cycle, for around one, each latest beginning
//! would be earlier than an earliest end that is itself no later than the next latest beginning but one.

use std::collections::HashMap;

use stubmart_contract::{TicketId, api::TicketStatus};

use super::view::{Hold, View};
use crate::{
    history::{Call, Outcome, Request},
    violation::Found,
};

pub(crate) fn check(view: &View<'_>, found: &mut Found) {
    let holds = view.holds();
    for (ticket, holds) in &holds {
        exclusive(*ticket, holds, found);
        unchanged(view, *ticket, holds, found);
    }
    price_of_the_lock(view, &holds, found);
}

/// No two orders hold a ticket at the same time.
fn exclusive(ticket: TicketId, holds: &[Hold], found: &mut Found) {
    for (number, one) in holds.iter().enumerate() {
        for other in holds.iter().skip(number + 1) {
            if one.until > other.by && other.until > one.by {
                let text = format!(
                    "orders {} and {} held ticket {ticket} at the same time: {one:?}, {other:?}",
                    one.order, other.order
                );
                found.add("LOCK-1", text);
            }
        }
    }
}

/// While an order holds the ticket it is not edited, not withdrawn, not for sale, and keeps its price.
fn unchanged(view: &View<'_>, ticket: TicketId, holds: &[Hold], found: &mut Found) {
    for call in view.calls_of_ticket(ticket).filter(|call| is_change(call)) {
        for hold in holds.iter().filter(|hold| hold.covers(call.start, call.end)) {
            let text = format!("order {} held ticket {ticket} during {call:?}", hold.order);
            found.add("PRICE-1", text);
        }
    }
    for seen in view.tickets.get(&ticket).into_iter().flatten() {
        for hold in holds.iter().filter(|hold| hold.covers(seen.start, seen.end)) {
            let is_held = matches!(seen.doc.status, TicketStatus::Locked | TicketStatus::Sold);
            if !is_held || seen.doc.price != hold.price {
                let text =
                    format!("order {} held the ticket that was seen as {seen:?}", hold.order);
                found.add("LOCK-1", text);
            }
        }
    }
}

/// An edit or a withdrawal that was answered with success.
fn is_change(call: &Call) -> bool {
    match &call.request {
        Request::EditPrice { .. } => matches!(call.outcome, Outcome::Tickets(_)),
        Request::Withdraw { .. } => call.outcome == Outcome::Done,
        _ => false,
    }
}

/// A ticket that is seen with an order has that order's price.
fn price_of_the_lock(view: &View<'_>, holds: &HashMap<TicketId, Vec<Hold>>, found: &mut Found) {
    for (ticket, sights) in &view.tickets {
        let Some(holds) = holds.get(ticket) else { continue };
        for seen in sights {
            let hold = holds.iter().find(|hold| Some(hold.order) == seen.doc.order);
            if let Some(hold) = hold.filter(|hold| hold.price != seen.doc.price) {
                found.add("PRICE-1", format!("{seen:?} is held at another price: {hold:?}"));
            }
        }
    }
}
