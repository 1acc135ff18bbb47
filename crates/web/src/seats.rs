//! The seats that a seller describes in a form.

use stubmart_contract::{
    Currency, Price,
    api::DeliveryKind,
    seats::{self, InvalidSeats, SEAT_NAME_MAX, SEATS_MAX},
};

use crate::{
    form::Form,
    format::{check_price, read_price},
};

/// A field and what is wrong with it.
pub(crate) type Wrong = (&'static str, String);

/// One lot to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lot {
    pub(crate) seats: Vec<String>,
    pub(crate) quantity: u32,
    /// Of the whole lot.
    pub(crate) price: Price,
}

/// What the seller has described.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) title: String,
    pub(crate) section: Option<String>,
    pub(crate) row: Option<String>,
    /// How the tickets come to their buyer.
    pub(crate) delivery: DeliveryKind,
    pub(crate) lots: Vec<Lot>,
}

impl Plan {
    /// Reads the form of `/sell/{id}`.
    ///
    /// # Errors
    /// Every field that is wrong, and why.
    pub(crate) fn read(form: &Form, currency: Currency) -> Result<Self, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let seats = read_seats(form.get("seats")).unwrap_or_else(|error| {
            wrong.push(("seats", error));
            Vec::new()
        });
        let number = match form.get("quantity").parse::<usize>() {
            _ if !seats.is_empty() => seats.len(),
            Ok(number) if (1..=SEATS_MAX).contains(&number) => number,
            _ => {
                wrong.push(("quantity", format!("Enter a number from 1 to {SEATS_MAX}.")));
                1
            }
        };
        let title = form.get("title").to_owned();
        if title.is_empty() || title.chars().count() > 200 {
            wrong.push(("title", "Use 1 to 200 characters.".to_owned()));
        }
        let size = match form.get("split") {
            "pairs" => 2,
            "single" => 1,
            _ => number,
        };
        let lots = read_price(form.get("price"), currency)
            .and_then(|price| lots(&seats, number, size, price, currency));
        match lots {
            Ok(lots) if wrong.is_empty() => Ok(Self {
                title,
                section: form.optional("section"),
                row: form.optional("row"),
                delivery: read_delivery(form.get("delivery")),
                lots,
            }),
            Ok(_) => Err(wrong),
            Err(error) => {
                wrong.push(("price", error));
                Err(wrong)
            }
        }
    }
}

/// How tickets come to their buyers, by the form's words for it and by ours.
pub(crate) const DELIVERIES: [(DeliveryKind, &str, &str); 4] = [
    (DeliveryKind::Transfer, "transfer", "Transfer in the issuer’s app"),
    (DeliveryKind::File, "file", "A file I upload (PDF or image)"),
    (DeliveryKind::Link, "link", "A link that opens it"),
    (DeliveryKind::Paper, "paper", "On paper"),
];

fn read_delivery(word: &str) -> DeliveryKind {
    let found = DELIVERIES.iter().find(|(_, known, _)| *known == word);
    found.map(|(kind, ..)| *kind).unwrap_or_default()
}

/// `number` seats in lots of `size`; what is left over makes a smaller one.
fn lots(
    seats: &[String],
    number: usize,
    size: usize,
    per_seat: Price,
    currency: Currency,
) -> Result<Vec<Lot>, String> {
    let mut lots = Vec::new();
    let mut at = 0;
    while at < number {
        let end = number.min(at + size.max(1));
        let quantity = u32::try_from(end - at).unwrap_or(u32::MAX);
        let price = i64::from(per_seat.minor()) * i64::from(quantity);
        lots.push(Lot {
            seats: seats.get(at..end).unwrap_or_default().to_vec(),
            quantity,
            price: check_price(price, currency)?,
        });
        at = end;
    }
    Ok(lots)
}

/// Reads `12-15`, `12, 14` or `A1, A2`; empty is no seats.
///
/// # Errors
/// A sentence that says what would be right.
pub(crate) fn read_seats(text: &str) -> Result<Vec<String>, String> {
    seats::read_seats(text).map_err(|error| match error {
        InvalidSeats::TooMany => format!("You can list up to {SEATS_MAX} seats at a time."),
        InvalidSeats::NameTooLong => {
            format!("Seat names can have up to {SEAT_NAME_MAX} characters.")
        }
        InvalidSeats::Twice(seat) => format!("You listed seat {seat} twice."),
        InvalidSeats::Backwards(range) => {
            format!("{range} runs backward. Put the lower seat first.")
        }
        InvalidSeats::Uncertain(text) => format!(
            "We can't tell what {text} means. Enter a range like 12-15, or each seat with commas."
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_split_as_the_seller_wants_and_none_is_lost() {
        let sizes = |split: &str, seats: &str| -> Vec<(u32, u32)> {
            let form = Form::of(&[
                ("split", split),
                ("seats", seats),
                ("quantity", "5"),
                ("price", "10"),
                ("title", "t"),
            ]);
            let plan = Plan::read(&form, Currency::USD).unwrap();
            plan.lots.iter().map(|lot| (lot.quantity, lot.price.minor())).collect()
        };
        assert_eq!(sizes("lot", "1-4"), [(4, 4000)]);
        assert_eq!(sizes("pairs", "1-5"), [(2, 2000), (2, 2000), (1, 1000)]);
        assert_eq!(sizes("single", "1-3"), [(1, 1000); 3]);
        assert_eq!(sizes("pairs", ""), [(2, 2000), (2, 2000), (1, 1000)]);
    }

    #[test]
    fn every_wrong_field_is_reported_at_once() {
        let form = Form::of(&[("seats", "5-1"), ("quantity", "0"), ("price", "x"), ("title", "")]);
        let names: Vec<_> =
            Plan::read(&form, Currency::USD).unwrap_err().into_iter().map(|it| it.0).collect();
        assert_eq!(names, ["seats", "quantity", "title", "price"]);
        let dear = Form::of(&[("quantity", "50"), ("price", "999999"), ("title", "t")]);
        assert!(Plan::read(&dear, Currency::USD).is_err(), "the price of a lot has a limit");
    }
}
