//! Dates and times as people and systems write them.

use std::{fmt::Write as _, str::FromStr};

use stubmart_contract::LocalTime;

/// In which order a date has its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DateOrder {
    /// Day, month, year.
    Dmy,
    /// Month, day, year.
    Mdy,
    /// Year, month, day.
    Ymd,
}

impl DateOrder {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dmy => "dmy",
            Self::Mdy => "mdy",
            Self::Ymd => "ymd",
        }
    }
}

/// A text that names no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be dmy, mdy or ymd")]
pub struct InvalidDateOrder;

impl FromStr for DateOrder {
    type Err = InvalidDateOrder;

    fn from_str(text: &str) -> Result<Self, InvalidDateOrder> {
        [Self::Dmy, Self::Mdy, Self::Ymd]
            .into_iter()
            .find(|it| it.word() == text)
            .ok_or(InvalidDateOrder)
    }
}

/// Why a text is no date.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDate {
    /// It is none.
    #[error("{0:?} is no date: write it as 2027-03-01 or 2027-03-01 19:30")]
    NoDate(String),
    /// It is no time.
    #[error("{0:?} is no time: write it as 19:30 or 7:30 PM")]
    NoTime(String),
    /// Day and month could be the other way round.
    #[error("{0:?} could be two dates: say dates dmy or mdy (or ymd), for day, month and year")]
    Ambiguous(String),
    /// It is not in the order that was told.
    #[error("{text:?} is no date in the order {order}, which dates says", order = order.word())]
    OtherOrder {
        /// The date.
        text: String,
        /// The order that was told.
        order: DateOrder,
    },
    /// It has an offset from UTC.
    #[error(
        "{0:?} has an offset: write the time as clocks at the venue show it, such as 2027-03-01 19:30"
    )]
    Offset(String),
    /// The date has a time, and the time's own column another.
    #[error("{0:?} has another time than the time's own column")]
    TwoTimes(String),
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Words for a time that is not known yet.
const UNKNOWN: [&str; 4] = ["tba", "tbd", "tbc", "n/a"];

type Day = (u32, u32, u32);
type Time = (u32, u32);

/// The order of a column's dates, where those that can be read in one way only agree.
#[must_use]
pub fn order_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<DateOrder> {
    let certain = |text: &'a str| match readings(&Words::of(text).ok()?.date).as_slice() {
        [(order, _)] => *order,
        _ => None,
    };
    let mut all = texts.into_iter().filter_map(certain);
    let first = all.next()?;
    all.all(|it| it == first).then_some(first)
}

/// Reads a date, or a date with a time. `time` is what the time's own column says. `told` is the order of day, month
/// and year that somebody said, `column` that of the column's other dates. Midnight that no column of its own says is
/// what spreadsheets write where they know the day alone.
///
/// # Errors
/// [`InvalidDate`].
pub fn read_start(
    text: &str,
    time: Option<&str>,
    told: Option<DateOrder>,
    column: Option<DateOrder>,
) -> Result<LocalTime, InvalidDate> {
    let words = Words::of(text)?;
    let day = day(text, &words.date, told, column)?;
    let beside = words.time.as_deref().map(read_time).transpose()?.flatten();
    let beside = beside.filter(|it| *it != (0, 0));
    let own = time.map(read_time).transpose()?.flatten();
    let at = match (beside, own) {
        (Some(beside), Some(own)) if beside != own => {
            return Err(InvalidDate::TwoTimes(text.to_owned()));
        }
        (beside, own) => own.or(beside),
    };
    let (year, month, day) = day;
    let mut local = format!("{year:04}-{month:02}-{day:02}");
    if let Some((hour, minute)) = at {
        // Writing to a String cannot fail.
        write!(local, "T{hour:02}:{minute:02}").ok();
    }
    local.parse().map_err(|_| InvalidDate::NoDate(text.to_owned()))
}

/// The words of a date, apart from those of its time.
struct Words {
    date: String,
    time: Option<String>,
}

impl Words {
    fn of(text: &str) -> Result<Self, InvalidDate> {
        let lower = text.trim().to_lowercase();
        // `2027-03-01t19:30`
        let spaced = match lower.split_once('t') {
            Some((date, time))
                if date.ends_with(|it: char| it.is_ascii_digit())
                    && time.starts_with(|it: char| it.is_ascii_digit()) =>
            {
                format!("{date} {time}")
            }
            _ => lower,
        };
        let (mut date, mut time): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        for word in spaced.split([' ', ',', '\u{a0}', '\u{202f}', '\n']).filter(|it| !it.is_empty())
        {
            let says_nothing =
                UNKNOWN.contains(&word) || matches!(word, "at" | "@" | "-") || is_day(word);
            let is_half = matches!(word.trim_matches('.'), "am" | "pm" | "a.m" | "p.m");
            let ends_in_half = word.ends_with("am") || word.ends_with("pm");
            let starts_with_digit = word.starts_with(|it: char| it.is_ascii_digit());
            if word.contains(':') || is_half || (ends_in_half && starts_with_digit) {
                if word.ends_with('z') || word.contains('+') {
                    return Err(InvalidDate::Offset(text.to_owned()));
                }
                // `7 pm`
                let hour = date.pop_if(|it| is_half && time.is_empty() && it.len() <= 2);
                time.extend(hour);
                time.push(word);
            } else if !says_nothing {
                date.push(word);
            }
        }
        let time = (!time.is_empty()).then(|| time.join(" "));
        Ok(Self { date: date.join(" "), time })
    }
}

fn is_day(word: &str) -> bool {
    let word = word.trim_end_matches('.');
    word.len() >= 2 && DAYS.iter().any(|day| day.starts_with(word))
}

/// The dates that a text could be, each with the order in which it is that one; none where the order says nothing.
fn readings(date: &str) -> Vec<(Option<DateOrder>, Day)> {
    let parts: Vec<&str> = date.split([' ', '-', '/', '.']).filter(|it| !it.is_empty()).collect();
    let [first, second, third] = parts.as_slice() else { return Vec::new() };
    let named = [first, second, third].into_iter().position(|it| month(it).is_some());
    let candidates: Vec<(Option<DateOrder>, [&str; 3])> = match named {
        // Day, month and year of each.
        Some(0) => vec![(None, [second, first, third])],
        Some(1) if is_year(first) => vec![(None, [third, second, first])],
        Some(1) => vec![(None, [first, second, third])],
        Some(_) => Vec::new(),
        None if is_year(first) => vec![(None, [third, second, first])],
        None => vec![
            (Some(DateOrder::Dmy), [first, second, third]),
            (Some(DateOrder::Mdy), [second, first, third]),
            (Some(DateOrder::Ymd), [third, second, first]),
        ],
    };
    let read =
        |(order, [day, month, year]): (_, [&str; 3])| Some((order, whole_day(day, month, year)?));
    let mut read: Vec<_> = candidates.into_iter().filter_map(read).collect();
    // The same date either way: `4/4/2027`.
    let is_same = |it: &(Option<DateOrder>, Day)| read.first().is_some_and(|first| first.1 == it.1);
    if read.len() > 1 && read.iter().all(is_same) {
        read.truncate(1);
        read.iter_mut().for_each(|it| it.0 = None);
    }
    read
}

fn is_year(part: &str) -> bool {
    part.len() == 4 && part.bytes().all(|it| it.is_ascii_digit())
}

fn month(part: &str) -> Option<u32> {
    if part.len() < 3 || !part.is_ascii() {
        return None;
    }
    let at = MONTHS.iter().position(|it| it.starts_with(part))?;
    u32::try_from(at.saturating_add(1)).ok()
}

fn whole_day(day: &str, name: &str, year: &str) -> Option<Day> {
    let day = ["st", "nd", "rd", "th"].iter().find_map(|it| day.strip_suffix(it)).unwrap_or(day);
    let number = |text: &str, length: usize| {
        let is_one = text.len() <= length && text.bytes().all(|it| it.is_ascii_digit());
        is_one.then(|| text.parse::<u32>().ok()).flatten()
    };
    let year = match year.len() {
        4 => number(year, 4)?,
        2 => number(year, 2)?.checked_add(2000)?,
        _ => return None,
    };
    let month = month(name).or_else(|| number(name, 2))?;
    let day = number(day, 2)?;
    let is_one = format!("{year:04}-{month:02}-{day:02}").parse::<LocalTime>().is_ok();
    is_one.then_some((year, month, day))
}

fn day(
    text: &str,
    date: &str,
    told: Option<DateOrder>,
    column: Option<DateOrder>,
) -> Result<Day, InvalidDate> {
    let readings = readings(date);
    let in_order =
        |order: DateOrder| readings.iter().find(|(it, _)| *it == Some(order)).map(|(_, day)| *day);
    match (readings.as_slice(), told) {
        ([], _) => Err(InvalidDate::NoDate(text.to_owned())),
        ([(None, day)], _) => Ok(*day),
        (_, Some(order)) => {
            in_order(order).ok_or_else(|| InvalidDate::OtherOrder { text: text.to_owned(), order })
        }
        ([(Some(_), day)], None) => Ok(*day),
        (_, None) => {
            column.and_then(in_order).ok_or_else(|| InvalidDate::Ambiguous(text.to_owned()))
        }
    }
}

/// Reads a time of the day; nothing where it says that it is not known yet.
fn read_time(text: &str) -> Result<Option<Time>, InvalidDate> {
    let no_time = || InvalidDate::NoTime(text.to_owned());
    let lower = text.trim().to_lowercase();
    if lower.is_empty() || lower == "-" || UNKNOWN.contains(&lower.as_str()) {
        return Ok(None);
    }
    let bare: String = lower.chars().filter(|it| !it.is_whitespace() && *it != '.').collect();
    let half = bare
        .strip_suffix("am")
        .map(|it| (it, 0))
        .or_else(|| bare.strip_suffix("pm").map(|it| (it, 12)));
    // A fraction of a second is nothing where the points are gone.
    let (clock, noon) = half
        .map_or((lower.split('.').next().unwrap_or_default(), None), |(it, noon)| (it, Some(noon)));
    let parts: Vec<u32> = clock
        .split(':')
        .map(|it| it.trim().parse::<u32>().ok().filter(|_| (1..=2).contains(&it.trim().len())))
        .collect::<Option<_>>()
        .ok_or_else(no_time)?;
    let (hour, minute) = match parts.as_slice() {
        [hour] if noon.is_some() => (*hour, 0),
        [hour, minute] | [hour, minute, 0] => (*hour, *minute),
        _ => return Err(no_time()),
    };
    let hour = match noon {
        None => hour,
        Some(noon) if (1..=12).contains(&hour) => (hour % 12).saturating_add(noon),
        Some(_) => return Err(no_time()),
    };
    if hour > 23 || minute > 59 {
        return Err(no_time());
    }
    Ok(Some((hour, minute)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, InvalidDate> {
        read_start(text, None, None, None).map(|it| it.to_string())
    }

    #[test]
    fn dates_that_are_certain_are_read_however_they_are_written() {
        for (text, start) in [
            ("2027-03-01", "2027-03-01"),
            ("2027-03-01T19:30", "2027-03-01T19:30"),
            ("2027-03-01 19:30:00", "2027-03-01T19:30"),
            ("2027-03-01 19:30:00.000", "2027-03-01T19:30"),
            ("2027/3/1 7:30 PM", "2027-03-01T19:30"),
            ("2027-03-01 00:00:00", "2027-03-01"),
            ("25/3/2027", "2027-03-25"),
            ("3/25/2027 8:00PM", "2027-03-25T20:00"),
            ("4/4/2027", "2027-04-04"),
            ("Mar 1, 2027", "2027-03-01"),
            ("1 March 2027", "2027-03-01"),
            ("01-Mar-27", "2027-03-01"),
            ("Mon, March 1st 2027 at 7 pm", "2027-03-01T19:00"),
            ("Monday 1 March 2027, 7:30 p.m.", "2027-03-01T19:30"),
            ("12:15 am Mar 1 2027", "2027-03-01T00:15"),
            ("2027-Mar-01 TBA", "2027-03-01"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(start), "{text}");
        }
    }

    /// What could be two dates is refused, and the refusal names the option.
    #[test]
    fn a_date_that_could_be_two_is_refused_until_it_is_told() {
        for text in ["3/4/2027", "03.04.2027", "03-04-27", "3/4/27 19:30", "25.03.27"] {
            let refused = read(text).unwrap_err();
            assert_eq!(refused, InvalidDate::Ambiguous(text.to_owned()));
            assert!(refused.to_string().contains("dates dmy or mdy"), "{refused}");
        }
        let told = |text, order| read_start(text, None, Some(order), None).map(|it| it.to_string());
        assert_eq!(told("3/4/2027", DateOrder::Dmy).as_deref(), Ok("2027-04-03"));
        assert_eq!(told("3/4/2027", DateOrder::Mdy).as_deref(), Ok("2027-03-04"));
        assert_eq!(told("27-03-04", DateOrder::Ymd).as_deref(), Ok("2027-03-04"));
        assert_eq!(
            told("2027-03-04", DateOrder::Mdy).as_deref(),
            Ok("2027-03-04"),
            "as ISO 8601 has it"
        );
        assert!(matches!(told("3/25/2027", DateOrder::Dmy), Err(InvalidDate::OtherOrder { .. })));
    }

    #[test]
    fn the_other_dates_of_a_column_settle_the_order_where_they_agree() {
        assert_eq!(order_of(["3/4/2027", "3/25/2027"]), Some(DateOrder::Mdy));
        assert_eq!(order_of(["3/4/2027", "25/3/2027", "2027-01-01"]), Some(DateOrder::Dmy));
        assert_eq!(order_of(["25/3/2027", "3/25/2027"]), None, "they do not agree");
        assert_eq!(order_of(["3/4/2027", "4/4/2027", "soon"]), None);
        let start = read_start("3/4/2027", None, None, Some(DateOrder::Mdy)).unwrap();
        assert_eq!(start.to_string(), "2027-03-04");
    }

    #[test]
    fn a_time_may_have_a_column_of_its_own() {
        let read = |date, time| read_start(date, Some(time), None, None).map(|it| it.to_string());
        assert_eq!(read("2027-03-01", "7:30 PM").as_deref(), Ok("2027-03-01T19:30"));
        assert_eq!(read("2027-03-01 00:00:00", "19:30").as_deref(), Ok("2027-03-01T19:30"));
        assert_eq!(read("2027-03-01", "TBD").as_deref(), Ok("2027-03-01"));
        assert_eq!(read("2027-03-01", "12am").as_deref(), Ok("2027-03-01T00:00"));
        assert_eq!(read("2027-03-01", "12:30 PM").as_deref(), Ok("2027-03-01T12:30"));
        assert!(matches!(read("2027-03-01 18:00", "19:30"), Err(InvalidDate::TwoTimes(_))));
        for wrong in ["25:00", "13 pm", "7", "19:60", "1930", "evening"] {
            assert!(matches!(read("2027-03-01", wrong), Err(InvalidDate::NoTime(_))), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_date_at_the_venue_is_refused() {
        for text in [
            "",
            "soon",
            "2027-02-30",
            "46447",
            "2027-03",
            "1/2/3/2027",
            "31/31/2027",
            "Mar 32 2027",
        ] {
            assert!(matches!(read(text), Err(InvalidDate::NoDate(_))), "{text}: {:?}", read(text));
        }
        for text in ["2027-03-01T19:30:00Z", "2027-03-01T19:30:00+01:00"] {
            assert_eq!(read(text), Err(InvalidDate::Offset(text.to_owned())));
        }
    }
}
