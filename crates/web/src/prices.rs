//! What the tickets of an event cost: cheapest, median, range, and how they spread.

use stubmart_contract::{Currency, Price, api::EventPrices};

use crate::format::money;

/// How many bars the picture has.
const BARS: usize = 14;

/// The picture's size: bars stand side by side, ten units wide with a gap of two.
const BAR_WIDTH: usize = 12;
const BAR_HEIGHT: usize = 44;

/// The prices of what can be bought for one event, per seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prices {
    pub(crate) lowest: String,
    pub(crate) median: String,
    pub(crate) highest: String,
    pub(crate) currency: Currency,
    /// How many listings have these prices.
    pub(crate) count: u32,
    pub(crate) bars: Vec<Bar>,
}

/// One bar of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) height: usize,
}

impl Prices {
    /// The prices as the page shows them; `None` when nothing can be bought.
    pub(crate) fn of(prices: &EventPrices) -> Option<Self> {
        let currency = prices.currency?;
        let on_sale = &prices.on_sale;
        let text = |price: Option<Price>| Some(money(price?.minor(), currency));
        Some(Self {
            lowest: text(on_sale.min)?,
            median: text(on_sale.median)?,
            highest: text(on_sale.max)?,
            currency,
            count: on_sale.count,
            bars: bars(prices.histogram.iter().map(|step| step.count)),
        })
    }
}

/// A bar for each step; the highest is as high as the picture.
fn bars(counts: impl Iterator<Item = u32>) -> Vec<Bar> {
    let counts = counts.map(|count| usize::try_from(count).unwrap_or(usize::MAX));
    let counts: Vec<usize> = counts.chain([0; BARS]).take(BARS).collect();
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let bar = |(at, count): (usize, &usize)| {
        let height = match count {
            0 => 1,
            count => (count.saturating_mul(BAR_HEIGHT) / most).max(3),
        };
        Bar { x: at * BAR_WIDTH, y: BAR_HEIGHT - height, height }
    };
    counts.iter().enumerate().map(bar).collect()
}

#[cfg(test)]
mod tests {
    use stubmart_contract::api::{OnSalePrices, PriceStep, SoldPrices};

    use super::*;

    fn price(minor: i64) -> Price {
        minor.try_into().unwrap()
    }

    fn prices(on_sale: Option<[i64; 3]>) -> EventPrices {
        let [min, median, max] =
            [0, 1, 2].map(|at| on_sale.as_ref().and_then(|it| it.get(at)).copied().map(price));
        EventPrices {
            currency: Some(Currency::USD),
            on_sale: OnSalePrices { count: 3, min, p25: min, median, p75: max, max },
            sold: SoldPrices { count: 1, median: Some(price(1)) },
            histogram: vec![PriceStep { from: price(4000), to: price(20_000), count: 3 }],
        }
    }

    #[test]
    fn prices_are_shown_as_money() {
        let prices = Prices::of(&prices(Some([4000, 4500, 20_000]))).unwrap();
        assert_eq!((prices.lowest.as_str(), prices.median.as_str()), ("$40.00", "$45.00"));
        assert_eq!((prices.highest.as_str(), prices.count), ("$200.00", 3));
    }

    #[test]
    fn without_anything_to_buy_there_are_no_prices() {
        assert_eq!(Prices::of(&prices(None)), None);
    }

    #[test]
    fn every_step_has_its_place_in_the_picture() {
        for counts in [vec![3], vec![1, 0, 2], vec![u32::MAX; 20], (0..500).collect()] {
            let bars = bars(counts.into_iter());
            assert_eq!(bars.len(), BARS);
            assert!(bars.iter().any(|bar| bar.height == BAR_HEIGHT));
            assert!(bars.iter().all(|bar| bar.y + bar.height == BAR_HEIGHT));
        }
    }
}
