//! What must hold at every moment (DESIGN.md, "What must always hold"), checked with each save and with
//! each thing that the provider does. Only what is being written is looked at, so it costs little.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stubmart_contract::{
    ChargeId, DomainEvent, Envelope, EventId, OrderId, RefundId, TicketId, UserId,
    api::{CancelReason, OrderStatus, TicketStatus},
};
use stubmart_orders::order::Order;
use stubmart_payments::{
    Charge,
    charge::{Refund, Stage},
    ledger::Transaction,
    sale::Sale,
};
use stubmart_ports::{gateway::AuthoriseRequest, store::Save};
use stubmart_tickets::ticket::Ticket;
use uuid::Uuid;

use crate::provider::Provider;

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which invariant, by its number in DESIGN.md.
    pub invariant: &'static str,
    /// What is wrong, in words.
    pub text: String,
    /// The documents involved.
    pub documents: Vec<Uuid>,
}

/// What was stored last, and what must hold of it.
#[derive(Debug, Default)]
pub struct Checker {
    /// Every ticket.
    pub tickets: BTreeMap<TicketId, Ticket>,
    /// Every order.
    pub orders: BTreeMap<OrderId, Order>,
    /// Every charge.
    pub charges: BTreeMap<ChargeId, Charge>,
    /// Every transaction of the ledger.
    pub ledger: BTreeMap<Uuid, Transaction>,
    /// Every sale.
    pub sales: BTreeMap<OrderId, Sale>,
    /// Every user, as auth stores them.
    pub users: BTreeMap<Uuid, Value>,
    /// For each ticket, its order that is not cancelled.
    live: BTreeMap<TicketId, OrderId>,
    /// How many events of each aggregate were saved.
    versions: BTreeMap<Uuid, u64>,
    /// Refunds that were published.
    refunds_told: BTreeSet<RefundId>,
}

type Checked = Result<(), Violation>;

fn broken(invariant: &'static str, documents: &[Uuid], text: String) -> Checked {
    Err(Violation { invariant, text, documents: documents.to_vec() })
}

fn last_word(text: Option<&str>) -> String {
    text.and_then(|text| text.split_whitespace().last()).unwrap_or_default().to_lowercase()
}

/// Reads a saved document.
fn read<T: serde::de::DeserializeOwned>(save: &Save) -> Result<T, Violation> {
    serde_json::from_slice(&save.body).map_err(|error| Violation {
        invariant: "EVT-1",
        text: format!("what was saved in {} cannot be read: {error}", save.key.collection.name),
        documents: vec![save.key.id],
    })
}

impl Checker {
    /// A document as it was saved last, for a report.
    #[must_use]
    pub fn tell(&self, id: Uuid) -> Option<String> {
        let ticket = self.tickets.get(&TicketId(id)).map(|it| format!("{it:?}"));
        let order = || self.orders.get(&OrderId(id)).map(|it| format!("{it:?}"));
        let charge = || self.charges.get(&ChargeId(id)).map(|it| format!("{it:?}"));
        let user = || self.users.get(&id).map(Value::to_string);
        ticket.or_else(order).or_else(charge).or_else(user)
    }

    /// A save was committed.
    pub(crate) fn saved(&mut self, save: &Save, provider: &Provider) -> Checked {
        let events = self.events(save)?;
        match save.key.collection.name {
            "tickets.ticket" => self.ticket(read(save)?, &events),
            "orders.order" => self.order(read(save)?, &events),
            "payments.charge" => self.charge(read(save)?, &events, provider),
            "payments.ledger" => self.posted(save.key.id, read(save)?),
            "payments.sale" => self.sale(read(save)?),
            "auth.user" => self.user(save.key.id, read(save)?, &events),
            _ => Ok(()),
        }
    }

    /// EVT-1: no aggregate's versions have a gap, and each event reads back from the wire as it is.
    fn events(&mut self, save: &Save) -> Result<Vec<DomainEvent>, Violation> {
        let id = save.key.id;
        let mut events = Vec::with_capacity(save.events.len());
        if save.events.is_empty() && save.version == 0 {
            return Ok(events);
        }
        let version = self.versions.entry(id).or_default();
        for envelope in &save.events {
            let wire = envelope.encode().unwrap_or_default();
            if Envelope::decode(&wire).ok().as_ref() != Some(&**envelope) {
                let text =
                    format!("an event does not read back: {}", String::from_utf8_lossy(&wire));
                broken("EVT-1", &[id], text)?;
            }
            *version += 1;
            if envelope.version != *version || envelope.aggregate_id != id {
                let text = format!(
                    "an event of {} is saved as version {} and is its event number {version}",
                    save.key.collection.name, envelope.version
                );
                broken("EVT-1", &[id], text)?;
            }
            events.push(envelope.event.clone());
        }
        if save.version != *version {
            let text = format!(
                "{} counts {} events, and {version} were saved",
                save.key.collection.name, save.version
            );
            broken("EVT-1", &[id], text)?;
        }
        Ok(events)
    }

    fn ticket(&mut self, next: Ticket, events: &[DomainEvent]) -> Checked {
        let id = next.id.0;
        let told = events.iter().any(|event| match event {
            DomainEvent::TicketCreated(it)
            | DomainEvent::TicketUpdated(it)
            | DomainEvent::TicketDeleted(it) => *it == next.state(),
            _ => false,
        });
        // A fence is nobody else's business.
        let is_fence = self.tickets.get(&next.id).is_some_and(|it| it.state() == next.state());
        if !told && !is_fence {
            broken("EVT-1", &[id], format!("ticket {id} changed, without an event"))?;
        }
        if let Some(before) = self.tickets.get(&next.id) {
            self.ticket_changed(before, &next)?;
        }
        if next.status == TicketStatus::Locked {
            let holder = next.order_id;
            if let Some(live) = self.live.get(&next.id).filter(|live| Some(**live) != holder) {
                let text =
                    format!("ticket {id} is locked for {holder:?} while order {live} is live");
                broken("LOCK-1", &[id, live.0], text)?;
            }
        }
        let seats = next.seats.clone();
        let place =
            (next.event_id, last_word(next.section.as_deref()), last_word(next.row.as_deref()));
        self.tickets.insert(next.id, next);
        if place.0.is_some() {
            for seat in &seats {
                self.seat_is_listed_once(&place, seat)?;
            }
        }
        Ok(())
    }

    /// SEAT-1: at one event no seat is in two listings that are on sale or sold, unless its buyer lists it
    /// again. Users of the simulation spell a place in many ways, and its last word alike but for case.
    fn seat_is_listed_once(
        &self,
        place: &(Option<EventId>, String, String),
        seat: &str,
    ) -> Checked {
        let number = |seat: &str| seat.trim_start_matches('0').to_owned();
        let listings = self.tickets.values().filter(|it| {
            let is_there = it.event_id == place.0
                && last_word(it.section.as_deref()) == place.1
                && last_word(it.row.as_deref()) == place.2;
            is_there
                && it.status != TicketStatus::Withdrawn
                && it.seats.iter().any(|it| number(it) == number(seat))
        });
        let listings: Vec<&Ticket> = listings.collect();
        let on_sale = listings.iter().filter(|it| it.status != TicketStatus::Sold).count();
        let mut sellers: Vec<UserId> = listings.iter().map(|it| it.user_id).collect();
        for sold in listings.iter().filter(|it| it.status == TicketStatus::Sold) {
            if let Some(at) = sellers.iter().position(|it| Some(*it) == sold.buyer_id) {
                sellers.swap_remove(at);
            }
        }
        if on_sale > 1 || sellers.len() > 1 {
            let documents: Vec<Uuid> = listings.iter().map(|it| it.id.0).collect();
            broken("SEAT-1", &documents, format!("seat {seat} at {place:?} is listed twice"))?;
        }
        Ok(())
    }

    fn ticket_changed(&self, before: &Ticket, next: &Ticket) -> Checked {
        let id = next.id.0;
        if matches!(before.status, TicketStatus::Sold | TicketStatus::Withdrawn)
            && next.status != before.status
        {
            let text = format!("ticket {id} was {:?} and becomes {:?}", before.status, next.status);
            broken("LOCK-2", &[id], text)?;
        }
        Self::line_changed(before, next)?;
        let Some(holder) = before.order_id else {
            return match next.status {
                TicketStatus::Sold => {
                    broken("LOCK-2", &[id], format!("ticket {id} is sold without a lock"))
                }
                _ => Ok(()),
            };
        };
        if next.order_id == Some(holder)
            && (next.price, next.currency) != (before.price, before.currency)
        {
            let (was, is) = (before.price.minor(), next.price.minor());
            let text =
                format!("ticket {id} cost {was} and costs {is} while order {holder} holds it");
            broken("PRICE-1", &[id, holder.0], text)?;
        }
        let order = self.orders.get(&holder).map(|order| order.status);
        if next.order_id != Some(holder) && order != Some(OrderStatus::Cancelled) {
            let text = format!("ticket {id} is taken from order {holder}, which is {order:?}");
            broken("LOCK-1", &[id, holder.0], text)?;
        }
        if next.status == TicketStatus::Sold && order != Some(OrderStatus::Completed) {
            let text = format!("ticket {id} is sold to order {holder}, which is {order:?}");
            broken("LOCK-2", &[id, holder.0], text)?;
        }
        Ok(())
    }

    /// LINE-1: a line is served in order: a turn is that of the first who waits, and while it lasts nobody else
    /// gets the ticket.
    fn line_changed(before: &Ticket, next: &Ticket) -> Checked {
        let id = next.id.0;
        let (was, is) = (before.line.turn(), next.line.turn());
        let first = before.line.waiting().first().copied();
        let begun = is.filter(|_| is != was).map(|turn| turn.user_id);
        if begun.is_some() && begun != first {
            let text = format!("of the line for ticket {id}, {begun:?} is served before {first:?}");
            broken("LINE-1", &[id], text)?;
        }
        if is.is_some() && next.status != TicketStatus::Available {
            broken("LINE-1", &[id], format!("somebody has ticket {id}, and somebody a turn"))?;
        }
        let people: Vec<UserId> = before.line.people().collect();
        let left: Vec<UserId> = next.line.people().filter(|it| people.contains(it)).collect();
        let stayed = people.iter().filter(|it| left.contains(it));
        if !stayed.eq(left.iter()) || next.line.length() > 5 {
            let text = format!("the line for ticket {id} was {people:?} and is {:?}", next.line);
            broken("LINE-1", &[id], text)?;
        }
        let (Some(turn), TicketStatus::Locked) = (was, next.status) else { return Ok(()) };
        let (buyer, is_over) = (next.buyer_id, turn.until <= next.updated_at);
        let may_buy = match first {
            Some(first) if is_over => buyer == Some(first),
            None if is_over => true,
            Some(_) | None => buyer == Some(turn.user_id),
        };
        if may_buy {
            return Ok(());
        }
        broken("LINE-1", &[id], format!("{buyer:?} gets ticket {id} in the turn of {turn:?}"))
    }

    fn order(&mut self, next: Order, events: &[DomainEvent]) -> Checked {
        let (id, ticket) = (next.id.0, next.ticket_id);
        let before = self.orders.get(&next.id);
        let told = events.iter().any(|event| matches!(event,
            DomainEvent::OrderCreated(it) | DomainEvent::OrderCancelled(it) | DomainEvent::OrderExpired(it)
            | DomainEvent::OrderAwaitingPayment(it) | DomainEvent::OrderCompleted(it) if it.status == next.status));
        if before.is_none_or(|before| before.status != next.status) && !told {
            broken(
                "EVT-1",
                &[id],
                format!("order {id} is {:?} now, without an event", next.status),
            )?;
        }
        match before {
            None => self.order_new(&next)?,
            Some(before) => Self::order_changed(before, &next)?,
        }
        if next.status == OrderStatus::Completed {
            let charge = next.charge_id.and_then(|id| self.charges.get(&id));
            if charge.is_none_or(|charge| charge.stage != Stage::Completed) {
                broken(
                    "PAY-1",
                    &[id],
                    format!("order {id} is completed without a completed charge"),
                )?;
            }
        }
        if next.status == OrderStatus::Cancelled {
            if self.live.get(&ticket) == Some(&next.id) {
                self.live.remove(&ticket);
            }
        } else if let Some(other) = self.live.insert(ticket, next.id).filter(|it| *it != next.id) {
            let text = format!("orders {other} and {id} are both live for ticket {ticket}");
            broken("LOCK-1", &[id, other.0, ticket.0], text)?;
        }
        self.orders.insert(next.id, next);
        Ok(())
    }

    fn order_new(&self, order: &Order) -> Checked {
        let (id, ticket) = (order.id.0, self.tickets.get(&order.ticket_id));
        match order.status {
            OrderStatus::Cancelled if order.cancel_reason == Some(CancelReason::Expired) => Ok(()),
            OrderStatus::Created => match ticket {
                Some(it) if it.order_id == Some(order.id) && it.status == TicketStatus::Locked => {
                    let agreed = (order.price, order.fees, order.currency);
                    if (it.price, it.fees, it.currency) == agreed {
                        return Ok(());
                    }
                    let (asks, costs) = (order.price.minor(), it.price.minor());
                    let text =
                        format!("order {id} asks {asks} for a ticket that was locked at {costs}");
                    broken("PRICE-1", &[id, it.id.0], text)
                }
                _ => {
                    let text = format!(
                        "order {id} is created, and ticket {} is not locked for it",
                        order.ticket_id
                    );
                    broken("LOCK-1", &[id, order.ticket_id.0], text)
                }
            },
            status => broken("LOCK-1", &[id], format!("order {id} begins as {status:?}")),
        }
    }

    fn order_changed(before: &Order, next: &Order) -> Checked {
        use OrderStatus::{AwaitingPayment, Cancelled, Completed, Created};
        let id = next.id.0;
        let allowed = matches!(
            (before.status, next.status),
            (Created, Created | AwaitingPayment | Cancelled)
                | (AwaitingPayment, AwaitingPayment | Completed)
                | (Completed, Completed)
                | (Cancelled, Cancelled)
        ) || (before.status == AwaitingPayment
            && next.status == Cancelled
            && next.cancel_reason == Some(CancelReason::PaymentFailed));
        if !allowed {
            let text = format!(
                "order {id} was {:?} and becomes {:?} ({:?})",
                before.status, next.status, next.cancel_reason
            );
            broken("PAY-3", &[id], text)?;
        }
        if (before.price, before.fees, before.ticket_id, before.user_id)
            != (next.price, next.fees, next.ticket_id, next.user_id)
        {
            broken(
                "PRICE-1",
                &[id],
                format!("order {id} asks another price, or is for another ticket"),
            )?;
        }
        Ok(())
    }

    fn charge(&mut self, next: Charge, events: &[DomainEvent], provider: &Provider) -> Checked {
        let (id, order_id) = (next.id.0, next.order_id);
        let documents = [id, order_id.0];
        let Some(order) = self.orders.get(&order_id) else {
            return broken(
                "PAY-1",
                &documents,
                format!("charge {id} is for order {order_id}, which does not exist"),
            );
        };
        let total = order.breakdown().total;
        if (next.amount, next.currency) != (total, order.currency) {
            let text = format!(
                "charge {id} asks {}, order {order_id} costs {}",
                next.amount.minor(),
                total.minor()
            );
            broken("PRICE-1", &documents, text)?;
        }
        for event in events {
            let DomainEvent::ChargeRefunded(told) = event else { continue };
            let new = told.given_back().into_iter().filter(|(id, _)| self.refunds_told.insert(*id));
            if new.count() == 0 {
                broken("EVT-1", &documents, format!("a refund of {id} is published twice"))?;
            }
        }
        let before = self.charges.get(&next.id);
        Self::charge_published(before, &next, events)?;
        let was_completed = before.is_some_and(|before| before.stage == Stage::Completed);
        if was_completed && next.stage != Stage::Completed {
            broken(
                "PAY-1",
                &documents,
                format!("charge {id} was completed and is {:?}", next.stage),
            )?;
        }
        if next.stage == Stage::Completed
            && !was_completed
            && provider.captured(next.id) != u64::from(next.amount.minor())
        {
            let text = format!(
                "charge {id} is completed, and {} was captured",
                provider.captured(next.id)
            );
            broken("PAY-2", &documents, text)?;
        }
        self.charges.insert(next.id, next);
        Ok(())
    }

    /// EVT-1 for users; and a deleted account never comes back.
    fn user(&mut self, id: Uuid, next: Value, events: &[DomainEvent]) -> Checked {
        let account = |user: &Value| user.get("account").filter(|it| !it.is_null()).cloned();
        let (before, now) = (self.users.get(&id).map(account), account(&next));
        let told = |wanted: fn(&DomainEvent) -> bool| events.iter().any(wanted);
        let (was_told, what) = match (before, now) {
            (None, Some(_)) => {
                (told(|it| matches!(it, DomainEvent::UserCreated(_))), "was created")
            }
            (Some(Some(_)), None) => {
                (told(|it| matches!(it, DomainEvent::UserDeleted(_))), "was deleted")
            }
            (Some(Some(before)), Some(now)) => {
                let told = told(|it| {
                    matches!(it, DomainEvent::UserUpdated(_) | DomainEvent::UserRoleChanged(_))
                });
                (before == now || told, "changed")
            }
            (Some(None), Some(_)) => {
                return broken("AUTH-1", &[id], format!("user {id} was deleted and is back"));
            }
            (None | Some(None), None) => (true, ""),
        };
        if !was_told {
            broken("EVT-1", &[id], format!("user {id} {what}, without an event"))?;
        }
        self.users.insert(id, next);
        Ok(())
    }

    /// PAY-2: no request reaches the provider before the charge that names it is saved.
    pub(crate) fn asked(&self, request: &AuthoriseRequest) -> Checked {
        let AuthoriseRequest { charge_id, order_id, amount, currency, .. } = *request;
        match self.charges.get(&charge_id) {
            None => broken(
                "PAY-2",
                &[charge_id.0],
                format!("the provider is asked for charge {charge_id}, which was never saved"),
            ),
            Some(charge)
                if (charge.order_id, charge.amount, charge.currency)
                    != (order_id, amount, currency) =>
            {
                let text = format!(
                    "the provider is asked for {} {currency}, charge {charge_id} is of {} {}",
                    amount.minor(),
                    charge.amount.minor(),
                    charge.currency
                );
                broken("PRICE-1", &[charge_id.0], text)
            }
            Some(_) => Ok(()),
        }
    }

    /// PAY-3: nothing is captured unless its order is Awaiting Payment, for this charge.
    pub(crate) fn captured(&self, charge_id: ChargeId, order_id: OrderId) -> Checked {
        let order = self.orders.get(&order_id);
        let awaits = order.is_some_and(|order| {
            order.status == OrderStatus::AwaitingPayment && order.charge_id == Some(charge_id)
        });
        if awaits {
            return Ok(());
        }
        let text = format!(
            "charge {charge_id} is captured, and order {order_id} is {:?} for charge {:?}",
            order.map(|order| order.status),
            order.and_then(|order| order.charge_id)
        );
        broken("PAY-3", &[charge_id.0, order_id.0], text)
    }

    /// PAY-3: what was taken for a completed order is not given back, unless an operator decided so.
    pub(crate) fn refunded(
        &self,
        charge_id: ChargeId,
        order_id: OrderId,
        left: Option<u64>,
    ) -> Checked {
        let documents = [charge_id.0, order_id.0];
        if left.is_none() {
            let text = format!("more is given back for charge {charge_id} than was captured");
            return broken("PAY-3", &documents, text);
        }
        let charge = self.charges.get(&charge_id);
        let by_operator =
            charge.is_some_and(|charge| charge.refunds.iter().any(Refund::is_decided_by_people));
        let is_sold = self.orders.get(&order_id).is_some_and(|order| {
            order.status == OrderStatus::Completed && order.charge_id == Some(charge_id)
        });
        if !is_sold || by_operator {
            return Ok(());
        }
        let text = format!("charge {charge_id} of the completed order {order_id} is given back");
        broken("PAY-3", &documents, text)
    }
}
