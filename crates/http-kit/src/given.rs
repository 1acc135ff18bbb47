//! JSON as a client sent it: its value, and the names that it gives twice.
//!
//! RFC 8259, 4, leaves open which of two values counts. Programs on the way may take the other one, so that
//! a proxy checks one request and the market does another: such a body is refused.

use std::{collections::BTreeSet, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};

/// A JSON text that was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Given {
    /// Its value. Of a name that is given twice, the last value.
    pub(crate) value: Value,
    /// The paths of the names that are given twice.
    pub(crate) twice: BTreeSet<String>,
}

impl Given {
    /// Reads a JSON text.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn read(text: &[u8]) -> Result<Self, serde_json::Error> {
        let mut given = Self::default();
        let mut reader = serde_json::Deserializer::from_slice(text);
        let seed = At { path: String::new(), twice: &mut given.twice };
        given.value = seed.deserialize(&mut reader)?;
        reader.end()?;
        Ok(given)
    }
}

/// A value at a path of names.
struct At<'a> {
    path: String,
    twice: &'a mut BTreeSet<String>,
}

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        loop {
            let seed = At { path: self.path.clone(), twice: &mut *self.twice };
            match values.next_element_seed(seed)? {
                Some(value) => read.push(value),
                None => return Ok(Value::Array(read)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(name) = entries.next_key::<String>()? {
            let dot = if self.path.is_empty() { "" } else { "." };
            let path = format!("{}{dot}{name}", self.path);
            if read.contains_key(&name) {
                self.twice.insert(path.clone());
            }
            let value = entries.next_value_seed(At { path, twice: &mut *self.twice })?;
            read.insert(name, value);
        }
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Given {
        Given::read(text.as_bytes()).unwrap()
    }

    /// What is read is what serde_json reads, for every kind of value.
    #[test]
    fn a_value_is_read_as_it_is() {
        let text =
            r#"{"a":[null,true,-1,18446744073709551615,1.5,250.0,"b\u00e4",[],{}],"c":{"d":{}}}"#;
        assert_eq!(
            read(text),
            Given { value: serde_json::from_str(text).unwrap(), twice: BTreeSet::new() }
        );
        for wrong in ["", "{", "{}x", "[1,]", "nul", "{\"a\":1,}", "\"\u{7}\""] {
            assert!(Given::read(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        let deep = "[".repeat(100_000);
        assert!(Given::read(deep.as_bytes()).is_err(), "no depth takes the stack");
    }

    #[test]
    fn names_that_are_given_twice_are_named_by_their_paths_once_each() {
        let given = read(r#"{"a":1,"b":{"c":1,"c":2},"a":2,"a":3,"d":[{"e":1,"e":1},{"e":2}]}"#);
        assert!(given.twice.iter().eq(["a", "b.c", "d.e"]), "{given:?}");
        assert_eq!(given.value["a"], json!(3));
        // Spelled otherwise, it is the same name.
        assert!(read(r#"{"a":1,"\u0061":2}"#).twice.iter().eq(["a"]));
        assert!(read(r#"{"a":{"b":1},"b":{"a":1}}"#).twice.is_empty());
    }
}
