//! Points in time, to the millisecond, in UTC.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::text;

/// A point in time: milliseconds since the Unix epoch, written as RFC 3339 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub struct Timestamp(i64);

/// A text that is no RFC 3339 date-time, or one outside of [`Timestamp::MIN`] and [`Timestamp::MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 date-time such as 2026-03-01T19:30:00Z")]
pub struct InvalidTimestamp;

impl Timestamp {
    /// The Unix epoch.
    pub const EPOCH: Self = Self(0);
    /// 9999-12-30T22:00:00.000Z: the last instant that has a year of four digits, as RFC 3339 asks, in
    /// every time zone there is.
    pub const MAX: Self = Self(253_402_207_200_000);
    /// 0000-01-01T00:00:00Z, the first instant that RFC 3339 can write.
    pub const MIN: Self = Self(-62_167_219_200_000);

    /// The instant `millis` milliseconds after the epoch, held within what RFC 3339 can write.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        if millis > Self::MAX.0 {
            Self::MAX
        } else if millis < Self::MIN.0 {
            Self::MIN
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This instant and `duration`, held at [`Self::MAX`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// This instant less `duration`, held at [`Self::MIN`].
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(millis))
    }

    /// How long it is from `earlier` to this instant; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(at) => write!(f, "{at:.3}"),
            Err(_) => Err(fmt::Error),
        }
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        // RFC 3339 asks for a date, a time and an offset. jiff also takes other ISO 8601 forms and
        // RFC 9557 annotations, which no client should come to rely on.
        let plain = text.len() >= 20
            && !text.contains('[')
            && text.as_bytes().get(4) == Some(&b'-')
            && has_offset(text);
        let at: jiff::Timestamp = text.parse().map_err(|_| InvalidTimestamp)?;
        let millis = at.as_millisecond();
        if plain && (Self::MIN.0..=Self::MAX.0).contains(&millis) {
            Ok(Self(millis))
        } else {
            Err(InvalidTimestamp)
        }
    }
}

/// Whether a text ends with `Z` or with an offset in hours and minutes, of less than a day (RFC 3339, 5.6).
fn has_offset(text: &str) -> bool {
    let is_below = |digits: &[u8], limit: u32| {
        let [tens, ones] = digits else { return false };
        let is_number = tens.is_ascii_digit() && ones.is_ascii_digit();
        is_number && u32::from(tens - b'0') * 10 + u32::from(ones - b'0') < limit
    };
    match text.as_bytes() {
        [.., b'Z' | b'z'] => true,
        [.., b'+' | b'-', h, o, b':', m, n] => is_below(&[*h, *o], 24) && is_below(&[*m, *n], 60),
        _ => false,
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::parse(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_written_as_rfc_3339_in_utc_and_reads_back() {
        let at: Timestamp = "2026-03-01T19:30:00.250+01:00".parse().unwrap();
        assert_eq!(at.to_string(), "2026-03-01T18:30:00.250Z");
        assert_eq!(at.to_string().parse(), Ok(at));
        for edge in [Timestamp::MIN, Timestamp::EPOCH, Timestamp::MAX] {
            assert_eq!(edge.to_string().parse(), Ok(edge), "{edge}");
        }
    }

    #[test]
    fn what_is_no_rfc_3339_date_time_is_refused() {
        for wrong in [
            "",
            "2026-03-01",
            "2026-03-01T19:30:00",
            "19:30:00Z",
            "2026-02-30T00:00:00Z",
            "2026-03-01T19:30:00+01:00[Europe/Paris]",
            "2026-03-01T19:30:00+25:00",
            "2026-03-01T19:30:00+0100",
            "2026-03-01T19:30:00+01",
            "tomorrow",
            "-000001-01-01T00:00:00Z",
        ] {
            assert_eq!(wrong.parse::<Timestamp>(), Err(InvalidTimestamp), "{wrong:?}");
        }
    }

    #[test]
    fn arithmetic_stays_within_what_can_be_written() {
        assert_eq!(Timestamp::MAX.after(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::MIN.before(Duration::MAX), Timestamp::MIN);
        assert_eq!(Timestamp::EPOCH.since(Timestamp::MAX), Duration::ZERO);
    }
}
