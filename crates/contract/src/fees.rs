//! What a sale comes to: the fees of buyer and seller by the operator's schedule, and the breakdown of the
//! money.
//!
//! Amounts are `i64` in minor units and products `i128`, rounded half up once for each sale, never for
//! each seat. Whatever the schedule, what the buyer pays is what the seller gets and the fees.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ids::EventId,
    money::{Currency, Price},
};

/// Basis points in a whole.
const WHOLE_BPS: i128 = 10_000;

/// A fee: a share of the price and a fixed part, between two bounds. The default is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fee {
    /// The share of the price, in basis points: 500 is 5 %.
    pub bps: u32,
    /// The part that does not depend on the price, in minor units.
    pub fixed: u32,
    /// It is at least so much.
    pub min: u32,
    /// It is at most so much.
    pub max: Option<u32>,
}

/// The fees of a sale of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fees {
    /// What the buyer pays beside the price.
    pub buyer: Fee,
    /// What the seller pays out of the price.
    pub seller: Fee,
    /// The tax that is in the fees, in basis points of what they are without it.
    pub tax_bps: u32,
}

/// The operator's fees: those of every sale, and exceptions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeeSchedule {
    /// What buyers pay beside the price.
    pub buyer: Fee,
    /// What sellers pay out of the price.
    pub seller: Fee,
    /// The tax that is in the fees, in basis points of what they are without it: 1900 is 19 %.
    pub tax_bps: u32,
    /// The exceptions.
    pub rules: Vec<FeeRule>,
}

/// An exception for some sales. Of those that fit a sale and name a fee, the most specific one counts: an
/// event's before a category's, and among equals one that names the currency.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeeRule {
    /// For this event; any when left out.
    pub event: Option<EventId>,
    /// For events of this category, in any case; any when left out.
    pub category: Option<String>,
    /// For sales in this currency; any when left out.
    pub currency: Option<Currency>,
    /// The buyer's fee; that of less specific rules when left out.
    pub buyer: Option<Fee>,
    /// The seller's fee, likewise.
    pub seller: Option<Fee>,
}

/// An amount that is more than can be charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the price and the fees come to more than can be charged")]
pub struct TooMuch;

/// The fees of one sale, in minor units of its currency. Sales from before there were fees have none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleFees {
    /// What the buyer pays beside the price.
    pub buyer: i64,
    /// What the seller pays out of the price.
    pub seller: i64,
    /// The tax that is in the two.
    pub tax: i64,
}

/// What a sale comes to. Always `total` = `price` + `buyerFee` = `sellerNet` + `buyerFee` + `sellerFee`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Breakdown {
    /// What the seller asks, in minor units.
    pub price: Price,
    /// What the buyer pays beside it.
    pub buyer_fee: i64,
    /// What the seller pays out of it.
    pub seller_fee: i64,
    /// The tax that is in the fees.
    pub tax: i64,
    /// What the buyer pays.
    pub total: Price,
    /// What the seller gets.
    pub seller_net: i64,
}

impl Fee {
    /// A share of the price and nothing else.
    #[must_use]
    pub const fn share(bps: u32) -> Self {
        Self { bps, fixed: 0, min: 0, max: None }
    }

    /// The fee at this price, rounded half up.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub fn at(&self, price: Price) -> Result<i64, TooMuch> {
        let share = (i128::from(price.minor()) * i128::from(self.bps) + WHOLE_BPS / 2) / WHOLE_BPS;
        let fee = (i128::from(self.fixed) + share).max(self.min.into());
        let fee = self.max.map_or(fee, |max| fee.min(max.into()));
        i64::try_from(fee).map_err(|_| TooMuch)
    }

    /// Whether it is the same amount in every currency: a share without a fixed part or bounds.
    const fn is_share(&self) -> bool {
        self.fixed == 0 && self.min == 0 && self.max.is_none()
    }

    fn check(&self) -> Result<(), String> {
        if i128::from(self.bps) > WHOLE_BPS {
            return Err("bps is at most 10000".to_owned());
        }
        match self.max {
            Some(max) if max < self.min => Err("max is at least min".to_owned()),
            _ => Ok(()),
        }
    }
}

impl Fees {
    /// The fees at this price. The seller never pays more than the price.
    ///
    /// # Errors
    /// [`TooMuch`]: nothing can be sold at this price.
    pub fn at(&self, price: Price) -> Result<SaleFees, TooMuch> {
        let asked = i64::from(price.minor());
        let (buyer, seller) = (self.buyer.at(price)?, self.seller.at(price)?.min(asked));
        let total = asked.checked_add(buyer).ok_or(TooMuch)?;
        Price::try_from(total).map_err(|_| TooMuch)?;
        let fees = i128::from(buyer) + i128::from(seller);
        let gross = WHOLE_BPS + i128::from(self.tax_bps);
        let untaxed = (fees * WHOLE_BPS + gross / 2) / gross;
        let tax = i64::try_from(fees - untaxed).map_err(|_| TooMuch)?;
        Ok(SaleFees { buyer, seller, tax })
    }
}

impl FeeSchedule {
    /// The fees of a sale for this event, of this category and in this currency.
    #[must_use]
    pub fn of_sale(
        &self,
        event: Option<EventId>,
        category: Option<&str>,
        currency: Currency,
    ) -> Fees {
        let fitting = || self.rules.iter().filter(|rule| rule.fits(event, category, currency));
        let best = |fee: fn(&FeeRule) -> Option<Fee>| {
            let named = fitting().filter_map(|rule| Some((rule.rank(), fee(rule)?)));
            named.max_by_key(|(rank, _)| *rank).map(|(_, fee)| fee)
        };
        Fees {
            buyer: best(|rule| rule.buyer).unwrap_or(self.buyer),
            seller: best(|rule| rule.seller).unwrap_or(self.seller),
            tax_bps: self.tax_bps,
        }
    }

    /// Says what is wrong with it.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn check(&self) -> Result<(), String> {
        self.buyer.check()?;
        self.seller.check()?;
        if i128::from(self.tax_bps) > WHOLE_BPS {
            return Err("the tax is at most 10000 basis points".to_owned());
        }
        for (at, rule) in self.rules.iter().enumerate() {
            for fee in [rule.buyer, rule.seller].into_iter().flatten() {
                fee.check()?;
                if !fee.is_share() && rule.currency.is_none() {
                    return Err("fixed, min and max are amounts: name their currency".to_owned());
                }
            }
            if self.rules.iter().skip(at + 1).any(|other| other.scope() == rule.scope()) {
                return Err("two rules are for the same sales".to_owned());
            }
        }
        Ok(())
    }
}

impl FeeRule {
    fn fits(&self, event: Option<EventId>, category: Option<&str>, currency: Currency) -> bool {
        let category = category.map(str::to_lowercase);
        self.event.is_none_or(|it| Some(it) == event)
            && self.category.as_ref().is_none_or(|it| Some(it.to_lowercase()) == category)
            && self.currency.is_none_or(|it| it == currency)
    }

    /// How specific it is.
    const fn rank(&self) -> (bool, bool, bool) {
        (self.event.is_some(), self.category.is_some(), self.currency.is_some())
    }

    fn scope(&self) -> (Option<EventId>, Option<String>, Option<Currency>) {
        (self.event, self.category.as_ref().map(|it| it.to_lowercase()), self.currency)
    }
}

impl SaleFees {
    /// No fees.
    pub const NONE: Self = Self { buyer: 0, seller: 0, tax: 0 };

    /// Whether there are none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::NONE
    }
}

impl Breakdown {
    /// What a sale at this price and with these fees comes to. [`Fees::at`] gives no fees with which it
    /// would be more than can be charged.
    #[must_use]
    pub fn new(price: Price, fees: SaleFees) -> Self {
        let asked = i64::from(price.minor());
        Self {
            price,
            buyer_fee: fees.buyer,
            seller_fee: fees.seller,
            tax: fees.tax,
            total: Price::try_from(asked.saturating_add(fees.buyer)).unwrap_or(Price::HIGHEST),
            seller_net: asked.saturating_sub(fees.seller),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn price(minor: i64) -> Price {
        Price::try_from(minor).unwrap()
    }

    /// Half a minor unit is rounded up, less than half down.
    #[test]
    fn a_share_is_rounded_half_up() {
        let table = [(1, 49), (0, 0), (250, 1), (500, 1), (1000, 12), (33, 45)];
        let at = |bps, minor| Fee::share(bps).at(price(minor)).unwrap();
        assert_eq!(at(5000, 1), 1, "0.5");
        assert_eq!(at(4999, 1), 0, "0.4999");
        assert_eq!(at(1000, 12_550), 1255);
        assert_eq!(at(250, 20), 1, "0.5");
        assert_eq!(at(250, 19), 0, "0.475");
        assert_eq!(at(10_000, 777), 777);
        for (bps, minor) in table {
            assert!(at(bps, minor.max(1)) <= minor.max(1));
        }
    }

    #[test]
    fn a_fee_has_a_fixed_part_and_bounds() {
        let fee = Fee { bps: 1000, fixed: 30, min: 100, max: Some(500) };
        assert_eq!(fee.at(price(600)), Ok(100), "90 is less than the least");
        assert_eq!(fee.at(price(1000)), Ok(130));
        assert_eq!(fee.at(price(4_700)), Ok(500));
        assert_eq!(fee.at(price(4_800)), Ok(500), "510 is more than the most");
    }

    /// A few thousand prices and schedules, drawn by a fixed rule.
    fn draws() -> impl Iterator<Item = (Price, Fees)> {
        let mut state = 1_u64;
        let mut draw = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            u32::try_from((state >> 33) % below).unwrap()
        };
        (0..5_000).map(move |_| {
            let mut fee = || {
                let min = draw(3_000);
                let max = (draw(2) == 0).then(|| min + draw(100_000));
                Fee { bps: draw(10_001), fixed: draw(2_000), min, max }
            };
            let (buyer, seller) = (fee(), fee());
            let digits = draw(8);
            let minor = 1 + draw(10_u64.pow(digits));
            (price(minor.into()), Fees { buyer, seller, tax_bps: draw(3_000) })
        })
    }

    /// What the buyer pays is what the seller gets and the fees, whatever the schedule.
    #[test]
    fn the_total_is_the_sellers_net_and_the_fees() {
        let mut seen = 0;
        for (price, fees) in draws() {
            let Ok(fees) = fees.at(price) else { continue };
            let it = Breakdown::new(price, fees);
            let total = i64::from(it.total.minor());
            assert_eq!(total, it.seller_net + it.buyer_fee + it.seller_fee, "{it:?}");
            assert_eq!(total, i64::from(price.minor()) + it.buyer_fee, "{it:?}");
            assert!(it.seller_net >= 0 && it.buyer_fee >= 0 && it.seller_fee >= 0, "{it:?}");
            assert!((0..=it.buyer_fee + it.seller_fee).contains(&it.tax), "{it:?}");
            seen += 1;
        }
        assert!(seen > 4_000, "{seen}");
    }

    /// Nobody pays less by asking for more.
    #[test]
    fn a_fee_never_falls_with_the_price() {
        for (lower, fees) in draws() {
            let higher = price(i64::from(lower.minor()) + 1);
            let (Ok(low), Ok(high)) = (fees.at(lower), fees.at(higher)) else { continue };
            assert!(low.buyer <= high.buyer && low.seller <= high.seller, "{lower:?} {fees:?}");
        }
    }

    #[test]
    fn a_sale_that_cannot_be_charged_has_no_fees() {
        let fees = Fees { buyer: Fee::share(1), ..Fees::default() };
        assert_eq!(fees.at(Price::HIGHEST), Err(TooMuch));
        assert_eq!(Fees::default().at(Price::HIGHEST), Ok(SaleFees::NONE));
    }

    /// 19 % in 119 are 19.
    #[test]
    fn the_tax_is_in_the_fees() {
        let fees = Fees { buyer: Fee::share(1190), seller: Fee::default(), tax_bps: 1900 };
        assert_eq!(fees.at(price(1000)), Ok(SaleFees { buyer: 119, seller: 0, tax: 19 }));
    }

    #[test]
    fn the_most_specific_rule_that_names_a_fee_counts() {
        let event = EventId(Uuid::from_u128(1));
        let rule = FeeRule::default();
        let schedule = FeeSchedule {
            buyer: Fee::share(1000),
            seller: Fee::share(500),
            tax_bps: 0,
            rules: vec![
                FeeRule {
                    currency: Some(Currency::USD),
                    seller: Some(Fee::share(1)),
                    ..rule.clone()
                },
                FeeRule {
                    category: Some("Opera".into()),
                    buyer: Some(Fee::share(2)),
                    ..rule.clone()
                },
                FeeRule { event: Some(event), buyer: Some(Fee::share(3)), ..rule },
            ],
        };
        assert_eq!(schedule.check(), Ok(()));
        let bps = |event, category, currency: &str| {
            let fees = schedule.of_sale(event, category, currency.parse().unwrap());
            (fees.buyer.bps, fees.seller.bps)
        };
        let other = EventId(Uuid::from_u128(2));
        assert_eq!(bps(None, None, "eur"), (1000, 500));
        assert_eq!(bps(Some(other), Some("opera"), "usd"), (2, 1));
        assert_eq!(bps(Some(event), Some("Opera"), "eur"), (3, 500));
    }

    #[test]
    fn a_schedule_that_cannot_be_meant_is_refused() {
        let share = FeeRule {
            category: Some("Opera".into()),
            buyer: Some(Fee::share(1)),
            ..FeeRule::default()
        };
        let fixed =
            FeeRule { buyer: Some(Fee { fixed: 1, ..Fee::default() }), ..FeeRule::default() };
        let with = |rules| FeeSchedule { rules, ..FeeSchedule::default() };
        let upper = FeeRule { category: Some("OPERA".into()), ..share.clone() };
        let bounds = Fee { min: 2, max: Some(1), ..Fee::default() };
        assert!(with(vec![share.clone()]).check().is_ok());
        assert!(with(vec![fixed]).check().is_err(), "an amount of no currency");
        assert!(with(vec![share, upper]).check().is_err(), "two rules for one category");
        assert!(
            FeeSchedule { buyer: Fee::share(10_001), ..FeeSchedule::default() }.check().is_err()
        );
        assert!(FeeSchedule { seller: bounds, ..FeeSchedule::default() }.check().is_err());
    }
}
