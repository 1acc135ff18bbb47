//! The one reader of seats: for forms, for the API and for files.
//!
//! It reads what people and spreadsheets write (`12-15`, `12, 14`, `7;8`, `1-9 odd`, `A1-A4`, `="7"`, `7.0`)
//! and refuses what could be read in two ways.

use std::collections::BTreeSet;

use super::normal::normal_seat;

/// The most seats that one lot has.
pub const SEATS_MAX: usize = 50;

/// The most characters that the name of a seat has.
pub const SEAT_NAME_MAX: usize = 32;

/// Why a text names no seats.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSeats {
    /// More than [`SEATS_MAX`].
    #[error("names more than {SEATS_MAX} seats")]
    TooMany,
    /// A name is longer than [`SEAT_NAME_MAX`].
    #[error("the name of a seat has at most {SEAT_NAME_MAX} characters")]
    NameTooLong,
    /// One seat is named twice, in whatever spelling.
    #[error("names seat {0} twice")]
    Twice(String),
    /// A range ends before it begins.
    #[error("{0} runs backwards")]
    Backwards(String),
    /// It could mean more than one thing.
    #[error("{0:?} is not certain: write a range such as 12-15, or each seat with commas between")]
    Uncertain(String),
}

/// Reads the seats that a text names; an empty text names none.
///
/// # Errors
/// [`InvalidSeats`], which says what is wrong.
pub fn read_seats(text: &str) -> Result<Vec<String>, InvalidSeats> {
    read_all([text])
}

/// Reads the seats of a list whose items may themselves be ranges and lists.
///
/// # Errors
/// [`InvalidSeats`], which says what is wrong.
pub fn read_all<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Vec<String>, InvalidSeats> {
    let mut seats: Vec<String> = Vec::new();
    let mut known = BTreeSet::new();
    for text in texts {
        for part in unquoted(text).split([',', ';', '|', '&', '+', '\n', '\t']) {
            for seat in read_part(unquoted(part))? {
                if seat.chars().count() > SEAT_NAME_MAX {
                    return Err(InvalidSeats::NameTooLong);
                }
                if !known.insert(normal_seat(&seat)) {
                    return Err(InvalidSeats::Twice(seat));
                }
                seats.push(seat);
            }
            if seats.len() > SEATS_MAX {
                return Err(InvalidSeats::TooMany);
            }
        }
    }
    Ok(seats)
}

/// The text without what a spreadsheet wraps it in: `"7"`, `="7"`, `'7`.
fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let bare = text.strip_prefix('=').filter(|it| it.starts_with('"')).unwrap_or(text);
    let inner = bare.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
    inner.unwrap_or_else(|| bare.strip_prefix('\'').unwrap_or(bare)).trim()
}

/// Reads what stands between two commas: a range, seats with blanks between, or one name.
fn read_part(part: &str) -> Result<Vec<String>, InvalidSeats> {
    let uncertain = || InvalidSeats::Uncertain(part.to_owned());
    let (body, step) = without_parity(part);
    if body.is_empty() {
        return if part.is_empty() { Ok(Vec::new()) } else { Err(uncertain()) };
    }
    if let Some((first, last)) = ends(body) {
        return match (Numbered::of(first), Numbered::of(last)) {
            (Some(first), Some(last)) => range(part, &first, &last, step),
            // `A-1` is the name of a seat. `A-C` may be three.
            (None, Some(_)) if is_one_word(first) && step.is_none() => Ok(vec![body.to_owned()]),
            _ => Err(uncertain()),
        };
    }
    if step.is_some() {
        return Err(uncertain());
    }
    let words: Vec<&str> = body.split_whitespace().collect();
    if words.len() > 1 && words.iter().all(|word| Numbered::of(word).is_some()) {
        return Ok(words.into_iter().map(plain).collect());
    }
    // One name has its number at the end: `Companion 2`. Of `7 B` nobody knows.
    let last = words.len().saturating_sub(1);
    let has_digit = |word: &&str| word.contains(|char: char| char.is_ascii_digit());
    if words.iter().take(last).any(has_digit) {
        return Err(uncertain());
    }
    let name = plain(body);
    let is_decimal = |char: char| char.is_ascii_digit() || char == '.' || char == ',';
    if (name.contains('.') && name.chars().all(is_decimal)) || name.contains(['"', '=', '*', '?']) {
        return Err(uncertain());
    }
    Ok(vec![name])
}

fn is_one_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

/// The name without the decimals that a spreadsheet adds to a number: `7.0`.
fn plain(name: &str) -> String {
    let number = name.split_once('.').filter(|(whole, decimals)| {
        let is_whole = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
        is_whole && !decimals.is_empty() && decimals.bytes().all(|byte| byte == b'0')
    });
    number.map_or(name, |(whole, _)| whole).to_owned()
}

/// Which seats of a range are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parity {
    Odd,
    Even,
}

/// The text without the word that says that only every second seat is meant, and which.
fn without_parity(text: &str) -> (&str, Option<Parity>) {
    let words = [
        ("(odd)", Parity::Odd),
        ("odds", Parity::Odd),
        ("odd", Parity::Odd),
        ("(even)", Parity::Even),
        ("evens", Parity::Even),
        ("even", Parity::Even),
    ];
    for (word, parity) in words {
        let Some(from_end) = text.len().checked_sub(word.len()) else { continue };
        if text.get(from_end..).is_some_and(|end| end.eq_ignore_ascii_case(word)) {
            return (text.get(..from_end).unwrap_or_default().trim(), Some(parity));
        }
        if text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)) {
            return (text.get(word.len()..).unwrap_or_default().trim(), Some(parity));
        }
    }
    (text, None)
}

/// The two ends of what is written as a range.
fn ends(text: &str) -> Option<(&str, &str)> {
    const WORDS: [&str; 4] = [" to ", " thru ", " through ", ".."];
    let by_word = WORDS.iter().find_map(|word| text.split_once(word));
    let (first, last) = by_word.or_else(|| text.split_once(['-', '–', '—', ':']))?;
    Some((first.trim(), last.trim()))
}

/// A name that a range can begin or end with: letters, a number, letters.
#[derive(Debug)]
struct Numbered<'a> {
    before: &'a str,
    digits: &'a str,
    number: u32,
    after: &'a str,
}

impl<'a> Numbered<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let is_digit = |char: char| char.is_ascii_digit();
        let text = match text.split_once('.') {
            Some((whole, decimals))
                if !decimals.is_empty() && decimals.bytes().all(|it| it == b'0') =>
            {
                whole
            }
            _ => text,
        };
        let (before, rest) = text.split_at(text.find(is_digit)?);
        let end = rest.find(|char: char| !is_digit(char)).unwrap_or(rest.len());
        let (digits, after) = rest.split_at(end);
        let is_short =
            |part: &str| part.chars().count() <= 3 && part.chars().all(char::is_alphabetic);
        let number = digits.parse().ok()?;
        (is_short(before) && is_short(after)).then_some(Self { before, digits, number, after })
    }
}

fn range(
    text: &str,
    first: &Numbered<'_>,
    last: &Numbered<'_>,
    parity: Option<Parity>,
) -> Result<Vec<String>, InvalidSeats> {
    // `A1-4` is `A1-A4`; of `A1-B4` nobody knows.
    let alike = |one: &str, other: &str| one == other || other.is_empty();
    if !alike(first.before, last.before) || first.after != last.after {
        return Err(InvalidSeats::Uncertain(text.to_owned()));
    }
    if first.number > last.number {
        return Err(InvalidSeats::Backwards(text.to_owned()));
    }
    // `01-04` keeps its zeros.
    let width = if first.digits.starts_with('0') { first.digits.len() } else { 0 };
    let is_meant = |number: &u32| match parity {
        None => true,
        Some(Parity::Odd) => number % 2 == 1,
        Some(Parity::Even) => number.is_multiple_of(2),
    };
    let name = |number| format!("{}{number:0width$}{}", first.before, first.after);
    let seats: Vec<_> =
        (first.number..=last.number).filter(is_meant).map(name).take(SEATS_MAX + 1).collect();
    match seats.len() {
        0 => Err(InvalidSeats::Uncertain(text.to_owned())),
        more if more > SEATS_MAX => Err(InvalidSeats::TooMany),
        _ => Ok(seats),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, InvalidSeats> {
        read_seats(text)
    }

    /// FOUND F: ranges, lists, odd and even, and what spreadsheets make of them.
    #[test]
    fn seats_are_read_as_people_and_spreadsheets_write_them() {
        for (text, seats) in [
            ("", &[][..]),
            (" , ", &[]),
            ("7", &["7"]),
            ("12-15", &["12", "13", "14", "15"]),
            ("12 – 13, 20", &["12", "13", "20"]),
            ("12 to 14", &["12", "13", "14"]),
            ("7, 8", &["7", "8"]),
            ("7;8", &["7", "8"]),
            ("7 8", &["7", "8"]),
            ("7 & 8", &["7", "8"]),
            ("7|8|9", &["7", "8", "9"]),
            ("\"7, 8\"", &["7", "8"]),
            ("\"101\"", &["101"]),
            ("=\"7\"", &["7"]),
            ("'7", &["7"]),
            ("7.0", &["7"]),
            ("7.0-9.00", &["7", "8", "9"]),
            ("A1-A4", &["A1", "A2", "A3", "A4"]),
            ("A1-3", &["A1", "A2", "A3"]),
            ("1A-3A", &["1A", "2A", "3A"]),
            ("01-03", &["01", "02", "03"]),
            ("A1; A2", &["A1", "A2"]),
            ("A-1", &["A-1"]),
            ("1-9 odd", &["1", "3", "5", "7", "9"]),
            ("2-8 (even)", &["2", "4", "6", "8"]),
            ("odd 1-6", &["1", "3", "5"]),
            ("Seat 7", &["Seat 7"]),
            ("Wheelchair Companion 12", &["Wheelchair Companion 12"]),
            ("Box B", &["Box B"]),
        ] {
            assert_eq!(
                read(text).as_deref(),
                Ok(&seats.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>()[..]),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_not_certain_is_refused() {
        for text in [
            "A-C", "A1-B4", "12-15-18", "7 B", "7.5", "1A-4B", "7 8 Box", "odd", "7 odd", "1-",
            "-4", "7*", "Box 1-A",
        ] {
            assert!(
                matches!(read(text), Err(InvalidSeats::Uncertain(_))),
                "{text}: {:?}",
                read(text)
            );
        }
        for (text, error) in [
            ("15-12", InvalidSeats::Backwards("15-12".to_owned())),
            ("7, 7", InvalidSeats::Twice("7".to_owned())),
            ("7, 07", InvalidSeats::Twice("07".to_owned())),
            ("1-3, 2", InvalidSeats::Twice("2".to_owned())),
            ("1-51", InvalidSeats::TooMany),
            ("1-50, 60", InvalidSeats::TooMany),
            ("0-4294967295", InvalidSeats::TooMany),
            (&"x".repeat(33), InvalidSeats::NameTooLong),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
        assert_eq!(read(&"x".repeat(32)).unwrap().len(), 1);
        assert_eq!(read("1-50").unwrap().len(), 50);
    }
}
