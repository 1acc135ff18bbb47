//! Makes a show of what a line says.

use std::time::Duration;

use serde_json::json;
use stubmart_catalogue::schedule::schedule;
use stubmart_contract::{LocalTime, Timestamp, api::CreateEventRequest};
use stubmart_http_kit::valid::read_body;

use super::reasons;

/// 52 weeks: a shift by it keeps the day of the week.
const YEAR: Duration = Duration::from_secs(24 * 3600 * 364);
const YEAR_DAYS: u32 = 364;

/// What a line says of a show.
#[derive(Debug, Default)]
pub(crate) struct Words<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) category: Option<&'a str>,
    pub(crate) venue: Option<&'a str>,
    pub(crate) city: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    pub(crate) country: Option<&'a str>,
    pub(crate) time_zone: Option<&'a str>,
    pub(crate) starts_at: Option<&'a str>,
    pub(crate) local_start: Option<&'a str>,
    pub(crate) ends_at: Option<&'a str>,
    pub(crate) currency: Option<&'a str>,
}

/// Makes a show of what a line says, as the API would of a request.
pub(crate) fn show(words: &Words<'_>) -> Result<CreateEventRequest, String> {
    let fields = json!({
        "name": words.name, "category": words.category, "startsAt": words.starts_at,
        "localStart": words.local_start, "endsAt": words.ends_at, "currency": words.currency,
        "venue": {
            "name": words.venue, "city": words.city, "region": words.region,
            "country": words.country, "timeZone": words.time_zone,
        },
    });
    let show: CreateEventRequest = read_body(fields).map_err(|errors| reasons(&errors))?;
    schedule(&show).map_err(|errors| reasons(&errors))?;
    Ok(show)
}

/// The show, its date moved when it has passed and dates are to be: by as many 52-week years as it takes to
/// lie ahead, at the same time of the same day of the week at its venue.
pub(crate) fn moved(new: CreateEventRequest, upcoming: Option<Timestamp>) -> CreateEventRequest {
    let (Some(now), Ok(schedule)) = (upcoming, schedule(&new)) else { return new };
    if schedule.starts_at > now {
        return new;
    }
    let Some(zone) = schedule.venue.time_zone else { return new };
    let passed = now.since(schedule.starts_at).as_secs();
    let years = u32::try_from(passed.div_ceil(YEAR.as_secs())).unwrap_or(u32::MAX).max(1);
    let moved = |years: u32| schedule.local_start.days_later(years.saturating_mul(YEAR_DAYS));
    let is_ahead = |local: &LocalTime| zone.instant(*local) > now;
    let local = Some(moved(years)).filter(is_ahead).unwrap_or_else(|| moved(years + 1));
    let length = schedule.ends_at.since(schedule.starts_at);
    CreateEventRequest {
        starts_at: None,
        local_start: Some(local),
        ends_at: new.ends_at.map(|_| zone.instant(local).after(length)),
        ..new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show_at(city: &str, local_start: &str) -> CreateEventRequest {
        show(&Words {
            name: Some("Hamlet"),
            category: Some("Plays"),
            venue: Some("Globe"),
            city: Some(city),
            local_start: Some(local_start),
            ..Words::default()
        })
        .unwrap()
    }

    #[test]
    fn a_date_that_has_passed_is_moved_by_whole_years_of_52_weeks_to_the_same_time_at_the_venue() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let moved_start = |local: &str| {
            moved(show_at("New York City", local), Some(now)).local_start.unwrap().to_string()
        };
        assert_eq!(moved_start("2020-01-25T14:30"), "2027-01-16T14:30", "a Saturday");
        assert_eq!(
            moved_start("2027-01-16T14:30"),
            "2027-01-16T14:30",
            "one that lies ahead stays"
        );
        assert_eq!(moved_start("2025-11-23T19:00"), "2027-11-21T19:00", "just passed");
        assert_eq!(
            moved(show_at("London", "2020-01-25"), None).local_start,
            "2020-01-25".parse().ok()
        );
    }

    #[test]
    fn a_line_that_does_not_tell_where_in_the_world_it_is_asks_for_the_time_zone() {
        let error = show(&Words {
            name: Some("Hamlet"),
            category: Some("Plays"),
            venue: Some("Globe"),
            city: Some("Springfield"),
            local_start: Some("2027-01-16T14:30"),
            ..Words::default()
        });
        assert!(error.unwrap_err().starts_with("time_zone is required"));
    }
}
