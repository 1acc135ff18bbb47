//! The pages, a file for each. A page is a view (what its template shows) and the handlers that make it.

pub(crate) mod account;
pub(crate) mod alerts;
pub(crate) mod assets;
pub(crate) mod checkout;
pub(crate) mod claim;
pub(crate) mod delivery;
pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod export;
pub(crate) mod files;
pub(crate) mod home;
pub(crate) mod import;
pub(crate) mod lots;
pub(crate) mod orders;
pub(crate) mod payouts;
pub(crate) mod place;
pub(crate) mod recovery;
pub(crate) mod reprice;
pub(crate) mod search;
pub(crate) mod sell;
pub(crate) mod selling;
pub(crate) mod session;
pub(crate) mod sitemap;
pub(crate) mod ticket;
pub(crate) mod two_step;
pub(crate) mod webhooks;

mod own_listings;

use std::{collections::HashMap, str::FromStr};

use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use stubmart_client::{Client, ClientError, Problem};
use stubmart_contract::{Code, EventId, api::Event};

use crate::{failure::Failure, form::Form, visitor::Visitor};

/// How many calls a page makes to the API at the same time.
const CALLS_MAX: usize = 8;

/// `GET` of an address that only takes a form: leads to the page above it.
pub(crate) async fn above(visitor: Visitor) -> Response {
    let path = visitor.path.split('?').next().unwrap_or_default();
    let page = match path.rsplit_once('/') {
        _ if path.starts_with("/account/") => "/account",
        Some((page, _)) if !page.is_empty() => page,
        _ => "/",
    };
    visitor.go(page)
}

/// An id in a path. Any other text is a page that is not there.
fn id<T: FromStr>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|_| Failure::NotFound)
}

/// The events of a list's items, each asked for once. One that is not found is left out.
async fn events(
    api: &Client,
    ids: impl Iterator<Item = EventId>,
) -> Result<HashMap<EventId, Event>, Failure> {
    let mut ids: Vec<EventId> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    let mut calls = stream::iter(ids).map(|id| api.event(id)).buffer_unordered(CALLS_MAX);
    let mut events = HashMap::new();
    while let Some(event) = calls.next().await {
        if let Some(event) = found(event)? {
            events.insert(event.id, event);
        }
    }
    Ok(events)
}

/// What was asked for, or nothing when it is not there.
fn found<T>(result: Result<T, ClientError>) -> Result<Option<T>, Failure> {
    match result {
        Ok(it) => Ok(Some(it)),
        Err(error) if error.code() == Some(Code::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The API, for what a form sends: sent again it counts once.
fn keyed(api: Client, form: &Form) -> Client {
    match form.key() {
        Some(key) => api.with_idempotency_key(key),
        None => api,
    }
}

/// A refusal that the form can show and its sender can correct.
///
/// # Errors
/// The failure that any other error is.
fn mendable(error: ClientError) -> Result<Box<Problem>, Failure> {
    match error {
        ClientError::Problem(problem)
            if matches!(
                problem.code,
                Code::ValidationFailed
                    | Code::EmailTaken
                    | Code::BadCredentials
                    | Code::SecondFactorRequired
                    | Code::OpenSales
                    | Code::IdempotencyKeyInUse
                    | Code::IdempotencyKeyReused
                    | Code::TooManyRequests
                    | Code::TooManyAlerts
                    | Code::TooManyWebhooks
            ) =>
        {
            Ok(problem)
        }
        other => Err(other.into()),
    }
}
