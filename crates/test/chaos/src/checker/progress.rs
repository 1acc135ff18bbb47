//! No acknowledged write is lost, and what is seen only moves forward.

use std::{collections::HashMap, fmt::Debug, hash::Hash};

use stubmart_contract::{
    Code,
    api::{ChargeStatus, OrderStatus, TicketStatus},
};

use super::view::{Seen, Sights, View};
use crate::{
    history::{ChargeSeen, Moment, OrderSeen, Outcome, Request, TicketSeen},
    violation::Found,
};

pub(crate) fn check(view: &View<'_>, found: &mut Found) {
    forward(&view.tickets, |ticket| ticket.version, found);
    forward(&view.orders, |order| order_rank(order.status), found);
    forward(&view.charges, charge_rank, found);
    versions(view, found);
    constant(&view.tickets, |it: &TicketSeen| it.title.clone(), found);
    constant(&view.orders, |it: &OrderSeen| (it.ticket, it.price, it.expires), found);
    constant(&view.charges, |it: &ChargeSeen| (it.order, it.amount), found);
    ends_stand(view, found);
    edits_show(view, found);
    withdrawals_stand(view, found);
    nothing_vanishes(view, found);
    if let Some(rest) = view.history.rest {
        all_seen(&view.tickets, rest, found);
        all_seen(&view.orders, rest, found);
        all_seen(&view.charges, rest, found);
    }
}

const fn order_rank(status: OrderStatus) -> u64 {
    match status {
        OrderStatus::Created => 0,
        OrderStatus::AwaitingPayment => 1,
        OrderStatus::Completed | OrderStatus::Cancelled => 2,
    }
}

fn charge_rank(charge: &ChargeSeen) -> u64 {
    match charge.status {
        ChargeStatus::Created => 0,
        ChargeStatus::Failed | ChargeStatus::Completed => 1 + u64::from(charge.refunded),
    }
}

/// A later look shows no earlier state.
fn forward<K: Debug, T: Debug>(
    sights: &Sights<'_, K, T>,
    rank: impl Fn(&T) -> u64,
    found: &mut Found,
) {
    for (id, sights) in sights {
        let (mut by_start, mut by_end) = (sights.clone_refs(), sights.clone_refs());
        by_start.sort_unstable_by_key(|it| it.start);
        by_end.sort_unstable_by_key(|it| it.end);
        let mut before = by_end.into_iter().peekable();
        let mut best: Option<&Seen<'_, T>> = None;
        for seen in by_start {
            while let Some(ended) = before.next_if(|it| it.end < seen.start) {
                if best.is_none_or(|best| rank(best.doc) < rank(ended.doc)) {
                    best = Some(ended);
                }
            }
            if let Some(best) = best.filter(|best| rank(best.doc) > rank(seen.doc)) {
                found.add("LOST", format!("{id:?} went back from {best:?} to {seen:?}"));
                break;
            }
        }
    }
}

/// References to the items of a list.
trait CloneRefs<T> {
    fn clone_refs(&self) -> Vec<&T>;
}

impl<T> CloneRefs<T> for Vec<T> {
    fn clone_refs(&self) -> Vec<&T> {
        self.iter().collect()
    }
}

/// A version of a ticket is the same to everybody; not everybody sees who holds it.
fn versions(view: &View<'_>, found: &mut Found) {
    for sights in view.tickets.values() {
        let mut known: HashMap<u64, &TicketSeen> = HashMap::new();
        for seen in sights {
            let ticket = seen.doc;
            let same = known.entry(ticket.version).or_insert(ticket);
            let orders = same.order.zip(ticket.order);
            if (same.price, same.status) != (ticket.price, ticket.status)
                || orders.is_some_and(|(one, other)| one != other)
            {
                found.add("LOST", format!("one version is two: {same:?} and {ticket:?}"));
            }
        }
    }
}

/// What never changes does not.
fn constant<K: Debug + Eq + Hash, T: Debug, C: PartialEq>(
    sights: &Sights<'_, K, T>,
    part: impl Fn(&T) -> C,
    found: &mut Found,
) {
    for (id, sights) in sights {
        let Some(first) = sights.first() else { continue };
        if let Some(other) = sights.iter().find(|it| part(it.doc) != part(first.doc)) {
            found.add("LOST", format!("{id:?} was {first:?} and {other:?}"));
        }
    }
}

/// An order or a charge that has ended, and a ticket that is sold or withdrawn, stays so.
fn ends_stand(view: &View<'_>, found: &mut Found) {
    for (id, sights) in &view.orders {
        let ended = |seen: &&Seen<'_, OrderSeen>| order_rank(seen.doc.status) == 2;
        let mut ends = sights.iter().filter(ended).map(|it| (it.doc.status, it.doc.reason));
        if let Some(first) = ends.next()
            && let Some(other) = ends.find(|other| *other != first)
        {
            found.add("LOST", format!("order {id} ended as {first:?} and as {other:?}"));
        }
    }
    for (id, sights) in &view.charges {
        let has = |status| sights.iter().any(|it| it.doc.status == status);
        if has(ChargeStatus::Failed) && has(ChargeStatus::Completed) {
            found.add("LOST", format!("charge {id} was failed and completed"));
        }
    }
    for (id, sights) in &view.tickets {
        let ended = |it: &&Seen<'_, TicketSeen>| {
            matches!(it.doc.status, TicketStatus::Sold | TicketStatus::Withdrawn)
        };
        let Some(end) = sights.iter().filter(ended).min_by_key(|it| it.doc.version) else {
            continue;
        };
        let after = |it: &&Seen<'_, TicketSeen>| {
            it.doc.version > end.doc.version && it.doc.status != end.doc.status
        };
        if let Some(after) = sights.iter().find(after) {
            found.add("LOST", format!("ticket {id} had ended as {end:?} and was then {after:?}"));
        }
    }
}

/// An edit that succeeds has done what was asked.
fn edits_show(view: &View<'_>, found: &mut Found) {
    for call in &view.history.calls {
        let asked = match &call.request {
            Request::EditPrice { price, .. } | Request::ListTicket { price, .. } => *price,
            _ => continue,
        };
        if call.outcome.ticket().is_some_and(|it| it.price != asked) {
            found.add("LOST", format!("asked for the price {asked}, got {call:?}"));
        }
    }
}

/// A ticket that was withdrawn is not seen on offer afterwards.
fn withdrawals_stand(view: &View<'_>, found: &mut Found) {
    for (ticket, calls) in &view.ticket_calls {
        let gone = |it: &&&crate::history::Call| {
            matches!(it.request, Request::Withdraw { .. }) && it.outcome == Outcome::Done
        };
        let Some(gone) = calls.iter().filter(gone).map(|it| it.end).min() else { continue };
        let sights = view.tickets.get(ticket).into_iter().flatten();
        for seen in sights.filter(|it| it.start > gone && it.doc.status != TicketStatus::Withdrawn)
        {
            found.add("LOST", format!("ticket {ticket} was withdrawn, and then seen as {seen:?}"));
        }
    }
}

/// A client that an answer showed a document finds it. All reads of a run are by clients that may.
fn nothing_vanishes(view: &View<'_>, found: &mut Found) {
    for call in
        view.history.calls.iter().filter(|it| it.outcome == Outcome::Refused(Code::NotFound))
    {
        let told = match &call.request {
            Request::ReadTicket { ticket } => first_end(&view.tickets, ticket),
            Request::Leave { order }
            | Request::ClosePage { order }
            | Request::Pay { order, .. }
            | Request::ReadOrder { order }
            | Request::ReadCharges { order } => first_end(&view.orders, order),
            _ => None,
        };
        if told.is_some_and(|told| told < call.start) {
            found.add("LOST", format!("what was there before is not found: {call:?}"));
        }
    }
}

fn first_end<K: Eq + Hash, T>(sights: &Sights<'_, K, T>, id: &K) -> Option<Moment> {
    sights.get(id)?.iter().map(|seen| seen.end).min()
}

/// At rest, everything that an answer ever showed was looked at again: without that, a lost write would go
/// unnoticed.
fn all_seen<K: Debug, T: Debug>(sights: &Sights<'_, K, T>, rest: Moment, found: &mut Found) {
    for (id, sights) in sights {
        if !sights.iter().any(|seen| seen.start >= rest) {
            let last = sights.iter().max_by_key(|seen| seen.end);
            found.add("LOST", format!("{id:?} is not there any more; last seen: {last:?}"));
        }
    }
}
