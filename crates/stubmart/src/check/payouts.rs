//! MONEY-1: what was captured for a sale is held for its seller until it is due, and paid once.

use std::collections::{HashMap, HashSet};

use stubmart_contract::{OrderId, PayoutId, api::OrderStatus};
use stubmart_payments::{
    ledger::{Account, Transaction},
    payout::Payout,
    sale::{MoveKind, Position, Sale, postings},
};
use stubmart_ports::bus::Consumer;

use super::rules::{Alive, Finding, GRACE, Market, broken, mended_by};

/// They record sales, and what is given back of them.
static SALES: &[&Consumer] = &[
    &stubmart_payments::inbound::SALES,
    &stubmart_payments::inbound::DELIVERIES,
    &stubmart_payments::inbound::CLAIM_HOLDS,
];

/// It posts what moved of a sale, and tells sales that they were paid.
static PAYOUTS: &[&Consumer] = &[&stubmart_payments::inbound::PAYOUTS];

/// They hold the money of what is claimed.
static CLAIM_HOLDS: &[&Consumer] = &[&stubmart_payments::inbound::CLAIM_HOLDS];

/// A completed order whose money is kept has one sale; what is held for its seller is what they get; every move
/// of it is booked; a claim holds it; and what is due is found.
pub(crate) fn audit(market: &Market, alive: Alive, found: &mut Vec<Finding>) {
    let mut booked: HashMap<OrderId, Vec<&Transaction>> = HashMap::new();
    for transaction in &market.ledger {
        booked.entry(transaction.order_id).or_default().push(transaction);
    }
    for order in market.orders.values().filter(|it| it.status == OrderStatus::Completed) {
        let charge = order.charge_id.and_then(|id| market.charges.get(&id));
        if charge.is_some_and(|it| it.due_at.is_none()) && !market.sales.contains_key(&order.id) {
            let text = format!("order {} is completed, and its seller gets nothing", order.id);
            found.push(mended_by(SALES, order.id, "MONEY-1", text));
        }
    }
    for sale in market.sales.values() {
        let transactions = booked.get(&sale.order_id).map(Vec::as_slice).unwrap_or_default();
        belongs_to_its_order(market, sale, found);
        is_booked(sale, transactions, found);
        is_held(sale, transactions, found);
        if let (Some(due), Alive::At(now)) = (sale.due(), alive)
            && now > due.after(GRACE)
        {
            let text = format!("the money of order {} was to be due at {due}", sale.order_id);
            found.push(broken("MONEY-1", text));
        }
    }
    for claim in market.claims.iter().filter(|it| it.outcome.is_none()) {
        let held = market.sales.get(&claim.order_id);
        if held.is_none_or(|it| it.claim.is_none_or(|known| known.id != claim.id)) {
            let text = format!("claim {} does not hold the money of its order", claim.id);
            found.push(mended_by(CLAIM_HOLDS, claim.order_id, "MONEY-1", text));
        }
    }
    are_paid_once(market, found);
}

fn belongs_to_its_order(market: &Market, sale: &Sale, found: &mut Vec<Finding>) {
    let id = sale.order_id;
    let is_its_own = market.orders.get(&id).is_some_and(|order| {
        let parties = (order.seller_id, order.user_id) == (sale.seller_id, sale.buyer_id);
        let money = (order.breakdown().total, order.fees, order.currency);
        parties && money == (sale.total, sale.fees, sale.currency)
    });
    if !is_its_own {
        let text = format!("the sale of order {id} is between others, or of other money");
        found.push(broken("MONEY-1", text));
    }
}

/// Every move of the sale is one transaction, of its lines, and no other is there.
fn is_booked(sale: &Sale, transactions: &[&Transaction], found: &mut Vec<Finding>) {
    let id = sale.order_id;
    let mut rest: HashMap<_, _> = transactions
        .iter()
        .filter(|it| it.fact.charge_id().is_none())
        .map(|it| (it.fact, *it))
        .collect();
    for (fact, lines) in postings(id, sale.seller_id, sale.fees, &sale.moves) {
        match rest.remove(&fact) {
            Some(it) if it.lines == lines && it.currency == sale.currency => {}
            Some(_) => found.push(broken("MONEY-1", format!("{fact} is not what its sale says"))),
            None => {
                found.push(mended_by(PAYOUTS, id, "MONEY-1", format!("{fact} is not booked")));
            }
        }
    }
    for fact in rest.keys() {
        found.push(broken("MONEY-1", format!("{fact} is booked, and did not happen")));
    }
}

/// What the books hold for the order is what its seller is to get and was not released.
fn is_held(sale: &Sale, transactions: &[&Transaction], found: &mut Vec<Finding>) {
    let id = sale.order_id;
    let of_charge = transactions.iter().filter(|it| it.fact.charge_id().is_some());
    let lines = of_charge.flat_map(|it| &it.lines);
    let held = lines.filter(|it| it.account == Account::OrderHeld(id));
    let held: i64 = held.map(|it| -it.amount).sum();
    let position = sale.position();
    let released_late = position.is_released && position.net != sale.part.net;
    if held != sale.part.net || released_late {
        let (net, released) = (sale.part.net, position.net);
        let text = format!(
            "{held} is booked for the seller of order {id}, {net} is to be theirs and {released} is released"
        );
        found.push(mended_by(SALES, id, "MONEY-1", text));
    }
}

/// What was paid was due and not held; the sales that it was paid for know it, and no sale was paid for twice.
fn are_paid_once(market: &Market, found: &mut Vec<Finding>) {
    let mut known: HashSet<(PayoutId, OrderId)> = HashSet::new();
    for Payout { to_pay, paid_at, .. } in &market.payouts {
        let id = to_pay.id;
        let sum: i64 = to_pay.items.iter().map(|it| it.amount).sum();
        if to_pay.amount <= 0 || to_pay.amount != sum {
            found.push(broken("MONEY-1", format!("payout {id} is not the sum of what it is for")));
        }
        for item in &to_pay.items {
            let order = item.order_id;
            known.insert((id, order));
            let Some(sale) = market.sales.get(&order) else {
                found.push(broken(
                    "MONEY-1",
                    format!("payout {id} is for order {order}, which is no sale"),
                ));
                continue;
            };
            let of_seller = (sale.seller_id, sale.currency) == (to_pay.seller_id, to_pay.currency);
            if !of_seller {
                let text =
                    format!("payout {id} is for order {order} of another seller or currency");
                found.push(broken("MONEY-1", text));
            }
            if !sale.is_paid_by(id) {
                let text = format!("payout {id} was paid, and order {order} does not know it");
                found.push(mended_by(PAYOUTS, order, "MONEY-1", text));
            }
            // What is held at the moment at which it is paid may be either.
            let before = sale.moves.iter().take_while(|it| it.at <= paid_at.before(GRACE));
            let before: Vec<_> = before.copied().collect();
            let at_payment = sale.moves.iter().take_while(|it| it.at <= paid_at.after(GRACE));
            let at_payment = Position::after(&at_payment.copied().collect::<Vec<_>>());
            let was_frozen = Position::after(&before).is_frozen && at_payment.is_frozen;
            if item.amount > 0 && (!at_payment.is_released || was_frozen) {
                let text = format!("payout {id} paid for order {order} while it was held");
                found.push(broken("MONEY-1", text));
            }
        }
    }
    for sale in market.sales.values() {
        let order = sale.order_id;
        let mut position = Position::default();
        let mut most = 0;
        for (place, next) in sale.moves.iter().enumerate() {
            position = Position::after(sale.moves.get(..=place).unwrap_or_default());
            most = most.max(position.net);
            match next.what {
                MoveKind::Paid { payout, .. } if !known.contains(&(payout, order)) => {
                    let text = format!(
                        "order {order} was paid for by payout {payout}, which is not there"
                    );
                    found.push(broken("MONEY-1", text));
                }
                MoveKind::Released { .. } if sale.payout_on().is_some_and(|on| next.at < on) => {
                    let text = format!("the money of order {order} was due before its time");
                    found.push(broken("MONEY-1", text));
                }
                _ => {}
            }
        }
        if position.paid > most {
            let text = format!("order {order} was paid for twice");
            found.push(broken("MONEY-1", text));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use stubmart_contract::{
        ChargeId, Currency, Price, TicketId, Timestamp, UserId, api::DeliveryStatus, fees::SaleFees,
    };
    use stubmart_payments::{
        ledger::Fact,
        payout::{ToPay, to_pay},
        sale::{DeliveryNews, Move, Part},
    };
    use uuid::Uuid;

    use super::*;

    const ORDER: OrderId = OrderId(Uuid::from_u128(1));
    const DUE: Timestamp = Timestamp::from_millis(1_000_000_000);
    const HOUR: Duration = Duration::from_secs(3600);

    fn moved(at: Timestamp, what: MoveKind) -> Move {
        Move { at, what }
    }

    /// A sale whose 95.00 are due.
    fn due() -> Sale {
        Sale {
            order_id: ORDER,
            charge_id: ChargeId(Uuid::from_u128(2)),
            ticket_id: TicketId(Uuid::from_u128(3)),
            buyer_id: UserId(Uuid::from_u128(4)),
            seller_id: UserId(Uuid::from_u128(5)),
            ticket: None,
            total: Price::try_from(11_000).unwrap(),
            fees: SaleFees { buyer: 1_000, seller: 500, tax: 240 },
            currency: Currency::USD,
            payout_after: 0,
            show: None,
            delivery: Some(DeliveryNews {
                version: 1,
                status: DeliveryStatus::Sent,
                deliver_by: DUE,
                at: DUE,
            }),
            claim: None,
            hold: None,
            part: Part { version: 1, net: 9_500, fees: 1_260 },
            moves: vec![moved(DUE, MoveKind::Released { net: 9_500, fees: 1_260 })],
            sold_at: Timestamp::EPOCH,
            updated_at: DUE,
        }
    }

    /// A market in which it was paid an hour later.
    fn market() -> Market {
        let sale = due();
        let to_pay = to_pay([&sale], &HashMap::new()).pop().unwrap();
        let at = DUE.after(HOUR);
        let paid = moved(at, MoveKind::Paid { payout: to_pay.id, amount: 9_500 });
        let sale = Sale { moves: vec![sale.moves[0], paid], ..sale };
        let payout = Payout { to_pay, paid_in_all: 9_500, reference: String::new(), paid_at: at };
        Market { sales: HashMap::from([(ORDER, sale)]), payouts: vec![payout], ..Market::default() }
    }

    /// What is found after a change; MONEY-1 all of it.
    fn found(change: impl FnOnce(&mut Sale, &mut Vec<Payout>)) -> usize {
        let mut market = market();
        change(market.sales.get_mut(&ORDER).unwrap(), &mut market.payouts);
        let mut found = Vec::new();
        are_paid_once(&market, &mut found);
        assert!(found.iter().all(|it| it.invariant == "MONEY-1"));
        found.len()
    }

    fn again(payout: &Payout) -> Payout {
        let to_pay = ToPay { id: PayoutId(Uuid::max()), number: 1, ..payout.to_pay.clone() };
        Payout { to_pay, ..payout.clone() }
    }

    /// MONEY-1: nothing is paid twice, while it is held or before its time, and payouts and sales say the same.
    #[test]
    fn a_seller_is_paid_once_and_in_time() {
        assert_eq!(found(|_, _| ()), 0);
        assert_eq!(found(|sale, _| sale.moves.truncate(1)), 1, "the sale does not know");
        assert_eq!(found(|_, payouts| payouts.clear()), 1, "the payout is not there");
        assert_eq!(found(|_, payouts| payouts[0].to_pay.amount += 1), 1, "it is not the sum");
        assert_eq!(found(|sale, _| sale.moves[0].at = DUE.before(HOUR)), 1, "before its time");
        let early = |_: &mut Sale, it: &mut Vec<Payout>| it[0].paid_at = DUE.before(HOUR);
        assert_eq!(found(early), 1, "before it was due");
        let frozen = |sale: &mut Sale, _: &mut Vec<Payout>| {
            sale.moves.insert(1, moved(DUE.after(HOUR / 2), MoveKind::Frozen));
        };
        assert_eq!(found(frozen), 1, "while it was held");
        let at_the_moment = |sale: &mut Sale, _: &mut Vec<Payout>| {
            sale.moves.insert(1, moved(DUE.after(HOUR).before(GRACE / 2), MoveKind::Frozen));
        };
        assert_eq!(found(at_the_moment), 0, "held at the moment at which it was paid");
        let other = UserId(Uuid::max());
        assert_eq!(found(|_, it| it[0].to_pay.seller_id = other), 1, "to somebody else");
        let twice = |sale: &mut Sale, payouts: &mut Vec<Payout>| {
            let second = again(&payouts[0]);
            let what = MoveKind::Paid { payout: second.to_pay.id, amount: 9_500 };
            sale.moves.push(moved(second.paid_at, what));
            payouts.push(second);
        };
        assert_eq!(found(twice), 1, "twice");
    }

    /// MONEY-1: every move is booked, and nothing else; what is held for a seller is what they get.
    #[test]
    fn every_move_of_a_sale_is_booked() {
        let sale = market().sales.remove(&ORDER).unwrap();
        let transaction = |(fact, lines)| Transaction {
            fact,
            order_id: ORDER,
            seller_id: None,
            currency: Currency::USD,
            lines,
            posted_at: DUE,
        };
        let moves = postings(ORDER, sale.seller_id, sale.fees, &sale.moves);
        let captured =
            stubmart_payments::ledger::Line { account: Account::OrderHeld(ORDER), amount: -9_500 };
        let captured = (Fact::Captured(sale.charge_id), vec![captured]);
        let ledger: Vec<_> = [captured].into_iter().chain(moves).map(transaction).collect();
        let found = |ledger: &[Transaction], sale: &Sale| {
            let (ledger, mut found) = (ledger.iter().collect::<Vec<_>>(), Vec::new());
            is_booked(sale, &ledger, &mut found);
            is_held(sale, &ledger, &mut found);
            found.len()
        };
        assert_eq!(found(&ledger, &sale), 0);
        assert_eq!(found(&ledger[..2], &sale), 1, "the payment is not booked");
        assert_eq!(found(&ledger[1..], &sale), 1, "nothing was held");
        let unpaid = Sale { moves: vec![sale.moves[0]], ..sale.clone() };
        assert_eq!(found(&ledger, &unpaid), 1, "a payment that was not made is booked");
        let mut other = ledger.clone();
        other[1].lines[0].amount += 1;
        assert_eq!(found(&other, &sale), 1, "another amount is booked");
        let refunded = Sale { part: Part { version: 2, net: 0, fees: 0 }, ..sale };
        assert_eq!(found(&ledger, &refunded), 1, "what was given back is not booked");
    }
}
