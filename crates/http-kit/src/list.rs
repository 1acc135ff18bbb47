//! Lists page by page: which page a client asks for, and how it is answered.

use axum::{extract::FromRequestParts, http::request::Parts};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error as _},
};
use stubmart_contract::api;
use stubmart_kernel::page::{Cursor, LIMIT_DEFAULT, Page, PageError, PageRequest};
use utoipa::IntoParams;

use crate::{
    problem::Problem,
    valid::{self, NoParams},
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

impl From<PageParams> for PageRequest {
    fn from(params: PageParams) -> Self {
        Self { limit: params.limit.unwrap_or(LIMIT_DEFAULT), cursor: params.cursor }
    }
}

/// Which page of a list is asked for, and which items.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T = NoParams> {
    /// The list's own parameters.
    pub filter: T,
    /// The page.
    pub page: PageRequest,
}

impl<T, S> FromRequestParts<S> for Paged<T>
where
    T: IntoParams + DeserializeOwned + 'static,
    S: Send + Sync,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let (filter, page) = valid::read_query::<T, PageParams>(parts)?;
        Ok(Self { filter, page: page.into() })
    }
}

/// A page as clients see it.
pub fn answer<T, U>(page: Page<T>, item: impl FnMut(T) -> U) -> api::Page<U> {
    let Page { items, next } = page.map(item);
    api::Page { items, next_cursor: next.map(|cursor| cursor.encode()) }
}

impl From<PageError> for Problem {
    fn from(error: PageError) -> Self {
        match error {
            PageError::ForeignCursor => Self::invalid_field("cursor", FOREIGN_CURSOR),
            PageError::Repository(error) => error.into(),
        }
    }
}
