//! Seats that a listing wants to have for itself.

use std::collections::{BTreeMap, BTreeSet};

use stubmart_contract::{TicketId, UserId, seats::normal_seat};

use crate::row_claims::SeatRow;

/// The seats that a listing has to have for itself alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedSeats {
    /// Their row.
    pub row: SeatRow,
    /// Their names, by their normal form.
    pub seats: BTreeMap<String, String>,
    /// The fence of the listing that wants them.
    pub fence: u32,
}

impl WantedSeats {
    /// The names of these seats, as the seller typed them.
    pub fn names<'a>(&'a self, seats: impl IntoIterator<Item = &'a String>) -> Vec<String> {
        seats.into_iter().filter_map(|seat| self.seats.get(seat)).cloned().collect()
    }

    /// Whether these are all of the others.
    #[must_use]
    pub fn cover(&self, other: &Self) -> bool {
        self.row == other.row && other.seats.keys().all(|seat| self.seats.contains_key(seat))
    }
}

/// Another listing wants seats that this one has claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GiveWay {
    /// The id of this listing.
    pub id: TicketId,
    /// The row of the seats.
    pub row: SeatRow,
    /// Their names in normal form.
    pub seats: Vec<String>,
    /// The fence that they were claimed with.
    pub fence: u32,
    /// The seller of the other listing.
    pub seller: UserId,
}

/// Whether two of these seats are one, in whatever spelling.
pub(super) fn has_twins(seats: &[String]) -> bool {
    let alike: BTreeSet<_> = seats.iter().map(|seat| normal_seat(seat)).collect();
    alike.len() < seats.len()
}
