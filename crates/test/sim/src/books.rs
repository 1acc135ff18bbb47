//! MONEY-1: the ledger balances, and says what the provider's books and the orders say.

use std::collections::BTreeMap;

use stubmart_contract::{OrderId, api::OrderStatus};
use stubmart_payments::{
    ledger::{Account, Transaction, sum},
    sale::Sale,
};
use uuid::Uuid;

use crate::{
    check::{Checker, Violation},
    world::World,
};

/// As many refunds as a charge takes: each may round a share by one minor unit.
const REFUNDS_MAX: i128 = 10;

type Checked = Result<(), Violation>;

fn broken(documents: &[Uuid], text: String) -> Checked {
    Err(Violation { invariant: "MONEY-1", text, documents: documents.to_vec() })
}

impl Checker {
    /// MONEY-1: what is posted sums to zero, is about a charge that was captured, and never changes. Nobody is paid
    /// within the time of a simulation, so no money of a sale moves.
    pub(crate) fn posted(&mut self, id: Uuid, next: Transaction) -> Checked {
        let fact = next.fact;
        let documents = [id, next.order_id.0];
        if sum(&next.lines) != 0 {
            broken(&documents, format!("the lines of {fact} do not sum to zero"))?;
        }
        let charge = fact.charge_id().and_then(|id| self.charges.get(&id));
        if charge.is_none_or(|it| {
            !it.was_captured() || (it.order_id, it.currency) != (next.order_id, next.currency)
        }) {
            broken(&documents, format!("{fact} is posted, of the charge {charge:?}"))?;
        }
        if self.ledger.get(&id).is_some_and(|before| *before != next) {
            broken(&documents, format!("{fact} was posted before, with other words"))?;
        }
        self.ledger.insert(id, next);
        Ok(())
    }

    /// MONEY-1: a sale is of an order that was paid for, and stays with its seller.
    pub(crate) fn sale(&mut self, next: Sale) -> Checked {
        let documents = [next.order_id.0, next.charge_id.0];
        let charge = self.charges.get(&next.charge_id);
        if charge.is_none_or(|it| !it.was_captured() || it.order_id != next.order_id) {
            broken(&documents, format!("a sale is recorded, of the charge {charge:?}"))?;
        }
        let before = self.sales.insert(next.order_id, next.clone());
        if before.is_some_and(|it| it.seller_id != next.seller_id || it.fees != next.fees) {
            broken(&documents, format!("a sale is of another seller or other fees: {next:?}"))?;
        }
        Ok(())
    }
}

/// MONEY-1: what the provider keeps is booked, what is held for the seller of an order is what they get of
/// it, and nothing is left that belongs to no sale.
pub(crate) fn money_is_booked(world: &World, checker: &Checker) -> Checked {
    let mut balances: BTreeMap<(OrderId, Account), i128> = BTreeMap::new();
    for transaction in checker.ledger.values() {
        for line in &transaction.lines {
            let key = (transaction.order_id, line.account);
            *balances.entry(key).or_default() += i128::from(line.amount);
        }
    }
    let mut balance = |order, account| balances.remove(&(order, account)).unwrap_or(0);
    let mut kept: BTreeMap<OrderId, u64> = BTreeMap::new();
    for payment in world.provider.records(world.now()) {
        *kept.entry(payment.order_id).or_default() += payment.kept;
    }
    for order in checker.orders.values() {
        let is_sold = order.status == OrderStatus::Completed;
        let kept = i128::from(kept.get(&order.id).copied().unwrap_or(0));
        let breakdown = order.breakdown();
        let (net, total) = (i128::from(breakdown.seller_net), i128::from(breakdown.total.minor()));
        let held = -balance(order.id, Account::OrderHeld(order.id));
        // A refund takes from everybody their share, and each is rounded once.
        let share = if is_sold { net * kept / total } else { 0 };
        let rounded = if kept == 0 || kept == total { 0 } else { REFUNDS_MAX };
        if (held - share).abs() > rounded {
            let text = format!(
                "order {} is {:?}, {share} is to be held for its seller and {held} is",
                order.id, order.status
            );
            broken(&[order.id.0], text)?;
        }
        let sale = checker.sales.get(&order.id).map(|it| i128::from(it.part.net));
        if sale.unwrap_or(0) != held || sale.is_none() && is_sold {
            let text = format!(
                "order {} is {:?}, {held} is held for its seller and its sale says {sale:?}",
                order.id, order.status
            );
            broken(&[order.id.0], text)?;
        }
        for (account, expected) in [(Account::Psp, kept), (Account::Unmatched, 0)] {
            let booked = balance(order.id, account);
            if booked != expected {
                let text = format!(
                    "order {} is {:?}, {expected} is to be booked to {account} and {booked} is",
                    order.id, order.status
                );
                broken(&[order.id.0], text)?;
            }
        }
    }
    Ok(())
}
