//! Seats that are given by the first and the last of them.

use stubmart_contract::seats::{InvalidSeats, read_seats};

/// Why two ends and a number are no seats.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidEnds {
    /// The seats between them cannot be read.
    #[error(transparent)]
    Seats(#[from] InvalidSeats),
    /// The number of seats is another.
    #[error(
        "{first} to {last} are {between} seats, or {every_second} of every second number, and not {quantity}"
    )]
    Count {
        /// The first seat.
        first: String,
        /// The last seat.
        last: String,
        /// How many there are between them.
        between: usize,
        /// How many are odd or even like the first.
        every_second: usize,
        /// How many there are said to be.
        quantity: u32,
    },
    /// The last one is missing.
    #[error("the last seat is missing: {0} is the first of several")]
    NoLast(String),
}

/// What systems write where seats have no names.
const NONE: [&str; 8] = ["", "*", "-", "ga", "n/a", "na", "tba", "tbd"];

/// Whether a field says that the seats have no names.
pub(crate) fn is_none(text: &str) -> bool {
    NONE.contains(&text.to_lowercase().as_str())
}

/// The seats from the first to the last: all of them, or every second one where that is how many there are.
///
/// # Errors
/// [`InvalidEnds`].
pub(crate) fn between(
    first: &str,
    last: &str,
    quantity: Option<u32>,
) -> Result<Vec<String>, InvalidEnds> {
    if is_none(first) && is_none(last) {
        return Ok(Vec::new());
    }
    let last = match (last, quantity) {
        ("", Some(2..)) => return Err(InvalidEnds::NoLast(first.to_owned())),
        ("", _) => first,
        (last, _) => last,
    };
    if first == last {
        return Ok(read_seats(first)?);
    }
    let all = read_seats(&format!("{first}-{last}"))?;
    let Some(quantity) = quantity else { return Ok(all) };
    let is_so_many = |seats: &[String]| u32::try_from(seats.len()) == Ok(quantity);
    if is_so_many(&all) {
        return Ok(all);
    }
    let second: Vec<String> = all.iter().step_by(2).cloned().collect();
    if is_so_many(&second) && second.last() == all.last() {
        return Ok(second);
    }
    Err(InvalidEnds::Count {
        first: first.to_owned(),
        last: last.to_owned(),
        between: all.len(),
        every_second: second.len(),
        quantity,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_seats_tells_whether_every_second_one_is_meant() {
        let seats = |first, last, quantity| between(first, last, quantity).map(|it| it.join(" "));
        assert_eq!(seats("5", "8", Some(4)).as_deref(), Ok("5 6 7 8"));
        assert_eq!(seats("5", "11", Some(4)).as_deref(), Ok("5 7 9 11"));
        assert_eq!(seats("5", "8", None).as_deref(), Ok("5 6 7 8"));
        assert_eq!(seats("7.0", "7.0", Some(1)).as_deref(), Ok("7"));
        assert_eq!(seats("7", "", Some(1)).as_deref(), Ok("7"));
        assert_eq!(seats("GA", "ga", Some(4)).as_deref(), Ok(""));
        assert_eq!(seats("", "", None).as_deref(), Ok(""));
        assert!(matches!(seats("5", "8", Some(3)), Err(InvalidEnds::Count { .. })));
        assert!(matches!(seats("5", "10", Some(3)), Err(InvalidEnds::Count { .. })));
        assert!(matches!(seats("5", "", Some(2)), Err(InvalidEnds::NoLast(_))));
        assert!(matches!(seats("8", "5", None), Err(InvalidEnds::Seats(_))));
        assert!(matches!(seats("A", "C", None), Err(InvalidEnds::Seats(_))));
    }
}
