//! The document store over the shared file.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use stubmart_contract::MessageId;
use stubmart_ports::store::{
    DocKey, Expect, Found, FoundKey, Outgoing, Recorded, Save, SaveId, Scan, Store, StoreError,
    Stored,
};
use uuid::Uuid;

use crate::{
    db::{Db, event_type, signed, unsigned},
    entries,
    names::Numbered,
    writer::{Tx, Undo, WriteError},
};

/// The store. Its record of events is the log of [`crate::SqliteBus`].
pub struct SqliteStore {
    db: Arc<Db>,
    /// Up to where nothing is pending, by service: so that what other services recorded since is not
    /// looked through again and again. It is a hint, and lost with the process.
    nothing_pending: Mutex<HashMap<&'static str, u64>>,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

impl From<WriteError> for StoreError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Unavailable(cause) => Self::Unavailable(cause),
            WriteError::Indeterminate(cause) => Self::Indeterminate(cause),
        }
    }
}

fn unavailable(error: rusqlite::Error) -> StoreError {
    StoreError::Unavailable(error.into())
}

/// Naming a collection writes nothing of the caller's, so that no answer to it that is lost matters.
fn not_begun(error: WriteError) -> StoreError {
    match error {
        WriteError::Unavailable(cause) | WriteError::Indeterminate(cause) => {
            StoreError::Unavailable(cause)
        }
    }
}

fn undeclared(index: &'static str) -> StoreError {
    StoreError::Unavailable(format!("the collection declares no index {index}").into())
}

impl SqliteStore {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db, nothing_pending: Mutex::default() }
    }

    /// Runs a scan with the given columns of `entry e` and `document d`.
    async fn scan<T>(
        &self,
        scan: Scan,
        sql: fn(&Scan) -> &'static str,
        row: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let numbered = self.db.numbered(scan.collection).await.map_err(not_begun)?;
        let index = numbered.index(scan.index).ok_or_else(|| undeclared(scan.index))?;
        let limit = i64::try_from(scan.limit).unwrap_or(i64::MAX);
        self.db
            .read(|conn| {
                let mut statement = conn.prepare_cached(sql(&scan))?;
                let found = match &scan.to {
                    Some(to) => {
                        statement.query_map(params![index.number, limit, scan.from, to], row)?
                    }
                    None => statement.query_map(params![index.number, limit, scan.from], row)?,
                };
                found.collect()
            })
            .map_err(unavailable)
    }
}

/// The statement of a scan, by whether it is bounded and which way it goes.
macro_rules! scan_sql {
    ($scan:expr, $select:literal) => {
        match ($scan.to.is_some(), $scan.descending) {
            (true, false) => concat!(
                $select,
                " WHERE e.name = ?1 AND e.key >= ?3 AND e.key < ?4 ORDER BY e.key LIMIT ?2"
            ),
            (true, true) => concat!(
                $select,
                " WHERE e.name = ?1 AND e.key >= ?3 AND e.key < ?4 ORDER BY e.key DESC LIMIT ?2"
            ),
            (false, false) => {
                concat!($select, " WHERE e.name = ?1 AND e.key >= ?3 ORDER BY e.key LIMIT ?2")
            }
            (false, true) => {
                concat!($select, " WHERE e.name = ?1 AND e.key >= ?3 ORDER BY e.key DESC LIMIT ?2")
            }
        }
    };
}

fn find_sql(scan: &Scan) -> &'static str {
    scan_sql!(
        scan,
        "SELECT d.id, d.version, d.save_id, d.event_count, d.body, e.key \
         FROM entry e CROSS JOIN document d ON d.number = e.document"
    )
}

fn keys_sql(scan: &Scan) -> &'static str {
    scan_sql!(scan, "SELECT e.key, e.id FROM entry e")
}

pub(crate) fn uuid(bytes: &[u8]) -> rusqlite::Result<Uuid> {
    Uuid::from_slice(bytes).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Blob, error.into())
    })
}

/// A document whose columns come first: id, version, save id, event count, body.
fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        id: uuid(row.get_ref(0)?.as_blob()?)?,
        version: unsigned(row.get(1)?),
        save_id: SaveId(uuid(row.get_ref(2)?.as_blob()?)?),
        event_count: unsigned(row.get(3)?),
        body: row.get(4)?,
    })
}

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found { key: row.get(5)?, doc: stored(row)? })
}

fn found_key(row: &Row<'_>) -> rusqlite::Result<FoundKey> {
    let key: Vec<u8> = row.get(0)?;
    let id = match row.get_ref(1)?.as_blob_or_null()? {
        Some(id) => uuid(id)?,
        None => uuid(key.last_chunk::<16>().map_or(&[], |id| id.as_slice()))?,
    };
    Ok(FoundKey { key, id })
}

/// A document as it is stored before a write.
struct Before {
    number: i64,
    version: u64,
    entries: Vec<u8>,
}

fn before(tx: &Tx<'_>, collection: i64, id: Uuid) -> rusqlite::Result<Option<Before>> {
    tx.prepare("SELECT number, version, entries FROM document WHERE collection = ?1 AND id = ?2")?
        .query_row((collection, id.as_bytes().as_slice()), |row| {
            Ok(Before { number: row.get(0)?, version: unsigned(row.get(1)?), entries: row.get(2)? })
        })
        .optional()
}

/// What a save or a deletion is answered with when it is committed or refused.
type Answer = Result<u64, StoreError>;

/// Runs a save. First all the questions, then the writes: a refusal has written nothing.
fn save(
    tx: &mut Tx<'_>,
    numbered: &Numbered,
    save: &Save,
    entries: &[u8],
) -> Result<Answer, Undo<Answer>> {
    let id = save.key.id;
    let before = before(tx, numbered.number, id)?;
    let version = match (save.expect, &before) {
        (Expect::Absent, None) => 1,
        (Expect::Version(expected), Some(before)) if before.version == expected => {
            expected.saturating_add(1)
        }
        _ => return Ok(Err(StoreError::Conflict)),
    };
    let entries_before = before.as_ref().map_or(&[][..], |before| &before.entries);
    let Some(difference) = entries::difference(entries_before, entries) else {
        return Ok(Err(corrupt(id)));
    };
    for &(index, key) in &difference.added {
        let index = numbered.index_by_number(index).filter(|index| index.unique);
        if let Some(index) = index
            && is_taken(tx, index.number, key)?
        {
            return Ok(Err(StoreError::Taken { index: index.name }));
        }
    }
    let number = write_document(tx, numbered.number, save, before.as_ref(), version, entries)?;
    for &entry in &difference.removed {
        remove_entry(tx, entry)?;
    }
    for &(index, key) in &difference.added {
        add_entry(tx, numbered, (index, key), number, id)?;
    }
    for event in &save.events {
        tx.record(Some(numbered.service), event)?;
    }
    Ok(Ok(version))
}

fn corrupt(id: Uuid) -> StoreError {
    StoreError::Unavailable(format!("the stored index entries of {id} can not be read").into())
}

fn is_taken(tx: &Tx<'_>, index: i64, key: &[u8]) -> rusqlite::Result<bool> {
    tx.prepare("SELECT 1 FROM entry WHERE name = ?1 AND key = ?2")?.exists((index, key))
}

/// Writes the document itself. The answer is its number.
fn write_document(
    tx: &Tx<'_>,
    collection: i64,
    save: &Save,
    before: Option<&Before>,
    version: u64,
    entries: &[u8],
) -> rusqlite::Result<i64> {
    let save_id = save.save_id.0.as_bytes().as_slice();
    let (version, event_count) = (signed(version), signed(save.event_count));
    if let Some(before) = before {
        tx.prepare(
            "UPDATE document SET version = ?2, save_id = ?3, event_count = ?4, entries = ?5, body = ?6 \
             WHERE number = ?1",
        )?
        .execute(params![before.number, version, save_id, event_count, entries, save.body])?;
        return Ok(before.number);
    }
    tx.prepare(
        "INSERT INTO document(collection, id, version, save_id, event_count, entries, body) \
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .insert(params![
        collection,
        save.key.id.as_bytes().as_slice(),
        version,
        save_id,
        event_count,
        entries,
        save.body
    ])
}

fn remove_entry(tx: &Tx<'_>, (index, key): entries::Entry<'_>) -> rusqlite::Result<()> {
    tx.prepare("DELETE FROM entry WHERE name = ?1 AND key = ?2")?.execute((index, key)).map(drop)
}

/// Adds an entry. Keys of an index that is not unique end with the document's id and so were not
/// looked up before; should one be taken all the same, the save is refused as a whole.
fn add_entry(
    tx: &Tx<'_>,
    numbered: &Numbered,
    (index, key): entries::Entry<'_>,
    document: i64,
    id: Uuid,
) -> Result<(), Undo<Answer>> {
    let id = id.as_bytes().as_slice();
    let id = if key.ends_with(id) { None } else { Some(id) };
    let added = tx
        .prepare("INSERT INTO entry(name, key, document, id) VALUES(?1, ?2, ?3, ?4)")?
        .execute(params![index, key, document, id]);
    match (added, numbered.index_by_number(index)) {
        (Ok(_), _) => Ok(()),
        (Err(error), Some(index))
            if error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation) =>
        {
            Err(Undo::Refused(Err(StoreError::Taken { index: index.name })))
        }
        (Err(error), _) => Err(error.into()),
    }
}

/// Runs a deletion.
fn delete(tx: &Tx<'_>, collection: i64, id: Uuid, version: u64) -> Result<Answer, Undo<Answer>> {
    let Some(before) = before(tx, collection, id)?.filter(|before| before.version == version)
    else {
        return Ok(Err(StoreError::Conflict));
    };
    let Some(entries) = entries::decode(&before.entries) else { return Ok(Err(corrupt(id))) };
    for entry in entries {
        remove_entry(tx, entry)?;
    }
    tx.prepare("DELETE FROM document WHERE number = ?1")?.execute((before.number,))?;
    Ok(Ok(version))
}

/// The events of a service behind a position.
fn recorded_behind(
    conn: &Connection,
    service: &str,
    after: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Recorded>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    conn.prepare_cached(
        "SELECT seq, id, type, body FROM event WHERE seq > ?1 AND service = ?2 ORDER BY seq LIMIT ?3",
    )?
    .query_map((signed(after), service, limit), |row| {
        let name = row.get_ref(2)?.as_str()?;
        let event_type = event_type(name).ok_or_else(|| {
            let cause = format!("the event type {name} is not known");
            rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, cause.into())
        })?;
        let id = MessageId(uuid(row.get_ref(1)?.as_blob()?)?);
        let event = Outgoing { id, event_type, body: row.get(3)? };
        Ok(Recorded { position: unsigned(row.get(0)?), event })
    })?
    .collect()
}

/// Up to where a service has published.
fn published_to(conn: &Connection, service: &str) -> rusqlite::Result<u64> {
    let seq = conn
        .prepare_cached("SELECT seq FROM published WHERE service = ?1")?
        .query_row((service,), |row| row.get(0))
        .optional()?;
    Ok(seq.map_or(0, unsigned))
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self, key: DocKey) -> Result<Option<Stored>, StoreError> {
        let numbered = self.db.numbered(key.collection).await.map_err(not_begun)?;
        self.db
            .read(|conn| {
                conn.prepare_cached(
                    "SELECT id, version, save_id, event_count, body FROM document \
                     WHERE collection = ?1 AND id = ?2",
                )?
                .query_row((numbered.number, key.id.as_bytes().as_slice()), stored)
                .optional()
            })
            .map_err(unavailable)
    }

    async fn save(&self, it: Save) -> Result<u64, StoreError> {
        let numbered = self.db.numbered(it.key.collection).await.map_err(not_begun)?;
        let entries = entries::encode(&numbered, &it.entries).map_err(undeclared)?;
        self.db.write(move |tx| save(tx, &numbered, &it, &entries)).await?
    }

    async fn delete(&self, key: DocKey, version: u64) -> Result<(), StoreError> {
        let collection = self.db.numbered(key.collection).await.map_err(not_begun)?.number;
        self.db.write(move |tx| delete(tx, collection, key.id, version)).await?.map(drop)
    }

    async fn find(&self, scan: Scan) -> Result<Vec<Found>, StoreError> {
        self.scan(scan, find_sql, found).await
    }

    async fn keys(&self, scan: Scan) -> Result<Vec<FoundKey>, StoreError> {
        self.scan(scan, keys_sql, found_key).await
    }

    async fn pending(
        &self,
        service: &'static str,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        let newest = self.db.newest().map_err(unavailable)?;
        let looked_to = {
            let hints = self.nothing_pending.lock().unwrap_or_else(PoisonError::into_inner);
            hints.get(service).copied().unwrap_or(0)
        };
        let pending = self
            .db
            .read(|conn| {
                let after = published_to(conn, service)?.max(looked_to);
                recorded_behind(conn, service, after, limit)
            })
            .map_err(unavailable)?;
        if pending.is_empty() && limit > 0 {
            let mut hints = self.nothing_pending.lock().unwrap_or_else(PoisonError::into_inner);
            hints.insert(service, newest);
        }
        Ok(pending)
    }

    async fn published(
        &self,
        service: &'static str,
        events: &[Recorded],
    ) -> Result<(), StoreError> {
        let Some(last) = events.iter().map(|event| event.position).max() else { return Ok(()) };
        self.db
            .write(move |tx| {
                tx.prepare(
                    "INSERT INTO published(service, seq) VALUES(?1, ?2) \
                     ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)",
                )?
                .execute((service, signed(last)))?;
                Ok(())
            })
            .await?;
        Ok(())
    }

    async fn record(
        &self,
        service: &'static str,
        after: u64,
        limit: usize,
    ) -> Result<Vec<Recorded>, StoreError> {
        self.db.read(|conn| recorded_behind(conn, service, after, limit)).map_err(unavailable)
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.db.newest().map_err(unavailable)?;
        let written = self.db.write(|tx| {
            tx.prepare("UPDATE probe SET count = count + 1 WHERE id = 1")?.execute(())?;
            Ok(())
        });
        written.await.map_err(not_begun)
    }
}
