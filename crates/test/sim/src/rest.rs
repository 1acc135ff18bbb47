//! What must hold once everything has healed and come to rest: every lock ended, every charge settled,
//! the money adds up, every event was handled.

use std::{collections::BTreeMap, iter, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use serde_json::Value;
use stubmart_contract::{
    ChargeId, EventId, OrderId, Price, TicketId, UserId,
    api::{OrderStatus, TicketStatus},
    fees::Breakdown,
};
use stubmart_node::Service;
use stubmart_orders::order::Order;
use stubmart_payments::{Charge, charge::Refund};
use stubmart_ports::store::Store as _;
use stubmart_tickets::ticket::Ticket;
use uuid::Uuid;

use crate::{
    books,
    check::{Checker, Violation},
    exec::lock,
    world::World,
};

type Checked = Result<(), Violation>;

fn broken(invariant: &'static str, documents: &[Uuid], text: String) -> Checked {
    Err(Violation { invariant, text, documents: documents.to_vec() })
}

/// Whether nothing is under way any more. The error says what is.
pub fn is_at_rest(world: &World) -> Checked {
    locks_ended(world)?;
    let checker = lock(&world.checker);
    for order in checker.orders.values() {
        if matches!(order.status, OrderStatus::Created | OrderStatus::AwaitingPayment) {
            broken(
                "LOCK-3",
                &[order.id.0, order.ticket_id.0],
                format!("order {} is still {:?}", order.id, order.status),
            )?;
        }
    }
    // A turn that nobody takes passes on by its own time.
    for ticket in checker.tickets.values() {
        if let Some(turn) = ticket.line.turn() {
            let text = format!("ticket {} is kept for somebody's turn: {turn:?}", ticket.id);
            broken("LOCK-3", &[ticket.id.0], text)?;
        }
    }
    for charge in checker.charges.values() {
        if charge.due_at.is_some() || charge.is_open() {
            let text = format!(
                "charge {} is still {:?}, to be looked at by {:?}",
                charge.id, charge.stage, charge.due_at
            );
            broken("PAY-3", &[charge.id.0, charge.order_id.0], text)?;
        }
    }
    drop(checker);
    if !world.slots.all_run() {
        broken("LOCK-3", &[], "an instance does not start".to_owned())?;
    }
    for (service, store) in &world.stores {
        let outbox = store.outbox(service.name());
        let pending = outbox.pending(1).now_or_never();
        if !pending.is_some_and(|pending| pending.is_ok_and(|pending| pending.is_empty())) {
            broken("EVT-1", &[], format!("{} has events that are not on the bus", service.name()))?;
        }
    }
    let backlog = world.bus.backlog();
    if let Some(name) = lock(&world.consumers).iter().find(|name| !backlog.contains_key(*name)) {
        broken("EVT-1", &[], format!("{name} does not read the bus"))?;
    }
    if let Some((name, count)) = backlog.iter().find(|(_, count)| **count > 0) {
        broken("EVT-1", &[], format!("{name} has {count} events to handle"))?;
    }
    catalogues_agree(world)?;
    if world.late() > 0 {
        broken("EVT-1", &[], format!("{} calls and users are still under way", world.late()))?;
    }
    Ok(())
}

/// EVT-1: every instance of the catalogue counts what can be bought, and tells the lowest price.
fn catalogues_agree(world: &World) -> Checked {
    let checker = lock(&world.checker);
    let mut shows: BTreeMap<EventId, (u32, Option<Price>)> = BTreeMap::new();
    for ticket in checker.tickets.values() {
        let Some(id) = ticket.event_id else { continue };
        let (available, lowest) = shows.entry(id).or_default();
        if ticket.status_to(None) == TicketStatus::Available {
            *available += 1;
            let total = Breakdown::new(ticket.price, ticket.fees).total;
            let each = total.per_ticket(ticket.quantity);
            *lowest = Some(lowest.map_or(each, |lowest| lowest.min(each)));
        }
    }
    drop(checker);
    for catalogue in world.slots.catalogues() {
        for (id, expected) in &shows {
            // What is in memory is there at once.
            let event = catalogue.event(*id).now_or_never().and_then(Result::ok).flatten();
            let shown = event.map(|event| (event.available, event.min_price));
            if shown != Some(*expected) {
                let text = format!("show {id} is shown as {shown:?} and is {expected:?}");
                broken("EVT-1", &[id.0], text)?;
            }
        }
    }
    Ok(())
}

/// How long after its time a checkout that nobody pays for may hold its ticket.
const GRACE: Duration = Duration::from_secs(120);

/// LOCK-3, for checkouts that nobody is paying for, and for turns in line: their locks end with their time.
pub fn checkouts_ended(world: &World) -> Checked {
    let (checker, now) = (lock(&world.checker), world.now());
    for ticket in checker.tickets.values() {
        if let Some(turn) = ticket.line.turn()
            && now.since(turn.until) > GRACE
        {
            let text = format!("the turn for ticket {} is not passed on: {turn:?}", ticket.id);
            broken("LOCK-3", &[ticket.id.0], text)?;
        }
    }
    for ticket in checker.tickets.values().filter(|it| it.status == TicketStatus::Locked) {
        let order = ticket.order_id.and_then(|id| checker.orders.get(&id));
        let nobody_pays = order.is_none_or(|order| {
            order.status == OrderStatus::Created || order.status == OrderStatus::Cancelled
        });
        let late = ticket.locked_until.map_or(Duration::ZERO, |until| now.since(until));
        if nobody_pays && late > GRACE {
            let text = format!(
                "ticket {} is still locked {late:?} after its time, its order is {:?}",
                ticket.id,
                order.map(|order| order.status)
            );
            broken("LOCK-3", &[ticket.id.0, ticket.order_id.map_or(Uuid::nil(), |id| id.0)], text)?;
        }
    }
    Ok(())
}

/// Every document of which anything must hold.
#[derive(Debug, Clone)]
pub struct Documents {
    tickets: BTreeMap<TicketId, Ticket>,
    orders: BTreeMap<OrderId, Order>,
    charges: BTreeMap<ChargeId, Charge>,
    /// Without the notices that wait to be mailed: those come and go by their own time.
    accounts: BTreeMap<Uuid, Option<Value>>,
}

/// The documents as they are stored now.
#[must_use]
pub fn documents(world: &World) -> Documents {
    let checker = lock(&world.checker);
    Documents {
        tickets: checker.tickets.clone(),
        orders: checker.orders.clone(),
        charges: checker.charges.clone(),
        accounts: checker.users.iter().map(|(id, it)| (*id, it.get("account").cloned())).collect(),
    }
}

/// EVT-1: nothing became of events that were handled before.
pub fn unchanged(world: &World, before: &Documents) -> Checked {
    fn same<K: Ord, V: PartialEq>(
        before: &BTreeMap<K, V>,
        now: &BTreeMap<K, V>,
        id: impl Fn(&K) -> Uuid,
    ) -> Checked {
        for (key, document) in now {
            if before.get(key) != Some(document) {
                let id = id(key);
                broken("EVT-1", &[id], format!("{id} changed when every event came again"))?;
            }
        }
        Ok(())
    }
    let now = documents(world);
    same(&before.tickets, &now.tickets, |id| id.0)?;
    same(&before.orders, &now.orders, |id| id.0)?;
    same(&before.charges, &now.charges, |id| id.0)?;
    same(&before.accounts, &now.accounts, |id| *id)
}

/// LOCK-3: every lock ends.
pub fn locks_ended(world: &World) -> Checked {
    let checker = lock(&world.checker);
    for ticket in checker.tickets.values() {
        if ticket.status == TicketStatus::Locked {
            let order = ticket.order_id.map_or(Uuid::nil(), |id| id.0);
            let status =
                ticket.order_id.and_then(|id| checker.orders.get(&id)).map(|order| order.status);
            let text = format!(
                "ticket {} is still locked for order {order}, which is {status:?}",
                ticket.id
            );
            broken("LOCK-3", &[ticket.id.0, order], text)?;
        }
    }
    Ok(())
}

/// Checks everything that must hold at rest.
pub fn check(world: &Arc<World>, deleted: &[UserId]) -> Checked {
    {
        let checker = lock(&world.checker);
        sold_means_completed(&checker)?;
        money_adds_up(world, &checker)?;
        books::money_is_booked(world, &checker)?;
        departed_are_gone(&checker, deleted)?;
    }
    world.check_rejected();
    history_is_on_the_bus(world)
}

/// LOCK-2: a ticket is sold exactly when one completed order exists for it.
fn sold_means_completed(checker: &Checker) -> Checked {
    for order in checker.orders.values().filter(|order| order.status == OrderStatus::Completed) {
        let ticket = checker.tickets.get(&order.ticket_id);
        if !ticket
            .is_some_and(|it| it.status == TicketStatus::Sold && it.order_id == Some(order.id))
        {
            let text = format!(
                "order {} is completed, ticket {} is not sold to it",
                order.id, order.ticket_id
            );
            broken("LOCK-2", &[order.id.0, order.ticket_id.0], text)?;
        }
    }
    for ticket in checker.tickets.values().filter(|ticket| ticket.status == TicketStatus::Sold) {
        let order = ticket.order_id.and_then(|id| checker.orders.get(&id));
        if order.is_none_or(|order| order.status != OrderStatus::Completed) {
            broken(
                "LOCK-2",
                &[ticket.id.0],
                format!("ticket {} is sold without a completed order", ticket.id),
            )?;
        }
    }
    Ok(())
}

/// PAY-1 and PAY-3 by the provider's books: what was captured and not given back is the price of a
/// completed order, and nothing for any other.
fn money_adds_up(world: &World, checker: &Checker) -> Checked {
    let mut kept: BTreeMap<OrderId, u64> = BTreeMap::new();
    for payment in world.provider.records(world.now()) {
        let documents = [payment.charge_id.0, payment.order_id.0];
        if payment.is_open {
            let text = format!(
                "money is still held for charge {} of order {}",
                payment.charge_id, payment.order_id
            );
            broken("PAY-3", &documents, text)?;
        }
        *kept.entry(payment.order_id).or_default() += payment.kept;
    }
    for order in checker.orders.values() {
        let is_sold = order.status == OrderStatus::Completed;
        let by_people = |it: &&Refund| it.stands() && it.is_decided_by_people();
        let of_it: Vec<_> = checker.charges.values().filter(|it| it.order_id == order.id).collect();
        let documents: Vec<_> =
            iter::once(order.id.0).chain(of_it.iter().map(|it| it.id.0)).collect();
        let refunds = of_it.iter().flat_map(|it| it.refunds.iter().filter(by_people));
        let given_back: u64 = refunds.map(|it| u64::from(it.amount.minor())).sum();
        let total = u64::from(order.breakdown().total.minor());
        let total = if is_sold { total.saturating_sub(given_back) } else { 0 };
        let is_kept = total > 0;
        let kept = kept.get(&order.id).copied().unwrap_or(0);
        if kept != total {
            let text = format!(
                "order {} is {:?}, {total} is to be kept for it and {kept} is",
                order.id, order.status
            );
            broken("PAY-3", &documents, text)?;
        }
        let charges = of_it.iter().filter(|it| it.is_kept()).count();
        let wanted = usize::from(is_kept);
        if charges != wanted {
            let text = format!(
                "order {} is {:?} and has {charges} charges that are kept",
                order.id, order.status
            );
            broken("PAY-1", &documents, text)?;
        }
    }
    Ok(())
}

/// A user who deleted their account offers nothing and holds nothing.
fn departed_are_gone(checker: &Checker, deleted: &[UserId]) -> Checked {
    for id in deleted {
        let account = checker.users.get(&id.0).and_then(|user| user.get("account"));
        if account.is_none_or(|account| !account.is_null()) {
            broken("AUTH-1", &[id.0], format!("what is known of user {id} was not erased"))?;
        }
    }
    for ticket in checker.tickets.values().filter(|ticket| deleted.contains(&ticket.user_id)) {
        if matches!(ticket.status, TicketStatus::Available | TicketStatus::Locked) {
            let text = format!(
                "ticket {} is {:?}, and its seller's account is deleted",
                ticket.id, ticket.status
            );
            broken("AUTH-1", &[ticket.id.0, ticket.user_id.0], text)?;
        }
    }
    Ok(())
}

/// EVT-1: every committed change is published, also to a bus that was wiped.
fn history_is_on_the_bus(world: &World) -> Checked {
    for service in Service::STORED {
        let Some(store) = world.stores.get(&service) else { continue };
        let history = store.history(service.name(), None, usize::MAX).now_or_never();
        for event in history.and_then(Result::ok).unwrap_or_default() {
            if !world.bus.contains(event.id) {
                let (name, id) = (event.event.event_type().as_str(), event.id);
                broken(
                    "EVT-1",
                    &[event.aggregate_id],
                    format!("{name} {id} of {} never reached the bus", service.name()),
                )?;
            }
        }
    }
    Ok(())
}
