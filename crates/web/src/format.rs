//! Money and times, as people of the en-US locale read and write them.

use std::time::Duration;

use jiff::{civil::DateTime, tz::TimeZone};
use stubmart_contract::{Currency, InvalidAmount, LocalTime, Price, Timestamp};

/// What stands before an amount (Unicode CLDR, locale en): `$`, or the code and a space that holds.
/// (The symbols that the crates of currencies know are `$` for the dollars of twenty countries.)
fn symbol(currency: Currency) -> String {
    let known = match currency.as_str() {
        "usd" => "$",
        "eur" => "€",
        "gbp" => "£",
        "jpy" => "¥",
        "cad" => "CA$",
        "aud" => "A$",
        "nzd" => "NZ$",
        "hkd" => "HK$",
        "mxn" => "MX$",
        "brl" => "R$",
        "inr" => "₹",
        "cny" => "CN¥",
        "krw" => "₩",
        "ils" => "₪",
        "vnd" => "₫",
        "twd" => "NT$",
        "php" => "₱",
        code => return format!("{}\u{a0}", code.to_ascii_uppercase()),
    };
    known.to_owned()
}

/// `$1,250.00`: always with the currency's decimals, so that amounts in a column line up.
pub(crate) fn money(minor: u32, currency: Currency) -> String {
    amount(minor.into(), currency)
}

/// As [`money`], of a balance: it may be a large one, or less than nothing (`−$1,250.00`).
pub(crate) fn amount(minor: i64, currency: Currency) -> String {
    let (whole, part) = in_main_unit(minor, currency);
    let sign = if minor < 0 { "−" } else { "" };
    format!("{sign}{}{}{part}", symbol(currency), thousands(whole))
}

/// `-1250.00`: an amount for a spreadsheet.
pub(crate) fn plain_amount(minor: i64, currency: Currency) -> String {
    let (whole, part) = in_main_unit(minor, currency);
    let sign = if minor < 0 { "-" } else { "" };
    format!("{sign}{whole}{part}")
}

/// An amount without its sign, in the main unit and what is behind the point of it.
fn in_main_unit(minor: i64, currency: Currency) -> (u64, String) {
    let unit = 10_u64.pow(currency.exponent());
    let digits = usize::try_from(currency.exponent()).unwrap_or(2);
    let (whole, part) = (minor.unsigned_abs() / unit, minor.unsigned_abs() % unit);
    (whole, if digits > 0 { format!(".{part:0digits$}") } else { String::new() })
}

/// `1,250`.
pub(crate) fn thousands(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut text = String::with_capacity(digits.len() + 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount as a form field takes it: `1250.50`, without symbol and commas.
pub(crate) fn money_input(minor: u32, currency: Currency) -> String {
    let plain = money(minor, currency);
    plain.chars().filter(|it| it.is_ascii_digit() || *it == '.').collect()
}

/// Reads what a person typed into a price field: `45`, `45.5`, `45,50`, `$1,250.50`.
///
/// # Errors
/// A sentence that says what would be right.
pub(crate) fn read_money(text: &str, currency: Currency) -> Result<u32, String> {
    let wrong = || format!("Enter an amount like {}.", money(4550, currency));
    let digits = usize::try_from(currency.exponent()).unwrap_or(2);
    let symbol = symbol(currency);
    let text = text.trim();
    let text = text.strip_prefix(symbol.trim()).unwrap_or(text).trim();
    let (whole, part) = match text.split_once(',') {
        // The decimal comma, which is all that the keypads of some phones have.
        Some((whole, part)) if digits > 0 && matches!(part.len(), 1 | 2) => (whole, part),
        _ => text.split_once('.').unwrap_or((text, "")),
    };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let is_grouped = is_number(first) && groups.all(|it| it.len() == 3 && is_number(it));
    if (whole.is_empty() && part.is_empty()) || !is_grouped || !is_number(part) {
        return Err(wrong());
    }
    let whole = whole.replace(',', "");
    if part.len() > digits {
        return Err(match digits {
            0 => "This currency has no cents. Enter a whole amount.".to_owned(),
            _ => format!("Use at most {digits} decimals."),
        });
    }
    format!("{whole}{part:0<digits$}").parse().map_err(|_| too_much(currency))
}

/// Reads a price field: [`read_money`], within what a price may be.
///
/// # Errors
/// A sentence that says what would be right.
pub(crate) fn read_price(text: &str, currency: Currency) -> Result<Price, String> {
    let minor = read_money(text, currency)?;
    if minor < currency.least() {
        return Err(format!("The lowest price is {}.", money(currency.least(), currency)));
    }
    check_price(i64::from(minor), currency)
}

/// The price, if a listing may have it.
///
/// # Errors
/// A sentence that says what would be right.
pub(crate) fn check_price(minor: i64, currency: Currency) -> Result<Price, String> {
    let price = Price::try_from(minor).map_err(|_| too_much(currency))?;
    match currency.check(price) {
        Ok(()) => Ok(price),
        Err(InvalidAmount::ThirdDecimal { .. }) => {
            Err("Cards are charged to two decimals: end the price in 0.".to_owned())
        }
        Err(InvalidAmount::TooLow { .. } | InvalidAmount::TooHigh { .. }) => {
            Err(too_much(currency))
        }
    }
}

fn too_much(currency: Currency) -> String {
    format!("A listing can cost {} at most.", money(currency.most(), currency))
}

/// A point in time, taken apart for display.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct When {
    /// `Sat`.
    pub(crate) weekday: String,
    /// `Nov`.
    pub(crate) month: String,
    /// `28`.
    pub(crate) day: String,
    /// `2026`.
    pub(crate) year: String,
    /// `7:30 PM`, at a venue; `7:30 PM UTC` elsewhere.
    pub(crate) time: String,
    /// RFC 3339, for machines.
    pub(crate) iso: String,
}

impl When {
    /// `at`, in UTC.
    pub(crate) fn utc(at: Timestamp) -> Self {
        Self::of(civil(at), "%-I:%M %p UTC", at.to_string())
    }

    /// The start of an event, as clocks at its venue show it.
    pub(crate) fn at_venue(start: LocalTime) -> Self {
        let iso = start.to_string();
        let time = if start.has_time() { "%-I:%M %p" } else { "Time to be announced" };
        Self::of(iso.parse().unwrap_or_default(), time, iso)
    }

    fn of(civil: DateTime, time: &str, iso: String) -> Self {
        let part = |format: &str| civil.strftime(format).to_string();
        Self {
            weekday: part("%a"),
            month: part("%b"),
            day: part("%-d"),
            year: part("%Y"),
            time: part(time),
            iso,
        }
    }

    /// `Sat, Nov 28 · 7:30 PM`, with the year where it is not this one.
    pub(crate) fn line(&self, now: Timestamp) -> String {
        let Self { weekday, month, day, year, time, .. } = self;
        let is_this_year = civil(now).strftime("%Y").to_string() == *year;
        let year = if is_this_year { String::new() } else { format!(", {year}") };
        format!("{weekday}, {month} {day}{year} · {time}")
    }

    /// `Nov 28, 2026`.
    pub(crate) fn day_alone(&self) -> String {
        let Self { month, day, year, .. } = self;
        format!("{month} {day}, {year}")
    }

    /// `Sat, Nov 28, 7:30 PM UTC`: a deadline, which is days away.
    pub(crate) fn due(&self) -> String {
        let Self { weekday, month, day, time, .. } = self;
        format!("{weekday}, {month} {day}, {time}")
    }

    /// `Nov 28, 2026, 7:30 PM UTC`.
    pub(crate) fn short(&self) -> String {
        let Self { month, day, year, time, .. } = self;
        format!("{month} {day}, {year}, {time}")
    }
}

/// `14:32`: minutes and seconds left.
pub(crate) fn countdown(left: Duration) -> String {
    let seconds = left.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// `2:32 PM UTC`: the time of the day alone.
pub(crate) fn clock(at: Timestamp) -> String {
    civil(at).strftime("%-I:%M %p UTC").to_string()
}

/// From Friday to Sunday of this week, in UTC; what is over of it is left out.
pub(crate) fn weekend(now: Timestamp) -> (Timestamp, Timestamp) {
    const DAY: i64 = 86_400_000;
    let today = now.millis() - now.millis().rem_euclid(DAY);
    let weekday = i64::from(civil(now).weekday().to_monday_one_offset());
    let monday = today + (8 - weekday) * DAY;
    let friday = Timestamp::from_millis(monday - 3 * DAY);
    (friday.max(now), Timestamp::from_millis(monday - 1))
}

fn civil(at: Timestamp) -> DateTime {
    jiff::Timestamp::from_millisecond(at.millis())
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .to_zoned(TimeZone::UTC)
        .datetime()
}

/// Reads `2026-11-28` of a date field: a day, wherever the venue is.
pub(crate) fn read_day(text: &str) -> Option<LocalTime> {
    text.parse().ok().filter(|day: &LocalTime| !day.has_time())
}

/// Reads a date field and a time field, which may be empty while the time is not known yet.
pub(crate) fn read_start(date: &str, time: &str) -> Option<LocalTime> {
    if time.is_empty() { date.parse().ok() } else { format!("{date}T{time}").parse().ok() }
}

/// `1 ticket`, `1,200 tickets`.
pub(crate) fn count(number: u32, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// JSON that cannot end the script element it stands in.
pub(crate) fn safe_json(data: &serde_json::Value) -> String {
    let text = data.to_string();
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// The price of one seat, rounded up: a buyer should never pay more than the page said.
pub(crate) fn per_seat(minor: u32, seats: u32) -> u32 {
    minor.div_ceil(seats.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn amounts_follow_the_currency_and_its_decimals() {
        for (minor, code, text) in [
            (1, "usd", "$0.01"),
            (4500, "usd", "$45.00"),
            (125_050, "usd", "$1,250.50"),
            (100_000_000, "usd", "$1,000,000.00"),
            (4500, "jpy", "¥4,500"),
            (4500, "kwd", "KWD\u{a0}4.500"),
            (4500, "chf", "CHF\u{a0}45.00"),
            (4505, "eur", "€45.05"),
        ] {
            assert_eq!(money(minor, currency(code)), text);
        }
    }

    #[test]
    fn a_price_field_takes_what_people_type_and_reads_back_what_it_shows() {
        for (text, code, minor) in [
            ("45", "usd", 4500),
            (" $1,250.5 ", "usd", 125_050),
            (".5", "usd", 50),
            ("4500", "jpy", 4500),
            ("CHF 45", "chf", 4500),
            ("1.234", "kwd", 1234),
        ] {
            assert_eq!(read_money(text, currency(code)), Ok(minor), "{text}");
            assert_eq!(
                read_money(&money_input(minor, currency(code)), currency(code)),
                Ok(minor),
                "{text}"
            );
        }
        for (text, code) in [
            ("", "usd"),
            (".", "usd"),
            ("-1", "usd"),
            ("1e3", "usd"),
            ("1.234", "usd"),
            ("1,2,3", "usd"),
            ("1,2345", "usd"),
            ("1.250,50", "usd"),
            ("1.5", "jpy"),
            ("1,5", "jpy"),
            ("99999999999", "usd"),
            ("forty", "usd"),
        ] {
            assert!(read_money(text, currency(code)).is_err(), "{text}");
        }
        assert!(read_price("0", Currency::USD).is_err());
        assert!(read_price("1000000.01", Currency::USD).is_err());
        assert_eq!(read_price("999999.99", Currency::USD).map(Price::minor), Ok(99_999_999));
    }

    #[test]
    fn times_are_in_utc_and_say_so() {
        let when = When::utc("2026-11-28T19:30:00Z".parse().unwrap());
        assert_eq!(when.short(), "Nov 28, 2026, 7:30 PM UTC");
        assert_eq!(when.due(), "Sat, Nov 28, 7:30 PM UTC");
        for (now, line) in [
            ("2026-01-01T00:00:00Z", "Sat, Nov 28 · 7:30 PM UTC"),
            ("2025-12-31T23:59:59Z", "Sat, Nov 28, 2026 · 7:30 PM UTC"),
        ] {
            assert_eq!(when.line(now.parse().unwrap()), line);
        }
        assert_eq!(clock("2026-11-28T09:05:00Z".parse().unwrap()), "9:05 AM UTC");
        for edge in [Timestamp::MIN, Timestamp::MAX] {
            assert!(!When::utc(edge).line(edge).is_empty());
        }
    }

    #[test]
    fn a_start_is_what_clocks_at_the_venue_show_and_may_lack_its_time() {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        for (date, time, line) in [
            ("2026-11-28", "19:30", "Sat, Nov 28 · 7:30 PM"),
            ("2026-11-28", "", "Sat, Nov 28 · Time to be announced"),
            ("2027-01-02", "00:05", "Sat, Jan 2, 2027 · 12:05 AM"),
        ] {
            let start = read_start(date, time).unwrap();
            assert_eq!(When::at_venue(start).line(now), line);
        }
        for (date, time) in [("", ""), ("", "19:30"), ("soon", ""), ("2026-11-28", "late")] {
            assert_eq!(read_start(date, time), None, "{date} {time}");
        }
    }

    #[test]
    fn the_weekend_is_from_friday_to_sunday_and_never_over() {
        for (now, from) in [
            ("2026-11-23T10:00:00Z", "2026-11-27T00:00:00.000Z"),
            ("2026-11-27T10:00:00Z", "2026-11-27T10:00:00.000Z"),
            ("2026-11-29T23:00:00Z", "2026-11-29T23:00:00.000Z"),
        ] {
            let (friday, sunday) = weekend(now.parse().unwrap());
            assert_eq!(friday.to_string(), from);
            assert_eq!(sunday.to_string(), "2026-11-29T23:59:59.999Z");
        }
    }

    #[test]
    fn date_fields_read_as_days_and_nothing_else_does() {
        assert_eq!(read_day("2026-11-28"), "2026-11-28".parse().ok());
        for wrong in ["", "2026-11-31", "28.11.2026", "2026-11-28T", "äääää"] {
            assert_eq!(read_day(wrong), None, "{wrong}");
        }
    }
}
