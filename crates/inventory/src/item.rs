//! A line becomes an item of `POST /api/tickets/bulk`.

use serde_json::{Map, Value, json};
use stubmart_contract::{Currency, EventId, Price, api::FieldError, seats::read_seats};

use crate::{
    amounts::{read_amount, read_currency},
    columns::Field,
    dates::{InvalidDate, read_start},
    reader::Reader,
    seat_ends,
};

/// A line that is being read.
struct Draft<'a> {
    reader: &'a Reader<'a>,
    fields: &'a [String],
    item: Map<String, Value>,
    faults: Vec<FieldError>,
}

/// The item that a line is.
///
/// # Errors
/// All that is wrong with it, by the headings.
pub(crate) fn item(
    reader: &Reader<'_>,
    fields: &[String],
) -> Result<Map<String, Value>, Vec<FieldError>> {
    let mut draft = Draft { reader, fields, item: Map::new(), faults: Vec::new() };
    if draft.get(Field::ExternalId).is_none() {
        draft.wrong(Field::ExternalId, "is empty: each listing needs an id of your own");
    }
    for field in [Field::ExternalId, Field::Title, Field::Section, Field::Row] {
        draft.copy(field);
    }
    if let Some(kind) = draft.get(Field::DeliveryKind) {
        draft.item.insert("deliveryKind".to_owned(), kind.to_lowercase().into());
    }
    draft.event();
    let quantity = draft.seats();
    draft.price(quantity);
    if draft.faults.is_empty() { Ok(draft.item) } else { Err(draft.faults) }
}

impl<'a> Draft<'a> {
    fn get(&self, field: Field) -> Option<&'a str> {
        self.reader.field(self.fields, field)
    }

    fn wrong(&mut self, field: Field, message: impl Into<String>) {
        let field = self.reader.heading(field).to_owned();
        self.faults.push(FieldError { field, message: message.into() });
    }

    fn copy(&mut self, field: Field) {
        if let Some(text) = self.get(field) {
            self.item.insert(field.name().to_owned(), text.into());
        }
    }

    /// The event: by its id here, else by name, venue and start.
    fn event(&mut self) {
        let names = [Field::Event, Field::Venue, Field::LocalStart];
        let is_named = names.iter().any(|it| self.get(*it).is_some());
        if let Some(id) = self.get(Field::EventId) {
            if id.parse::<EventId>().is_ok() {
                self.item.insert("eventId".to_owned(), id.into());
                return;
            }
            if !is_named {
                let message =
                    "is no id of an event here: name the event by its name, venue and date";
                self.wrong(Field::EventId, message);
            }
        }
        if !is_named {
            return;
        }
        for field in names {
            if self.get(field).is_none() {
                self.wrong(field, "is empty: an event is found by its name, venue and date");
            }
        }
        let start = self.get(Field::LocalStart).map(|date| {
            let (told, column) = (self.reader.how.dates, self.reader.order);
            read_start(date, self.get(Field::StartTime), told, column)
        });
        match start {
            Some(Ok(start)) => {
                let event = json!({
                    "name": self.get(Field::Event), "venue": self.get(Field::Venue),
                    "localStart": start.to_string(), "city": self.get(Field::City),
                });
                self.item.insert("event".to_owned(), event);
            }
            Some(Err(error @ InvalidDate::NoTime(_))) => {
                let own = self.reader.places.contains_key(&Field::StartTime);
                let field = if own { Field::StartTime } else { Field::LocalStart };
                self.wrong(field, error.to_string());
            }
            Some(Err(error)) => self.wrong(Field::LocalStart, error.to_string()),
            None => {}
        }
    }

    /// The seats; the answer is how many there are, where that is known.
    fn seats(&mut self) -> Option<u32> {
        let quantity = self.get(Field::Quantity).map(|text| {
            let number = text.split_once('.').filter(|(_, it)| it.bytes().all(|it| it == b'0'));
            number.map_or(text, |(whole, _)| whole).parse::<u32>()
        });
        let quantity = match quantity {
            Some(Ok(quantity)) => {
                self.item.insert("quantity".to_owned(), quantity.into());
                Some(quantity)
            }
            Some(Err(_)) | None => None,
        };
        let is_unread = quantity.is_none() && self.get(Field::Quantity).is_some();
        let named = self.get(Field::Seats).filter(|it| !seat_ends::is_none(it));
        let (first, last) = (self.get(Field::SeatFrom), self.get(Field::SeatTo));
        let has_ends = first.or(last).is_some();
        let seats = match named {
            Some(text) => read_seats(text).map_err(|error| (Field::Seats, error.to_string())),
            None if has_ends => {
                let (first, last) = (first.unwrap_or_default(), last.unwrap_or_default());
                let between = seat_ends::between(first, last, quantity);
                between.map_err(|error| (Field::SeatFrom, error.to_string()))
            }
            None => Ok(Vec::new()),
        };
        let count = match seats {
            Ok(seats) => {
                let count = u32::try_from(seats.len()).ok().filter(|it| *it > 0);
                if let (Some(count), Some(quantity)) = (count, quantity)
                    && count != quantity
                {
                    let message = format!("is {quantity}, but {count} seats are named");
                    self.wrong(Field::Quantity, message);
                }
                let has_column = [Field::Seats, Field::SeatFrom, Field::SeatTo]
                    .iter()
                    .any(|it| self.reader.places.contains_key(it));
                if has_column {
                    self.item.insert("seats".to_owned(), seats.into());
                }
                count
            }
            Err((field, message)) => {
                self.wrong(field, message);
                None
            }
        };
        if is_unread {
            self.wrong(Field::Quantity, "is no whole number");
            return None;
        }
        quantity.or(count).or(Some(1))
    }

    /// The price of the lot, with its currency.
    fn price(&mut self, quantity: Option<u32>) {
        let said = self.get(Field::Currency).map(read_currency).transpose();
        let said = said.unwrap_or_else(|error| {
            self.wrong(Field::Currency, error.to_string());
            None
        });
        let is_each = self.reader.places.contains_key(&Field::PricePerTicket);
        let field = if is_each { Field::PricePerTicket } else { Field::Price };
        let Some(text) = self.get(field) else {
            return self.wrong(field, "is empty: a listing needs a price");
        };
        let otherwise = self.reader.how.currency.unwrap_or(Currency::USD);
        let (minor, currency) = match read_amount(text, said, otherwise, self.reader.decimal) {
            Ok(read) => read,
            Err(error) => return self.wrong(field, error.to_string()),
        };
        let lot = match quantity {
            Some(quantity) if is_each => minor.checked_mul(i64::from(quantity)),
            _ => Some(minor),
        };
        match lot.map(Price::try_from) {
            Some(Ok(price)) => {
                self.item.insert("price".to_owned(), price.minor().into());
                self.item.insert("currency".to_owned(), currency.as_str().into());
            }
            _ => self.wrong(field, "is no price that can be asked for"),
        }
    }
}
