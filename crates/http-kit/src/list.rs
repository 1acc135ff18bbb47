//! Lists page by page: which page a client asks for, and how it is answered.

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use stubmart_contract::api;
use stubmart_kernel::page::{Cursor, LIMIT_DEFAULT, Page, PageError, PageRequest};
use utoipa::IntoParams;

use crate::{
    problem::Problem,
    valid::{self, NoParams, Query},
};

const FOREIGN_CURSOR: &str = "must be the nextCursor of the page before";

/// The parameters that every list has.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// At most so many items; 50 when left out
    #[param(value_type = Option<u32>, minimum = 1, maximum = 200)]
    limit: Option<usize>,
    /// The nextCursor of the page before
    #[serde(default, deserialize_with = "cursor")]
    #[param(value_type = Option<String>)]
    cursor: Option<Cursor>,
}

fn cursor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cursor>, D::Error> {
    let text = <std::borrow::Cow<'_, str>>::deserialize(deserializer)?;
    Cursor::decode(&text).map(Some).ok_or_else(|| D::Error::custom(FOREIGN_CURSOR))
}

/// Which page of a list is asked for, and which items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T = NoParams> {
    /// The list's own parameters.
    pub filter: T,
    /// The page.
    pub page: PageRequest,
    /// The list, for the cursor of the answer.
    pub list: List,
}

/// A list: where it is, and how it is filtered and sorted. A cursor begins with the mark of its list and
/// fits no other one: a page of another list behind it would leave items out without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct List([u8; 4]);

/// The one parameter that may differ from page to page: it follows the clock where a client lists what is
/// still to come.
const MOVES_ON: &str = "from";

impl<T, S> FromRequestParts<S> for Paged<T>
where
    T: IntoParams + DeserializeOwned + 'static,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Query { first: filter, second: asked, given } =
            valid::read_query::<T, PageParams>(parts)?;
        let list = List::of(parts.uri.path(), given);
        let cursor = match asked.cursor {
            Some(cursor) => Some(list.own(&cursor).ok_or(PageError::ForeignCursor)?),
            None => None,
        };
        let limit = asked.limit.unwrap_or(LIMIT_DEFAULT);
        Ok(Self { filter, page: PageRequest { limit, cursor }, list })
    }
}

impl List {
    fn of(path: &str, mut given: Map<String, Value>) -> Self {
        given.remove(MOVES_ON);
        // serde_json keeps objects sorted by key.
        let [a, b, c, d, ..] =
            <[u8; 32]>::from(Sha256::digest(format!("{path}?{}", Value::Object(given))));
        Self([a, b, c, d])
    }

    /// The cursor without the mark of this list; `None` when it is of another list.
    fn own(self, cursor: &Cursor) -> Option<Cursor> {
        cursor.key().strip_prefix(&self.0).map(|key| Cursor::behind(key.to_vec()))
    }

    /// A page of this list, as clients see it.
    pub fn answer<T, U>(self, page: Page<T>, item: impl FnMut(T) -> U) -> api::Page<U> {
        let Page { items, next } = page.map(item);
        let marked = |cursor: Cursor| Cursor::behind([&self.0, cursor.key()].concat());
        api::Page { items, next_cursor: next.map(|cursor| marked(cursor).encode()) }
    }
}

impl From<PageError> for Problem {
    fn from(error: PageError) -> Self {
        match error {
            PageError::ForeignCursor => Self::invalid_field("cursor", FOREIGN_CURSOR),
            PageError::Repository(error) => error.into(),
        }
    }
}
