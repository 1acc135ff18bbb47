//! Sections, rows and seats: kept as they are typed, compared in a normal form.
//!
//! Two sellers rarely spell a row alike. The normal form is the text in NFKC and without case (Unicode 17,
//! UAX #15 and 3.13), as words without the punctuation between them, numbers without leading zeros, and
//! without the word that only says what it is: `Section 12`, `SEC.12` and `sec 012` are one section.

use unicode_normalization::UnicodeNormalization as _;

/// Words that begin the name of a section and say no more than that it is one.
const SECTION_WORDS: &[&str] =
    &["section", "sect", "sec", "block", "blk", "sector", "sektor", "secteur"];

/// Words that begin the name of a row and say no more than that it is one.
const ROW_WORDS: &[&str] = &["row", "reihe", "rang", "fila", "rij"];

/// Words that begin the name of a seat and say no more than that it is one.
const SEAT_WORDS: &[&str] = &["seat", "no", "nr", "platz"];

/// A section in its normal form; empty for none.
#[must_use]
pub fn normal_section(name: &str) -> String {
    normal(name, SECTION_WORDS)
}

/// A row in its normal form; empty for none.
#[must_use]
pub fn normal_row(name: &str) -> String {
    normal(name, ROW_WORDS)
}

/// The name of a seat in its normal form.
#[must_use]
pub fn normal_seat(name: &str) -> String {
    normal(name, SEAT_WORDS)
}

fn normal(name: &str, leading: &[&str]) -> String {
    let words = words(&fold(name));
    let last = words.len().saturating_sub(1);
    let named = words.iter().take(last).take_while(|it| leading.contains(&it.as_str())).count();
    words.get(named..).unwrap_or_default().join(" ")
}

/// NFKC without case. Upper case comes first, so that `ß` and `SS` are alike.
fn fold(name: &str) -> String {
    let caseless: String =
        name.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect();
    caseless.nfkc().collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Letter,
    Digit,
    Between,
    Invisible,
}

fn kind(char: char) -> Kind {
    match char {
        '0'..='9' => Kind::Digit,
        '.'
        | ','
        | ':'
        | ';'
        | '-'
        | '_'
        | '/'
        | '#'
        | '\''
        | '"'
        | '('
        | ')'
        | '\u{2010}'..='\u{2015}'
        | '\u{2018}'..='\u{201f}'
        | '\u{b7}' => Kind::Between,
        '\u{ad}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}'
        | '\u{feff}' => Kind::Invisible,
        _ if char.is_whitespace() || char.is_control() => Kind::Between,
        _ => Kind::Letter,
    }
}

/// Runs of letters and runs of digits, the latter without leading zeros.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = Kind::Between;
    for char in text.chars() {
        let kind = kind(char);
        match kind {
            Kind::Invisible => continue,
            Kind::Between => {}
            Kind::Letter | Kind::Digit => match words.last_mut() {
                Some(word) if kind == before => {
                    if word == "0" && kind == Kind::Digit {
                        word.clear();
                    }
                    word.push(char);
                }
                _ => words.push(char.into()),
            },
        }
        before = kind;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FOUND A: "any spelling of section and row".
    #[test]
    fn one_place_has_one_normal_form_in_any_spelling() {
        for (form, spellings) in [
            ("stalls", &["Stalls", " STALLS ", "stalls.", "Section Stalls", "sec. stalls"][..]),
            ("12", &["12", "012", "Sec.12", "SEC 12", "Section 012", "Block 12", "blk12", "１２"]),
            ("a 12", &["A12", "a-12", "A 12", "Block A12", "Block A-012"]),
            ("stalls left", &["Stalls Left", "stalls  left", "Stalls,left", "Stalls\u{200b} Left"]),
            ("süd strasse", &["Süd-Straße", "SU\u{308}D STRASSE"]),
            ("section", &["Section", "SECTION."]),
            ("", &["", "  ", "-"]),
        ] {
            for spelling in spellings {
                assert_eq!(normal_section(spelling), form, "{spelling:?}");
            }
        }
        for spelling in ["A", "a", "Row A", "row: a", "ROW A.", "Reihe A"] {
            assert_eq!(normal_row(spelling), "a", "{spelling:?}");
        }
        for spelling in ["7", "07", "Seat 7", "#7", "No. 7"] {
            assert_eq!(normal_seat(spelling), "7", "{spelling:?}");
        }
    }

    #[test]
    fn other_places_have_other_normal_forms() {
        for (one, other) in [
            ("A", "AA"),
            ("1", "11"),
            ("1", "10"),
            ("0", "00 1"),
            ("A+", "A"),
            ("1-2", "12"),
            ("東", "西"),
        ] {
            assert_ne!(normal_section(one), normal_section(other), "{one:?} {other:?}");
        }
    }
}
