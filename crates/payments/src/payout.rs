//! A payout: what one seller was paid at once, in one currency. It is written once, when the operator says that it
//! was paid, and never changes.
//!
//! What is to be paid is nowhere stored: it follows from the sales and from the payouts before it
//! ([`to_pay`]). The id of a payout is made of its number and of everything in it, so that an operator who
//! names it confirms exactly what the list said: when anything of that has changed, there is no such payout.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stubmart_contract::{
    Currency, DomainEvent, PayoutId, Timestamp, UserId,
    api::SaleStatus,
    event::{PayoutItem, PayoutState},
};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};

use crate::sale::Sale;

/// How many sales one payout is for: the rest is in the next one.
const ITEMS_MAX: usize = 500;

/// Where payouts are kept.
pub static PAYOUTS: Collection = Collection {
    name: "payments.payout",
    indexes: &[
        Index { name: index::NUMBER, unique: true },
        Index { name: index::SELLER, unique: false },
    ],
};

/// The indexes of [`PAYOUTS`].
pub mod index {
    /// By seller, currency and number: so that of two payouts that were listed for one seller, one is paid.
    pub const NUMBER: &str = "number";
    /// By seller, oldest first.
    pub const SELLER: &str = "seller";
}

/// A stored payout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Payout {
    /// What was to be paid.
    #[serde(flatten)]
    pub to_pay: ToPay,
    /// What the seller was paid in this currency, with this and all payouts before.
    pub paid_in_all: i64,
    /// The bank's reference of it, in the operator's words.
    pub reference: String,
    /// When it was noted as paid.
    pub paid_at: Timestamp,
}

/// What is to be paid to one seller at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToPay {
    /// Its id.
    pub id: PayoutId,
    /// The seller.
    pub seller_id: UserId,
    /// The currency.
    pub currency: Currency,
    /// Which of the seller's payouts in this currency it is, counted from 0.
    pub number: u32,
    /// What it is for.
    pub items: Vec<PayoutItem>,
    /// What it comes to, in minor units. It is paid if it is more than zero.
    pub amount: i64,
}

/// A payout that was paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pay {
    /// What was to be paid.
    pub to_pay: ToPay,
    /// What the seller was paid in this currency before.
    pub paid_before: i64,
    /// The bank's reference of it.
    pub reference: String,
}

/// It was paid before, and this is its reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaidBefore(pub String);

impl Aggregate for Payout {
    type Id = PayoutId;
    type Command = Pay;
    type Refusal = PaidBefore;

    fn id(&self) -> PayoutId {
        self.to_pay.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let ToPay { seller_id, currency, number, .. } = &self.to_pay;
        vec![
            (index::NUMBER, of_seller_in(*seller_id, *currency).number(*number)),
            (index::SELLER, Key::new().id(seller_id.0).time(self.paid_at)),
        ]
    }

    fn decide(
        current: Option<&Self>,
        pay: &Pay,
        now: Timestamp,
    ) -> Result<Decision<Self>, PaidBefore> {
        if let Some(paid) = current {
            let is_same = paid.reference == pay.reference;
            let before = || PaidBefore(paid.reference.clone());
            return if is_same { Ok(Decision::Unchanged) } else { Err(before()) };
        }
        let Pay { to_pay, paid_before, reference } = pay.clone();
        let paid_in_all = paid_before + to_pay.amount;
        let paid = Self { to_pay, paid_in_all, reference, paid_at: now };
        let event = DomainEvent::PayoutPaid(paid.to_event());
        Ok(Decision::changed(paid, event))
    }
}

impl Payout {
    fn to_event(&self) -> PayoutState {
        let ToPay { id, seller_id, currency, items, amount, .. } = self.to_pay.clone();
        PayoutState { id, seller_id, amount, currency, items, paid_at: self.paid_at }
    }
}

/// The key of a seller's payouts in a currency, in [`index::NUMBER`].
#[must_use]
pub fn of_seller_in(seller: UserId, currency: Currency) -> Key {
    Key::new().id(seller.0).text(currency.as_str())
}

/// The last payout of each seller in each currency.
#[must_use]
pub fn last_of_each<'a>(
    payouts: impl IntoIterator<Item = &'a Payout>,
) -> HashMap<(UserId, Currency), &'a Payout> {
    let mut last: HashMap<_, &Payout> = HashMap::new();
    for payout in payouts {
        let of = (payout.to_pay.seller_id, payout.to_pay.currency);
        let newest = last.entry(of).or_insert(payout);
        if payout.to_pay.number > newest.to_pay.number {
            *newest = payout;
        }
    }
    last
}

/// What is to be paid to each seller in each currency, by `sales` and the last payout of each. What a seller
/// owes is taken off; where that is more than what is due the amount is not more than zero, and nothing is
/// paid.
#[must_use]
pub fn to_pay<'a>(
    sales: impl IntoIterator<Item = &'a Sale>,
    last: &HashMap<(UserId, Currency), &Payout>,
) -> Vec<ToPay> {
    let mut open: BTreeMap<(UserId, &str), Vec<&Sale>> = BTreeMap::new();
    for sale in sales {
        if matches!(sale.status(), SaleStatus::Due | SaleStatus::Owed) {
            open.entry((sale.seller_id, sale.currency.as_str())).or_default().push(sale);
        }
    }
    let found = open.into_values().filter_map(|mut sales| {
        // What is owed comes first, so that it is taken off of the first payout that there is.
        sales.sort_by_key(|it| (it.status() != SaleStatus::Owed, it.sold_at, it.order_id));
        let first = sales.first()?;
        let (seller_id, currency) = (first.seller_id, first.currency);
        let last = last.get(&(seller_id, currency)).copied();
        let mut items = sales.iter().map(|it| item(it, last)).filter(|it| it.amount != 0);
        let items: Vec<_> = items.by_ref().take(ITEMS_MAX).collect();
        let amount = items.iter().map(|it| it.amount).sum();
        let number = last.map_or(0, |it| it.to_pay.number + 1);
        let id = id_of(seller_id, currency, number, &items);
        (!items.is_empty()).then_some(ToPay { id, seller_id, currency, number, items, amount })
    });
    found.collect()
}

/// What is to be paid for a sale. The last payout may have paid for it, and the sale not have heard of it yet.
fn item(sale: &Sale, last: Option<&Payout>) -> PayoutItem {
    let unheard = last.filter(|it| !sale.is_paid_by(it.to_pay.id));
    let items = unheard.into_iter().flat_map(|it| &it.to_pay.items);
    let paid: i64 = items.filter(|it| it.order_id == sale.order_id).map(|it| it.amount).sum();
    PayoutItem { order_id: sale.order_id, amount: sale.position().balance() - paid }
}

fn id_of(seller: UserId, currency: Currency, number: u32, items: &[PayoutItem]) -> PayoutId {
    let mut hash = Sha256::new();
    hash.update(of_seller_in(seller, currency).number(number).bytes());
    for item in items {
        hash.update(item.order_id.0.as_bytes());
        hash.update(item.amount.to_be_bytes());
    }
    let bytes: [u8; 32] = hash.finalize().into();
    let [first, second] = [0, 16].map(|at| bytes.get(at..at + 16).unwrap_or_default());
    let id = first.iter().zip(second).fold(0, |id: u128, (a, b)| (id << 8) | u128::from(a ^ b));
    PayoutId(uuid::Builder::from_custom_bytes(id.to_be_bytes()).into_uuid())
}

#[cfg(test)]
mod tests;
