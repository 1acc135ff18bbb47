//! Reads a JSON object field by field and collects what is wrong with all of them.

use serde_json::{Map, Value};
use stubmart_contract::{
    Currency, Price, Timestamp,
    api::{FieldError, Patch},
};

use crate::problem::Problem;

/// The fields of one object that were not read yet, and what was wrong with those that were.
#[derive(Debug)]
pub struct Fields {
    map: Map<String, Value>,
    path: String,
    errors: Vec<FieldError>,
}

/// How many fields that a client has named an answer names.
const NAMES_SHOWN: usize = 20;

/// What is wrong with a value, and what would be right.
pub type Invalid = String;

impl Fields {
    /// The fields of `map`.
    #[must_use]
    pub fn new(map: Map<String, Value>) -> Self {
        Self { map, path: String::new(), errors: Vec::new() }
    }

    /// Notes that a field is wrong.
    pub fn wrong(&mut self, field: &str, message: impl Into<String>) {
        self.errors
            .push(FieldError { field: format!("{}{field}", self.path), message: message.into() });
    }

    /// A field that must be there. `None` when it is not or is wrong, which is noted.
    pub fn required<T>(
        &mut self,
        field: &str,
        read: impl FnOnce(Value) -> Result<T, Invalid>,
    ) -> Option<T> {
        match self.map.remove(field) {
            None | Some(Value::Null) => {
                self.wrong(field, "is required");
                None
            }
            Some(value) => self.read(field, value, read),
        }
    }

    /// A field that may be left out or null.
    pub fn optional<T>(
        &mut self,
        field: &str,
        read: impl FnOnce(Value) -> Result<T, Invalid>,
    ) -> Option<T> {
        match self.map.remove(field) {
            None | Some(Value::Null) => None,
            Some(value) => self.read(field, value, read),
        }
    }

    /// A field of a merge patch that null clears.
    pub fn patch<T>(
        &mut self,
        field: &str,
        read: impl FnOnce(Value) -> Result<T, Invalid>,
    ) -> Patch<T> {
        match self.map.remove(field) {
            None => Patch::Keep,
            Some(Value::Null) => Patch::Clear,
            Some(value) => self.read(field, value, read).map_or(Patch::Keep, Patch::Set),
        }
    }

    /// A field of a merge patch that can not be cleared.
    pub fn patch_required<T>(
        &mut self,
        field: &str,
        read: impl FnOnce(Value) -> Result<T, Invalid>,
    ) -> Option<T> {
        match self.patch(field, read) {
            Patch::Keep => None,
            Patch::Set(value) => Some(value),
            Patch::Clear => {
                self.wrong(field, "can not be null");
                None
            }
        }
    }

    /// A field that is an object: `read` reads its fields.
    pub fn object<T>(
        &mut self,
        field: &str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let map = self.required(field, |value| match value {
            Value::Object(map) => Ok(map),
            _ => Err("must be an object".to_owned()),
        })?;
        let mut inner = Self {
            map,
            path: format!("{}{field}.", self.path),
            errors: std::mem::take(&mut self.errors),
        };
        let result = read(&mut inner);
        inner.refuse_unknown();
        self.errors = inner.errors;
        result
    }

    fn read<T>(
        &mut self,
        field: &str,
        value: Value,
        read: impl FnOnce(Value) -> Result<T, Invalid>,
    ) -> Option<T> {
        match read(value) {
            Ok(value) => Some(value),
            Err(message) => {
                self.wrong(field, message);
                None
            }
        }
    }

    /// Notes that fields are wrong whose names the client has made up. They are cut and counted, so that
    /// an answer never grows with what was sent.
    pub(crate) fn wrong_names(&mut self, names: impl IntoIterator<Item = String>, message: &str) {
        for name in names.into_iter().take(NAMES_SHOWN) {
            let shown: String = name.chars().take(60).collect();
            self.wrong(&shown, message);
        }
    }

    fn refuse_unknown(&mut self) {
        let unknown = std::mem::take(&mut self.map);
        self.wrong_names(unknown.into_iter().map(|(name, _)| name), "is not known here");
    }

    /// What was built of the fields, if every one was right and none is left.
    ///
    /// # Errors
    /// `validation_failed` with an entry for each bad field.
    pub fn finish<T>(mut self, built: Option<T>) -> Result<T, Problem> {
        self.refuse_unknown();
        match built {
            Some(built) if self.errors.is_empty() => Ok(built),
            _ => Err(Problem::invalid(self.errors)),
        }
    }
}

/// An id in a path. A text that is no id names nothing that exists.
///
/// # Errors
/// `not_found`.
pub fn path_id<T: std::str::FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}

/// A text of `min` to `max` characters, without control characters; white space around it is dropped,
/// and of nothing else it can not be when there is a `min`.
pub fn text(min: usize, max: usize) -> impl Fn(Value) -> Result<String, Invalid> {
    move |value| {
        let Value::String(text) = value else { return Err("must be a text".to_owned()) };
        // Judged as it came, so that the published schema can say the same.
        let (length, trimmed) = (text.chars().count(), text.trim());
        if length > max || trimmed.chars().count() < min {
            return Err(match min {
                0 => format!("must be at most {max} characters"),
                _ => format!("must be {min} to {max} characters"),
            });
        }
        if text.chars().any(char::is_control) {
            return Err("must not hold control characters".to_owned());
        }
        Ok(trimmed.to_owned())
    }
}

/// A text as it is, of `min` to `max` characters: a password.
pub fn verbatim(min: usize, max: usize) -> impl Fn(Value) -> Result<String, Invalid> {
    move |value| match value {
        Value::String(text) if (min..=max).contains(&text.chars().count()) => Ok(text),
        Value::String(_) => Err(format!("must be {min} to {max} characters")),
        _ => Err("must be a text".to_owned()),
    }
}

/// A whole number from `min` to `max`.
pub fn number(min: u32, max: u32) -> impl Fn(Value) -> Result<u32, Invalid> {
    move |value| {
        whole(&value)
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| format!("must be a whole number from {min} to {max}"))
    }
}

/// A price in minor units.
///
/// # Errors
/// What is wrong with it.
#[expect(clippy::needless_pass_by_value, reason = "the shape of every reader of a field")]
pub fn price(value: Value) -> Result<Price, Invalid> {
    Price::try_from(whole(&value).unwrap_or(0)).map_err(|error| error.to_string())
}

/// A whole number, however JSON spells it: `250.0` is one too (JSON Schema, 6.1.1).
fn whole(value: &Value) -> Option<i64> {
    let Value::Number(number) = value else { return None };
    number.as_i64().or_else(|| number.to_string().strip_suffix(".0")?.parse().ok())
}

/// A currency.
///
/// # Errors
/// What is wrong with it.
pub fn currency(value: Value) -> Result<Currency, Invalid> {
    parsed(value)
}

/// A point in time.
///
/// # Errors
/// What is wrong with it.
pub fn timestamp(value: Value) -> Result<Timestamp, Invalid> {
    parsed(value)
}

/// Anything that is read from a text: an id, a currency, a time.
///
/// # Errors
/// What is wrong with it.
pub fn parsed<T>(value: Value) -> Result<T, Invalid>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    match value {
        Value::String(text) => text.parse().map_err(|error: T::Err| error.to_string()),
        _ => Err("must be a text".to_owned()),
    }
}

/// A list of at most `max` values.
pub fn list<T>(
    max: usize,
    read: impl Fn(Value) -> Result<T, Invalid>,
) -> impl Fn(Value) -> Result<Vec<T>, Invalid> {
    move |value| {
        let Value::Array(values) = value else { return Err("must be a list".to_owned()) };
        if values.len() > max {
            return Err(format!("must have at most {max} entries"));
        }
        values
            .into_iter()
            .enumerate()
            .map(|(position, value)| {
                read(value).map_err(|message| format!("entry {}: {message}", position + 1))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        let Value::Object(map) = value else { panic!("not an object") };
        Fields::new(map)
    }

    #[test]
    fn every_bad_field_is_named_at_once() {
        let mut fields = fields(json!({
            "price": 0, "seats": ["A", 7], "venue": {"city": "", "zip": 1}, "extra": true, "title": "x\u{7}"
        }));
        let title = fields.required("title", text(1, 9));
        let price = fields.required("price", price);
        let name = fields.required("name", text(1, 9));
        let seats = fields.optional("seats", list(9, text(1, 9)));
        let city = fields.object("venue", |venue| venue.required("city", text(1, 9)));
        assert!(
            title.is_none()
                && price.is_none()
                && name.is_none()
                && seats.is_none()
                && city.is_none()
        );
        let problem = fields.finish(Some(())).unwrap_err();
        let body = problem.body("r");
        let mut named: Vec<_> = body.errors.iter().map(|error| error.field.as_str()).collect();
        named.sort_unstable();
        assert_eq!(named, ["extra", "name", "price", "seats", "title", "venue.city", "venue.zip"]);
        assert_eq!((body.status, body.code), (400, stubmart_contract::Code::ValidationFailed));
    }

    #[test]
    fn a_patch_tells_null_from_left_out() {
        let mut fields = fields(json!({"row": null, "section": "B", "title": null}));
        assert_eq!(fields.patch("row", text(0, 9)), Patch::Clear);
        assert_eq!(fields.patch("section", text(0, 9)), Patch::Set("B".to_owned()));
        assert_eq!(fields.patch("seats", text(0, 9)), Patch::Keep);
        assert_eq!(fields.patch_required("title", text(1, 9)), None);
        assert!(fields.finish(Some(())).is_err());
    }

    #[test]
    fn a_number_is_whole_however_it_is_spelt() {
        for spelt in ["250", "250.0", "2.5e2"] {
            let value = serde_json::from_str(spelt).unwrap();
            assert_eq!(price(value).map(Price::minor), Ok(250), "{spelt}");
        }
        for wrong in ["250.5", "0.0", "-1.0", "1e30", "\"250\"", "null"] {
            assert!(price(serde_json::from_str(wrong).unwrap()).is_err(), "{wrong}");
        }
    }
}
