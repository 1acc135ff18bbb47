//! What money is booked to, and what a transaction records: each has a name, and is stored by it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use stubmart_contract::{ChargeId, OrderId, UserId};
use uuid::Uuid;

/// What money is booked to. Its name is `psp:pending`, `order:ID:held` and the like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// What the payment provider holds for us (an asset).
    Psp,
    /// What the seller of an order will get (a liability).
    OrderHeld(OrderId),
    /// Fees of sales whose money is still held (a liability).
    FeesDeferred,
    /// The tax in our fees (a liability).
    TaxPayable,
    /// Money that belongs to no sale, until it is given back (clearing).
    Unmatched,
    /// Our account at the bank, from which sellers are paid (an asset).
    Bank,
    /// What is to be paid to a seller now (a liability).
    SellerAvailable(UserId),
    /// What was to be paid to a seller, and is held again (a liability).
    SellerReserved(UserId),
    /// What a seller owes us: what was given back after they were paid for it (an asset).
    SellerReceivable(UserId),
    /// Fees of buyers that are earned (income).
    RevenueBuyerFee,
    /// Fees of sellers that are earned (income).
    RevenueSellerFee,
}

/// What a transaction records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// A charge's money was captured.
    Captured(ChargeId),
    /// Money of a charge was given back: the charge's refund at this place, counted from 0.
    Refunded(ChargeId, u8),
    /// That money did not reach the buyer, and is back.
    RefundFailed(ChargeId, u8),
    /// The money of a sale is to be paid to its seller, or what of it is to be has changed: the sale's move at
    /// this place, counted from 0, as in the facts below.
    Released(OrderId, u32),
    /// What was to be paid of a sale is held again.
    Frozen(OrderId, u32),
    /// It is held no longer.
    Freed(OrderId, u32),
    /// The seller was paid, or what the seller owed was taken off.
    PaidOut(OrderId, u32),
}

/// Names a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionId(Uuid);

impl From<TransactionId> for Uuid {
    fn from(id: TransactionId) -> Self {
        id.0
    }
}

impl From<Uuid> for TransactionId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

/// What the ids of all transactions differ by from what they are about: "ledger", in the first 48 bits.
const LEDGER: u128 = 0x6c65_6467_6572_0000_0000_0000_0000_0000;

impl Fact {
    /// The id of the transaction that records it, made of the id of the charge or order, the kind of fact and
    /// the place.
    #[must_use]
    pub fn id(self) -> TransactionId {
        let (of, kind, place) = match self {
            Self::Captured(charge) => (charge.0, 1, 0),
            Self::Refunded(charge, place) => (charge.0, 2, u32::from(place)),
            Self::RefundFailed(charge, place) => (charge.0, 3, u32::from(place)),
            Self::Released(order, place) => (order.0, 4, place),
            Self::Frozen(order, place) => (order.0, 5, place),
            Self::Freed(order, place) => (order.0, 6, place),
            Self::PaidOut(order, place) => (order.0, 7, place),
        };
        let kind = LEDGER ^ kind ^ (u128::from(place) << 16);
        TransactionId(Uuid::from_u128(of.as_u128() ^ kind))
    }

    /// The charge that it is about; `None` of a fact about a sale's money on its way to the seller.
    #[must_use]
    pub const fn charge_id(self) -> Option<ChargeId> {
        match self {
            Self::Captured(charge) | Self::Refunded(charge, _) | Self::RefundFailed(charge, _) => {
                Some(charge)
            }
            Self::Released(..) | Self::Frozen(..) | Self::Freed(..) | Self::PaidOut(..) => None,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Psp => f.write_str("psp:pending"),
            Self::OrderHeld(order) => write!(f, "order:{order}:held"),
            Self::FeesDeferred => f.write_str("fees:deferred"),
            Self::TaxPayable => f.write_str("tax:payable"),
            Self::Unmatched => f.write_str("suspense:unmatched"),
            Self::Bank => f.write_str("bank"),
            Self::SellerAvailable(seller) => write!(f, "seller:{seller}:available"),
            Self::SellerReserved(seller) => write!(f, "seller:{seller}:reserved"),
            Self::SellerReceivable(seller) => write!(f, "seller:{seller}:receivable"),
            Self::RevenueBuyerFee => f.write_str("revenue:buyer_fee"),
            Self::RevenueSellerFee => f.write_str("revenue:seller_fee"),
        }
    }
}

impl FromStr for Account {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        match name {
            "psp:pending" => return Ok(Self::Psp),
            "fees:deferred" => return Ok(Self::FeesDeferred),
            "tax:payable" => return Ok(Self::TaxPayable),
            "suspense:unmatched" => return Ok(Self::Unmatched),
            "bank" => return Ok(Self::Bank),
            "revenue:buyer_fee" => return Ok(Self::RevenueBuyerFee),
            "revenue:seller_fee" => return Ok(Self::RevenueSellerFee),
            _ => {}
        }
        let (of, rest) = name.split_once(':').ok_or(UnknownName)?;
        let (id, kind) = rest.split_once(':').ok_or(UnknownName)?;
        let seller = || id.parse().map_err(|_| UnknownName);
        match (of, kind) {
            ("order", "held") => id.parse().map(Self::OrderHeld).map_err(|_| UnknownName),
            ("seller", "available") => seller().map(Self::SellerAvailable),
            ("seller", "reserved") => seller().map(Self::SellerReserved),
            ("seller", "receivable") => seller().map(Self::SellerReceivable),
            _ => Err(UnknownName),
        }
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Captured(charge) => write!(f, "cap:{charge}"),
            Self::Refunded(charge, 0) => write!(f, "re:{charge}"),
            Self::Refunded(charge, place) => write!(f, "re:{charge}/{place}"),
            Self::RefundFailed(charge, place) => write!(f, "rf:{charge}/{place}"),
            Self::Released(order, place) => write!(f, "rel:{order}/{place}"),
            Self::Frozen(order, place) => write!(f, "hold:{order}/{place}"),
            Self::Freed(order, place) => write!(f, "free:{order}/{place}"),
            Self::PaidOut(order, place) => write!(f, "pay:{order}/{place}"),
        }
    }
}

impl FromStr for Fact {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        fn id<T: FromStr>(text: &str) -> Result<T, UnknownName> {
            text.parse().map_err(|_| UnknownName)
        }
        let (kind, what) = name.split_once(':').ok_or(UnknownName)?;
        let (of, place) = what.split_once('/').unwrap_or((what, "0"));
        match kind {
            "cap" => Ok(Self::Captured(id(of)?)),
            "re" => Ok(Self::Refunded(id(of)?, id(place)?)),
            "rf" => Ok(Self::RefundFailed(id(of)?, id(place)?)),
            "rel" => Ok(Self::Released(id(of)?, id(place)?)),
            "hold" => Ok(Self::Frozen(id(of)?, id(place)?)),
            "free" => Ok(Self::Freed(id(of)?, id(place)?)),
            "pay" => Ok(Self::PaidOut(id(of)?, id(place)?)),
            _ => Err(UnknownName),
        }
    }
}

/// A text that names no account or no fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such account or fact")]
pub struct UnknownName;

macro_rules! as_text {
    ($($name:ident)+) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let name = String::deserialize(deserializer)?;
                name.parse().map_err(D::Error::custom)
            }
        }
    )+};
}

as_text! { Account Fact }

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const CHARGE: ChargeId = ChargeId(Uuid::from_u128(7));
    const ORDER: OrderId = OrderId(Uuid::from_u128(8));
    const SELLER: UserId = UserId(Uuid::from_u128(9));

    #[test]
    fn accounts_and_facts_read_back_what_they_write() {
        for account in [
            Account::Psp,
            Account::OrderHeld(ORDER),
            Account::FeesDeferred,
            Account::TaxPayable,
            Account::Unmatched,
            Account::Bank,
            Account::SellerAvailable(SELLER),
            Account::SellerReserved(SELLER),
            Account::SellerReceivable(SELLER),
            Account::RevenueBuyerFee,
            Account::RevenueSellerFee,
        ] {
            assert_eq!(account.to_string().parse(), Ok(account));
        }
        let of_charge = [Fact::Refunded, Fact::RefundFailed];
        let of_charge = of_charge.into_iter().flat_map(|fact| [0, 3].map(|at| fact(CHARGE, at)));
        let of_sale = [Fact::Released, Fact::Frozen, Fact::Freed, Fact::PaidOut];
        let of_sale = of_sale.into_iter().flat_map(|fact| [0, 3].map(|at| fact(ORDER, at)));
        let facts: Vec<_> =
            [Fact::Captured(CHARGE)].into_iter().chain(of_charge).chain(of_sale).collect();
        let ids: HashSet<Uuid> = facts.iter().map(|fact| fact.id().into()).collect();
        assert_eq!(ids.len(), facts.len(), "no two facts are one transaction");
        for fact in facts {
            assert_eq!(fact.to_string().parse(), Ok(fact));
        }
        for wrong in ["", "psp", "order:x:held", "seller:x:available", "cap:x", "tr:1", "re:7/300"]
        {
            assert!(wrong.parse::<Account>().is_err() && wrong.parse::<Fact>().is_err());
        }
    }
}
