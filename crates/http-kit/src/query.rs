//! Query strings, read like bodies: every bad parameter is named.

use std::collections::BTreeSet;

use axum::{extract::FromRequestParts, http::request::Parts};
use serde_json::{Map, Value};

use crate::{
    fields::{Fields, Invalid},
    problem::Problem,
};

/// The parameters of the query string.
#[derive(Debug)]
pub struct QueryFields(pub Fields);

impl<S: Send + Sync> FromRequestParts<S> for QueryFields {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or("");
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
            .map_err(|error| Problem::invalid_field("query", error.to_string()))?;
        let mut map = Map::new();
        let mut twice = BTreeSet::new();
        for (name, value) in pairs {
            // A form sends its empty fields too: empty is as good as left out.
            if value.is_empty() {
                continue;
            }
            if map.insert(name.clone(), Value::String(value)).is_some() {
                twice.insert(name);
            }
        }
        let mut fields = Fields::new(map);
        fields.wrong_names(twice, "is given twice");
        Ok(Self(fields))
    }
}

/// A whole number from `min` to `max`, written in digits.
pub fn number(min: u32, max: u32) -> impl Fn(Value) -> Result<u32, Invalid> {
    move |value| {
        digits(&value)
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| (min..=max).contains(number))
            .ok_or_else(|| format!("must be a whole number from {min} to {max}"))
    }
}

fn digits(value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    (text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// One of a few words.
pub fn one_of<T: Copy>(
    words: &'static [(&'static str, T)],
) -> impl Fn(Value) -> Result<T, Invalid> {
    move |value| {
        let found = words.iter().find(|(word, _)| value.as_str() == Some(*word));
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            format!("must be one of: {}", words.join(", "))
        })
    }
}
