//! Time zones of venues, and the times that clocks there show.

use std::{
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    time::Duration,
};

use jiff::civil::{Date, DateTime, Time};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::{text, time::Timestamp};

/// The first year in which a start may lie.
const FIRST_YEAR: i16 = 1970;

/// A time zone by its IANA name, such as `Europe/London`.
///
/// A wall time that a clock shows twice, when summer time ends, is the first of the two; one that a clock
/// leaves out, when summer time begins, is read with the offset from before (RFC 5545, 3.3.5).
#[derive(Clone, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, pattern = "^[A-Za-z0-9_+/-]+$", example = "Europe/London")]
pub struct TimeZone(jiff::tz::TimeZone);

/// A text that names no time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be an IANA time zone such as Europe/London")]
pub struct UnknownTimeZone;

/// The start of an event as clocks at the venue show it: `2026-11-28T20:00`, or `2026-11-28` where only the
/// day is known. From the year 1970 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ToSchema)]
#[schema(
    value_type = String,
    pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$",
    example = "2026-11-28T20:00"
)]
pub struct LocalTime(Wall);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Wall {
    date: Date,
    time: Option<Time>,
}

/// A day at the venue, or a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum DayOrMoment {
    /// A day, wherever the venue is.
    Day(LocalTime),
    /// A moment, the same everywhere.
    Moment(Timestamp),
}

/// A text that is neither a day nor a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a date such as 2026-03-01, or an RFC 3339 date-time such as 2026-03-01T19:30:00Z")]
pub struct InvalidDayOrMoment;

/// A text that is no time at a venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a date and time at the venue, without an offset, such as 2026-11-28T20:00, or a date such as \
     2026-11-28"
)]
pub struct InvalidLocalTime;

impl TimeZone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(jiff::tz::TimeZone::UTC);

    /// Its IANA name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// What clocks show at `at`, to the second.
    #[must_use]
    pub fn local(&self, at: Timestamp) -> LocalTime {
        let at = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
        let local = self.0.to_datetime(at);
        let time = local.time().with().subsec_nanosecond(0).build();
        LocalTime(Wall { date: local.date(), time: Some(time.unwrap_or_default()) })
    }

    /// The moment at which clocks show `local`; the beginning of the day where only the day is known.
    #[must_use]
    pub fn instant(&self, local: LocalTime) -> Timestamp {
        self.at(local.0.date.to_datetime(local.0.time.unwrap_or(Time::midnight())))
    }

    /// The moment at which the day after that of `local` begins.
    #[must_use]
    pub fn day_after(&self, local: LocalTime) -> Timestamp {
        let next = local.0.date.tomorrow().unwrap_or(Date::MAX);
        self.at(next.to_datetime(Time::midnight()))
    }

    /// By how much clocks here are ahead of UTC at `at`; less than nothing in the west. In seconds.
    #[must_use]
    pub fn offset_seconds(&self, at: Timestamp) -> i32 {
        let at = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default();
        self.0.to_offset(at).seconds()
    }

    fn at(&self, local: DateTime) -> Timestamp {
        let at = self.0.to_ambiguous_timestamp(local).compatible();
        at.map_or(Timestamp::MAX, |at| Timestamp::from_millis(at.as_millisecond()))
    }
}

impl LocalTime {
    /// Whether the time is known, and not the day alone.
    #[must_use]
    pub const fn has_time(self) -> bool {
        self.0.time.is_some()
    }

    /// Its year.
    #[must_use]
    pub fn year(self) -> i16 {
        self.0.date.year()
    }

    /// The day of the week, from 1 for Monday to 7 for Sunday.
    #[must_use]
    pub fn weekday(self) -> i8 {
        self.0.date.weekday().to_monday_one_offset()
    }

    /// Whether it is in the evening, from 17:00 on, or may be.
    #[must_use]
    pub fn may_be_evening(self) -> bool {
        self.0.time.is_none_or(|time| time.hour() >= 17)
    }

    /// Its day alone.
    #[must_use]
    pub const fn day(self) -> Self {
        Self(Wall { date: self.0.date, time: None })
    }

    /// The same time so many days later, held at the last day there is.
    #[must_use]
    pub fn days_later(self, days: u32) -> Self {
        let length = Duration::from_secs(u64::from(days).saturating_mul(24 * 3600));
        Self(Wall { date: self.0.date.saturating_add(length), ..self.0 })
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TimeZone({self})")
    }
}

impl Hash for TimeZone {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl FromStr for TimeZone {
    type Err = UnknownTimeZone;

    /// Names are read in any case and written as IANA does.
    fn from_str(name: &str) -> Result<Self, UnknownTimeZone> {
        let zone = jiff::tz::TimeZone::get(name).map_err(|_| UnknownTimeZone)?;
        if zone.iana_name().is_some() { Ok(Self(zone)) } else { Err(UnknownTimeZone) }
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.date)?;
        let Some(time) = self.0.time else { return Ok(()) };
        write!(f, "T{:02}:{:02}", time.hour(), time.minute())?;
        if time.second() == 0 { Ok(()) } else { write!(f, ":{:02}", time.second()) }
    }
}

impl FromStr for LocalTime {
    type Err = InvalidLocalTime;

    fn from_str(text: &str) -> Result<Self, InvalidLocalTime> {
        let (date, time) = match text.split_once('T') {
            Some((date, time)) => (date, Some(time)),
            None => (text, None),
        };
        let is_plain = |text: &str, form: &str| {
            let fits = |(byte, like): (u8, u8)| {
                if like == b'0' { byte.is_ascii_digit() } else { byte == like }
            };
            text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
        };
        let is_time = |text: &str| is_plain(text, "00:00") || is_plain(text, "00:00:00");
        if !is_plain(date, "0000-00-00") || !time.is_none_or(is_time) {
            return Err(InvalidLocalTime);
        }
        let date: Date = date.parse().map_err(|_| InvalidLocalTime)?;
        let time = time.map(str::parse).transpose().map_err(|_| InvalidLocalTime)?;
        if date.year() < FIRST_YEAR { Err(InvalidLocalTime) } else { Ok(Self(Wall { date, time })) }
    }
}

impl FromStr for DayOrMoment {
    type Err = InvalidDayOrMoment;

    fn from_str(text: &str) -> Result<Self, InvalidDayOrMoment> {
        match text.parse::<LocalTime>() {
            Ok(local) if !local.has_time() => Ok(Self::Day(local)),
            Ok(_) | Err(_) => text.parse().map(Self::Moment).map_err(|_| InvalidDayOrMoment),
        }
    }
}

impl From<Timestamp> for DayOrMoment {
    fn from(at: Timestamp) -> Self {
        Self::Moment(at)
    }
}

impl Serialize for TimeZone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for LocalTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

macro_rules! read_from_text {
    ($($name:ident)+) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text::parse(deserializer)
            }
        }
    )+};
}

read_from_text!(TimeZone LocalTime DayOrMoment);

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        name.parse().unwrap()
    }

    fn instant(name: &str, local: &str) -> String {
        zone(name).instant(local.parse().unwrap()).to_string()
    }

    #[test]
    fn a_wall_time_is_a_moment_and_a_moment_a_wall_time() {
        assert_eq!(instant("America/Los_Angeles", "2026-07-02T19:30"), "2026-07-03T02:30:00.000Z");
        let at = "2026-07-03T02:30:00Z".parse().unwrap();
        assert_eq!(zone("america/los_angeles").local(at).to_string(), "2026-07-02T19:30");
        assert_eq!(zone("america/los_angeles").name(), "America/Los_Angeles");
        assert_eq!(TimeZone::UTC.local(at).to_string(), "2026-07-03T02:30");
        assert_eq!(zone("America/Los_Angeles").offset_seconds(at), -7 * 3600);
    }

    /// RFC 5545, 3.3.5: of two moments the first; one that is left out, with the offset from before.
    #[test]
    fn times_at_the_change_of_clocks_follow_rfc_5545() {
        // Clocks go from 2:00 to 3:00, and from 2:00 back to 1:00.
        assert_eq!(instant("America/New_York", "2027-03-14T02:30"), "2027-03-14T07:30:00.000Z");
        assert_eq!(instant("America/New_York", "2027-11-07T01:30"), "2027-11-07T05:30:00.000Z");
        // Midnight is left out: the day begins at 1:00.
        assert_eq!(instant("Asia/Beirut", "2027-03-28"), "2027-03-27T22:00:00.000Z");
    }

    #[test]
    fn a_day_begins_and_ends_at_midnight_of_the_venue() {
        let day: LocalTime = "2027-11-07".parse().unwrap();
        let zone = zone("America/New_York");
        assert!(!day.has_time());
        assert_eq!(zone.instant(day).to_string(), "2027-11-07T04:00:00.000Z");
        assert_eq!(zone.day_after(day).to_string(), "2027-11-08T05:00:00.000Z", "25 hours");
        assert_eq!(day.days_later(364).to_string(), "2028-11-05");
    }

    #[test]
    fn a_local_time_has_one_form_and_no_offset() {
        for good in ["2026-11-28", "2026-11-28T20:00", "2026-11-28T20:00:30", "1970-01-01"] {
            assert_eq!(good.parse::<LocalTime>().unwrap().to_string(), good);
        }
        assert_eq!(
            "2026-11-28T20:00:00".parse::<LocalTime>().unwrap().to_string(),
            "2026-11-28T20:00"
        );
        for wrong in [
            "",
            "2026-11-28T20:00Z",
            "2026-11-28T20:00+01:00",
            "2026-11-28 20:00",
            "2026-11-28T20",
            "2026-11-28T25:00",
            "2026-02-30",
            "0000-01-01",
            "1850-01-01T20:00",
            "20261128",
            "2026-11-28T",
            "+02026-11-28",
            "2026-11-28T20:00[Europe/Paris]",
        ] {
            assert_eq!(wrong.parse::<LocalTime>(), Err(InvalidLocalTime), "{wrong:?}");
        }
    }

    #[test]
    fn only_names_of_the_iana_are_time_zones() {
        for wrong in ["", "CEST", "+01:00", "Europe/Nowhere", "local", "Europe/London "] {
            assert_eq!(wrong.parse::<TimeZone>(), Err(UnknownTimeZone), "{wrong:?}");
        }
        for good in ["UTC", "Europe/London", "Asia/Kolkata", "America/Argentina/Buenos_Aires"] {
            assert_eq!(zone(good).name(), good);
        }
    }
}
