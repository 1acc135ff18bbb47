//! The prices of one show's tickets, over all its listings.

use stubmart_contract::{
    Currency, Price,
    api::{EventPrices, OnSalePrices, PriceStep, SoldPrices, TicketStatus},
};

use crate::offers::{Offer, Offers};

/// How many steps the histogram has at the most.
const STEPS: u32 = 14;

/// The prices of tickets, fees included. Listings in another currency than the show's, which earlier versions
/// took, do not count.
#[must_use]
pub fn prices(offers: &Offers, currency: Currency) -> EventPrices {
    let with = |status| offers.all().iter().filter(move |it| it.status == status);
    let in_currency = |offer: &&Offer| offer.currency == currency;
    let on_sale = sorted(with(TicketStatus::Available).filter(in_currency));
    let sold = sorted(with(TicketStatus::Sold).filter(in_currency));
    EventPrices {
        currency: (!on_sale.is_empty() || !sold.is_empty()).then_some(currency),
        histogram: histogram(&on_sale),
        on_sale: OnSalePrices {
            count: count(on_sale.len()),
            min: price(on_sale.first()),
            p25: quantile(&on_sale, 1, 4),
            median: quantile(&on_sale, 1, 2),
            p75: quantile(&on_sale, 3, 4),
            max: price(on_sale.last()),
        },
        sold: SoldPrices { count: count(sold.len()), median: quantile(&sold, 1, 2) },
    }
}

fn sorted<'a>(offers: impl Iterator<Item = &'a Offer>) -> Vec<u32> {
    let mut prices: Vec<u32> = offers.map(|offer| offer.per_ticket().minor()).collect();
    prices.sort_unstable();
    prices
}

/// The least price that so large a part of the sorted prices does not exceed (the nearest rank).
fn quantile(prices: &[u32], numerator: usize, denominator: usize) -> Option<Price> {
    let rank = prices.len().saturating_mul(numerator).div_ceil(denominator);
    price(prices.get(rank.checked_sub(1)?))
}

fn price(minor: Option<&u32>) -> Option<Price> {
    Price::try_from(i64::from(*minor?)).ok()
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// How many of the sorted prices fall into each of some equal steps from the lowest to the highest.
fn histogram(prices: &[u32]) -> Vec<PriceStep> {
    let (Some(lowest), Some(highest)) = (prices.first(), prices.last()) else { return Vec::new() };
    let width = (highest - lowest + 1).div_ceil(STEPS);
    let step = |number: u32| {
        let from = lowest.checked_add(width.checked_mul(number)?)?;
        let to = from.checked_add(width - 1)?.min(*highest);
        let [begin, end] =
            [from, to.saturating_add(1)].map(|it| prices.partition_point(|p| *p < it));
        Some(PriceStep {
            from: price(Some(&from))?,
            to: price(Some(&to))?,
            count: count(end - begin),
        })
    };
    (0..STEPS).map_while(|number| step(number).filter(|it| it.from.minor() <= *highest)).collect()
}

#[cfg(test)]
mod tests {
    use stubmart_contract::TicketId;
    use uuid::Uuid;

    use super::*;

    fn offers(listed: &[(i64, u32, &str, TicketStatus)]) -> Offers {
        let offer =
            |(number, (price, quantity, currency, status)): (u128, &(i64, u32, &str, _))| Offer {
                ticket: TicketId(Uuid::from_u128(number)),
                version: 1,
                price: Price::try_from(*price).unwrap(),
                currency: currency.parse().unwrap(),
                quantity: *quantity,
                status: *status,
            };
        (0..).zip(listed).map(offer).collect()
    }

    #[test]
    fn prices_are_per_ticket_in_the_currency_of_the_show_over_all_listings() {
        use TicketStatus::{Available, Locked, Sold, Withdrawn};
        let offers = offers(&[
            (9000, 2, "usd", Available),
            (4000, 1, "usd", Available),
            (20_000, 1, "usd", Available),
            (1000, 3, "usd", Available),
            (1, 1, "usd", Locked),
            (1, 1, "usd", Withdrawn),
            (1, 1, "eur", Available),
            (500, 1, "usd", Sold),
            (700, 1, "usd", Sold),
            (900, 1, "eur", Sold),
        ]);
        let prices = prices(&offers, Currency::USD);
        let minor = |price: Option<Price>| price.unwrap().minor();
        let OnSalePrices { count, min, p25, median, p75, max } = prices.on_sale;
        assert_eq!((count, minor(min), minor(max)), (4, 334, 20_000));
        assert_eq!([p25, median, p75].map(minor), [334, 4000, 4500]);
        assert_eq!((prices.sold.count, minor(prices.sold.median)), (2, 500));
        assert_eq!(prices.currency, Some(Currency::USD));
    }

    #[test]
    fn a_show_without_listings_has_no_prices() {
        let prices = prices(&Offers::default(), Currency::USD);
        assert_eq!((prices.currency, prices.on_sale.count, prices.sold.count), (None, 0, 0));
        assert_eq!((prices.on_sale.min, prices.histogram.len()), (None, 0));
    }

    /// Each price is in exactly one step, and the steps lie side by side from the lowest to the highest.
    #[test]
    fn every_price_is_in_one_step_of_the_histogram() {
        for prices in [vec![5], vec![1, 2], vec![1, 100_000_000], (1..500).collect(), vec![7; 9]] {
            let steps = histogram(&prices);
            let counted: usize = steps.iter().map(|it| usize::try_from(it.count).unwrap()).sum();
            assert_eq!(counted, prices.len(), "{steps:?}");
            assert!((1..=14).contains(&steps.len()));
            assert_eq!(steps.first().unwrap().from.minor(), *prices.first().unwrap());
            assert_eq!(steps.last().unwrap().to.minor(), *prices.last().unwrap());
            let side_by_side = |pair: &[PriceStep]| pair[0].to.minor() + 1 == pair[1].from.minor();
            assert!(steps.windows(2).all(side_by_side), "{steps:?}");
        }
    }
}
