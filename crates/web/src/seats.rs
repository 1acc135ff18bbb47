//! The seats that a seller describes in a form.

use stubmart_contract::{Currency, Price};

use crate::{
    form::Form,
    format::{read_price, too_much},
};

/// The most seats that are listed at once, in one lot or many.
const SEATS_MAX: usize = 50;

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
            price: Price::try_from(price).map_err(|_| too_much(currency))?,
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
    let too_many = || format!("You can list up to {SEATS_MAX} seats at a time.");
    let mut seats: Vec<String> = Vec::new();
    for part in text.split([',', ';']).map(str::trim).filter(|it| !it.is_empty()) {
        let ends = part.split_once(['-', '–']);
        let ends = ends.and_then(|(a, b)| {
            Some((a.trim().parse::<u32>().ok()?, b.trim().parse::<u32>().ok()?))
        });
        match ends {
            Some((first, last)) if first > last => {
                return Err(format!("{part} runs backward. Did you mean {last}-{first}?"));
            }
            Some((first, last)) => {
                if usize::try_from(last - first).unwrap_or(usize::MAX) >= SEATS_MAX {
                    return Err(too_many());
                }
                seats.extend((first..=last).map(|it| it.to_string()));
            }
            None if part.chars().count() > 20 => {
                return Err("Seat names can have up to 20 characters.".to_owned());
            }
            None => seats.push(part.to_owned()),
        }
    }
    if seats.len() > SEATS_MAX {
        return Err(too_many());
    }
    let mut sorted = seats.clone();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err("You listed a seat twice.".to_owned());
    }
    Ok(seats)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seats_are_read_as_people_write_them() {
        for (text, seats) in [
            ("", vec![]),
            ("12-14", vec!["12", "13", "14"]),
            ("12 – 13, 20", vec!["12", "13", "20"]),
            ("A1; A2", vec!["A1", "A2"]),
            ("A-1", vec!["A-1"]),
        ] {
            assert_eq!(read_seats(text), Ok(seats.into_iter().map(str::to_owned).collect()));
        }
        for wrong in
            ["15-12", "1-51", "1-50, 60", "7, 7", "1-3, 2", "0-4294967295", &"x".repeat(21)]
        {
            assert!(read_seats(wrong).is_err(), "{wrong}");
        }
    }

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
