//! `stubmart import tickets`: a seller's inventory.

use std::{collections::HashMap, path::Path, str::FromStr};

use serde::Deserialize;
use stubmart_contract::{Currency, EventId, Price, TicketId, UserId};
use stubmart_http_kit::PageRequest;
use stubmart_ports::{Cause, host::Host};
use stubmart_tickets::{NewTicket, Sort, TicketQuery};

use super::{Line, Outcome, Report, Shop, progress, read_csv};
use crate::{config::Config, market};

/// A row of an inventory CSV.
#[derive(Debug, Deserialize)]
struct Row {
    title: String,
    price: String,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    event_id: Option<String>,
    #[serde(default)]
    section: Option<String>,
    #[serde(default)]
    row: Option<String>,
    #[serde(default)]
    seats: Option<String>,
    #[serde(default)]
    quantity: Option<u32>,
}

/// What tells one lot from another; lots without seat names may well be alike.
type Lot = (String, Option<EventId>, Option<String>, Option<String>, Vec<String>, u32);

/// Imports a seller's tickets and prints the report.
pub(crate) async fn import(
    config: &Config,
    host: Host,
    file: &Path,
    seller: &str,
) -> Result<(), Cause> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("can not read {}: {error}", file.display()))?;
    let lines = read(&text)?;
    let shop = Shop::open(config, host).await?;
    let auth = market::auth(config, &shop.host, shop.database.store())?;
    let seller = auth
        .user_by_email(seller)
        .await?
        .ok_or_else(|| format!("nobody has signed up as {seller}"))?;
    let mut listed = listed(&shop, seller).await?;
    let bar = progress(lines.len());
    let mut report = Report::default();
    for line in lines {
        report.note(line.number, save(&shop, seller, line.content, &mut listed).await);
        bar.inc(1);
    }
    bar.finish_and_clear();
    shop.database.close().await?;
    report.print("tickets");
    Ok(())
}

/// How many of each lot the seller has listed, in whatever state.
async fn listed(shop: &Shop, seller: UserId) -> Result<HashMap<Lot, u32>, Cause> {
    let query = TicketQuery {
        event_id: None,
        seller_id: Some(seller),
        status: None,
        min_price: None,
        max_price: None,
        quantity: None,
        sort: Sort::Newest,
        viewer: Some(seller),
    };
    let mut page = PageRequest { limit: 200, behind: None };
    let mut listed = HashMap::new();
    loop {
        let found = shop.tickets.tickets(&query, &page).await;
        let found = found.map_err(|problem| problem.code().title())?;
        for it in found.items {
            let lot = (it.title, it.event_id, it.section, it.row, it.seats, it.quantity);
            *listed.entry(lot).or_insert(0) += 1;
        }
        let Some(cursor) = found.next_cursor else { return Ok(listed) };
        page = PageRequest::behind(200, &cursor).ok_or("a cursor of our own is not valid")?;
    }
}

async fn save(
    shop: &Shop,
    seller: UserId,
    new: Result<NewTicket, String>,
    listed: &mut HashMap<Lot, u32>,
) -> Outcome {
    let new = match new {
        Ok(new) => new,
        Err(reason) => return Outcome::Refused(reason),
    };
    let it = new.clone();
    let lot = (it.title, it.event_id, it.section, it.row, it.seats, it.quantity);
    // Of each lot, as many as are listed already are taken for the same.
    if let Some(count) = listed.get_mut(&lot).filter(|count| **count > 0) {
        *count -= 1;
        return Outcome::Present;
    }
    match shop.tickets.list_ticket(TicketId(shop.host.uuid()), seller, new).await {
        Ok(_) => Outcome::Created,
        Err(problem) => Outcome::Refused(problem.body("").detail),
    }
}

fn read(text: &str) -> Result<Vec<Line<NewTicket>>, Cause> {
    const ALL: &str = "title, price, currency, event_id, section, row, seats, quantity";
    read_csv(text, &["title", "price"], ALL, ticket)
}

fn ticket(row: Row) -> Result<NewTicket, String> {
    let text =
        |name: &str, value: Option<String>, max: usize| match value.filter(|it| !it.is_empty()) {
            Some(value) if value.chars().count() > max => {
                Err(format!("{name} must be at most {max} characters"))
            }
            value => Ok(value),
        };
    let currency = parsed("currency", row.currency)?.unwrap_or(Currency::USD);
    let seats: Vec<String> =
        row.seats.unwrap_or_default().split_whitespace().map(ToOwned::to_owned).collect();
    let named = u32::try_from(seats.len()).unwrap_or(u32::MAX);
    let quantity = row.quantity.unwrap_or(named.max(1));
    if !(1..=50).contains(&quantity) || (named != 0 && named != quantity) {
        return Err(
            "quantity must be 1 to 50, and the number of seats where these are named".to_owned()
        );
    }
    Ok(NewTicket {
        title: text("title", Some(row.title), 200)?.ok_or("title is required")?,
        price: price(&row.price, currency)?,
        currency,
        event_id: parsed("event_id", row.event_id)?,
        section: text("section", row.section, 50)?,
        row: text("row", row.row, 50)?,
        seats,
        quantity,
    })
}

fn parsed<T: FromStr<Err: std::fmt::Display>>(
    name: &str,
    value: Option<String>,
) -> Result<Option<T>, String> {
    let value = value.filter(|it| !it.is_empty());
    value.map(|it| it.parse().map_err(|error: T::Err| format!("{name}: {error}"))).transpose()
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

    #[test]
    fn a_bad_line_costs_that_line_only() {
        let text = "title,price,seats,quantity\nA,10,1 2,\nB,free,,\nC,10,1 2,3\nD,10,,4\n";
        let lines = read(text).unwrap();
        let refused: Vec<_> =
            lines.iter().filter(|it| it.content.is_err()).map(|it| it.number).collect();
        assert_eq!(refused, [3, 4]);
        let quantities: Vec<_> =
            lines.into_iter().filter_map(|it| it.content.ok()).map(|it| it.quantity).collect();
        assert_eq!(quantities, [2, 4]);
    }
}
