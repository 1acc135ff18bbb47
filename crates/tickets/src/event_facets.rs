//! Use case: what an event's list of tickets can be narrowed to. It is counted from an index, so that no
//! document is read but one for the name of each section.

use std::collections::BTreeMap;

use stubmart_contract::{
    Context, Currency, EventId, Price, TicketId,
    api::{EventFacets, QuantityFacet, SectionFacet},
};
use stubmart_kernel::{
    RepositoryError,
    aggregate::{Key, KeyReader},
};
use stubmart_ports::calls::CallError;

use crate::{
    service::Tickets,
    ticket::{Phase, index},
};

/// Why the facets are not known.
#[derive(Debug)]
pub enum FacetsError {
    /// There is no such event.
    NotFound,
    /// The catalogue did not answer.
    Call(CallError),
    /// The repository failed.
    Repository(RepositoryError),
}

impl From<CallError> for FacetsError {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<RepositoryError> for FacetsError {
    fn from(error: RepositoryError) -> Self {
        Self::Repository(error)
    }
}

/// Some of the listings.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    count: u32,
    lowest: u32,
}

/// The listings of a section.
#[derive(Debug)]
struct Section {
    /// One of them, for the section's name.
    example: TicketId,
    of_quantity: BTreeMap<u32, Tally>,
}

impl Tickets {
    /// Sections and quantities of what is on offer for an event, over all of its listings.
    ///
    /// # Errors
    /// [`FacetsError`].
    pub async fn event_facets(
        &self,
        context: &Context,
        event_id: EventId,
    ) -> Result<EventFacets, FacetsError> {
        let show = self.catalogue().show(context, event_id).await?.ok_or(FacetsError::NotFound)?;
        let sections = self.tally(event_id, show.currency).await?;
        let mut all = Tally::default();
        let mut of_quantity: BTreeMap<u32, Tally> = BTreeMap::new();
        let mut named = Vec::with_capacity(sections.len());
        for (normal, section) in &sections {
            let mut tally = Tally::default();
            for (quantity, of_it) in &section.of_quantity {
                tally.add(*of_it);
                of_quantity.entry(*quantity).or_default().add(*of_it);
            }
            all.add(tally);
            let found = self.tickets().load(section.example).await?;
            let name = found.and_then(|it| it.state.section).filter(|_| !normal.is_empty());
            named.push((
                place(normal),
                SectionFacet {
                    section: name,
                    count: tally.count,
                    min_price: tally.price(),
                    quantities: quantities(&section.of_quantity),
                },
            ));
        }
        named.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(EventFacets {
            currency: show.currency,
            count: all.count,
            min_price: all.price(),
            sections: named.into_iter().map(|(_, section)| section).collect(),
            quantities: quantities(&of_quantity),
        })
    }

    /// What is on offer in the event's currency, by the normal form of sections.
    async fn tally(
        &self,
        event_id: EventId,
        currency: Currency,
    ) -> Result<BTreeMap<String, Section>, RepositoryError> {
        let offered = Key::new().id(event_id.0).number(Phase::Offered.number());
        let mut scan = self.tickets().scan(index::EVENT_SECTION, &offered);
        let mut sections: BTreeMap<String, Section> = BTreeMap::new();
        loop {
            let keys = self.tickets().keys(scan.clone()).await?;
            let Some((last, _)) = keys.last() else { return Ok(sections) };
            scan = scan.behind(last);
            for (key, id) in &keys {
                let rest = key.strip_prefix(offered.bytes()).unwrap_or_default();
                let mut reader = KeyReader::new(rest);
                let parts = (reader.text(), reader.number(), reader.number(), reader.number());
                let (Some(section), Some(quantity), Some(number), Some(each)) = parts else {
                    continue;
                };
                if number == currency.number() {
                    let section = sections
                        .entry(section)
                        .or_insert_with(|| Section { example: *id, of_quantity: BTreeMap::new() });
                    let tally = section.of_quantity.entry(quantity).or_default();
                    tally.add(Tally { count: 1, lowest: each });
                }
            }
            // Others come first.
            tokio::task::yield_now().await;
        }
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.lowest = if self.count == 0 { other.lowest } else { self.lowest.min(other.lowest) };
        self.count = self.count.saturating_add(other.count);
    }

    fn price(self) -> Option<Price> {
        Price::try_from(i64::from(self.lowest)).ok()
    }
}

fn quantities(of_quantity: &BTreeMap<u32, Tally>) -> Vec<QuantityFacet> {
    let facet = |(quantity, tally): (&u32, &Tally)| QuantityFacet {
        quantity: *quantity,
        count: tally.count,
        min_price: tally.price(),
    };
    of_quantity.iter().map(facet).collect()
}

/// Where a section stands among others: by its words, its numbers as numbers, and none last.
fn place(normal: &str) -> (bool, Vec<(u64, &str)>) {
    let word = |word: &'_ str| word.parse().map_or(u64::MAX, |number: u64| number);
    (normal.is_empty(), normal.split_whitespace().map(|it| (word(it), it)).collect())
}

#[cfg(test)]
mod tests {
    use super::place;

    #[test]
    fn sections_are_in_the_order_in_which_people_count() {
        let sorted = ["2", "10", "10 a", "112", "balcony", "balcony 2", "balcony 10", "stalls", ""];
        assert!(sorted.is_sorted_by_key(|it| place(it)));
    }
}
