//! The ledger: every movement of money as a transaction whose lines sum to zero (double entry), and as a
//! pure state machine one that is written once and never changes.
//!
//! A transaction is named by the fact that it records, so that a fact is posted once, however often it is
//! seen. Balances are derived from the lines and kept nowhere.

mod names;
mod share;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    Currency, OrderId, Price, Timestamp, UserId, calls::OrderForPayment, fees::SaleFees,
};
use stubmart_kernel::{
    aggregate::{Aggregate, Collection, Decision, Index, Key},
    mutant,
};

pub use names::{Account, Fact, TransactionId, UnknownName};
pub(crate) use share::share;

/// The ledger.
pub static LEDGER: Collection = Collection {
    name: "payments.ledger",
    indexes: &[Index { name: ORDER, unique: false }, Index { name: SELLER, unique: false }],
};

/// By order, oldest first.
pub const ORDER: &str = "order";

/// By seller, oldest first.
pub const SELLER: &str = "seller";

/// An amount on one account, in minor units: a debit is positive, a credit negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The account.
    pub account: Account,
    /// The amount.
    pub amount: i64,
}

/// A transaction of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Transaction {
    /// What it records; its id is made of it.
    pub fact: Fact,
    /// The order that it is about.
    pub order_id: OrderId,
    /// Who sold, where there was a sale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seller_id: Option<UserId>,
    /// The currency of every line.
    pub currency: Currency,
    /// Its lines, which sum to zero.
    pub lines: Vec<Line>,
    /// When it was posted.
    pub posted_at: Timestamp,
}

/// A transaction to post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// What it records.
    pub fact: Fact,
    /// The order that it is about.
    pub order_id: OrderId,
    /// Who sold, where there was a sale.
    pub seller_id: Option<UserId>,
    /// The currency of every line.
    pub currency: Currency,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// The lines of a posting do not sum to zero. Nothing is posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the lines of a posting do not sum to zero")]
pub struct Unbalanced;

impl Aggregate for Transaction {
    type Id = TransactionId;
    type Command = Posting;
    type Refusal = Unbalanced;

    fn id(&self) -> TransactionId {
        self.fact.id()
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let mut entries = vec![(ORDER, Key::new().id(self.order_id.0).time(self.posted_at))];
        if let Some(seller) = self.seller_id {
            entries.push((SELLER, Key::new().id(seller.0).time(self.posted_at)));
        }
        entries
    }

    fn decide(
        current: Option<&Self>,
        posting: &Posting,
        now: Timestamp,
    ) -> Result<Decision<Self>, Unbalanced> {
        if current.is_some() {
            return Ok(Decision::Unchanged);
        }
        if sum(&posting.lines) != 0 {
            return Err(Unbalanced);
        }
        let Posting { fact, order_id, seller_id, currency, lines } = posting.clone();
        Ok(Decision::silent(Self { fact, order_id, seller_id, currency, lines, posted_at: now }))
    }
}

/// What the lines come to. It is zero in every transaction.
#[must_use]
pub fn sum(lines: &[Line]) -> i128 {
    lines.iter().map(|line| i128::from(line.amount)).sum()
}

/// The lines of money that was captured for a sale: the seller's part is held for the order, and our fees
/// are earned when that is released.
#[must_use]
pub fn captured(sale: &OrderForPayment) -> Vec<Line> {
    let SaleFees { buyer, seller, tax } = sale.fees;
    let total = i64::from(sale.amount.minor());
    let earned = if mutant!("a sale is booked without its fees") { tax } else { buyer + seller };
    lines([
        (Account::Psp, total),
        (Account::OrderHeld(sale.id), earned - total),
        (Account::FeesDeferred, tax - earned),
        (Account::TaxPayable, -tax),
    ])
}

/// The lines of money that was captured and belongs to no sale.
#[must_use]
pub fn unmatched(amount: Price) -> Vec<Line> {
    let amount = i64::from(amount.minor());
    lines([(Account::Psp, amount), (Account::Unmatched, -amount)])
}

/// The lines of money that is given back. Each that has a part of it gives back a share (the seller, our fees,
/// the tax in them), in proportion to what each has left by the lines that are `posted`, so that what was
/// given back in parts comes to what a refund in full is. `None` where not so much is left.
#[must_use]
pub fn given_back(posted: &[Line], amount: Price) -> Option<Vec<Line>> {
    let amount = i64::from(amount.minor());
    let mut balances: BTreeMap<Account, i64> = BTreeMap::new();
    for line in posted {
        *balances.entry(line.account).or_default() += line.amount;
    }
    if balances.remove(&Account::Psp).unwrap_or(0) < amount {
        return None;
    }
    let weights: Vec<i64> = balances.values().map(|balance| -balance).collect();
    let parts = if mutant!("the seller pays for the whole refund") {
        balances
            .keys()
            .map(|it| if matches!(it, Account::OrderHeld(_)) { amount } else { 0 })
            .collect()
    } else {
        share(amount, &weights)
    };
    let taken = balances.keys().copied().zip(parts);
    Some(lines(taken.chain([(Account::Psp, -amount)])))
}

/// The lines that undo these.
#[must_use]
pub fn reversed(undone: &[Line]) -> Vec<Line> {
    undone.iter().map(|line| Line { amount: -line.amount, ..*line }).collect()
}

/// Lines of these amounts, but none without an amount.
pub(crate) fn lines(amounts: impl IntoIterator<Item = (Account, i64)>) -> Vec<Line> {
    let lines = amounts.into_iter().filter(|(_, amount)| *amount != 0);
    lines.map(|(account, amount)| Line { account, amount }).collect()
}

#[cfg(test)]
mod tests {
    use stubmart_contract::{ChargeId, TicketId, api::OrderStatus};
    use uuid::Uuid;

    use super::*;

    const CHARGE: ChargeId = ChargeId(Uuid::from_u128(7));
    const ORDER_ID: OrderId = OrderId(Uuid::from_u128(8));
    const NOW: Timestamp = Timestamp::from_millis(1_000);

    /// A sale at 100.00 with fees of 10.00 and 5.00, of which 2.40 are tax.
    fn sale() -> OrderForPayment {
        OrderForPayment {
            id: ORDER_ID,
            user_id: UserId(Uuid::from_u128(1)),
            seller_id: UserId(Uuid::from_u128(2)),
            ticket_id: TicketId(Uuid::from_u128(3)),
            status: OrderStatus::Completed,
            has_expired: false,
            charge_id: Some(CHARGE),
            amount: Price::try_from(11_000).unwrap(),
            fees: SaleFees { buyer: 1_000, seller: 500, tax: 240 },
            currency: Currency::USD,
            expires_at: NOW,
            ticket: None,
        }
    }

    fn posting(lines: Vec<Line>) -> Posting {
        Posting {
            fact: Fact::Captured(CHARGE),
            order_id: ORDER_ID,
            seller_id: None,
            currency: Currency::USD,
            lines,
        }
    }

    /// MONEY-1: the seller's part is held, the fees are deferred, the tax is owed, and the sum is zero.
    #[test]
    fn a_sale_is_booked_to_seller_fees_and_tax() {
        let booked = captured(&sale());
        let amounts: Vec<_> = booked.iter().map(|it| (it.account, it.amount)).collect();
        let expected = [
            (Account::Psp, 11_000),
            (Account::OrderHeld(ORDER_ID), -9_500),
            (Account::FeesDeferred, -1_260),
            (Account::TaxPayable, -240),
        ];
        assert_eq!((amounts, sum(&booked)), (expected.to_vec(), 0));
        let free = OrderForPayment { fees: SaleFees::NONE, ..sale() };
        assert_eq!(captured(&free).len(), 2, "no line without an amount");
        let both: Vec<_> = booked.iter().copied().chain(reversed(&booked)).collect();
        for line in &booked {
            let of_account = both.iter().filter(|it| it.account == line.account);
            assert_eq!(of_account.map(|it| it.amount).sum::<i64>(), 0, "{line:?}");
        }
    }

    /// MONEY-1: a refund takes from each their share of it, and refunds in parts come to one in full; what is
    /// not there is not given back.
    #[test]
    fn a_refund_takes_from_everybody_their_share() {
        let mut posted = captured(&sale());
        let amount = |minor| Price::try_from(minor).unwrap();
        for (part, expected) in [
            (
                100,
                vec![
                    (Account::OrderHeld(ORDER_ID), 86),
                    (Account::FeesDeferred, 12),
                    (Account::TaxPayable, 2),
                ],
            ),
            (
                10_900,
                vec![
                    (Account::OrderHeld(ORDER_ID), 9_414),
                    (Account::FeesDeferred, 1_248),
                    (Account::TaxPayable, 238),
                ],
            ),
        ] {
            let booked = given_back(&posted, amount(part)).unwrap();
            let taken: Vec<_> = booked
                .iter()
                .filter(|it| it.account != Account::Psp)
                .map(|it| (it.account, it.amount))
                .collect();
            assert_eq!((taken, sum(&booked)), (expected, 0), "{part}");
            posted.extend(booked);
        }
        assert_eq!(given_back(&posted, amount(1)), None, "nothing is left");
        assert_eq!(given_back(&captured(&sale()), amount(11_001)), None);
    }

    /// MONEY-1: what does not sum to zero is not posted.
    #[test]
    fn an_unbalanced_posting_is_refused() {
        let line = Line { account: Account::Psp, amount: 1 };
        assert_eq!(Transaction::decide(None, &posting(vec![line]), NOW), Err(Unbalanced));
    }

    /// A transaction is written once: the same fact again, in whatever words, changes nothing.
    #[test]
    fn a_fact_is_posted_once() {
        let first = posting(captured(&sale()));
        let Ok(Decision::Changed { state, event: None }) = Transaction::decide(None, &first, NOW)
        else {
            panic!("not posted")
        };
        let again = posting(unmatched(sale().amount));
        assert_eq!(Transaction::decide(Some(&state), &again, NOW), Ok(Decision::Unchanged));
        let stored: Transaction =
            serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        assert_eq!(stored, state);
    }
}
