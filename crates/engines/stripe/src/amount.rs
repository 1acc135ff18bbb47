//! Amounts as Stripe counts them (<https://docs.stripe.com/currencies#zero-decimal>). A few currencies have
//! another minor unit there than in ISO 4217.

use stubmart_contract::{Currency, Price};

/// What Stripe counts otherwise: `mga` without decimal places, `isk` and `ugx` with two.
enum Unit {
    Same,
    /// A hundred of ours are one of Stripe's.
    Larger,
    /// One of ours is a hundred of Stripe's.
    Smaller,
    /// Three decimal places, of which the last is always zero.
    Tens,
}

const HUNDRED: i64 = 100;

fn unit(currency: Currency) -> Unit {
    match currency.as_str() {
        "mga" => Unit::Larger,
        "isk" | "ugx" => Unit::Smaller,
        _ if currency.exponent() == 3 => Unit::Tens,
        _ => Unit::Same,
    }
}

/// The amount in Stripe's unit; `None` where Stripe cannot take it.
pub(crate) fn to_stripe(amount: Price, currency: Currency) -> Option<i64> {
    let minor = i64::from(amount.minor());
    match unit(currency) {
        Unit::Same => Some(minor),
        Unit::Larger => (minor % HUNDRED == 0).then_some(minor / HUNDRED),
        Unit::Smaller => minor.checked_mul(HUNDRED),
        Unit::Tens => (minor % 10 == 0).then_some(minor),
    }
}

/// The amount in our unit; `None` for what is no whole number of it.
pub(crate) fn from_stripe(amount: i64, currency: Currency) -> Option<i64> {
    match unit(currency) {
        Unit::Same | Unit::Tens => Some(amount),
        Unit::Larger => amount.checked_mul(HUNDRED),
        Unit::Smaller => (amount % HUNDRED == 0).then_some(amount / HUNDRED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_currencies_that_stripe_counts_otherwise_are_converted_and_come_back() {
        for (currency, ours, stripes) in [
            ("usd", 12_345, Some(12_345)),
            ("jpy", 12_345, Some(12_345)),
            ("isk", 1_200, Some(120_000)),
            ("ugx", 50_000, Some(5_000_000)),
            ("mga", 50_000, Some(500)),
            ("mga", 50_050, None),
            ("kwd", 4_500, Some(4_500)),
            ("kwd", 4_501, None),
        ] {
            let (currency, amount) =
                (currency.parse::<Currency>().unwrap(), Price::try_from(ours).unwrap());
            assert_eq!(to_stripe(amount, currency), stripes, "{ours} {currency}");
            if let Some(stripes) = stripes {
                assert_eq!(from_stripe(stripes, currency), Some(ours), "{stripes} {currency}");
            }
        }
        assert_eq!(from_stripe(150, "isk".parse().unwrap()), None);
    }
}
