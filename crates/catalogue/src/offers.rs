//! The listings of one show, as far as counting and prices need them.
//!
//! Each listing is remembered with the version of the last event that was applied, so that an event that
//! comes late, again or out of order changes nothing.

use std::collections::BTreeMap;

use stubmart_contract::{
    Currency, Price, TicketId, api::TicketStatus, calls::Listing, fees::Breakdown,
};
use stubmart_kernel::mutant;

/// How many listings that ended are remembered beyond those on offer. An event about an older change can
/// come after that of the end, but not after so many other ends.
const ENDED_MAX: usize = 20_000;

/// A listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The ticket.
    pub ticket: TicketId,
    /// The version of the ticket that this tells of.
    pub version: u64,
    /// What the buyer pays for the whole lot, fees included.
    pub price: Price,
    /// The price's currency.
    pub currency: Currency,
    /// Seats in the lot.
    pub quantity: u32,
    /// Where the listing stands.
    pub status: TicketStatus,
}

impl Offer {
    /// The part of a listing that counts and prices need.
    #[must_use]
    pub fn of(listing: &Listing) -> Self {
        let ticket = &listing.ticket;
        Self {
            ticket: ticket.id,
            version: listing.version,
            price: Breakdown::new(ticket.price, ticket.fees).total,
            currency: ticket.currency,
            quantity: ticket.quantity,
            status: ticket.status_to(None),
        }
    }

    /// What the buyer pays for one ticket, rounded up: never more than that.
    #[must_use]
    pub const fn per_ticket(&self) -> Price {
        self.price.per_ticket(self.quantity)
    }

    const fn has_ended(&self) -> bool {
        matches!(self.status, TicketStatus::Sold | TicketStatus::Withdrawn)
    }
}

/// A show's offers, as lists of shows show them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many listings can be bought now.
    pub available: u32,
    /// What the cheapest of their tickets costs, fees included.
    pub lowest: Option<Price>,
}

/// The listings of one show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offers {
    /// By ticket.
    offers: Vec<Offer>,
    /// How many can be bought now.
    available: u32,
    /// The same, by what a ticket costs.
    available_at: BTreeMap<Price, u32>,
}

impl Offers {
    /// All listings, by ticket.
    #[must_use]
    pub fn all(&self) -> &[Offer] {
        &self.offers
    }

    /// Applies a change of a listing. False when this version of it, or a later one, is known already.
    pub fn apply(&mut self, offer: Offer) -> bool {
        match self.offers.binary_search_by_key(&offer.ticket, |it| it.ticket) {
            Ok(at) => {
                let Some(known) = self.offers.get_mut(at) else { return false };
                if known.version >= offer.version && !mutant!("the catalogue counts old news") {
                    return false;
                }
                let before = std::mem::replace(known, offer);
                self.count(before, false);
            }
            Err(at) => self.offers.insert(at, offer),
        }
        self.count(offer, true);
        if self.offers.len() > ENDED_MAX && offer.has_ended() {
            self.forget_an_end();
        }
        true
    }

    /// These offers, as lists of shows show them.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            available: self.available,
            lowest: self.available_at.first_key_value().map(|(price, _)| *price),
        }
    }

    fn count(&mut self, offer: Offer, is_there: bool) {
        if offer.status != TicketStatus::Available {
            return;
        }
        let at_price = self.available_at.entry(offer.per_ticket()).or_default();
        for count in [&mut self.available, &mut *at_price] {
            *count = if is_there { count.saturating_add(1) } else { count.saturating_sub(1) };
        }
        if *at_price == 0 {
            self.available_at.remove(&offer.per_ticket());
        }
    }

    /// Forgets the listing that ended and was listed first, where more have ended than are remembered.
    fn forget_an_end(&mut self) {
        let ended = self.offers.iter().filter(|it| it.has_ended()).count();
        let first = self.offers.iter().position(Offer::has_ended);
        if let Some(first) = first.filter(|_| ended > ENDED_MAX) {
            self.offers.remove(first);
        }
    }
}

impl FromIterator<Offer> for Offers {
    fn from_iter<I: IntoIterator<Item = Offer>>(offers: I) -> Self {
        let mut all = Self::default();
        for offer in offers {
            all.apply(offer);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    pub(crate) fn offer(ticket: u128, version: u64, price: i64, status: TicketStatus) -> Offer {
        Offer {
            ticket: TicketId(Uuid::from_u128(ticket)),
            version,
            price: Price::try_from(price).unwrap(),
            currency: Currency::USD,
            quantity: 1,
            status,
        }
    }

    fn summary(offers: &Offers) -> (u32, Option<u32>) {
        let Summary { available, lowest } = offers.summary();
        (available, lowest.map(Price::minor))
    }

    #[test]
    fn counts_follow_listing_locking_pricing_and_sale() {
        use TicketStatus::{Available, Locked, Sold, Withdrawn};
        let mut offers = Offers::default();
        assert_eq!(summary(&offers), (0, None));
        for (offer, expected) in [
            (offer(1, 1, 500, Available), (1, Some(500))),
            (offer(2, 1, 300, Available), (2, Some(300))),
            (offer(2, 2, 300, Locked), (1, Some(500))),
            (offer(1, 2, 200, Available), (1, Some(200))),
            (offer(2, 3, 300, Available), (2, Some(200))),
            (offer(1, 3, 200, Withdrawn), (1, Some(300))),
            (offer(2, 4, 300, Locked), (0, None)),
            (offer(2, 5, 300, Sold), (0, None)),
        ] {
            assert!(offers.apply(offer));
            assert_eq!(summary(&offers), expected, "{offer:?}");
        }
    }

    /// FOUND C: every shop shows what a ticket costs, and not the lot.
    #[test]
    fn the_lowest_price_is_that_of_a_ticket() {
        use TicketStatus::{Available, Sold};
        let four = |version, status| Offer { quantity: 4, ..offer(1, version, 1001, status) };
        let mut offers: Offers =
            [four(1, Available), offer(2, 1, 400, Available)].into_iter().collect();
        assert_eq!(summary(&offers), (2, Some(251)));
        offers.apply(four(2, Sold));
        assert_eq!(summary(&offers), (1, Some(400)));
    }

    /// Whatever order events come in, and however often, the counts end the same.
    #[test]
    fn late_repeated_and_reordered_events_change_nothing() {
        use TicketStatus::{Available, Locked, Sold};
        let events = [
            offer(1, 1, 500, Available),
            offer(1, 2, 400, Available),
            offer(1, 3, 400, Locked),
            offer(1, 4, 400, Sold),
            offer(2, 1, 700, Available),
            offer(2, 2, 700, Locked),
            offer(2, 3, 700, Available),
        ];
        let in_order: Offers = events.into_iter().collect();
        assert_eq!(summary(&in_order), (1, Some(700)));
        for rotation in 0..events.len() {
            let rotated = events.iter().cycle().skip(rotation).take(events.len());
            let forward: Offers = rotated.clone().copied().collect();
            let twice: Offers = rotated.clone().chain(rotated.clone()).copied().collect();
            let mut backward: Vec<_> = rotated.copied().collect();
            backward.reverse();
            assert_eq!(forward, in_order);
            assert_eq!(twice, in_order);
            assert_eq!(backward.into_iter().collect::<Offers>(), in_order);
        }
        let mut offers = in_order.clone();
        assert!(events.into_iter().all(|event| !offers.apply(event)));
    }
}
