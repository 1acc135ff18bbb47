//! The moves of a sale's money after it was captured, and how each is booked.

use serde::{Deserialize, Serialize};
use stubmart_contract::{OrderId, PayoutId, Timestamp, UserId, fees::SaleFees};

use crate::ledger::{Account, Fact, Line, lines, share};

/// A move of a sale's money. None is ever taken out, and each keeps its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Move {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: MoveKind,
}

/// What moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveKind {
    /// The seller's part is to be paid, and our fees are earned; after the first time, by how much both have
    /// changed since.
    Released {
        /// The seller's part, in minor units.
        net: i64,
        /// Our fees, without the tax in them.
        fees: i64,
    },
    /// What is to be paid is held again.
    Frozen,
    /// It is held no longer.
    Freed,
    /// It was paid.
    Paid {
        /// With this payout.
        payout: PayoutId,
        /// How much; negative where it was taken off what the seller got.
        amount: i64,
    },
}

/// Where a sale's money is after its moves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Position {
    /// Whether any of it was released.
    pub is_released: bool,
    /// Whether what is to be paid is held again.
    pub is_frozen: bool,
    /// What was released to the seller, in minor units.
    pub net: i64,
    /// Our fees that are earned.
    pub fees: i64,
    /// What the seller was paid.
    pub paid: i64,
}

impl Position {
    /// The position after these moves.
    #[must_use]
    pub fn after(moves: &[Move]) -> Self {
        moves.iter().fold(Self::default(), |it, next| it.then(next.what))
    }

    const fn then(self, what: MoveKind) -> Self {
        match what {
            MoveKind::Released { net, fees } => {
                Self { is_released: true, net: self.net + net, fees: self.fees + fees, ..self }
            }
            MoveKind::Frozen => Self { is_frozen: true, ..self },
            MoveKind::Freed => Self { is_frozen: false, ..self },
            MoveKind::Paid { amount, .. } => Self { paid: self.paid + amount, ..self },
        }
    }

    /// What is to be paid to the seller; negative where the seller owes it.
    #[must_use]
    pub const fn balance(&self) -> i64 {
        self.net - self.paid
    }

    /// The balances of the accounts at this position that the moves of a sale change, but those on which the
    /// other side of a move stands.
    fn balances(&self, seller: UserId, fees: SaleFees) -> Vec<(Account, i64)> {
        let (is_owed, owes) = (self.balance().max(0), (-self.balance()).max(0));
        let (reserved, available) = if self.is_frozen { (is_owed, 0) } else { (0, is_owed) };
        let earned = share(self.fees, &[fees.buyer, fees.seller]);
        let earned = |at: usize| earned.get(at).copied().unwrap_or(0);
        vec![
            (Account::SellerAvailable(seller), -available),
            (Account::SellerReserved(seller), -reserved),
            (Account::SellerReceivable(seller), owes),
            (Account::RevenueBuyerFee, -earned(0)),
            (Account::RevenueSellerFee, -earned(1)),
        ]
    }
}

/// How the moves of a sale are booked: a fact and its lines for each, in their order.
#[must_use]
pub fn postings(
    order: OrderId,
    seller: UserId,
    fees: SaleFees,
    moves: &[Move],
) -> Vec<(Fact, Vec<Line>)> {
    let mut position = Position::default();
    let mut postings = Vec::new();
    for (place, next) in (0..).zip(moves) {
        let after = position.then(next.what);
        let before = position.balances(seller, fees);
        let changes = before.into_iter().zip(after.balances(seller, fees));
        let changes = changes.map(|((account, was), (_, is))| (account, is - was));
        let (fact, other_side) = match next.what {
            MoveKind::Released { net, fees } => {
                let held = (Account::OrderHeld(order), net);
                (Fact::Released(order, place), vec![held, (Account::FeesDeferred, fees)])
            }
            MoveKind::Frozen => (Fact::Frozen(order, place), Vec::new()),
            MoveKind::Freed => (Fact::Freed(order, place), Vec::new()),
            MoveKind::Paid { amount, .. } => {
                (Fact::PaidOut(order, place), vec![(Account::Bank, -amount)])
            }
        };
        postings.push((fact, lines(other_side.into_iter().chain(changes))));
        position = after;
    }
    postings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use uuid::Uuid;

    use super::*;
    use crate::ledger::sum;

    const ORDER: OrderId = OrderId(Uuid::from_u128(1));
    const SELLER: UserId = UserId(Uuid::from_u128(2));
    const PAYOUT: PayoutId = PayoutId(Uuid::from_u128(3));
    const FEES: SaleFees = SaleFees { buyer: 1_000, seller: 500, tax: 240 };

    fn booked(moves: &[MoveKind]) -> BTreeMap<Account, i64> {
        let at = Timestamp::EPOCH;
        let moves: Vec<_> = moves.iter().map(|what| Move { at, what: *what }).collect();
        let mut balances = BTreeMap::new();
        for (fact, lines) in postings(ORDER, SELLER, FEES, &moves) {
            assert_eq!(sum(&lines), 0, "{fact}");
            for line in lines {
                *balances.entry(line.account).or_default() += line.amount;
            }
        }
        balances.retain(|_, amount| *amount != 0);
        balances
    }

    /// MONEY-1: what leaves the order is the seller's and ours; what is held again is reserved; what is paid
    /// leaves the bank; and what is given back after that is the seller's debt until a payout takes it off.
    #[test]
    fn every_move_is_booked_where_it_belongs() {
        let (held, bank) = (Account::OrderHeld(ORDER), Account::Bank);
        let ours = [
            (Account::FeesDeferred, 1_260),
            (Account::RevenueBuyerFee, -840),
            (Account::RevenueSellerFee, -420),
        ];
        let released = MoveKind::Released { net: 9_500, fees: 1_260 };
        let paid = |amount| MoveKind::Paid { payout: PAYOUT, amount };
        let given_back = MoveKind::Released { net: -9_500, fees: -1_260 };
        let (available, reserved) =
            (Account::SellerAvailable(SELLER), Account::SellerReserved(SELLER));
        let owed = Account::SellerReceivable(SELLER);
        for (moves, expected, with_fees) in [
            (vec![released], vec![(held, 9_500), (available, -9_500)], true),
            (vec![released, MoveKind::Frozen], vec![(held, 9_500), (reserved, -9_500)], true),
            (
                vec![released, MoveKind::Frozen, MoveKind::Freed],
                vec![(held, 9_500), (available, -9_500)],
                true,
            ),
            (vec![released, MoveKind::Frozen, given_back], vec![], false),
            (vec![released, paid(9_500)], vec![(held, 9_500), (bank, -9_500)], true),
            (vec![released, paid(9_500), given_back], vec![(bank, -9_500), (owed, 9_500)], false),
            (vec![released, paid(9_500), given_back, paid(-9_500)], vec![], false),
        ] {
            let ours = ours.into_iter().filter(|_| with_fees);
            let expected: BTreeMap<_, _> = expected.into_iter().chain(ours).collect();
            assert_eq!(booked(&moves), expected, "{moves:?}");
        }
    }
}
