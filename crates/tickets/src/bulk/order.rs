//! In which order the items of a batch take their seats, as a pure function.
//!
//! A seat may move from one item to another, so who leaves it goes first. Items that wait for each other in
//! a ring are freed at one place: the listing there is withdrawn before, and listed again in its turn. Items
//! of rows that have nothing to do with each other go at the same time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::{row_claims::SeatRow, ticket::WantedSeats};

/// The seats of an item, before the batch and after it.
#[derive(Debug, Clone, Default)]
pub(super) struct Seating {
    pub(super) has: Option<WantedSeats>,
    pub(super) wants: Option<WantedSeats>,
}

/// The order of a batch. Items are named by their place in it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Order {
    /// Items one after the other; the lists go at the same time.
    pub(super) chains: Vec<Vec<usize>>,
    /// Items whose listings are withdrawn before anything else, and listed again in their turn.
    pub(super) freed: BTreeSet<usize>,
}

/// For an item, other items.
type Edges = BTreeMap<usize, BTreeSet<usize>>;

impl Seating {
    fn rows(&self) -> impl Iterator<Item = &SeatRow> {
        self.has.iter().chain(&self.wants).map(|seats| &seats.row)
    }

    /// Whether it has the seat and does not keep it.
    fn leaves(&self, row: &SeatRow, seat: &str) -> bool {
        let has = |seats: &Option<WantedSeats>| {
            seats.as_ref().is_some_and(|it| it.row == *row && it.seats.contains_key(seat))
        };
        has(&self.has) && !has(&self.wants)
    }
}

/// The order of a batch.
pub(super) fn order(seatings: &[Seating]) -> Order {
    let mut waits = waits(seatings);
    let mut blocks = Edges::new();
    for (item, before) in &waits {
        for it in before {
            blocks.entry(*it).or_default().insert(*item);
        }
    }
    let mut left: BTreeSet<usize> = (0..seatings.len()).collect();
    let mut ready: BTreeSet<usize> =
        left.iter().copied().filter(|it| !waits.contains_key(it)).collect();
    let (mut sequence, mut freed) = (Vec::new(), BTreeSet::new());
    while let Some(first) = left.first().copied() {
        let next = ready.pop_first();
        let gone = next.unwrap_or_else(|| in_a_ring(&waits, first));
        for item in blocks.remove(&gone).unwrap_or_default() {
            let Some(before) = waits.get_mut(&item) else { continue };
            before.remove(&gone);
            if before.is_empty() {
                waits.remove(&item);
                ready.insert(item);
            }
        }
        if next.is_some() {
            left.remove(&gone);
            sequence.push(gone);
        } else {
            freed.insert(gone);
        }
    }
    Order { chains: chains(seatings, sequence), freed }
}

/// The items that each item has to wait for.
fn waits(seatings: &[Seating]) -> Edges {
    let mut holders: HashMap<(&SeatRow, &str), Vec<usize>> = HashMap::new();
    for (item, seating) in seatings.iter().enumerate() {
        for seats in seating.has.iter() {
            for seat in seats.seats.keys().filter(|seat| seating.leaves(&seats.row, seat)) {
                holders.entry((&seats.row, seat)).or_default().push(item);
            }
        }
    }
    let mut waits = Edges::new();
    for (item, seating) in seatings.iter().enumerate() {
        for seats in seating.wants.iter() {
            for seat in seats.seats.keys() {
                let leaving = holders.get(&(&seats.row, seat.as_str())).into_iter().flatten();
                for other in leaving.filter(|other| **other != item) {
                    waits.entry(item).or_default().insert(*other);
                }
            }
        }
    }
    waits
}

/// An item of a ring: found by going from one item to one that it waits for, until one comes again.
fn in_a_ring(waits: &Edges, first: usize) -> usize {
    let (mut seen, mut at) = (BTreeSet::new(), first);
    while seen.insert(at) {
        match waits.get(&at).and_then(BTreeSet::first) {
            Some(before) => at = *before,
            None => return at,
        }
    }
    at
}

/// Splits a sequence into items whose rows have nothing to do with each other.
fn chains(seatings: &[Seating], sequence: Vec<usize>) -> Vec<Vec<usize>> {
    let mut groups: BTreeMap<usize, usize> = BTreeMap::new();
    let mut rows: HashMap<&SeatRow, usize> = HashMap::new();
    for (item, seating) in seatings.iter().enumerate() {
        for row in seating.rows() {
            let other = *rows.entry(row).or_insert(item);
            let (one, other) = (root(&groups, item), root(&groups, other));
            if one != other {
                groups.insert(one.max(other), one.min(other));
            }
        }
    }
    let mut chains: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for item in sequence {
        chains.entry(root(&groups, item)).or_default().push(item);
    }
    chains.into_values().collect()
}

fn root(groups: &BTreeMap<usize, usize>, mut item: usize) -> usize {
    while let Some(above) = groups.get(&item) {
        item = *above;
    }
    item
}

#[cfg(test)]
mod tests {
    use stubmart_contract::EventId;
    use uuid::Uuid;

    use super::*;

    fn seats(row: &str, names: &[&str]) -> Option<WantedSeats> {
        let row = SeatRow::of(EventId(Uuid::from_u128(9)), Some("Stalls"), Some(row));
        let seats = names.iter().map(|it| ((*it).to_owned(), (*it).to_owned())).collect();
        (!names.is_empty()).then_some(WantedSeats { row, seats, fence: 0 })
    }

    fn in_row_a(has: &[&str], wants: &[&str]) -> Seating {
        Seating { has: seats("A", has), wants: seats("A", wants) }
    }

    #[test]
    fn who_leaves_a_seat_goes_before_who_takes_it() {
        let batch = [in_row_a(&[], &["3"]), in_row_a(&["2"], &["1"]), in_row_a(&["3"], &["2"])];
        assert_eq!(order(&batch), Order { chains: vec![vec![1, 2, 0]], freed: BTreeSet::new() });
    }

    #[test]
    fn a_ring_is_freed_at_one_place_and_nothing_behind_it_is() {
        let batch = [
            in_row_a(&[], &["9"]),
            in_row_a(&["9"], &["1"]),
            in_row_a(&["1"], &["2"]),
            in_row_a(&["2"], &["1", "3"]),
        ];
        let Order { chains, freed } = order(&batch);
        assert_eq!(freed.len(), 1);
        assert!(freed.iter().all(|it| [2, 3].contains(it)), "{freed:?}");
        let place = |item: usize| chains[0].iter().position(|it| *it == item).unwrap();
        assert_eq!(chains[0].len(), 4);
        assert!(place(1) < place(0), "{chains:?}");
    }

    /// A seat that its holder keeps is refused when it is claimed; nobody waits for it.
    #[test]
    fn nobody_waits_for_a_seat_that_is_kept() {
        let batch = [in_row_a(&["1"], &["2"]), in_row_a(&["2"], &["2"])];
        assert_eq!(order(&batch), Order { chains: vec![vec![0, 1]], freed: BTreeSet::new() });
    }

    #[test]
    fn rows_that_share_no_item_go_at_the_same_time() {
        let of_row = |row: &str| Seating { has: None, wants: seats(row, &["1"]) };
        let moved = Seating { has: seats("B", &["2"]), wants: seats("C", &["2"]) };
        let batch = [of_row("A"), of_row("B"), of_row("C"), moved, Seating::default()];
        assert_eq!(order(&batch).chains, [vec![0], vec![1, 2, 3], vec![4]]);
    }

    #[test]
    fn a_chain_of_twenty_thousand_takes_no_time() {
        let seat = |number: usize| seats("A", &[&number.to_string()]);
        let batch: Vec<_> = (0..20_000)
            .map(|item| Seating { has: seat(item), wants: seat((item + 1) % 20_000) })
            .collect();
        let Order { chains, freed } = order(&batch);
        assert_eq!((chains.len(), chains[0].len(), freed.len()), (1, 20_000, 1));
    }
}
