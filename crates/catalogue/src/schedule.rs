//! Where and when a show takes place, from what somebody says of it.

use std::time::Duration;

use stubmart_contract::{
    LocalTime, TimeZone, Timestamp,
    api::{CreateEventRequest, FieldError, Venue},
};

use crate::places;

/// How long a show lasts whose end is not known. It counts from the end of the day where its time is not
/// known either.
const USUAL_LENGTH: Duration = Duration::from_secs(3 * 3600);

/// No show begins before 1970.
const EARLIEST: Timestamp = Timestamp::EPOCH;

/// Where and when a show takes place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Where; always with its time zone.
    pub venue: Venue,
    /// When it begins.
    pub starts_at: Timestamp,
    /// When it begins, by clocks there.
    pub local_start: LocalTime,
    /// When it is over.
    pub ends_at: Timestamp,
}

/// Places a show that is to be added.
///
/// # Errors
/// The fields that do not fit together.
pub fn schedule(asked: &CreateEventRequest) -> Result<Schedule, Vec<FieldError>> {
    let mut faults = Vec::new();
    let mut fault = |field: &str, message: &str| {
        faults.push(FieldError { field: field.to_owned(), message: message.to_owned() });
    };
    match (asked.starts_at, asked.local_start) {
        (None, None) => {
            fault("startsAt", "is required, unless localStart says when it begins at the venue");
        }
        (Some(_), Some(_)) => fault("localStart", "cannot be given together with startsAt"),
        (Some(at), None) if at < EARLIEST => fault("startsAt", "must lie in 1970 or later"),
        (Some(_), None) | (None, Some(_)) => {}
    }
    let zone = asked.venue.time_zone.clone().or_else(|| places::zone(&asked.venue));
    if zone.is_none() {
        fault(
            "venue.timeZone",
            "is required, as an IANA time zone such as Europe/London: the city and the country do not tell it",
        );
    }
    let start = |zone: &TimeZone| match (asked.starts_at, asked.local_start) {
        (Some(at), _) => Some((at, zone.local(at))),
        (None, Some(local)) => Some((zone.instant(local), local)),
        (None, None) => None,
    };
    let start = zone.as_ref().and_then(start);
    if start.zip(asked.ends_at).is_some_and(|((starts_at, _), ends_at)| ends_at <= starts_at) {
        fault("endsAt", "must be later than the start");
    }
    match (zone, start) {
        (Some(zone), Some((starts_at, local_start))) if faults.is_empty() => Ok(Schedule {
            starts_at,
            local_start,
            ends_at: asked.ends_at.unwrap_or_else(|| usual_end(&zone, starts_at, local_start)),
            venue: Venue { time_zone: Some(zone), ..tidy(&asked.venue) },
        }),
        _ => Err(faults),
    }
}

/// The time zone of a venue, by its place where it does not say it; UTC where that does not tell.
pub(crate) fn zone_or_utc(venue: &Venue) -> TimeZone {
    venue.time_zone.clone().or_else(|| places::zone(venue)).unwrap_or(TimeZone::UTC)
}

/// When a show is over whose end is not known.
pub(crate) fn usual_end(
    zone: &TimeZone,
    starts_at: Timestamp,
    local_start: LocalTime,
) -> Timestamp {
    let latest = if local_start.has_time() { starts_at } else { zone.day_after(local_start) };
    latest.after(USUAL_LENGTH)
}

/// The venue, without what is left empty.
fn tidy(venue: &Venue) -> Venue {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    Venue { region: filled(&venue.region), country: filled(&venue.country), ..venue.clone() }
}
