//! The history of a service: events that have left their documents.
//!
//! A document's outbox is emptied into the history as soon as somebody looks (the relay, or a reader of the
//! history): an event is written to the history first and leaves its document afterwards, so that it is in
//! one of the two at any moment, and writing it twice does no harm.

use std::{collections::BTreeSet, sync::Arc};

use futures_util::future::try_join_all;
use mongodb::{
    Collection,
    bson::{Binary, doc},
    options::ReadConcern,
};
use serde::{Deserialize, Serialize};
use stubmart_contract::Envelope;
use stubmart_ports::store::{HistoryCursor, StoreError};
use uuid::Uuid;

use crate::{
    database::{Database, all},
    failure::{Failure, corrupt},
    form::{self, Waiting},
};

/// How many documents or events are read at once.
const BATCH: i64 = 256;

/// An event in the history.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Past {
    /// The aggregate and the version, so that the events sort by them.
    #[serde(rename = "_id")]
    pub(crate) place: String,
    body: Binary,
    /// The place again, as long as the event is not known to be on the bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pending: Option<String>,
}

/// An event's place and no more.
#[derive(Debug, Deserialize)]
struct Place {
    #[serde(rename = "_id")]
    place: String,
}

/// What is read of a document to empty its outbox.
#[derive(Debug, Deserialize)]
struct Full {
    #[serde(rename = "_id")]
    id: String,
    #[serde(default)]
    outbox: Vec<Waiting>,
    unarchived: String,
}

/// The place of an event in its service's history, as a text that sorts as the place does.
pub(crate) fn place((aggregate, version): HistoryCursor) -> String {
    format!("{}/{version:016x}", aggregate.simple())
}

impl Past {
    fn new(aggregate: Uuid, event: &Waiting) -> Result<Self, StoreError> {
        let version = event.version.try_into().map_err(|_| corrupt("a negative version"))?;
        let place = place((aggregate, version));
        Ok(Self { pending: Some(place.clone()), place, body: event.body.clone() })
    }

    /// The event.
    ///
    /// # Errors
    /// A newer version of this program wrote it, or it is damaged.
    pub(crate) fn event(&self) -> Result<Arc<Envelope>, StoreError> {
        let event = Envelope::decode(&self.body.bytes);
        event.map(Arc::new).map_err(|error| StoreError::Unavailable(error.into()))
    }
}

impl Full {
    fn past(&self) -> Result<Vec<Past>, StoreError> {
        let aggregate = form::id(&self.id)?;
        self.outbox.iter().map(|event| Past::new(aggregate, event)).collect()
    }
}

/// Moves every event that is in the documents of `service` into its history. The answer is the history, or
/// `None` when the service has no documents.
///
/// # Errors
/// [`StoreError::Unavailable`]: some may be moved.
pub(crate) async fn archive(
    database: &Database,
    service: &str,
) -> Result<Option<Collection<Past>>, StoreError> {
    let names = database.names(service).await.map_err(Failure::unavailable)?;
    if names.is_empty() {
        return Ok(None);
    }
    let history = database.history(service).await.map_err(Failure::unavailable)?;
    for name in names {
        let documents = database.collection(&name);
        while empty_some(database, &documents, &history).await? {}
    }
    Ok(Some(history))
}

/// Empties some outboxes; whether there may be more of them.
async fn empty_some(
    database: &Database,
    documents: &Collection<Full>,
    history: &Collection<Past>,
) -> Result<bool, StoreError> {
    let full = documents
        .find(doc! { "unarchived": { "$gte": "" } })
        .sort(doc! { "unarchived": 1 })
        .projection(doc! { "outbox": 1, "unarchived": 1 })
        .limit(BATCH);
    let full = database.bounded(all(full)).await.map_err(Failure::unavailable)?;
    if full.is_empty() {
        return Ok(false);
    }
    let past: Vec<_> = full.iter().map(Full::past).collect::<Result<_, _>>()?;
    let past: Vec<_> = past.into_iter().flatten().collect();
    if !past.is_empty() {
        insert(database, history, &past).await?;
    }
    let emptied = full.iter().map(|document| empty(database, documents, document));
    try_join_all(emptied).await?;
    Ok(i64::try_from(full.len()).is_ok_and(|count| count == BATCH))
}

/// Writes events to the history, where some of them may be already.
async fn insert(
    database: &Database,
    history: &Collection<Past>,
    past: &[Past],
) -> Result<(), StoreError> {
    let Err(failure) = database.bounded(history.insert_many(past).ordered(false)).await else {
        return Ok(());
    };
    // Whatever it says: what matters is whether all of them are there, durably.
    let places: Vec<_> = past.iter().map(|it| it.place.as_str()).collect();
    let history = history.clone_with_type::<Place>();
    let there = history.find(doc! { "_id": { "$in": &places } }).projection(doc! { "_id": 1 });
    let there = database.bounded(all(there)).await.map_err(Failure::unavailable)?;
    let there: BTreeSet<_> = there.iter().map(|it| it.place.as_str()).collect();
    let missing = places.iter().any(|place| !there.contains(place));
    if missing { Err(failure.unavailable()) } else { Ok(()) }
}

/// Takes the events that are in the history out of their document.
async fn empty(
    database: &Database,
    documents: &Collection<Full>,
    document: &Full,
) -> Result<(), StoreError> {
    let of_it = doc! { "_id": &document.id, "unarchived": &document.unarchived };
    let emptied =
        documents.update_one(of_it, doc! { "$unset": { "outbox": "", "unarchived": "" } });
    let emptied = database.bounded(emptied).await.map_err(Failure::unavailable)?;
    if emptied.matched_count == 0 {
        // Another save put more events into it meanwhile, or somebody else was faster.
        let ids: Vec<_> = document.outbox.iter().map(|event| event.id.as_str()).collect();
        let taken = doc! { "$pull": { "outbox": { "id": { "$in": ids } } } };
        let taken = documents.update_one(doc! { "_id": &document.id }, taken);
        database.bounded(taken).await.map_err(Failure::unavailable)?;
    }
    Ok(())
}

/// The events of a history behind a place, at most `limit` of them.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub(crate) async fn read(
    database: &Database,
    history: &Collection<Past>,
    after: Option<HistoryCursor>,
    limit: usize,
) -> Result<Vec<Arc<Envelope>>, StoreError> {
    let mut events = Vec::new();
    let mut after = after.map_or_else(String::new, place);
    while events.len() < limit {
        let left = i64::try_from(limit - events.len()).map_or(BATCH, |left| left.min(BATCH));
        let page = history
            .find(doc! { "_id": { "$gt": &after } })
            .sort(doc! { "_id": 1 })
            .limit(left)
            .read_concern(ReadConcern::snapshot());
        let page = database.bounded(all(page)).await.map_err(Failure::unavailable)?;
        let Some(last) = page.last() else { break };
        after.clone_from(&last.place);
        let is_last = i64::try_from(page.len()).is_ok_and(|count| count < left);
        for past in &page {
            events.push(past.event()?);
        }
        if is_last {
            break;
        }
    }
    Ok(events)
}

/// The first events of a history that are not known to be on the bus.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub(crate) async fn pending(
    database: &Database,
    history: &Collection<Past>,
    limit: usize,
) -> Result<Vec<Arc<Envelope>>, StoreError> {
    // To this protocol a limit of 0 is none.
    let Some(limit) = i64::try_from(limit).ok().or(Some(i64::MAX)).filter(|limit| *limit > 0)
    else {
        return Ok(Vec::new());
    };
    let pending = history
        .find(doc! { "pending": { "$gte": "" } })
        .sort(doc! { "pending": 1 })
        .limit(limit.min(BATCH));
    let pending = database.bounded(all(pending)).await.map_err(Failure::unavailable)?;
    pending.iter().map(Past::event).collect()
}

/// Notes that events are on the bus.
///
/// # Errors
/// [`StoreError`]: they may be pending still.
pub(crate) async fn published(
    database: &Database,
    history: &Collection<Past>,
    events: &[Arc<Envelope>],
) -> Result<(), StoreError> {
    let places = events.iter().map(|event| place((event.aggregate_id, event.version)));
    let places: Vec<_> = places.collect();
    let noted = doc! { "$unset": { "pending": "" } };
    let noted = history.update_many(doc! { "_id": { "$in": places } }, noted);
    database.bounded(noted).await?;
    Ok(())
}
