//! A file becomes an inventory.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use stubmart_contract::api::FieldError;

use crate::{
    amounts::decimal_of,
    columns::{Field, places},
    dates::order_of,
    fault::FileFault,
    item::item,
    reader::{How, Reader},
    table::{self, Row, Table},
    text::decode,
};

/// What a file says.
#[derive(Debug)]
pub struct Inventory {
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// Its lines behind the headings, but for those without anything in them.
    pub lines: Vec<Line>,
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub heading: String,
    /// What it is taken for; nothing where it is left out.
    pub field: Option<Field>,
}

/// A line of a file: one listing.
#[derive(Debug)]
pub struct Line {
    /// Its number in the file, from 1.
    pub number: u64,
    /// The seller's own name for the listing, where it could be read.
    pub external_id: Option<String>,
    /// The item that `POST /api/tickets/bulk` takes, or what is wrong, by the headings.
    pub item: Result<Map<String, Value>, Vec<FieldError>>,
}

/// The heading of the column that an item's field comes from; the field's own name where there is none.
#[must_use]
pub fn heading<'a>(columns: &'a [Column], field: &'a str) -> &'a str {
    let of = |wanted: Field| {
        let column = columns.iter().find(|it| it.field == Some(wanted));
        column.map(|it| it.heading.as_str())
    };
    let named = Field::all().find(|(_, name)| *name == field).map(|(it, _)| it);
    let nearest: &[Field] = match field {
        "price" => &[Field::Price, Field::PricePerTicket],
        "seats" => &[Field::Seats, Field::SeatFrom],
        "event" | "event.name" => &[Field::Event],
        "event.venue" => &[Field::Venue],
        "event.city" => &[Field::City],
        "event.localStart" => &[Field::LocalStart],
        _ => named.as_slice(),
    };
    nearest.iter().find_map(|it| of(*it)).unwrap_or(field)
}

/// The headings of a file, for somebody who has to say what they mean.
///
/// # Errors
/// [`FileFault`]: there are none.
pub fn headings(bytes: &[u8]) -> Result<Vec<String>, FileFault> {
    Ok(table::read(&decode(bytes)?)?.headings)
}

/// Reads an inventory. A line that is wrong is refused by itself; a file of which it is not certain where its lines
/// begin, or which column has what, is refused as a whole.
///
/// # Errors
/// [`FileFault`].
pub fn read(bytes: &[u8], how: &How) -> Result<Inventory, FileFault> {
    let Table { headings, rows } = table::read(&decode(bytes)?)?;
    let places = places(&headings, &how.columns)?;
    let column = |field: Field| {
        let at = places.get(&field).copied();
        let fields = rows.iter().filter_map(|row| row.fields.as_ref().ok());
        let texts = fields.filter_map(move |fields| fields.get(at?)).map(String::as_str);
        // Files have the same few dates and prices on many lines.
        texts.collect::<BTreeSet<_>>()
    };
    let prices = column(Field::Price).into_iter().chain(column(Field::PricePerTicket));
    let decimal = decimal_of(prices);
    let order = order_of(column(Field::LocalStart));
    let reader = Reader { how, headings: &headings, places, decimal, order };
    let lines = rows.iter().map(|row| line(&reader, row)).collect();
    let field =
        |at: usize| reader.places.iter().find(|(_, it)| **it == at).map(|(field, _)| *field);
    let columns = headings.iter().enumerate();
    let columns = columns
        .map(|(at, heading)| Column { heading: heading.clone(), field: field(at) })
        .collect();
    Ok(Inventory { columns, lines })
}

fn line(reader: &Reader<'_>, row: &Row) -> Line {
    let number = row.number;
    match &row.fields {
        Ok(fields) => {
            let external_id = reader.field(fields, Field::ExternalId).map(ToOwned::to_owned);
            Line { number, external_id, item: item(reader, fields) }
        }
        Err(count) => {
            let columns = reader.headings.len();
            let message = format!(
                "has {count} fields instead of {columns}: quote a text that has the delimiter in it"
            );
            let fault = FieldError { field: "line".to_owned(), message };
            Line { number, external_id: None, item: Err(vec![fault]) }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::DateOrder;

    fn read_with(text: &str, how: &How) -> Inventory {
        read(text.as_bytes(), how).unwrap()
    }

    fn items(text: &str) -> Vec<Value> {
        let item = |line: Line| match line.item {
            Ok(item) => Value::Object(item),
            Err(errors) => {
                let fields: Vec<_> = errors.into_iter().map(|it| it.field).collect();
                json!([line.number, fields])
            }
        };
        read_with(text, &How::default()).lines.into_iter().map(item).collect()
    }

    /// FOUND F: a real broker's file.
    #[test]
    fn a_brokers_file_becomes_items_of_the_bulk_route() {
        let text = "Inventory ID;Event Name;Event Date;Event Time;Venue;Section;Row;Low Seat;High Seat;Qty;Cost;List Price;Notes\n\
            A-1;Hamlet;3/25/2027;7:30 PM;Old Globe;Stalls;F;12;13;2;80,00;$ 1.250,50;\"aisle;\nnear the bar\"\n\
            =\"007\";Hamlet;3/4/2027;TBD;Old Globe;Floor;;GA;GA;4;;99,00;\n";
        assert_eq!(
            items(text),
            [
                json!({
                    "externalId": "A-1", "price": 250_100, "currency": "usd", "section": "Stalls", "row": "F",
                    "event": {"name": "Hamlet", "venue": "Old Globe", "localStart": "2027-03-25T19:30", "city": null},
                    "seats": ["12", "13"], "quantity": 2,
                }),
                json!({
                    "externalId": "007", "price": 39_600, "currency": "usd", "section": "Floor",
                    "event": {"name": "Hamlet", "venue": "Old Globe", "localStart": "2027-03-04", "city": null},
                    "seats": [], "quantity": 4,
                }),
            ]
        );
    }

    #[test]
    fn our_own_form_has_the_price_of_the_lot() {
        let event = "0192f0c1-2345-7abc-8def-0123456789ab";
        let text = format!(
            "external_id,title,event_id,price,currency,seats,quantity,delivery_kind\n\
             1,Stalls,{event},125.50,EUR,7-8,,link\n"
        );
        let item = json!({
            "externalId": "1", "title": "Stalls", "eventId": event, "price": 12_550, "currency": "eur",
            "seats": ["7", "8"], "deliveryKind": "link",
        });
        assert_eq!(items(&text), [item]);
    }

    /// Every fault of a line is told at once, by its heading.
    #[test]
    fn a_bad_line_costs_that_line_only_with_all_its_faults() {
        let text = "TicketID,Event,Venue,Date,Row,Seats,Qty,Unit Price,Currency\n\
            ,Hamlet,,soon,F,12-9,many,free,XYZ\n\
            1,Hamlet,Old Globe,2027-03-01,F,7 8,3,12.50,\n\
            2,Hamlet\n\
            3,Hamlet,Old Globe,03/04/2027,F,,2,12.50,\n\
            4,Hamlet,Old Globe,2027-03-01,F,7,1,12.50,GBP\n";
        assert_eq!(
            items(text),
            [
                json!([2, ["TicketID", "Venue", "Date", "Seats", "Qty", "Currency", "Unit Price"]]),
                json!([3, ["Qty"]]),
                json!([4, ["line"]]),
                json!([5, ["Date"]]),
                json!({
                    "externalId": "4", "price": 1_250, "currency": "gbp", "row": "F", "quantity": 1,
                    "event": {"name": "Hamlet", "venue": "Old Globe", "localStart": "2027-03-01", "city": null}, "seats": ["7"],
                }),
            ]
        );
    }

    #[test]
    fn an_event_id_of_another_system_counts_for_nothing_where_the_event_is_named() {
        let text =
            "TicketID,EventID,Event,Venue,Date,Unit Price\n1,4711,Hamlet,Old Globe,2027-03-01,5\n";
        assert_eq!(items(text)[0]["event"]["name"], "Hamlet");
        assert_eq!(items("TicketID,EventID,Unit Price\n1,4711,5\n"), [json!([2, ["EventID"]])]);
    }

    #[test]
    fn what_the_file_does_not_say_may_be_told() {
        let how = How {
            columns: "externalId=Ref,price=Ask".parse().unwrap(),
            currency: "eur".parse().ok(),
            dates: Some(DateOrder::Dmy),
        };
        let text = "Ref,Event,Venue,Date,Ask,Qty\n1,Hamlet,Old Globe,03/04/2027,99,2\n";
        let inventory = read_with(text, &how);
        let item = inventory.lines[0].item.as_ref().unwrap();
        assert_eq!((&item["price"], &item["currency"]), (&json!(9_900), &json!("eur")));
        assert_eq!(item["event"]["localStart"], "2027-04-03");
        assert_eq!(heading(&inventory.columns, "price"), "Ask");
        assert_eq!(heading(&inventory.columns, "event.localStart"), "Date");
        assert_eq!(heading(&inventory.columns, "deliveryKind"), "deliveryKind");
        let fields: Vec<_> = inventory.columns.iter().filter_map(|it| it.field).collect();
        assert_eq!(fields.len(), 6);
    }

    proptest! {
        /// Whatever bytes come, the reader answers.
        #[test]
        fn no_file_is_too_strange_to_answer(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            read(&bytes, &How::default()).ok();
        }

        #[test]
        fn no_line_is_too_strange_to_answer(line in "[-0-9A-Za-z ,;:.\"'$€/=\n]{0,120}") {
            let text = format!("TicketID,Event,Venue,Date,Row,Seats,Qty,Unit Price,Currency\n{line}");
            read(text.as_bytes(), &How::default()).ok();
        }
    }
}
