//! What the tickets of an event cost: cheapest, median, range, and how they spread.

use std::{collections::HashMap, sync::Arc, time::Duration};

use quick_cache::sync::Cache;
use stubmart_client::{Client, ClientError, TicketQuery, TicketSort};
use stubmart_contract::{
    Currency, EventId, Price, Timestamp,
    api::{Event, Ticket, TicketStatus},
};

use crate::{format::money, view::per_seat};

/// How many bars the picture has.
const BARS: usize = 14;

/// The picture's size: bars stand side by side, ten units wide with a gap of two.
const BAR_WIDTH: usize = 12;
const BAR_HEIGHT: usize = 44;

/// Of how many tickets the prices are looked at; those of the rest are all higher.
const TICKETS_MAX: usize = 1000;

/// How long the prices of a large event are kept.
const KEPT: Duration = Duration::from_secs(10);

/// Of how many large events.
const EVENTS_MAX: usize = 500;

/// The prices of what can be bought for one event, per seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prices {
    pub(crate) lowest: String,
    pub(crate) median: String,
    pub(crate) highest: String,
    /// How many tickets were looked at.
    pub(crate) count: usize,
    /// Whether there are more, at higher prices.
    pub(crate) partial: bool,
    pub(crate) bars: Vec<Bar>,
    /// Cheapest and dearest lot in minor units, and their currency: for structured data.
    pub(crate) lots: (u32, u32, Currency),
}

/// One bar of the picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) height: usize,
}

impl Prices {
    /// The prices of those `tickets` that can be bought now, in the currency that most of them have;
    /// `None` when there is none.
    pub(crate) fn of(tickets: &[Ticket], partial: bool) -> Option<Self> {
        let free = || tickets.iter().filter(|it| it.status == TicketStatus::Available);
        let mut votes: HashMap<Currency, usize> = HashMap::new();
        for ticket in free() {
            *votes.entry(ticket.currency).or_default() += 1;
        }
        let (currency, count) =
            votes.into_iter().max_by_key(|(currency, votes)| (*votes, *currency))?;
        let same = || free().filter(|it| it.currency == currency);
        let mut seats: Vec<u32> =
            same().map(|it| per_seat(it.price.minor(), it.quantity)).collect();
        seats.sort_unstable();
        let lots = || same().map(|it| it.price.minor());
        let (lowest, highest) = (*seats.first()?, *seats.last()?);
        let text = |minor| money(minor, currency);
        Some(Self {
            lowest: text(lowest),
            median: text(*seats.get((seats.len() - 1) / 2)?),
            highest: text(highest),
            count,
            partial,
            bars: bars(&seats, lowest, highest),
            lots: (lots().min()?, lots().max()?, currency),
        })
    }
}

/// How many seats of the sorted `prices` fall into each of the steps from `lowest` to `highest`.
fn bars(prices: &[u32], lowest: u32, highest: u32) -> Vec<Bar> {
    let span = u64::from(highest - lowest) + 1;
    let mut counts = [0_usize; BARS];
    for price in prices {
        let step = u64::from(price - lowest) * u64::try_from(BARS).unwrap_or(1) / span;
        if let Some(count) = usize::try_from(step).ok().and_then(|step| counts.get_mut(step)) {
            *count += 1;
        }
    }
    let most = counts.iter().copied().max().unwrap_or(1).max(1);
    let bar = |(at, count): (usize, &usize)| {
        let height = if *count == 0 { 1 } else { (count * BAR_HEIGHT / most).max(3) };
        Bar { x: at * BAR_WIDTH, y: BAR_HEIGHT - height, height }
    };
    counts.iter().enumerate().map(bar).collect()
}

/// Prices of events that have more tickets than one page shows, kept for some seconds.
#[derive(Debug)]
pub(crate) struct PriceCache(Cache<EventId, Kept>);

impl Default for PriceCache {
    fn default() -> Self {
        Self(Cache::new(EVENTS_MAX))
    }
}

#[derive(Debug, Clone)]
struct Kept {
    at: Timestamp,
    /// What the event said then: once it says something else, the prices are others as well.
    offer: (u32, Option<Price>),
    prices: Option<Arc<Prices>>,
}

impl PriceCache {
    /// The event's prices, as they were less than ten seconds ago; anew at once when the number of its
    /// tickets or its cheapest price has changed.
    pub(crate) async fn of(
        &self,
        api: &Client,
        event: &Event,
        now: Timestamp,
    ) -> Result<Option<Arc<Prices>>, ClientError> {
        let offer = (event.available, event.min_price);
        let is_fresh = |kept: &Kept| now >= kept.at && now.since(kept.at) < KEPT;
        let kept = self.0.get(&event.id).filter(|kept| kept.offer == offer && is_fresh(kept));
        if let Some(kept) = kept {
            return Ok(kept.prices);
        }
        let mut query = TicketQuery {
            event_id: Some(event.id),
            status: Some(TicketStatus::Available),
            sort: Some(TicketSort::Price),
            limit: Some(200),
            ..TicketQuery::default()
        };
        let mut tickets = Vec::new();
        loop {
            let page = api.tickets(&query).await?;
            tickets.extend(page.items);
            query.cursor = page.next_cursor;
            if query.cursor.is_none() || tickets.len() >= TICKETS_MAX {
                break;
            }
        }
        let prices = Prices::of(&tickets, query.cursor.is_some()).map(Arc::new);
        self.0.insert(event.id, Kept { at: now, offer, prices: prices.clone() });
        Ok(prices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(minor: i64, quantity: u32, currency: &str, status: TicketStatus) -> Ticket {
        let id = uuid::Uuid::nil();
        Ticket {
            id: stubmart_contract::TicketId(id),
            version: 1,
            title: "t".to_owned(),
            price: minor.try_into().unwrap(),
            currency: currency.parse().unwrap(),
            user_id: stubmart_contract::UserId(id),
            order_id: None,
            status,
            event_id: None,
            section: None,
            row: None,
            seats: vec![],
            quantity,
            locked_until: None,
            created_at: Timestamp::EPOCH,
            updated_at: Timestamp::EPOCH,
        }
    }

    #[test]
    fn prices_are_per_seat_of_what_can_be_bought_in_the_usual_currency() {
        let tickets = [
            ticket(9000, 2, "usd", TicketStatus::Available),
            ticket(4000, 1, "usd", TicketStatus::Available),
            ticket(20_000, 1, "usd", TicketStatus::Available),
            ticket(1, 1, "usd", TicketStatus::Locked),
            ticket(1, 1, "eur", TicketStatus::Available),
        ];
        let prices = Prices::of(&tickets, false).unwrap();
        assert_eq!((prices.lowest.as_str(), prices.median.as_str()), ("$40", "$45"));
        assert_eq!((prices.highest.as_str(), prices.count), ("$200", 3));
        assert_eq!(prices.lots, (4000, 20_000, Currency::USD));
    }

    #[test]
    fn without_anything_to_buy_there_are_no_prices() {
        assert_eq!(Prices::of(&[], false), None);
        assert_eq!(Prices::of(&[ticket(1, 1, "usd", TicketStatus::Sold)], false), None);
    }

    #[test]
    fn every_price_has_its_place_in_the_picture() {
        for prices in [vec![5], vec![1, 2], vec![1, 100_000_000], (1..500).collect()] {
            let (low, high) = (*prices.first().unwrap(), *prices.last().unwrap());
            let bars = bars(&prices, low, high);
            assert_eq!(bars.len(), BARS);
            assert!(bars.iter().any(|bar| bar.height == BAR_HEIGHT));
            assert!(bars.iter().all(|bar| bar.y + bar.height == BAR_HEIGHT));
        }
    }
}
