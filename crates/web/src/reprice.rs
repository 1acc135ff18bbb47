//! Prices of many listings, changed by one rule: pure arithmetic in minor units.

use stubmart_contract::{
    Price,
    api::{BulkListing, Ticket},
};

use crate::format::{check_price, money, read_money};

/// What is done to each price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Each ticket costs so much.
    Set,
    /// Each ticket costs so much more.
    Raise,
    /// Each ticket costs so much less.
    Lower,
    /// Each costs so many percent more.
    RaisePercent,
    /// Each costs so many percent less.
    LowerPercent,
}

/// The rules, with their words in the form and on the page.
pub(crate) const RULES: [(Rule, &str, &str); 5] = [
    (Rule::Set, "set", "Set each ticket to"),
    (Rule::Raise, "raise", "Raise each ticket by"),
    (Rule::Lower, "lower", "Lower each ticket by"),
    (Rule::RaisePercent, "raise-percent", "Raise by percent"),
    (Rule::LowerPercent, "lower-percent", "Lower by percent"),
];

impl Rule {
    /// The rule that a form names.
    pub(crate) fn named(word: &str) -> Option<Self> {
        RULES.iter().find(|(_, it, _)| *it == word).map(|(rule, ..)| *rule)
    }
}

/// The price that a listing gets.
///
/// # Errors
/// A sentence that says why it cannot have one.
pub(crate) fn repriced(ticket: &Ticket, rule: Rule, value: &str) -> Result<Price, String> {
    let (currency, lot) = (ticket.currency, i64::from(ticket.price.minor()));
    let each = |text: &str| {
        let each = i64::from(read_money(text, currency)?);
        // At most 50 tickets of at most 32 bits.
        Ok::<i64, String>(each.saturating_mul(i64::from(ticket.quantity)))
    };
    let minor = match rule {
        Rule::Set => each(value)?,
        Rule::Raise => lot.saturating_add(each(value)?),
        Rule::Lower => lot.saturating_sub(each(value)?),
        Rule::RaisePercent => percent(lot, 10_000_i64.saturating_add(basis_points(value)?), ticket),
        Rule::LowerPercent => percent(lot, 10_000_i64.saturating_sub(basis_points(value)?), ticket),
    };
    if minor < i64::from(currency.least()) {
        return Err(format!("The lowest price is {}.", money(currency.least(), currency)));
    }
    check_price(minor, currency)
}

/// So many ten-thousandths of an amount, rounded half up to what a card can be charged.
fn percent(minor: i64, share: i64, ticket: &Ticket) -> i64 {
    // Cards are charged with two decimals where a currency has three.
    let step = if ticket.currency.exponent() == 3 { 10 } else { 1 };
    let (exact, unit) = (minor.saturating_mul(share), 10_000_i64.saturating_mul(step));
    exact.saturating_add(unit / 2).div_euclid(unit).saturating_mul(step)
}

/// Reads `7.5` percent, with two decimals at most.
fn basis_points(text: &str) -> Result<i64, String> {
    let wrong = || "Enter a percentage like 10 or 7.5.".to_owned();
    let text = text.trim().trim_end_matches('%').trim();
    let (whole, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > 5
        || part.len() > 2
        || !is_number(whole)
        || !is_number(part)
    {
        return Err(wrong());
    }
    format!("{whole}{part:0<2}").parse().map_err(|_| wrong())
}

/// The listing with another price, as an item of a batch; one without a name of its own is called by its id.
pub(crate) fn item(ticket: &Ticket, price: Price) -> BulkListing {
    BulkListing {
        external_id: ticket.external_id.clone().unwrap_or_else(|| ticket.id.to_string()),
        title: Some(ticket.title.clone()),
        price,
        currency: Some(ticket.currency),
        event_id: ticket.event_id,
        event: None,
        section: ticket.section.clone(),
        row: ticket.row.clone(),
        seats: Some(ticket.seats.clone()),
        quantity: Some(ticket.quantity),
        delivery_kind: Some(ticket.delivery_kind),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lot(price: u32, quantity: u32, currency: &str) -> Ticket {
        let id = "0192f0c1-2345-7abc-8def-0123456789ab";
        serde_json::from_value(json!({
            "id": id, "version": 1, "title": "A", "price": price, "currency": currency, "total": price,
            "pricePerTicket": price, "totalPerTicket": price, "userId": id, "orderId": null,
            "status": "available", "eventId": null, "section": null, "row": null, "seats": [],
            "quantity": quantity, "deliveryKind": "transfer", "externalId": null, "lockedUntil": null,
            "createdAt": "2027-01-01T00:00:00Z", "updatedAt": "2027-01-01T00:00:00Z",
        }))
        .unwrap()
    }

    #[test]
    fn prices_are_changed_by_the_ticket_and_rounded_to_what_a_card_can_be_charged() {
        let priced = |ticket: &Ticket, rule, value| repriced(ticket, rule, value).map(Price::minor);
        let pair = lot(10_001, 2, "usd");
        assert_eq!(priced(&pair, Rule::Set, "60"), Ok(12_000));
        assert_eq!(priced(&pair, Rule::Raise, "$1.50"), Ok(10_301));
        assert_eq!(priced(&pair, Rule::Lower, "0.50"), Ok(9_901));
        assert_eq!(priced(&pair, Rule::RaisePercent, "7.5"), Ok(10_751), "10,751.075");
        assert_eq!(priced(&pair, Rule::LowerPercent, "50%"), Ok(5_001), "5,000.5 is rounded up");
        assert_eq!(priced(&lot(999, 1, "jpy"), Rule::RaisePercent, "10"), Ok(1_099));
        assert_eq!(priced(&lot(5_120, 1, "kwd"), Rule::RaisePercent, "1"), Ok(5_170), "ends in 0");
    }

    #[test]
    fn a_price_that_cannot_be_asked_for_is_refused() {
        let pair = lot(10_000, 2, "usd");
        for (rule, value) in [
            (Rule::Lower, "50"),
            (Rule::Lower, "60"),
            (Rule::LowerPercent, "100"),
            (Rule::LowerPercent, "200"),
            (Rule::Set, "0.10"),
            (Rule::Set, "10000000"),
            (Rule::Set, "free"),
            (Rule::Raise, ""),
            (Rule::RaisePercent, "ten"),
            (Rule::RaisePercent, "1.234"),
            (Rule::RaisePercent, "-5"),
        ] {
            assert!(repriced(&pair, rule, value).is_err(), "{rule:?} {value}");
        }
    }
}
