//! MONEY-1: the ledger balances, and says what the provider's books and the orders say.

use std::collections::HashMap;

use stubmart_contract::{ChargeId, Currency, OrderId, api::OrderStatus};
use stubmart_payments::ledger::{Account, sum};
use stubmart_ports::bus::Consumer;

use super::rules::{Finding, Market, broken, mended_by};

/// They post what was captured and given back, and have it given back.
static BOOKED: &[&Consumer] = &[
    &stubmart_payments::inbound::LEDGER,
    &stubmart_payments::inbound::ORDER_CANCELLED,
    &stubmart_orders::inbound::CHARGES,
];

/// Every transaction is zero and about a charge or a sale; of each charge at rest what the provider keeps is
/// booked; and what was held for the seller of an order is what they get of it.
pub(crate) fn balance(market: &Market, found: &mut Vec<Finding>) {
    let mut psp: HashMap<ChargeId, i128> = HashMap::new();
    let mut held: HashMap<(OrderId, Currency), i128> = HashMap::new();
    for transaction in &market.ledger {
        let (fact, charge_id) = (transaction.fact, transaction.fact.charge_id());
        if sum(&transaction.lines) != 0 {
            found.push(broken("MONEY-1", format!("the lines of {fact} do not sum to zero")));
        }
        // What became of the money of a sale after that is audited with the sales.
        let Some(charge_id) = charge_id else { continue };
        match market.charges.get(&charge_id) {
            Some(it)
                if (it.order_id, it.currency) == (transaction.order_id, transaction.currency) => {}
            Some(_) => found.push(broken("MONEY-1", format!("{fact} is not about its charge"))),
            None => found.push(broken("MONEY-1", format!("{fact} is about no charge"))),
        }
        for line in &transaction.lines {
            match line.account {
                Account::Psp => *psp.entry(charge_id).or_default() += i128::from(line.amount),
                Account::OrderHeld(order) => {
                    let key = (order, transaction.currency);
                    *held.entry(key).or_default() -= i128::from(line.amount);
                }
                _ => {}
            }
        }
    }
    provider_agrees(market, &psp, found);
    sellers_parts_are_held(market, &held, found);
}

fn provider_agrees(market: &Market, psp: &HashMap<ChargeId, i128>, found: &mut Vec<Finding>) {
    for payment in &market.payments {
        let charge = market.charges.get(&payment.charge_id);
        if charge.is_none_or(|charge| charge.is_open() || charge.due_at.is_some()) {
            continue;
        }
        let booked = psp.get(&payment.charge_id).copied().unwrap_or(0);
        if booked != i128::from(payment.kept) {
            let (id, kept) = (&payment.id, payment.kept);
            let text = format!("{kept} is kept of payment {id}, and {booked} is booked");
            found.push(mended_by(BOOKED, payment.order_id, "MONEY-1", text));
        }
    }
}

fn sellers_parts_are_held(
    market: &Market,
    held: &HashMap<(OrderId, Currency), i128>,
    found: &mut Vec<Finding>,
) {
    for order in market.orders.values() {
        let charge = order.charge_id.and_then(|id| market.charges.get(&id));
        // What is under way may be booked already.
        if order.status == OrderStatus::AwaitingPayment
            || charge.is_some_and(|it| it.due_at.is_some())
        {
            continue;
        }
        let is_sold = order.status == OrderStatus::Completed;
        let breakdown = order.breakdown();
        let total = i128::from(breakdown.total.minor());
        let kept = charge.map_or(0, |it| i128::from(it.kept()));
        // A refund takes from everybody their share, and each is rounded once.
        let rounded = charge.filter(|_| kept > 0).map_or(0, |it| it.refunds.len());
        let net = i128::from(breakdown.seller_net) * kept / total.max(1);
        let net = if is_sold { net } else { 0 };
        let booked = held.get(&(order.id, order.currency)).copied().unwrap_or(0);
        if (booked - net).unsigned_abs() > u128::try_from(rounded).unwrap_or(0) {
            let id = order.id;
            let text = format!("{net} is to be held for the seller of order {id}, and {booked} is");
            found.push(mended_by(BOOKED, id, "MONEY-1", text));
        }
    }
}
