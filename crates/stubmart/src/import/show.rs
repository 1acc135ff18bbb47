//! Makes a show of what a line says.

use std::time::Duration;

use serde_json::json;
use stubmart_contract::{Timestamp, api::CreateEventRequest};
use stubmart_http_kit::valid::read_body;

use super::reasons;

/// 52 weeks: a shift by it keeps the day of the week.
const YEAR: Duration = Duration::from_secs(52 * 7 * 24 * 3600);

/// What a line says of a show.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) category: Option<&'a str>,
    pub(crate) venue: Option<&'a str>,
    pub(crate) city: Option<&'a str>,
    pub(crate) region: Option<&'a str>,
    pub(crate) starts_at: Option<&'a str>,
}

/// Makes a show of what a line says, as the API would of a request.
pub(crate) fn show(words: &Words<'_>) -> Result<CreateEventRequest, String> {
    let fields = json!({
        "name": words.name, "category": words.category, "startsAt": words.starts_at,
        "venue": {"name": words.venue, "city": words.city, "region": words.region},
    });
    read_body(fields).map_err(|errors| reasons(&errors))
}

/// The show, its date moved when it has passed and dates are to be.
pub(crate) fn moved(new: CreateEventRequest, upcoming: Option<Timestamp>) -> CreateEventRequest {
    let starts_at = upcoming.map_or(new.starts_at, |now| moved_behind(new.starts_at, now));
    CreateEventRequest { starts_at, ..new }
}

/// The date, moved by as many 52-week years as it takes to lie behind `now`.
fn moved_behind(date: Timestamp, now: Timestamp) -> Timestamp {
    let years = now.since(date).as_secs().div_ceil(YEAR.as_secs());
    let moved = date.after(YEAR.saturating_mul(u32::try_from(years).unwrap_or(u32::MAX)));
    if moved <= now && years > 0 { moved.after(YEAR) } else { moved }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_that_has_passed_is_moved_by_whole_years_of_52_weeks_to_the_same_day_of_the_week() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        let date: Timestamp = "2020-01-25T14:30:00Z".parse().unwrap();
        let moved = moved_behind(date, now);
        assert!(moved > now && moved <= now.after(YEAR));
        assert_eq!((moved.millis() - date.millis()) % (7 * 24 * 3_600_000), 0);
        assert_eq!(moved_behind(moved, now), moved, "one that lies ahead stays");
    }
}
