//! `stubmart import tickets`: a seller's inventory.

use std::{collections::HashMap, path::Path};

use serde_json::{Map, Value};
use stubmart_contract::{
    Currency, EventId, Price, TicketId, UserId, api::CreateTicketRequest, seats::read_seats,
};
use stubmart_http_kit::valid::read_body;
use stubmart_kernel::page::{LIMIT_MAX, PageError, PageRequest};
use stubmart_ports::{Cause, host::Host};
use stubmart_tickets::{
    list_ticket::ListTicketError,
    list_tickets::{Sort, TicketQuery},
    ticket::{Refusal, Ticket},
};

use super::{
    Outcome, Report, SaveError, Shop,
    file::{self, Line},
    persist, reasons,
    table::{self, Columns, Row},
};
use crate::config::Config;

/// What makes two lots the same; lots without seat names may well be alike.
type Lot = (String, Option<EventId>, Option<String>, Option<String>, Vec<String>, u32);

/// Imports a seller's tickets and prints the report.
///
/// # Errors
/// The cause: the file cannot be read, nobody is the seller, or the store fails; the report says what
/// was done before.
pub(crate) async fn import(
    config: &Config,
    host: Host,
    file: &Path,
    seller: &str,
) -> Result<(), Cause> {
    let lines = read(file::read(file)?)?;
    config.require()?;
    let shop = Shop::open(config, host).await?;
    let auth = &shop.market.auth;
    let seller = auth
        .user_by_email(&shop.context, seller)
        .await?
        .ok_or_else(|| format!("nobody has signed up as {seller}"))?;
    let mut listed = listed(&shop, seller).await?;
    let mut report = Report::on(lines.len());
    // Lots that are there already are noted in order; new ones are saved several at a time.
    let mut fresh = Vec::new();
    for Line { number, content } in lines {
        match content {
            Ok(new) if is_listed(&new, &mut listed) => report.note(number, Outcome::Present),
            Ok(new) => fresh.push((number, new)),
            Err(reason) => report.note(number, Outcome::Refused(reason)),
        }
    }
    let saved = report.save(fresh, async |new| save(&shop, seller, new).await).await;
    report.print("tickets")?;
    let closed = shop.opened.close().await;
    saved.and(closed)
}

/// How many of each lot the seller has listed, in whatever state.
async fn listed(shop: &Shop, seller: UserId) -> Result<HashMap<Lot, u32>, Cause> {
    let query = TicketQuery {
        event_id: None,
        seller_id: Some(seller),
        status: None,
        section: None,
        min_price: None,
        max_price: None,
        quantity: None,
        external_id: None,
        sort: Sort::Newest,
        viewer: Some(seller),
    };
    let mut page = PageRequest { limit: LIMIT_MAX, cursor: None };
    let mut listed = HashMap::new();
    loop {
        let found = shop.market.tickets.list_tickets(&query, &page).await;
        let found = found.map_err(|error| match error {
            PageError::Repository(error) => Cause::from(error),
            PageError::ForeignCursor => "the list's own cursor does not fit it".into(),
        })?;
        for it in found.items.into_iter().map(|it| it.state) {
            let lot = (it.title, it.event_id, it.section, it.row, it.seats, it.quantity);
            *listed.entry(lot).or_insert(0) += 1;
        }
        if found.next.is_none() {
            return Ok(listed);
        }
        page.cursor = found.next;
    }
}

/// Whether a lot is listed already. Of lots that are alike, as many as are listed are taken for the same.
fn is_listed(new: &CreateTicketRequest, listed: &mut HashMap<Lot, u32>) -> bool {
    let quantity = Ticket::quantity(new).unwrap_or_default();
    let it = new.clone();
    let text = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (section, row, seats) = (text(it.section), text(it.row), it.seats.unwrap_or_default());
    let lot = (it.title, it.event_id, section, row, seats, quantity);
    let left = listed.get_mut(&lot).filter(|count| **count > 0);
    left.map(|count| *count -= 1).is_some()
}

async fn save(shop: &Shop, seller: UserId, new: CreateTicketRequest) -> Result<Outcome, Cause> {
    let host = &shop.opened.engines.host;
    let id = TicketId(host.uuid());
    persist(host, async || {
        let tickets = &shop.market.tickets;
        let listed = tickets.list_ticket(&shop.context, id, seller, new.clone()).await;
        listed.map(|_| Outcome::Created).map_err(SaveError::from)
    })
    .await
}

impl From<ListTicketError> for SaveError {
    fn from(error: ListTicketError) -> Self {
        let refused = |reason: &str| Self::Refused(reason.to_owned());
        match error {
            ListTicketError::NoSuchEvent => refused("event_id there is no such event"),
            ListTicketError::OtherCurrency(currency) => {
                Self::Refused(format!("currency tickets of this event are sold in {currency}"))
            }
            ListTicketError::EventOver => refused("event_id the event is over"),
            ListTicketError::SeatsListed(seats) => {
                Self::Refused(format!("seats {} are listed already", seats.join(", ")))
            }
            ListTicketError::ExternalIdTaken => refused("another listing has this external_id"),
            ListTicketError::SellerDeleted => refused("the seller's account was deleted"),
            ListTicketError::Refused(refusal) => Self::Refused(reason(refusal)),
            ListTicketError::Call(error) => Self::Store(error.into()),
            ListTicketError::Repository(error) => error.into(),
        }
    }
}

fn reason(refusal: Refusal) -> String {
    match refusal {
        Refusal::Price(error) => format!("price {error}"),
        Refusal::EventOver => "event_id the event is over".to_owned(),
        Refusal::SeatTwice => "seats names a seat twice".to_owned(),
        Refusal::SeatCount { named, quantity } => {
            format!("seats names {named} seats of a lot of {quantity}: name each of them or none")
        }
        other => format!("the ticket was refused: {other:?}"),
    }
}

const COLUMNS: Columns = Columns {
    required: &["title", "price"],
    optional: &["currency", "event_id", "section", "row", "seats", "quantity"],
};

fn read(lines: Vec<Line<String>>) -> Result<Vec<Line<CreateTicketRequest>>, Cause> {
    table::read(lines, &COLUMNS, ticket)
}

/// Makes a ticket of a row, as the API would of a request.
fn ticket(row: &Row) -> Result<CreateTicketRequest, String> {
    let mut fields: Map<String, Value> = [
        ("title", "title"),
        ("currency", "currency"),
        ("event_id", "eventId"),
        ("section", "section"),
        ("row", "row"),
    ]
    .into_iter()
    .filter_map(|(column, field)| Some((field.to_owned(), row.get(column)?.into())))
    .collect();
    let (seats, uncertain) = match read_seats(row.get("seats").unwrap_or_default()) {
        Ok(seats) => (seats, None),
        Err(error) => (Vec::new(), Some(format!("seats {error}"))),
    };
    fields.insert("seats".to_owned(), seats.into());
    if let Some(text) = row.get("quantity") {
        // What is no number stays a text, which is refused as one.
        let number = text.parse::<u32>().map_or_else(|_| text.into(), Value::from);
        fields.insert("quantity".to_owned(), number);
    }
    // Of a currency that is none nothing is known, and it is refused below.
    let currency = row.get("currency").and_then(|it| it.parse().ok()).unwrap_or(Currency::USD);
    let (minor, wrong) = match row.get("price").map(|text| price(text, currency)) {
        Some(Ok(price)) => (Some(price.minor()), None),
        Some(Err(reason)) => (Some(Price::MIN), Some(reason)),
        None => (None, None),
    };
    fields.insert("price".to_owned(), minor.into());
    let new = read_body(Value::Object(fields)).map_err(|errors| reasons(&errors));
    let new = new.and_then(|new| Ticket::quantity(&new).map(|_| new).map_err(reason));
    let mut reasons: Vec<String> = wrong.into_iter().chain(uncertain).collect();
    match new {
        Ok(new) if reasons.is_empty() => Ok(new),
        Ok(_) => Err(reasons.join("; ")),
        Err(others) => {
            reasons.push(others);
            Err(reasons.join("; "))
        }
    }
}

/// Reads an amount in the currency's main unit, `125.50`, without a float.
fn price(text: &str, currency: Currency) -> Result<Price, String> {
    let wrong = || {
        format!(
            "price must be an amount such as 125.50, with at most {} decimals",
            currency.exponent()
        )
    };
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let exponent = usize::try_from(currency.exponent()).unwrap_or(0);
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 12
        || decimals.len() > exponent
        || !digits(whole)
        || !digits(decimals)
    {
        return Err(wrong());
    }
    let minor: i64 = format!("{whole}{decimals:0<exponent$}").parse().map_err(|_| wrong())?;
    Price::try_from(minor).map_err(|error| format!("price {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_in_the_main_unit_to_the_cent() {
        let usd = |text| price(text, Currency::USD).map(Price::minor);
        assert_eq!(usd("125.50"), Ok(12550));
        assert_eq!(usd("125.5"), Ok(12550));
        assert_eq!(usd("125"), Ok(12500));
        assert_eq!(price("500", "jpy".parse().unwrap()).map(Price::minor), Ok(500));
        for wrong in ["", "-1", "1.234", "1,50", "12e3", "0", "99999999999999"] {
            assert!(usd(wrong).is_err(), "{wrong}");
        }
    }

    fn outcomes(text: &str) -> Vec<(u64, Result<u32, String>)> {
        let lines = read(file::lines(text.as_bytes()).unwrap()).unwrap();
        let seats = |line: Line<CreateTicketRequest>| {
            (line.number, line.content.map(|it| Ticket::quantity(&it).unwrap()))
        };
        lines.into_iter().map(seats).collect()
    }

    #[test]
    fn a_bad_line_costs_that_line_only() {
        let text = "title,price,seats,quantity\nA,10,1 2,\nB,free,,\nC,10,1 2,3\nD,10,,4\n";
        let outcomes = outcomes(text);
        let refused: Vec<_> = outcomes.iter().filter(|it| it.1.is_err()).map(|it| it.0).collect();
        assert_eq!(refused, [3, 4]);
        let quantities: Vec<_> = outcomes.iter().filter_map(|it| it.1.as_ref().ok()).collect();
        assert_eq!(quantities, [&2, &4]);
    }

    #[test]
    fn a_row_is_refused_for_what_the_api_refuses_with_all_its_reasons() {
        let long = "a".repeat(81);
        let text = format!(
            "title,price,currency,event_id,seats,quantity,section\n\
                    A,10,,,123456789012345678901234567890123,,\n\
                    B,10,,,7 7,,\n\
                    C,10,,,,,{long}\n\
                    D,10,,,,many,\n\
                    E,,dollars,next week,,,\n\
                    F,free,,,,99,\n"
        );
        let outcomes = outcomes(&text);
        for ((number, outcome), words) in outcomes.iter().zip([
            &["seats", "32"][..],
            &["seats", "twice"],
            &["section", "80"],
            &["quantity"],
            &["price", "currency", "event_id"],
            &["price", "quantity"],
        ]) {
            let reason = outcome.as_ref().unwrap_err();
            assert!(words.iter().all(|word| reason.contains(word)), "line {number}: {reason}");
        }
    }
}
