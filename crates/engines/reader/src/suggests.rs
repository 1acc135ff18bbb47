//! What the text of a page seems to say: what a form suggests to its seller.

use jiff::civil::Date;
use stubmart_ports::reader::Suggests;

/// How tickets name a section, in English, German, French, Spanish, Italian and Dutch.
const SECTION: &[&str] = &[
    "section", "sec", "sect", "block", "bloc", "bloque", "sektor", "sector", "settore", "bereich",
    "vak",
];
const ROW: &[&str] = &["row", "reihe", "rang", "rangée", "fila", "rij", "rad"];
const SEAT: &[&str] =
    &["seat", "seats", "sitz", "platz", "siège", "place", "asiento", "butaca", "posto", "stoel"];
const ORDER: &[&str] = &[
    "order",
    "bestellung",
    "bestellnummer",
    "auftrag",
    "commande",
    "pedido",
    "ordine",
    "booking",
    "reference",
    "buchungsnummer",
    "confirmation",
];

/// What may stand between the name of something and its value.
const BETWEEN: &[&str] =
    &["number", "no", "nr", "num", "id", "ref", "reference", "code", "n°", "nº", "#"];

const MONTHS: &[&[&str]] = &[
    &["january", "jan", "januar", "janvier", "enero", "gennaio", "januari"],
    &["february", "feb", "februar", "février", "febrero", "febbraio", "februari"],
    &["march", "mar", "märz", "mars", "marzo", "maart"],
    &["april", "apr", "avril", "abril", "aprile"],
    &["may", "mai", "mayo", "maggio", "mei"],
    &["june", "jun", "juni", "juin", "junio", "giugno"],
    &["july", "jul", "juli", "juillet", "julio", "luglio"],
    &["august", "aug", "août", "agosto", "augustus"],
    &["september", "sep", "sept", "septembre", "septiembre", "settembre"],
    &["october", "oct", "oktober", "okt", "octobre", "octubre", "ottobre"],
    &["november", "nov", "novembre", "noviembre"],
    &["december", "dec", "dezember", "dez", "décembre", "diciembre", "dicembre"],
];

/// How long a value may be.
const VALUE_MAX: usize = 24;

/// Reads a page's text. What is said twice is taken as it is said first.
pub(crate) fn suggests(text: &str) -> Suggests {
    let words = words(text);
    let seat_value = |value: &str| {
        value.len() <= 8
            && value.chars().all(|it| it.is_alphanumeric() || "-/".contains(it))
            && (value.chars().any(|it| it.is_ascii_digit()) || value.chars().count() <= 3)
    };
    let order_value = |value: &str| {
        (4..=VALUE_MAX).contains(&value.len()) && value.chars().any(|it| it.is_ascii_digit())
    };
    Suggests {
        section: behind(&words, SECTION, seat_value),
        row: behind(&words, ROW, seat_value),
        seat: behind(&words, SEAT, seat_value),
        date: date(&words).map(|date| date.to_string()),
        order_number: behind(&words, ORDER, order_value),
    }
}

/// The words of a text, without what sets them apart.
fn words(text: &str) -> Vec<&str> {
    let edges = |letter: char| !letter.is_alphanumeric() && letter != '#' && letter != '°';
    text.split(|it: char| it.is_whitespace() || ":,;|()[]=\u{2022}".contains(it))
        .map(|word| word.trim_matches(edges))
        .filter(|word| !word.is_empty())
        .collect()
}

fn is_one_of(word: &str, names: &[&str]) -> bool {
    names.contains(&word.to_lowercase().as_str())
}

/// The value behind one of these names.
fn behind(words: &[&str], names: &[&str], is_value: impl Fn(&str) -> bool) -> Option<String> {
    words.iter().enumerate().filter(|(_, word)| is_one_of(word, names)).find_map(|(at, _)| {
        let mut rest = words.iter().skip(at + 1).skip_while(|word| is_one_of(word, BETWEEN));
        let value = rest.next()?.trim_start_matches('#');
        let is_name = [SECTION, ROW, SEAT, ORDER].iter().any(|names| is_one_of(value, names));
        (!is_name && is_value(value)).then(|| value.to_owned())
    })
}

/// The first date that can be read in one way only.
fn date(words: &[&str]) -> Option<Date> {
    (0..words.len()).find_map(|at| {
        let mut words = words.iter().skip(at);
        let first = *words.next()?;
        in_numbers(first).or_else(|| with_a_month(first, words.next()?, words.next()?))
    })
}

/// `2026-11-28`, `28.11.2026`, and `11/28/2026` where only one of both can be the month.
fn in_numbers(word: &str) -> Option<Date> {
    let word = word.split('T').next().unwrap_or(word);
    let separator = ['-', '.', '/'].into_iter().find(|it| word.matches(*it).count() == 2)?;
    let parts: Option<Vec<i16>> = word.split(separator).map(|part| part.parse().ok()).collect();
    let [first, second, third] = *parts?.first_chunk::<3>()?;
    match (first, second, third) {
        (2000.., month, day) => day_of(first, month, day),
        (day, month, 2000..) if separator == '.' || day > 12 => day_of(third, month, day),
        (month, day, 2000..) if day > 12 || day == month => day_of(third, month, day),
        _ => None,
    }
}

/// `28 November 2026` and `November 28 2026`; a day may be `28th`.
fn with_a_month(first: &str, second: &str, third: &str) -> Option<Date> {
    let month = |word: &str| {
        let at = MONTHS.iter().position(|names| is_one_of(word, names))?;
        i16::try_from(at + 1).ok()
    };
    let number = |word: &str| {
        let digits = word.trim_end_matches(|it: char| it.is_ascii_alphabetic() || it == '.');
        digits.parse::<i16>().ok()
    };
    let year = number(third).filter(|year| (2000..2200).contains(year))?;
    match (month(first), month(second)) {
        (Some(month), _) => day_of(year, month, number(second)?),
        (None, Some(month)) => day_of(year, month, number(first)?),
        (None, None) => None,
    }
}

fn day_of(year: i16, month: i16, day: i16) -> Option<Date> {
    let is_near = (2000..2200).contains(&year);
    let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
    is_near.then(|| Date::new(year, month, day).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_in_several_languages() {
        let cases = [
            ("Section 112\nRow B\nSeat 7", ["112", "B", "7"]),
            ("SEC: 112 | ROW: 14 | SEAT: 7-8", ["112", "14", "7-8"]),
            ("Block C12, Reihe 4, Platz 118", ["C12", "4", "118"]),
            ("Bloc A Rang 3 Place 21", ["A", "3", "21"]),
        ];
        for (text, [section, row, seat]) in cases {
            let found = suggests(text);
            let expected = [section, row, seat].map(|it| Some(it.to_owned()));
            assert_eq!([found.section, found.row, found.seat], expected, "{text}");
        }
    }

    #[test]
    fn names_without_a_value_say_nothing() {
        let found = suggests("Section Row Seat\nYour seat awaits. The order of the day. Row");
        assert_eq!(found, Suggests::default());
    }

    #[test]
    fn order_numbers_are_read_behind_their_name() {
        let number = |text| suggests(text).order_number;
        assert_eq!(number("Order number: 4711-AB").as_deref(), Some("4711-AB"));
        assert_eq!(number("Bestellnummer 00012345").as_deref(), Some("00012345"));
        assert_eq!(number("Booking reference #XK42J7").as_deref(), Some("XK42J7"));
        assert_eq!(number("in order to enter"), None);
    }

    #[test]
    fn dates_are_read_where_they_are_certain() {
        let cases = [
            ("Doors 2026-11-28T19:30", Some("2026-11-28")),
            ("Sa, 28.11.2026, 20 Uhr", Some("2026-11-28")),
            ("11/28/2026 8 PM", Some("2026-11-28")),
            ("28/11/2026", Some("2026-11-28")),
            ("11/12/2026", None),
            ("Saturday, November 28th, 2026", Some("2026-11-28")),
            ("28 novembre 2026", Some("2026-11-28")),
            ("31.02.2026", None),
            ("version 1.2.3", None),
        ];
        for (text, expected) in cases {
            assert_eq!(suggests(text).date.as_deref(), expected, "{text}");
        }
    }
}
