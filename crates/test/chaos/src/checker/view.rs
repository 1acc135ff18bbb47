//! The history, sorted by what it is about.

use std::{collections::HashMap, hash::Hash};

use stubmart_contract::{
    ChargeId, OrderId, TicketId,
    api::{ChargeStatus, OrderStatus},
};

use crate::history::{Call, ChargeSeen, History, Moment, OrderSeen, Outcome, Request, TicketSeen};

/// A document as an answer showed it: it stood so at some moment between `start` and `end`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a, T> {
    pub(crate) start: Moment,
    pub(crate) end: Moment,
    pub(crate) doc: &'a T,
}

/// Everything that was seen of each document.
pub(crate) type Sights<'a, K, T> = HashMap<K, Vec<Seen<'a, T>>>;

/// A history, sorted by what it is about.
pub(crate) struct View<'a> {
    pub(crate) history: &'a History,
    pub(crate) tickets: Sights<'a, TicketId, TicketSeen>,
    pub(crate) orders: Sights<'a, OrderId, OrderSeen>,
    pub(crate) charges: Sights<'a, ChargeId, ChargeSeen>,
    /// Calls that name a ticket.
    pub(crate) ticket_calls: HashMap<TicketId, Vec<&'a Call>>,
    /// Calls that name an order.
    pub(crate) order_calls: HashMap<OrderId, Vec<&'a Call>>,
    /// The orders that were seen of a ticket.
    pub(crate) orders_of: HashMap<TicketId, Vec<OrderId>>,
}

/// What is known for certain of the time that an order held its ticket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hold {
    pub(crate) order: OrderId,
    pub(crate) price: u32,
    /// It held the ticket by then at the latest.
    pub(crate) by: Moment,
    /// It held the ticket until then at least.
    pub(crate) until: Moment,
}

impl Hold {
    /// Whether the ticket was held for this order during the whole of a call.
    pub(crate) fn covers(&self, start: Moment, end: Moment) -> bool {
        self.by <= start && end <= self.until
    }
}

/// How far the servers' rounding of times to milliseconds may bring an expiry forward, in microseconds.
const ROUNDING: u64 = 2_000;

impl<'a> View<'a> {
    pub(crate) fn of(history: &'a History) -> Self {
        let mut view = Self {
            history,
            tickets: HashMap::new(),
            orders: HashMap::new(),
            charges: HashMap::new(),
            ticket_calls: HashMap::new(),
            order_calls: HashMap::new(),
            orders_of: HashMap::new(),
        };
        for call in &history.calls {
            if !call.replayed {
                sight(&mut view.tickets, call, call.outcome.tickets(), |it| it.id);
                sight(&mut view.orders, call, call.outcome.orders(), |it| it.id);
                sight(&mut view.charges, call, call.outcome.charges(), |it| it.id);
            }
            match &call.request {
                Request::EditPrice { ticket, .. }
                | Request::Withdraw { ticket }
                | Request::Order { ticket }
                | Request::ReadTicket { ticket } => {
                    view.ticket_calls.entry(*ticket).or_default().push(call);
                }
                Request::Leave { order }
                | Request::ClosePage { order }
                | Request::Pay { order, .. }
                | Request::ReadOrder { order }
                | Request::ReadCharges { order } => {
                    view.order_calls.entry(*order).or_default().push(call);
                }
                Request::ListTicket { .. } | Request::ReadList => {}
            }
        }
        for (order, sights) in &view.orders {
            if let Some(seen) = sights.first() {
                view.orders_of.entry(seen.doc.ticket).or_default().push(*order);
            }
        }
        view
    }

    pub(crate) fn calls_of_order(&self, id: OrderId) -> impl Iterator<Item = &'a Call> {
        self.order_calls.get(&id).into_iter().flatten().copied()
    }

    pub(crate) fn calls_of_ticket(&self, id: TicketId) -> impl Iterator<Item = &'a Call> {
        self.ticket_calls.get(&id).into_iter().flatten().copied()
    }

    /// Whether any answer says that the order was paid for.
    pub(crate) fn is_paid(&self, id: OrderId) -> bool {
        let says_so = |call: &Call| is_payment(call).is_some();
        let seen = self.orders.get(&id).into_iter().flatten();
        self.calls_of_order(id).any(says_so)
            || seen.into_iter().any(|it| it.doc.status == OrderStatus::Completed)
    }

    /// For each ticket, what is known for certain of who held it when.
    pub(crate) fn holds(&self) -> HashMap<TicketId, Vec<Hold>> {
        let mut holds: HashMap<TicketId, Vec<Hold>> = HashMap::new();
        for (id, sights) in &self.orders {
            if let Some((ticket, hold)) = self.hold(*id, sights) {
                holds.entry(ticket).or_default().push(hold);
            }
        }
        holds
    }

    fn hold(&self, id: OrderId, sights: &[Seen<'_, OrderSeen>]) -> Option<(TicketId, Hold)> {
        let live = || sights.iter().filter(|it| it.doc.status != OrderStatus::Cancelled);
        let by = live().map(|it| it.end).min()?;
        let first = live().next()?.doc;
        let until = if self.is_paid(id) {
            Moment::NEVER
        } else {
            let ends = self.calls_of_order(id).filter(|call| may_end(call)).map(|call| call.start);
            let expires = Moment(first.expires.0.saturating_sub(ROUNDING));
            let seen_live = live().map(|it| it.start).max().unwrap_or(Moment::START);
            ends.fold(expires, Moment::min).max(seen_live)
        };
        Some((first.ticket, Hold { order: id, price: first.price, by, until }))
    }
}

/// Whether the call may have ended the checkout it names.
fn may_end(call: &Call) -> bool {
    matches!(call.request, Request::Leave { .. } | Request::ClosePage { .. } | Request::Pay { .. })
}

/// The charge of a payment that was answered with 201 and whose money was kept.
pub(crate) fn is_payment(call: &Call) -> Option<&ChargeSeen> {
    let charge = match (&call.request, &call.outcome) {
        (Request::Pay { .. }, Outcome::Charges(charges)) => charges.first()?,
        _ => return None,
    };
    (charge.status == ChargeStatus::Completed && !charge.refunded).then_some(charge)
}

fn sight<'a, K: Eq + Hash, T>(
    sights: &mut Sights<'a, K, T>,
    call: &Call,
    docs: &'a [T],
    id: impl Fn(&T) -> K,
) {
    for doc in docs {
        let seen = Seen { start: call.start, end: call.end, doc };
        sights.entry(id(doc)).or_default().push(seen);
    }
}
