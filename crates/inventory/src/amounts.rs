//! Amounts of money as people and systems write them, without a float.

use stubmart_contract::Currency;

/// The sign between whole units and parts of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decimal {
    /// `1,234.50`
    Point,
    /// `1.234,50`
    Comma,
}

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAmount {
    /// It is none.
    #[error("{0:?} is no amount: write it as 1234.50")]
    NoAmount(String),
    /// A currency that is not known stands beside it.
    #[error("{0:?} is no currency: write its ISO 4217 code, such as EUR")]
    NoCurrency(String),
    /// The sign may separate thousands or decimals.
    #[error("{0:?} could be thousands or decimals: write it as 1234.50")]
    Uncertain(String),
    /// It has more decimals than the currency.
    #[error("{text:?} has more decimals than {currency}, which has {decimals}")]
    Decimals {
        /// The amount.
        text: String,
        /// Its currency.
        currency: Currency,
        /// How many the currency has.
        decimals: u32,
    },
    /// It is in another currency than the line says.
    #[error("{text:?} is not in {currency}")]
    OtherCurrency {
        /// The amount.
        text: String,
        /// What the line says.
        currency: Currency,
    },
    /// It is too large.
    #[error("{0:?} is too large")]
    TooLarge(String),
}

/// An amount as it is written: the number, and what stands beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Written<'a> {
    number: &'a str,
    beside: &'a str,
}

/// What separates thousands beside the points and commas.
fn is_gap(it: char) -> bool {
    it.is_whitespace() || matches!(it, '\'' | '’')
}

impl<'a> Written<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let start = text.find(|it: char| it.is_ascii_digit())?;
        let end = text.rfind(|it: char| it.is_ascii_digit())?;
        let (before, rest) = text.split_at(start);
        let (number, after) = rest.split_at_checked(end.checked_sub(start)?.checked_add(1)?)?;
        let is_of_number = |it: char| it.is_ascii_digit() || matches!(it, '.' | ',') || is_gap(it);
        // `12.-` and `12,–` are whole.
        let after = after.trim_start_matches(['.', ',']).trim_matches(['-', '–', '—', ' ']).trim();
        let beside = if before.trim().is_empty() { after } else { before.trim() };
        let is_twice = !before.trim().is_empty() && !after.is_empty();
        (!is_twice && number.chars().all(is_of_number)).then_some(Self { number, beside })
    }
}

/// Which decimal sign the amounts of a column have, where they agree.
#[must_use]
pub fn decimal_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<Decimal> {
    let certain = |text: &'a str| certain(Written::of(text)?.number);
    let mut all = texts.into_iter().filter_map(certain);
    let first = all.next()?;
    all.all(|it| it == first).then_some(first)
}

/// The decimal sign of a number in which it is certain.
fn certain(number: &str) -> Option<Decimal> {
    let last = number.rfind(['.', ','])?;
    let (point, comma) = (number.matches('.').count(), number.matches(',').count());
    let is_point = number.get(last..)?.starts_with('.');
    let this = if is_point { Decimal::Point } else { Decimal::Comma };
    let other = if is_point { Decimal::Comma } else { Decimal::Point };
    match (point, comma) {
        (0, 2..) | (2.., 0) => Some(other),
        (0, 1) | (1, 0) => {
            let whole = number.get(..last)?.chars().filter(char::is_ascii_digit).count();
            let starts_with_zero = number.starts_with('0');
            let decimals = number.get(last..)?.chars().filter(char::is_ascii_digit).count();
            let may_be_thousands = decimals == 3 && (1..=3).contains(&whole) && !starts_with_zero;
            (!may_be_thousands).then_some(this)
        }
        _ => Some(this),
    }
}

/// The currency that an amount names, if any; `$` and `¥` are those of several.
///
/// # Errors
/// [`InvalidAmount::NoCurrency`].
fn named(beside: &str) -> Result<Vec<Currency>, InvalidAmount> {
    let codes = match beside {
        "" => "",
        "€" => "eur",
        "£" => "gbp",
        "US$" | "$US" => "usd",
        "C$" | "CA$" => "cad",
        "A$" | "AU$" => "aud",
        // The first is what it means where nothing else is said.
        "$" => "usd cad aud nzd sgd hkd mxn ars clp cop twd",
        "¥" => "jpy cny",
        "zł" => "pln",
        "Fr." | "Fr" | "SFr." => "chf",
        "R$" => "brl",
        code => return code_of(code).map(|it| vec![it]),
    };
    Ok(codes.split_whitespace().filter_map(|it| it.parse().ok()).collect())
}

fn code_of(text: &str) -> Result<Currency, InvalidAmount> {
    let no_currency = || InvalidAmount::NoCurrency(text.to_owned());
    text.trim_end_matches('$').trim().to_ascii_lowercase().parse().map_err(|_| no_currency())
}

/// Reads the name of a currency: an ISO 4217 code in any case, or a sign that only one has.
///
/// # Errors
/// [`InvalidAmount::NoCurrency`].
pub fn read_currency(text: &str) -> Result<Currency, InvalidAmount> {
    match named(text.trim())?.as_slice() {
        [one] => Ok(*one),
        _ => Err(InvalidAmount::NoCurrency(text.to_owned())),
    }
}

/// Reads an amount: in minor units, with its currency. The currency is `said` where the line says one, else the one
/// that stands beside the number, else `otherwise`. `column` is the decimal sign of the column's other amounts.
///
/// # Errors
/// [`InvalidAmount`].
pub fn read_amount(
    text: &str,
    said: Option<Currency>,
    otherwise: Currency,
    column: Option<Decimal>,
) -> Result<(i64, Currency), InvalidAmount> {
    let no_amount = || InvalidAmount::NoAmount(text.to_owned());
    let written = Written::of(text).ok_or_else(no_amount)?;
    if written.beside.contains(['-', '–', '(', '+', '%']) {
        return Err(no_amount());
    }
    let named = named(written.beside)?;
    let currency = match (said, named.as_slice()) {
        (Some(said), []) => said,
        (Some(said), named) if named.contains(&said) => said,
        (Some(currency), _) => {
            return Err(InvalidAmount::OtherCurrency { text: text.to_owned(), currency });
        }
        (None, []) => otherwise,
        (None, named) if named.contains(&otherwise) => otherwise,
        (None, [first, ..]) => *first,
    };
    let (whole, decimals) = parts(text, written.number, currency, column)?;
    let places = usize::try_from(currency.exponent()).unwrap_or(0);
    let kept = decimals.trim_end_matches('0');
    if kept.len() > places {
        let decimals = currency.exponent();
        return Err(InvalidAmount::Decimals { text: text.to_owned(), currency, decimals });
    }
    let digits = format!("{whole}{kept:0<places$}");
    if digits.len() > 15 {
        return Err(InvalidAmount::TooLarge(text.to_owned()));
    }
    Ok((digits.parse().map_err(|_| no_amount())?, currency))
}

/// The digits before and behind the decimal sign.
fn parts(
    text: &str,
    number: &str,
    currency: Currency,
    column: Option<Decimal>,
) -> Result<(String, String), InvalidAmount> {
    let no_amount = || InvalidAmount::NoAmount(text.to_owned());
    let has_sign = number.contains(['.', ',']);
    let sign = match certain(number).or(column).filter(|_| has_sign) {
        Some(Decimal::Point) => Some('.'),
        Some(Decimal::Comma) => Some(','),
        // Without decimals in the currency it can only be thousands.
        None if !has_sign || currency.exponent() == 0 => None,
        None => return Err(InvalidAmount::Uncertain(text.to_owned())),
    };
    let (whole, decimals) = sign.and_then(|it| number.split_once(it)).unwrap_or((number, ""));
    if !decimals.bytes().all(|it| it.is_ascii_digit()) {
        return Err(no_amount());
    }
    let groups: Vec<&str> = whole.split(|it: char| matches!(it, '.' | ',') || is_gap(it)).collect();
    // Thousands, and the pairs of digits above them of India.
    let is_grouped = match groups.as_slice() {
        [only] => !only.is_empty() || !decimals.is_empty(),
        [first, middle @ .., last] => {
            (1..=3).contains(&first.len())
                && middle.iter().all(|it| (2..=3).contains(&it.len()))
                && last.len() == 3
        }
        [] => false,
    };
    if !is_grouped || !groups.concat().bytes().all(|it| it.is_ascii_digit()) {
        return Err(no_amount());
    }
    Ok((groups.concat(), decimals.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cur(code: &str) -> Currency {
        code.parse().unwrap()
    }

    fn read(text: &str) -> Result<(i64, Currency), InvalidAmount> {
        read_amount(text, None, Currency::USD, None)
    }

    /// FOUND F: `$99.00`, `1,250.00` and what else is certain.
    #[test]
    fn an_amount_is_read_in_either_notation() {
        for (text, minor, currency) in [
            ("125.50", 12_550, "usd"),
            ("125.5", 12_550, "usd"),
            ("125", 12_500, "usd"),
            ("$99.00", 9_900, "usd"),
            ("$ 12", 1_200, "usd"),
            ("1,250.00", 125_000, "usd"),
            ("1.234,50", 123_450, "usd"),
            ("1234,5", 123_450, "usd"),
            ("1,234,567.00", 123_456_700, "usd"),
            ("1.234.567", 123_456_700, "usd"),
            ("12,34,567.00 INR", 123_456_700, "inr"),
            ("1 234,50 €", 123_450, "eur"),
            ("€1\u{a0}234,50", 123_450, "eur"),
            ("1'234.50 CHF", 123_450, "chf"),
            ("CHF 12.-", 1_200, "chf"),
            ("EUR 12", 1_200, "eur"),
            ("12eur", 1_200, "eur"),
            ("¥12,000", 12_000, "jpy"),
            ("JPY 12.000", 12_000, "jpy"),
            ("0.99", 99, "usd"),
            ("12.5000", 1_250, "usd"),
            ("KWD 5.1250", 5_125, "kwd"),
        ] {
            assert_eq!(read(text), Ok((minor, cur(currency))), "{text}");
        }
    }

    #[test]
    fn what_is_not_certain_is_refused_unless_the_column_tells() {
        for text in ["1,250", "1.250", "33.333"] {
            assert_eq!(read(text), Err(InvalidAmount::Uncertain(text.to_owned())), "{text}");
        }
        let in_column = |text, column: &[&'static str]| {
            read_amount(text, None, Currency::USD, decimal_of(column.iter().copied()))
                .map(|(minor, _)| minor)
        };
        assert_eq!(in_column("1,250", &["99.50", "1,250", "7"]), Ok(125_000));
        assert_eq!(in_column("1.250", &["99,50"]), Ok(125_000));
        let too_fine = in_column("33.333", &["99.50"]);
        assert!(matches!(too_fine, Err(InvalidAmount::Decimals { .. })), "{too_fine:?}");
        assert_eq!(decimal_of(["99.50", "99,50"]), None, "they do not agree");
        assert_eq!(decimal_of(["99", "1,250"]), None);
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in [
            "",
            "free",
            "-5",
            ".5",
            "(5.00)",
            "12e3",
            "1,2,3",
            "1.2.3,4",
            "12-15",
            "$5 USD",
            "5%",
            "12,3456.00",
        ] {
            assert!(read(text).is_err(), "{text}: {:?}", read(text));
        }
        assert!(matches!(read("12 XYZ"), Err(InvalidAmount::NoCurrency(_))));
        assert!(matches!(read("9999999999999999"), Err(InvalidAmount::TooLarge(_))));
        assert!(read_amount("12.5", Some(cur("jpy")), Currency::USD, None).is_err());
    }

    #[test]
    fn the_line_says_the_currency_and_the_amount_must_agree() {
        let said = |text, code| read_amount(text, Some(cur(code)), Currency::USD, None);
        assert_eq!(said("$5", "cad"), Ok((500, cur("cad"))));
        assert_eq!(said("5", "eur"), Ok((500, cur("eur"))));
        assert!(matches!(said("€5", "usd"), Err(InvalidAmount::OtherCurrency { .. })));
        assert_eq!(read_amount("$5", None, cur("cad"), None), Ok((500, cur("cad"))));
        assert_eq!(read_currency("Usd"), Ok(Currency::USD));
        assert_eq!(read_currency("€"), Ok(cur("eur")));
        assert!(read_currency("$").is_err() && read_currency("dollars").is_err());
    }
}
