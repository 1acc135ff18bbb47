//! Requests that fit their published schema, with fields that fit their types.
//!
//! The type of a request is its one definition: the API's document shows its schema, and the same schema
//! checks requests. All faults are named at once.

use std::collections::BTreeSet;

use axum::{
    extract::{FromRequest, FromRequestParts, Request},
    http::request::Parts,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use serde_path_to_error::{Path, Segment};
use stubmart_contract::api::FieldError;
use utoipa::{IntoParams, ToSchema};

use crate::{
    body,
    given::Given,
    once::HEADER,
    problem::Problem,
    schema::{self, Faults},
};

/// A JSON body that is a `T`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Valid<T> {
    /// The body.
    pub body: T,
    /// The same text for every spelling of the same JSON, where the request has an `Idempotency-Key`
    /// that must not come with another body; else empty.
    pub canonical: String,
}

impl<T, S> FromRequest<S> for Valid<T>
where
    T: ToSchema + DeserializeOwned + 'static,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let is_repeatable = request.headers().contains_key(HEADER);
        let Given { value, twice } = body::json(request).await?;
        // serde_json keeps objects sorted by key.
        let canonical = if is_repeatable { value.to_string() } else { String::new() };
        let mut faults = Faults::default();
        faults.add_names("", twice, GIVEN_TWICE);
        let body = read(value, faults).map_err(Problem::invalid)?;
        Ok(Self { body, canonical })
    }
}

const GIVEN_TWICE: &str = "is given twice";

/// Reads a JSON value that has to be a `T`, from a request or from a file.
///
/// # Errors
/// All that is wrong with it.
pub fn read_body<T>(value: Value) -> Result<T, Vec<FieldError>>
where
    T: ToSchema + DeserializeOwned + 'static,
{
    read(value, Faults::default())
}

fn read<T>(value: Value, mut faults: Faults) -> Result<T, Vec<FieldError>>
where
    T: ToSchema + DeserializeOwned + 'static,
{
    let Value::Object(mut object) = value else {
        faults.add("body", "must be a JSON object");
        return faults.into_result(None);
    };
    schema::of_body::<T>().check(&mut object, "", &mut faults);
    let body = deserialise(object, &mut faults);
    faults.into_result(body)
}

/// The parameters of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidQuery<T>(pub T);

/// No parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NoParams {}

impl<T, S> FromRequestParts<S> for ValidQuery<T>
where
    T: IntoParams + DeserializeOwned + 'static,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read_query::<T, NoParams>(parts).map(|query| Self(query.first))
    }
}

/// A query that was read.
pub(crate) struct Query<T, U> {
    pub(crate) first: T,
    pub(crate) second: U,
    /// The parameters that `first` was read from, in one spelling.
    pub(crate) given: Map<String, Value>,
}

/// Reads a query that has the parameters of a `T` and those of a `U`. A parameter that takes several values
/// may be repeated, and have commas between them.
///
/// # Errors
/// `validation_failed` with an entry for each bad parameter.
pub(crate) fn read_query<T, U>(parts: &Parts) -> Result<Query<T, U>, Problem>
where
    T: IntoParams + DeserializeOwned + 'static,
    U: IntoParams + DeserializeOwned + 'static,
{
    let query = parts.uri.query().unwrap_or("");
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query)
        .map_err(|error| Problem::invalid_field("query", error.to_string()))?;
    let (ours, theirs) = (schema::of_query::<T>(), schema::of_query::<U>());
    let mut faults = Faults::default();
    let (mut first, mut second, mut twice) = (Map::new(), Map::new(), BTreeSet::new());
    for (name, text) in pairs {
        // A form sends its empty fields too: an empty one is as good as left out.
        if text.is_empty() {
            continue;
        }
        let (fields, object) =
            if theirs.has(&name) { (&theirs, &mut second) } else { (&ours, &mut first) };
        let value = fields.value_of(&name, text);
        match (object.get_mut(&name), value) {
            (None, value) => drop(object.insert(name, value)),
            (Some(Value::Array(values)), Value::Array(more)) => values.extend(more),
            (Some(_), _) => drop(twice.insert(name)),
        }
    }
    faults.add_names("", twice, GIVEN_TWICE);
    ours.check(&mut first, "", &mut faults);
    theirs.check(&mut second, "", &mut faults);
    let given = first.clone();
    let (first, second) = (deserialise(first, &mut faults), deserialise(second, &mut faults));
    let query = first.zip(second).map(|(first, second)| Query { first, second, given });
    faults.into_result(query).map_err(Problem::invalid)
}

/// Reads the fields that fit the schema. A field that its type refuses is noted and taken out, so that the
/// next such field is found too.
fn deserialise<T: DeserializeOwned>(object: Map<String, Value>, faults: &mut Faults) -> Option<T> {
    let mut value = Value::Object(object);
    loop {
        let error = match serde_path_to_error::deserialize(&value) {
            Ok(read) => return Some(read),
            Err(error) => error,
        };
        let (names, position) = field(error.path());
        let path = names.join(".");
        // An object that lacks a field because it was taken out is no further fault.
        if !faults.is_within(&path) {
            let path = if path.is_empty() { "body" } else { &path };
            let position = position.map(|it| format!("entry {it}: ")).unwrap_or_default();
            faults.add(path, format!("{position}{}", error.inner()));
        }
        take_out(&mut value, &names)?;
    }
}

/// The names that lead to the field with this path, and the position in it, from 1, if it is a list.
fn field(path: &Path) -> (Vec<String>, Option<usize>) {
    let mut names = Vec::new();
    for segment in path {
        match segment {
            Segment::Map { key } => names.push(key.clone()),
            Segment::Seq { index } => return (names, Some(index.saturating_add(1))),
            Segment::Enum { .. } | Segment::Unknown => break,
        }
    }
    (names, None)
}

/// Takes the field with these names out of an object; `None` when there is no such field.
fn take_out(value: &mut Value, names: &[String]) -> Option<()> {
    let (last, outer) = names.split_last()?;
    let object = outer.iter().try_fold(value, |value, name| value.get_mut(name))?;
    object.as_object_mut()?.remove(last).map(drop)
}
