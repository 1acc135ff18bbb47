//! Which listing has which seat of a row of an event, as a pure state machine.
//!
//! One document holds the claims of one row. A listing is of one row, so one conditional write claims all
//! of its seats, on any store. A listing claims its seats before it is saved, so a claim may belong to a
//! listing that was never saved or has changed since. The next listing that wants the seats checks that first
//! (see `claim_seats`) and takes the claim over, so nothing has to clean up.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stubmart_contract::{
    EventId, TicketId, Timestamp, UserId,
    seats::{normal_row, normal_section},
};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Key},
};
use uuid::Uuid;

/// Where the claims are kept.
pub static ROW_CLAIMS: Collection = Collection { name: "tickets.row_claims", indexes: &[] };

/// A row of an event; section and row are in their normal form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeatRow {
    /// The event.
    pub event_id: EventId,
    /// The section; empty where none is named.
    pub section: String,
    /// The row; empty where none is named.
    pub row: String,
}

impl SeatRow {
    /// The row that is spelled like this.
    #[must_use]
    pub fn of(event_id: EventId, section: Option<&str>, row: Option<&str>) -> Self {
        Self {
            event_id,
            section: normal_section(section.unwrap_or_default()),
            row: normal_row(row.unwrap_or_default()),
        }
    }

    /// The id of its claims: a UUIDv8 by name (RFC 9562, B.2).
    #[must_use]
    pub fn id(&self) -> RowId {
        let mut name = Sha256::new();
        name.update(self.event_id.0.as_bytes());
        // No name in its normal form holds a 0.
        for part in [&self.section, &self.row] {
            name.update(part.as_bytes());
            name.update([0]);
        }
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(name.finalize()).for_each(|(to, from)| *to = from);
        RowId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }
}

/// Names the claims of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(Uuid);

impl From<RowId> for Uuid {
    fn from(id: RowId) -> Self {
        id.0
    }
}

/// A seat that a listing has claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The listing.
    pub ticket_id: TicketId,
    /// Which of its claims this is: see [`Ticket::fence`](crate::ticket::Ticket).
    #[serde(default)]
    pub fence: u32,
    /// Who bought the seat last; nobody else may list it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bought_by: Option<UserId>,
}

/// The claims of a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RowClaims {
    /// The row.
    pub row: SeatRow,
    /// The seats that listings have, by name in normal form.
    pub seats: BTreeMap<String, Claim>,
}

/// A claim that is no longer good: its listing can never again be saved with the seat by virtue of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Void {
    /// The seat.
    pub seat: String,
    /// The listing that claimed it.
    pub ticket_id: TicketId,
    /// Claims with a lower fence are void.
    pub below: u32,
    /// Who bought the seat from it.
    pub bought_by: Option<UserId>,
}

/// A listing claims seats of a row, all or none.
#[derive(Debug, Clone)]
pub struct ClaimSeats {
    /// The row.
    pub row: SeatRow,
    /// The listing.
    pub ticket_id: TicketId,
    /// Its seller.
    pub seller: UserId,
    /// Its fence.
    pub fence: u32,
    /// The seats, in normal form.
    pub seats: Vec<String>,
    /// Claims of others that are void.
    pub void: Vec<Void>,
}

/// Why no seat was claimed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotClaimed {
    /// Seats that other listings have claimed, with these claims.
    pub held: Vec<(String, Claim)>,
    /// Seats that somebody else has bought.
    pub bought: Vec<String>,
}

impl ClaimSeats {
    /// Who bought the seat last, if it can be claimed over what was `claimed`.
    fn over(&self, seat: &str, claimed: &Claim) -> Option<Option<UserId>> {
        if claimed.ticket_id == self.ticket_id {
            return Some(claimed.bought_by);
        }
        let mut void = self.void.iter();
        let void = void.find(|it| {
            it.seat == seat && it.ticket_id == claimed.ticket_id && claimed.fence < it.below
        });
        void.map(|it| it.bought_by.or(claimed.bought_by))
    }
}

impl Aggregate for RowClaims {
    type Id = RowId;
    type Command = ClaimSeats;
    type Refusal = NotClaimed;

    fn id(&self) -> RowId {
        self.row.id()
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        Vec::new()
    }

    fn decide(
        current: Option<&Self>,
        command: &ClaimSeats,
        _: Timestamp,
    ) -> Result<Decision<Self>, NotClaimed> {
        let none = || Self { row: command.row.clone(), seats: BTreeMap::new() };
        let mut claims = current.cloned().unwrap_or_else(none);
        let mut refused = NotClaimed::default();
        for seat in &command.seats {
            let claimed = claims.seats.get(seat);
            let bought_by = match claimed.map(|claimed| (claimed, command.over(seat, claimed))) {
                None => None,
                Some((_, Some(bought_by))) => bought_by,
                Some((claimed, None)) => {
                    refused.held.push((seat.clone(), claimed.clone()));
                    continue;
                }
            };
            if bought_by.is_some_and(|it| it != command.seller) {
                refused.bought.push(seat.clone());
            }
            let (ticket_id, fence) = (command.ticket_id, command.fence);
            claims.seats.insert(seat.clone(), Claim { ticket_id, fence, bought_by });
        }
        if refused != NotClaimed::default() {
            return Err(refused);
        }
        Ok(if current == Some(&claims) { Decision::Unchanged } else { Decision::silent(claims) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);
    const EVENT: EventId = EventId(Uuid::from_u128(9));
    const ANN: UserId = UserId(Uuid::from_u128(1));
    const BOB: UserId = UserId(Uuid::from_u128(2));

    fn ticket(number: u128) -> TicketId {
        TicketId(Uuid::from_u128(number))
    }

    fn claim(number: u128, seller: UserId, fence: u32, seats: &[&str]) -> ClaimSeats {
        ClaimSeats {
            row: SeatRow::of(EVENT, Some("Stalls"), Some("A")),
            ticket_id: ticket(number),
            seller,
            fence,
            seats: seats.iter().map(|it| (*it).to_owned()).collect(),
            void: Vec::new(),
        }
    }

    fn claimed(current: Option<&RowClaims>, command: &ClaimSeats) -> RowClaims {
        match RowClaims::decide(current, command, NOW) {
            Ok(Decision::Changed { state, event: None }) => state,
            other => panic!("{other:?}"),
        }
    }

    fn refused(current: &RowClaims, command: &ClaimSeats) -> NotClaimed {
        RowClaims::decide(Some(current), command, NOW).unwrap_err()
    }

    #[test]
    fn a_row_has_one_id_in_any_spelling_and_another_one_at_another_event() {
        let row = |event: u128, section: &str, row: Option<&str>| {
            SeatRow::of(EventId(Uuid::from_u128(event)), Some(section), row).id()
        };
        assert_eq!(row(9, "Stalls", Some("A")), row(9, "sec. STALLS", Some("row a")));
        assert_eq!(row(9, "Stalls", None), row(9, "Stalls", Some(" ")));
        let others =
            [row(9, "Stalls", Some("B")), row(9, "Circle", Some("A")), row(8, "Stalls", Some("A"))];
        assert!(others.iter().all(|it| *it != row(9, "Stalls", Some("A"))));
        assert_ne!(row(9, "A B", None), row(9, "A", Some("B")));
    }

    #[test]
    fn seats_are_claimed_all_or_none_and_again_by_the_same_listing() {
        let first = claimed(None, &claim(1, ANN, 0, &["1", "2"]));
        let again = RowClaims::decide(Some(&first), &claim(1, ANN, 0, &["2"]), NOW);
        assert_eq!(again, Ok(Decision::Unchanged));
        let no = refused(&first, &claim(2, BOB, 0, &["2", "3"]));
        assert_eq!(no.held, [("2".to_owned(), first.seats["2"].clone())]);
        assert_eq!(claimed(Some(&first), &claim(2, BOB, 0, &["3"])).seats.len(), 3);
    }

    /// A listing that was fenced and claims again has another claim, so that who judged the first one
    /// judges again.
    #[test]
    fn a_claim_is_void_only_with_the_fence_it_was_judged_with() {
        let first = claimed(None, &claim(1, ANN, 0, &["1"]));
        let void = Void { seat: "1".into(), ticket_id: ticket(1), below: 1, bought_by: None };
        let over = ClaimSeats { void: vec![void], ..claim(2, BOB, 0, &["1"]) };
        assert_eq!(claimed(Some(&first), &over).seats["1"].ticket_id, ticket(2));
        let renewed = claimed(Some(&first), &claim(1, ANN, 1, &["1"]));
        assert_eq!(refused(&renewed, &over).held.len(), 1);
    }

    /// DESIGN, SEAT-1: who bought a seat, and nobody else, may list it again; also after a listing of the
    /// buyer's was withdrawn.
    #[test]
    fn a_seat_that_was_sold_belongs_to_who_bought_it() {
        let first = claimed(None, &claim(1, ANN, 0, &["1"]));
        let sold =
            Void { seat: "1".into(), ticket_id: ticket(1), below: u32::MAX, bought_by: Some(BOB) };
        let relist = ClaimSeats { void: vec![sold.clone()], ..claim(2, BOB, 0, &["1"]) };
        let relisted = claimed(Some(&first), &relist);
        let not_hers = ClaimSeats { void: vec![sold], ..claim(3, ANN, 0, &["1"]) };
        assert_eq!(refused(&first, &not_hers).bought, ["1"]);
        let withdrawn =
            Void { seat: "1".into(), ticket_id: ticket(2), below: u32::MAX, bought_by: None };
        let by =
            |seller| ClaimSeats { void: vec![withdrawn.clone()], ..claim(4, seller, 0, &["1"]) };
        assert_eq!(refused(&relisted, &by(ANN)).bought, ["1"]);
        assert_eq!(claimed(Some(&relisted), &by(BOB)).seats["1"].bought_by, Some(BOB));
    }
}
