//! Money: whole minor units and an ISO 4217 currency, never a float.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use utoipa::ToSchema;

use crate::text;

/// The price of a lot, in the currency's minor unit (cents for `usd`, yen for `jpy`). What a price may be
/// depends on its currency: [`Currency::check`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = i64, minimum = 1, maximum = 4_294_967_295_u32)]
pub struct Price(u32);

/// An amount outside of what a price may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a whole number from 1 to 4294967295, in the currency's minor unit")]
pub struct InvalidPrice;

impl Price {
    /// The lowest price.
    pub const MIN: u32 = 1;
    /// The highest price.
    pub const MAX: u32 = u32::MAX;
    /// The highest price.
    pub const HIGHEST: Self = Self(Self::MAX);

    /// [`Self::MIN`] as a price.
    pub const LOWEST: Self = Self(Self::MIN);

    /// The amount in minor units.
    #[must_use]
    pub const fn minor(self) -> u32 {
        self.0
    }

    /// A share of it, one of `quantity`, rounded up: nobody pays more than what is shown for each.
    #[must_use]
    pub const fn per_ticket(self, quantity: u32) -> Self {
        Self(self.0.div_ceil(if quantity == 0 { 1 } else { quantity }))
    }
}

impl TryFrom<i64> for Price {
    type Error = InvalidPrice;

    fn try_from(minor: i64) -> Result<Self, InvalidPrice> {
        u32::try_from(minor)
            .ok()
            .filter(|minor| (Self::MIN..=Self::MAX).contains(minor))
            .map(Self)
            .ok_or(InvalidPrice)
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(i64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// An ISO 4217 currency, in lower case as Stripe writes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, pattern = "^[a-z]{3}$", example = "usd")]
pub struct Currency([u8; 3]);

/// An amount that the payment provider does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAmount {
    /// It is too low.
    #[error("must be at least {least} in {currency}'s minor unit")]
    TooLow {
        /// The currency.
        currency: Currency,
        /// The lowest amount.
        least: u32,
    },
    /// It is too high.
    #[error("must be at most {most} in {currency}'s minor unit")]
    TooHigh {
        /// The currency.
        currency: Currency,
        /// The highest amount.
        most: u32,
    },
    /// It has a third decimal place.
    #[error("must end in 0: cards are charged with two decimal places in {currency}")]
    ThirdDecimal {
        /// The currency.
        currency: Currency,
    },
}

/// A text that is no currency in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a three-letter ISO 4217 currency in lower case, such as usd")]
pub struct InvalidCurrency;

/// The currencies in use (ISO 4217 list one, without funds, metals and test codes), and `ang` and `bgn`,
/// which were withdrawn in 2025 and 2026 and stand in amounts on record. By hand, because the crates that
/// list them (`iso_currency`, `rusty-money`) call currencies superseded that are in use, or bring decimal
/// arithmetic along; a test compares the two.
const CURRENCIES: &str = "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd btn bwp byn \
    bzd cad cdf chf clp cny cop crc cup cve czk djf dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gnf gtq gyd \
    hkd hnl htg huf idr ils inr iqd irr isk jmd jod jpy kes kgs khr kmf kpw krw kwd kyd kzt lak lbp lkr lrd lsl lyd mad \
    mdl mga mkd mmk mnt mop mru mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron \
    rsd rub rwf sar sbd scr sdg sek sgd shp sle sos srd ssp stn svc syp szl thb tjs tmt tnd top try ttd twd tzs uah ugx \
    usd uyu uzs ved ves vnd vuv wst xaf xcd xcg xof xpf yer zar zmw zwg";

impl Currency {
    /// The United States dollar, the default.
    pub const USD: Self = Self(*b"usd");

    /// The three letters, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }

    /// A number of its own, in the order of the letters.
    #[must_use]
    pub fn number(self) -> u32 {
        let [first, second, third] = self.0;
        u32::from_be_bytes([0, first, second, third])
    }

    /// Checks that the payment provider takes an amount.
    ///
    /// # Errors
    /// [`InvalidAmount`].
    pub fn check(self, amount: Price) -> Result<(), InvalidAmount> {
        let (least, most) = (self.least(), self.most());
        match amount.minor() {
            minor if minor < least => Err(InvalidAmount::TooLow { currency: self, least }),
            minor if minor > most => Err(InvalidAmount::TooHigh { currency: self, most }),
            minor if self.exponent() == 3 && minor % 10 != 0 => {
                Err(InvalidAmount::ThirdDecimal { currency: self })
            }
            _ => Ok(()),
        }
    }

    /// The lowest amount that Stripe charges (<https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts>).
    /// Where it names none, what 0.50 is, or 50 without decimals; Stripe asks for the worth of half a dollar then.
    #[must_use]
    pub fn least(self) -> u32 {
        match &self.0 {
            b"gbp" => 30,
            b"bgn" => 100,
            b"aed" | b"myr" | b"pln" | b"ron" => 200,
            b"dkk" => 250,
            b"nok" | b"sek" => 300,
            b"hkd" => 400,
            b"mxn" | b"thb" => 1_000,
            b"czk" => 1_500,
            b"huf" => 17_500,
            _ if self.exponent() == 3 => 500,
            _ => 50,
        }
    }

    /// The highest amount that Stripe charges: eight digits, but for currencies of little worth.
    #[must_use]
    pub fn most(self) -> u32 {
        match &self.0 {
            b"cop" | b"huf" | b"idr" | b"jpy" | b"lbp" => Price::MAX,
            b"inr" => 999_999_999,
            _ => 99_999_999,
        }
    }

    /// How many decimal places the minor unit stands behind (ISO 4217, column "minor unit"):
    /// 2 for `usd`, 0 for `jpy`, 3 for `kwd`.
    ///
    /// Stripe counts a few otherwise: 0 places for `mga`, and 2 for `isk` and `ugx`
    /// (<https://docs.stripe.com/currencies#zero-decimal>); an adapter to Stripe converts them.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        match &self.0 {
            b"bif" | b"clp" | b"djf" | b"gnf" | b"isk" | b"jpy" | b"kmf" | b"krw" | b"pyg"
            | b"rwf" | b"ugx" | b"vnd" | b"vuv" | b"xaf" | b"xof" | b"xpf" => 0,
            b"bhd" | b"iqd" | b"jod" | b"kwd" | b"lyd" | b"omr" | b"tnd" => 3,
            _ => 2,
        }
    }
}

impl Default for Currency {
    fn default() -> Self {
        Self::USD
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Currency({self})")
    }
}

impl FromStr for Currency {
    type Err = InvalidCurrency;

    fn from_str(text: &str) -> Result<Self, InvalidCurrency> {
        let letters: [u8; 3] = text.as_bytes().try_into().map_err(|_| InvalidCurrency)?;
        if CURRENCIES.split_ascii_whitespace().any(|known| known == text) {
            Ok(Self(letters))
        } else {
            Err(InvalidCurrency)
        }
    }
}

impl Serialize for Currency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parse(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_a_whole_number_of_minor_units() {
        assert_eq!(Price::try_from(1).map(Price::minor), Ok(1));
        assert_eq!(Price::try_from(4_294_967_295).map(Price::minor), Ok(u32::MAX));
        for wrong in [i64::MIN, -1, 0, 4_294_967_296, i64::MAX] {
            assert_eq!(Price::try_from(wrong), Err(InvalidPrice), "{wrong}");
        }
    }

    /// FOUND C: 1 cent, 49 cents, 9 digits and KWD 5.124 were sold; Rp 2,500,000 and COP 1,500,000 were
    /// refused.
    #[test]
    fn a_price_is_what_the_payment_provider_takes() {
        let check = |currency: &str, minor: i64| {
            let currency: Currency = currency.parse().unwrap();
            currency.check(Price::try_from(minor).unwrap())
        };
        for (currency, minor) in [
            ("usd", 50),
            ("usd", 99_999_999),
            ("gbp", 30),
            ("jpy", 50),
            ("jpy", 12_000),
            ("kwd", 5_120),
            ("idr", 250_000_000),
            ("cop", 150_000_000),
            ("inr", 999_999_999),
        ] {
            assert_eq!(check(currency, minor), Ok(()), "{currency} {minor}");
        }
        for (currency, minor) in [
            ("usd", 1),
            ("usd", 49),
            ("usd", 100_000_000),
            ("eur", 100_000_000),
            ("jpy", 49),
            ("kwd", 5_124),
            ("kwd", 490),
            ("huf", 17_499),
        ] {
            assert!(check(currency, minor).is_err(), "{currency} {minor}");
        }
    }

    /// Every three letters, against another list of ISO 4217. It calls `ves` superseded, which is in use.
    #[test]
    fn the_currencies_are_those_of_iso_4217() {
        const KEPT: [&str; 3] = ["ang", "bgn", "ves"];
        let letter = |place: u32| char::from(b'a' + u8::try_from(place % 26).unwrap());
        for number in 0..26 * 26 * 26 {
            let code: String = [number / 676, number / 26, number].map(letter).iter().collect();
            let listed = iso_currency::Currency::from_code(&code.to_ascii_uppercase());
            let in_use = listed.is_some_and(|it| it.flags().is_empty());
            let ours = code.parse::<Currency>();
            assert_eq!(ours.is_ok(), in_use || KEPT.contains(&code.as_str()), "{code}");
            if let (Ok(ours), Some(listed)) = (ours, listed) {
                assert_eq!(Some(ours.exponent()), listed.exponent().map(u32::from), "{code}");
            }
        }
    }

    #[test]
    fn only_currencies_in_use_are_taken_and_only_in_lower_case() {
        assert_eq!("usd".parse(), Ok(Currency::USD));
        for wrong in ["", "us", "USD", "usdd", "xxx", "xau", "€€"] {
            assert_eq!(wrong.parse::<Currency>(), Err(InvalidCurrency), "{wrong:?}");
        }
    }
}
