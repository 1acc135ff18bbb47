//! The calendar file of a show (RFC 5545).

use stubmart_contract::{Timestamp, calls::ShowForListing};
use stubmart_ports::mailer::Attachment;
use uuid::Uuid;

/// How long a content line is at the most, in bytes, without its end (RFC 5545, 3.1).
const LINE_MAX: usize = 75;

/// A file that puts the show into a calendar; `None` where its time cannot be written. The same mail has the
/// same file.
pub(crate) fn calendar(
    id: Uuid,
    title: &str,
    show: &ShowForListing,
    stamp: Timestamp,
) -> Option<Attachment> {
    let lines = [
        "BEGIN:VCALENDAR".to_owned(),
        "VERSION:2.0".to_owned(),
        "PRODID:-//Stubmart//EN".to_owned(),
        "METHOD:PUBLISH".to_owned(),
        "BEGIN:VEVENT".to_owned(),
        format!("UID:{id}"),
        format!("DTSTAMP:{}", basic(stamp)?),
        format!("DTSTART:{}", basic(show.starts_at)?),
        format!("DTEND:{}", basic(show.ends_at)?),
        format!("SUMMARY:{}", escaped(title)),
        "END:VEVENT".to_owned(),
        "END:VCALENDAR".to_owned(),
    ];
    let content: String = lines.iter().map(|line| folded(line)).collect();
    Some(Attachment {
        name: "event.ics".to_owned(),
        media_type: "text/calendar; charset=utf-8; method=PUBLISH".to_owned(),
        content: content.into_bytes(),
    })
}

/// An instant as `20260301T193000Z`.
fn basic(at: Timestamp) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(at.millis()).ok()?;
    Some(at.strftime("%Y%m%dT%H%M%SZ").to_string())
}

/// A text value (RFC 5545, 3.3.11).
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | ';' | ',' => escaped.extend(['\\', character]),
            '\n' => escaped.push_str("\\n"),
            '\r' => {}
            other => escaped.push(other),
        }
    }
    escaped
}

/// A content line with its end, broken where it is too long; no character is broken.
fn folded(line: &str) -> String {
    let (mut folded, mut length) = (String::with_capacity(line.len() + 2), 0);
    for character in line.chars() {
        if length + character.len_utf8() > LINE_MAX {
            folded.push_str("\r\n ");
            length = 1;
        }
        folded.push(character);
        length += character.len_utf8();
    }
    folded.push_str("\r\n");
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_text_and_a_line_is_short() {
        assert_eq!(escaped("A, B; \\C\r\nEND:VEVENT"), "A\\, B\\; \\\\C\\nEND:VEVENT");
        let long = format!("SUMMARY:{}", "ü".repeat(100));
        let folded = folded(&long);
        assert!(folded.lines().all(|line| line.len() <= LINE_MAX), "{folded}");
        assert_eq!(folded.replace("\r\n ", ""), format!("{long}\r\n"));
    }

    #[test]
    fn an_instant_is_written_in_utc() {
        assert_eq!(
            basic("2026-03-01T20:30:00+01:00".parse().unwrap()).unwrap(),
            "20260301T193000Z"
        );
    }
}
