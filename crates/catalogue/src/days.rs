//! Days that people name in a query instead of a date: `tonight`, `this weekend`.

use stubmart_contract::{LocalTime, Timestamp, names::folded};

use crate::show::Show;

/// The last day of the working week, as [`LocalTime::weekday`] counts.
const FRIDAY: i8 = 5;
const SUNDAY: i8 = 7;

/// Days, seen from now, by clocks at the venue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Days {
    Today,
    Tonight,
    Tomorrow,
    /// From Friday evening to Sunday.
    Weekend,
}

/// What people type for them; the longer ones first.
const NAMES: &[(&str, Days)] = &[
    ("this weekend", Days::Weekend),
    ("weekend", Days::Weekend),
    ("tonight", Days::Tonight),
    ("today", Days::Today),
    ("tomorrow", Days::Tomorrow),
];

impl Days {
    /// The days that a query names, and what else it says.
    pub(crate) fn read(query: &str) -> Option<(Self, String)> {
        let padded = format!(" {} ", folded(query));
        NAMES.iter().find_map(|(name, days)| {
            let (before, behind) = padded.split_once(&format!(" {name} "))?;
            Some((*days, format!("{before} {behind}").trim().to_owned()))
        })
    }

    /// Whether a show begins on them.
    pub(crate) fn include(self, show: &Show, now: Timestamp) -> bool {
        let today = show.zone().local(now).day();
        let (start, day) = (show.local_start(), show.local_start().day());
        match self {
            Self::Today => day == today,
            Self::Tonight => day == today && start.may_be_evening(),
            Self::Tomorrow => day == today.days_later(1),
            Self::Weekend => {
                let to_sunday = u32::try_from(SUNDAY - today.weekday()).unwrap_or(0);
                let is_free = day.weekday() > FRIDAY || is_friday_evening(start);
                (today..=today.days_later(to_sunday)).contains(&day) && is_free
            }
        }
    }
}

fn is_friday_evening(start: LocalTime) -> bool {
    start.weekday() == FRIDAY && start.has_time() && start.may_be_evening()
}

#[cfg(test)]
mod tests {
    use stubmart_contract::{
        EventId,
        api::{CreateEventRequest, Venue},
    };
    use uuid::Uuid;

    use super::*;

    fn is_on(days: Days, local_start: &str, now: &str) -> bool {
        let venue = Venue::new("Hall", "Los Angeles");
        let asked = CreateEventRequest::new("Show", "Pop", venue, local_start.parse().unwrap());
        days.include(&Show::new(EventId(Uuid::nil()), &asked).unwrap(), now.parse().unwrap())
    }

    #[test]
    fn days_are_those_of_the_venue() {
        // Thursday evening in Los Angeles, Friday in London.
        let now = "2026-07-03T03:00:00Z";
        for (days, start, expected) in [
            (Days::Tonight, "2026-07-02T21:00", true),
            (Days::Tonight, "2026-07-02", true),
            (Days::Tonight, "2026-07-02T14:30", false),
            (Days::Today, "2026-07-02T14:30", true),
            (Days::Today, "2026-07-03T00:30", false),
            (Days::Tomorrow, "2026-07-03T00:30", true),
            (Days::Weekend, "2026-07-02T21:00", false),
            (Days::Weekend, "2026-07-03T14:30", false),
            (Days::Weekend, "2026-07-03T19:30", true),
            (Days::Weekend, "2026-07-05T23:00", true),
            (Days::Weekend, "2026-07-11T19:30", false),
        ] {
            assert_eq!(is_on(days, start, now), expected, "{days:?} {start}");
        }
        // Sunday: the weekend is what is left of it.
        assert!(is_on(Days::Weekend, "2026-07-05T20:00", "2026-07-05T18:00:00Z"));
        assert!(!is_on(Days::Weekend, "2026-07-04T20:00", "2026-07-05T18:00:00Z"));
    }

    #[test]
    fn a_query_can_name_days_and_say_more() {
        let read = Days::read;
        assert_eq!(read("Jazz TONIGHT london"), Some((Days::Tonight, "jazz london".to_owned())));
        assert_eq!(read("this  weekend"), Some((Days::Weekend, String::new())));
        assert_eq!(read("tonight's the night"), None);
        assert_eq!(read("hamlet"), None);
    }
}
