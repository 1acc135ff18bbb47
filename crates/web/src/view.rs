//! What templates show: texts that are ready to be read.

use stubmart_contract::{
    Currency, OrderId, UserId,
    api::{Event, OrderTicket, Ticket, TicketStatus},
};

use crate::{
    format::{self, When, count, money, per_seat},
    poster::Poster,
    seller::SellerView,
    site::Site,
    slug::{self, Link},
};

/// An event, as a row in a list or at the head of a page.
#[derive(Debug, Clone)]
pub(crate) struct EventView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) category: String,
    pub(crate) when: When,
    /// `Sat, Nov 28 · 7:30 PM`.
    pub(crate) date: String,
    /// `Grand Ole Opry House`.
    pub(crate) venue: String,
    /// `Nashville, TN`.
    pub(crate) city: String,
    /// `Nashville`.
    pub(crate) city_name: String,
    /// `$45.00`, the cheapest listing's whole price, when one can be bought.
    pub(crate) from: Option<String>,
    /// `12 listings`, `No tickets right now`.
    pub(crate) listings: String,
    /// Where its picture is.
    pub(crate) poster: String,
    /// The pages of its city and its venue.
    pub(crate) city_href: String,
    pub(crate) venue_href: String,
    /// The pages of who performs, or of the show itself.
    pub(crate) performers: Vec<Link>,
}

impl EventView {
    pub(crate) fn new(event: &Event, site: &Site) -> Self {
        let venue = &event.venue;
        let when = When::at_venue(event.local_start);
        let region = venue.region.as_deref().filter(|it| !it.is_empty());
        Self {
            id: event.id.to_string(),
            name: event.name.clone(),
            category: event.category.clone(),
            date: when.line(site.host.now()),
            when,
            venue: venue.name.clone(),
            city_name: venue.city.clone(),
            city: region.map_or(venue.city.clone(), |it| format!("{}, {it}", venue.city)),
            from: event.min_price.map(|price| money(price.minor(), event.currency)),
            listings: match event.available {
                0 => "No tickets right now".to_owned(),
                some => count(some, "listing", "listings"),
            },
            poster: Poster::of(&event.name, &event.category).href(),
            city_href: slug::city(&venue.city),
            venue_href: slug::venue(&venue.city, &venue.name),
            performers: event
                .performers
                .iter()
                .map(|name| Link::new(name, slug::performer(name)))
                .collect(),
        }
    }
}

/// The state of a lot, as the visitor sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LotState {
    /// It can be bought.
    Free,
    /// It could be, but its event is over or canceled.
    Ended,
    /// Another buyer's checkout holds it, until this time at the latest.
    Held { clock: String, iso: String },
    /// The visitor's own checkout holds it.
    Mine(String),
    /// The visitor sells it.
    Own,
    /// The visitor bought it in this order.
    Bought(String),
    /// It is sold.
    Sold,
    /// It is no longer offered.
    Withdrawn,
}

/// A ticket, as a row.
#[derive(Debug, Clone)]
pub(crate) struct Lot {
    pub(crate) id: String,
    /// `Section 102`, or what the seller calls it.
    pub(crate) place: String,
    /// `Row B · Seats 12, 13`.
    pub(crate) detail: String,
    /// The seller's words, where they say more than the event's name.
    pub(crate) note: Option<String>,
    /// Who sells it.
    pub(crate) seller: SellerView,
    /// `2 tickets`.
    pub(crate) quantity: String,
    /// `$45.00`: what a buyer pays for one ticket.
    pub(crate) each: String,
    /// The same in minor units, by which lists are sorted.
    pub(crate) each_minor: u32,
    /// `$90.00`: what a buyer pays for the listing.
    pub(crate) price: String,
    /// Whether the two differ.
    pub(crate) several: bool,
    /// What the seller asks for the listing, in minor units and in words.
    pub(crate) minor: u32,
    pub(crate) asked: String,
    pub(crate) version: u64,
    /// `available`, `locked`, `sold`, `withdrawn`: the API's word.
    pub(crate) status: &'static str,
    pub(crate) state: LotState,
}

impl Lot {
    /// `event` is the name that need not be repeated: a title that says no more than that and where the
    /// seats are is left out.
    pub(crate) fn new(ticket: &Ticket, event: Option<&str>, viewer: Option<UserId>) -> Self {
        let place = place(ticket.section.as_deref(), ticket.row.as_deref(), &ticket.seats);
        let known = [event.unwrap_or(""), &place.0, &place.1].join(" ").to_lowercase();
        let known: Vec<&str> = words(&known).collect();
        let title = ticket.title.to_lowercase();
        let repeats = event.is_some() && words(&title).all(|word| known.contains(&word));
        let note = (!repeats).then(|| ticket.title.clone());
        Self {
            id: ticket.id.to_string(),
            place: place.0,
            detail: place.1,
            note,
            seller: SellerView::new(ticket.seller.as_ref()),
            quantity: count(ticket.quantity, "ticket", "tickets"),
            each: money(ticket.total_per_ticket.minor(), ticket.currency),
            each_minor: ticket.total_per_ticket.minor(),
            price: money(ticket.total.minor(), ticket.currency),
            several: ticket.quantity > 1,
            minor: ticket.price.minor(),
            asked: money(ticket.price.minor(), ticket.currency),
            version: ticket.version,
            status: status_word(ticket.status),
            state: state(ticket, viewer),
        }
    }

    /// The same lot of an event for which nothing is sold any more.
    pub(crate) fn ended(mut self) -> Self {
        if self.state == LotState::Free {
            self.state = LotState::Ended;
        }
        self
    }

    /// The label of its buttons for screen readers: `2 tickets, Section 102, Row B, $45.00 each`.
    pub(crate) fn spoken(&self) -> String {
        let detail = if self.detail.is_empty() { "" } else { ", " };
        let each = if self.several { " each" } else { "" };
        format!("{}, {}{detail}{}, {}{each}", self.quantity, self.place, self.detail, self.each)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty())
}

/// `$45.00`: what one of so many seats costs.
pub(crate) fn each(minor: u32, seats: u32, currency: Currency) -> String {
    money(per_seat(minor, seats), currency)
}

/// The API's word for a status.
pub(crate) fn status_word(status: TicketStatus) -> &'static str {
    match status {
        TicketStatus::Available => "available",
        TicketStatus::Locked => "locked",
        TicketStatus::Sold => "sold",
        TicketStatus::Withdrawn => "withdrawn",
    }
}

fn state(ticket: &Ticket, viewer: Option<UserId>) -> LotState {
    let own = viewer == Some(ticket.user_id);
    let order = ticket.order_id.filter(|_| !own).map(|id: OrderId| id.to_string());
    match (ticket.status, order) {
        _ if own => LotState::Own,
        (TicketStatus::Available, _) => LotState::Free,
        (TicketStatus::Locked, Some(order)) => LotState::Mine(order),
        (TicketStatus::Locked, None) => {
            let until = ticket.locked_until;
            LotState::Held {
                clock: until.map(format::clock).unwrap_or_default(),
                iso: until.map(|it| it.to_string()).unwrap_or_default(),
            }
        }
        (TicketStatus::Sold, Some(order)) => LotState::Bought(order),
        (TicketStatus::Sold, None) => LotState::Sold,
        (TicketStatus::Withdrawn, _) => LotState::Withdrawn,
    }
}

/// A place without a seat of one's own.
const GENERAL_ADMISSION: &str = "General admission";

/// Where the seats are: `Section 102` and `Row B · Seats 12–15`.
pub(crate) fn place(
    section: Option<&str>,
    row: Option<&str>,
    seats: &[String],
) -> (String, String) {
    let seats = match seats {
        [] => None,
        [one] => Some(format!("Seat {one}")),
        many => Some(format!("Seats {}", ranges(many))),
    };
    let mut parts: Vec<String> = section
        .map(|section| labelled("Section", section))
        .into_iter()
        .chain(row.map(|row| labelled("Row", row)))
        .chain(seats)
        .collect();
    if parts.is_empty() {
        return (GENERAL_ADMISSION.to_owned(), String::new());
    }
    let first = parts.remove(0);
    (first, parts.join(" · "))
}

/// `1–30, 40`: seats that follow one another are written as a range.
fn ranges(seats: &[String]) -> String {
    let number = |seat: &String| seat.parse::<u32>().ok().filter(|it| it.to_string() == *seat);
    let follows = |one: &String, next: &String| match (number(one), number(next)) {
        (Some(one), Some(next)) => one.checked_add(1) == Some(next),
        _ => false,
    };
    let runs: Vec<String> = seats
        .chunk_by(follows)
        .map(|run| match run {
            [first, _, .., last] => format!("{first}–{last}"),
            few => few.join(", "),
        })
        .collect();
    runs.join(", ")
}

/// `Section 102` and `Section C`, but `Balcony` and `Section A` as they are.
fn labelled(label: &str, name: &str) -> String {
    if name.eq_ignore_ascii_case("ga") {
        return GENERAL_ADMISSION.to_owned();
    }
    let is_code = name.len() <= 2 || name.bytes().any(|byte| byte.is_ascii_digit());
    let has_label = name.to_ascii_lowercase().starts_with(&label.to_ascii_lowercase());
    if is_code && !has_label { format!("{label} {name}") } else { name.to_owned() }
}

/// What an order is for: the title, where the seats are and how many.
pub(crate) fn order_place(ticket: &OrderTicket) -> String {
    let (first, rest) = place(ticket.section.as_deref(), ticket.row.as_deref(), &ticket.seats);
    if rest.is_empty() { first } else { format!("{first} · {rest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_what_is_known_of_it() {
        let seats = ["12".to_owned(), "13".to_owned()];
        for (section, row, seats, first, rest) in [
            (Some("102"), Some("B"), &seats[..], "Section 102", "Row B · Seats 12, 13"),
            (Some("Balcony"), None, &seats[..1], "Balcony", "Seat 12"),
            (Some("Section C"), None, &[][..], "Section C", ""),
            (None, Some("4"), &[][..], "Row 4", ""),
            (None, None, &[][..], "General admission", ""),
            (Some("GA"), None, &[][..], "General admission", ""),
        ] {
            assert_eq!(place(section, row, seats), (first.to_owned(), rest.to_owned()));
        }
    }

    #[test]
    fn seats_in_a_run_are_a_range() {
        for (seats, text) in [
            (&["1", "2", "3", "4", "9"][..], "1–4, 9"),
            (&["12", "13"], "12, 13"),
            (&["A1", "A2", "A3"], "A1, A2, A3"),
            (&["3", "2", "1"], "3, 2, 1"),
            (&["08", "09", "10"], "08, 09, 10"),
            (&["4294967295", "0", "1"], "4294967295, 0, 1"),
        ] {
            let seats: Vec<String> = seats.iter().map(|it| (*it).to_owned()).collect();
            assert_eq!(ranges(&seats), text);
        }
    }

    #[test]
    fn the_price_of_a_seat_is_rounded_up() {
        assert_eq!(per_seat(10_000, 3), 3334);
        assert_eq!(each(10_000, 3, Currency::USD), "$33.34");
        assert_eq!(each(10_000, 1, Currency::USD), "$100.00");
    }
}
