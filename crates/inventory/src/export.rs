//! Listings as CSV, in the form that is read here.

use csv::{Terminator, WriterBuilder};
use stubmart_contract::{
    Currency,
    api::{Event, Ticket},
};

/// A listing, with its event.
#[derive(Debug, Clone, Copy)]
pub struct Listed<'a> {
    /// The listing.
    pub ticket: &'a Ticket,
    /// Its event, where it has one.
    pub event: Option<&'a Event>,
}

const HEADINGS: [&str; 14] = [
    "external_id",
    "title",
    "event_id",
    "event",
    "venue",
    "city",
    "local_start",
    "section",
    "row",
    "seats",
    "quantity",
    "price",
    "currency",
    "delivery_kind",
];

/// The listings as CSV that [`crate::read()`] takes: read back, they are unchanged. A listing that its seller gave no
/// name is called by its id.
#[must_use]
pub fn export<'a>(listings: impl IntoIterator<Item = Listed<'a>>) -> String {
    csv(&HEADINGS, listings.into_iter().map(row))
}

fn row(listed: Listed<'_>) -> [String; 14] {
    let Listed { ticket, event } = listed;
    let text = |text: Option<&str>| guarded(text.unwrap_or_default());
    let name = ticket.external_id.clone().unwrap_or_else(|| ticket.id.to_string());
    [
        guarded(&name),
        guarded(&ticket.title),
        ticket.event_id.map(|it| it.to_string()).unwrap_or_default(),
        text(event.map(|it| it.name.as_str())),
        text(event.map(|it| it.venue.name.as_str())),
        text(event.map(|it| it.venue.city.as_str())),
        event.map(|it| it.local_start.to_string()).unwrap_or_default(),
        text(ticket.section.as_deref()),
        text(ticket.row.as_deref()),
        guarded(&ticket.seats.join(", ")),
        ticket.quantity.to_string(),
        main_units(ticket.price.minor(), ticket.currency),
        ticket.currency.as_str().to_ascii_uppercase(),
        ticket.delivery_kind.word().to_owned(),
    ]
}

/// An amount in main units: `125.50`.
fn main_units(minor: u32, currency: Currency) -> String {
    let places = usize::try_from(currency.exponent()).unwrap_or(0);
    let digits = format!("{minor:0>width$}", width = places.saturating_add(1));
    let (whole, decimals) = digits.split_at(digits.len().saturating_sub(places));
    if decimals.is_empty() { whole.to_owned() } else { format!("{whole}.{decimals}") }
}

/// A text that no spreadsheet takes for a formula (OWASP, CSV injection); the reader takes the sign away.
pub(crate) fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() }
}

/// CSV by RFC 4180.
pub(crate) fn csv<const N: usize>(
    headings: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    // Writing to a Vec cannot fail.
    writer.write_record(headings).ok();
    for row in rows {
        writer.write_record(&row).ok();
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        assert_eq!(main_units(12_550, Currency::USD), "125.50");
        assert_eq!(main_units(5, Currency::USD), "0.05");
        assert_eq!(main_units(800, "jpy".parse().unwrap()), "800");
        assert_eq!(main_units(5_120, "kwd".parse().unwrap()), "5.120");
    }
}
