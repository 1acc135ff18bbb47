//! An event as a calendar takes it (iCalendar, RFC 5545).

use stubmart_contract::{
    LocalTime, Timestamp,
    api::{Event, EventStatus},
};

/// How many bytes a line has at the most, without its end (RFC 5545, 3.1).
const LINE_MAX: usize = 75;

/// The calendar with this event alone. Its times are in UTC, so that no reader has to know the zone; a start
/// whose time is not known is a day.
pub(crate) fn calendar(event: &Event, now: Timestamp) -> String {
    let venue = &event.venue;
    let place =
        [Some(&venue.name), Some(&venue.city), venue.region.as_ref(), venue.country.as_ref()];
    let place: Vec<&str> = place.into_iter().flatten().map(String::as_str).collect();
    let (start, end) = if event.start_time_known {
        let utc = |name: &str, at: Timestamp| format!("{name}:{}", compact(at));
        (utc("DTSTART", event.starts_at), utc("DTEND", event.ends_at))
    } else {
        let day = |name: &str, day: LocalTime| format!("{name};VALUE=DATE:{day}").replace('-', "");
        // The end of a day is not a part of it.
        (
            day("DTSTART", event.local_start.day()),
            day("DTEND", event.local_start.day().days_later(1)),
        )
    };
    let status = match event.status {
        EventStatus::Scheduled | EventStatus::Moved | EventStatus::Over => "CONFIRMED",
        EventStatus::Postponed => "TENTATIVE",
        EventStatus::Cancelled => "CANCELLED",
    };
    let lines = [
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//Stubmart//Stubmart//EN".to_owned(),
        "METHOD:PUBLISH".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{}@stubmart", event.id),
        format!("DTSTAMP:{}", compact(now)),
        start,
        end,
        format!("SUMMARY:{}", escaped(&event.name)),
        format!("LOCATION:{}", escaped(&place.join(", "))),
        format!("STATUS:{status}"),
        format!("URL:{}", event.url),
        "END:VEVENT".to_owned(),
        "END:VCALENDAR".to_owned(),
    ];
    lines.iter().map(|line| folded(line)).collect()
}

/// A moment in UTC: `20260703T023000Z`.
fn compact(at: Timestamp) -> String {
    let text = at.to_string().replace(['-', ':'], "");
    let (seconds, _) = text.split_once('.').unwrap_or((&text, ""));
    format!("{seconds}Z")
}

/// A text as a value (RFC 5545, 3.3.11).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | ';' | ',' => escaped.extend(['\\', letter]),
            '\n' => escaped.push_str("\\n"),
            '\r' => {}
            other => escaped.push(other),
        }
    }
    escaped
}

/// A line, cut where it is too long, between characters; what goes on begins with a blank.
fn folded(line: &str) -> String {
    let mut folded = String::with_capacity(line.len());
    let mut length = 0;
    for letter in line.chars() {
        if length + letter.len_utf8() > LINE_MAX {
            folded.push_str("\r\n ");
            length = 1;
        }
        folded.push(letter);
        length += letter.len_utf8();
    }
    folded.push_str("\r\n");
    folded
}

#[cfg(test)]
mod tests {
    use stubmart_contract::{Currency, EventId, api::Venue};
    use uuid::Uuid;

    use super::*;

    fn event(name: &str, local_start: &str) -> Event {
        let zone: stubmart_contract::TimeZone = "America/Los_Angeles".parse().unwrap();
        let local_start: LocalTime = local_start.parse().unwrap();
        let starts_at = zone.instant(local_start);
        Event {
            id: EventId(Uuid::nil()),
            name: name.to_owned(),
            category: "Pop".to_owned(),
            performers: Vec::new(),
            venue: Venue {
                region: Some("CA".to_owned()),
                time_zone: Some(zone),
                ..Venue::new("Hall", "Los Angeles")
            },
            starts_at,
            local_start,
            ends_at: starts_at.after(std::time::Duration::from_secs(3 * 3600)),
            start_time_known: local_start.has_time(),
            status: EventStatus::Scheduled,
            currency: Currency::USD,
            available: 0,
            min_price: None,
            url: "https://tickets.example/events/0".to_owned(),
        }
    }

    #[test]
    fn an_event_is_one_entry_of_a_calendar() {
        let text =
            calendar(&event("Hamlet; or, \\ the\nPrince", "2026-07-02T19:30"), Timestamp::EPOCH);
        let expected = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Stubmart//Stubmart//EN\r\nMETHOD:PUBLISH\r\n\
            BEGIN:VEVENT\r\nUID:00000000-0000-0000-0000-000000000000@stubmart\r\nDTSTAMP:19700101T000000Z\r\n\
            DTSTART:20260703T023000Z\r\nDTEND:20260703T053000Z\r\n\
            SUMMARY:Hamlet\\; or\\, \\\\ the\\nPrince\r\nLOCATION:Hall\\, Los Angeles\\, CA\r\nSTATUS:CONFIRMED\r\n\
            URL:https://tickets.example/events/0\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_start_whose_time_is_not_known_is_a_day() {
        let text = calendar(&event("Hamlet", "2027-03-31"), Timestamp::EPOCH);
        assert!(
            text.contains("\r\nDTSTART;VALUE=DATE:20270331\r\nDTEND;VALUE=DATE:20270401\r\n"),
            "{text}"
        );
    }

    #[test]
    fn a_long_line_is_cut_between_characters_and_goes_on_behind_a_blank() {
        let name = "東京ドーム é ".repeat(30);
        let text = calendar(&event(&name, "2026-07-02T19:30"), Timestamp::EPOCH);
        assert!(text.split("\r\n").all(|line| line.len() <= LINE_MAX), "{text}");
        assert!(text.replace("\r\n ", "").contains(&format!("SUMMARY:{name}\r\n")));
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']));
    }
}
