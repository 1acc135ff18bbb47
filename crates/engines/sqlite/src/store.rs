//! The document store over the shared file.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use stubmart_contract::Envelope;
use stubmart_ports::{
    bus::Event,
    store::{
        DocKey, Expect, Found, FoundKey, HistoryCursor, Save, SaveId, Scan, Store, StoreError,
        Stored,
    },
};
use uuid::Uuid;

use crate::{
    db::Db,
    entries, feed,
    names::{Names, Numbered},
    sql::{signed, unsigned, uuid},
    writer::{Encoded, Tx, Undo, WriteError},
};

/// The store. Its events are the log of [`crate::SqliteBus`].
pub struct SqliteStore {
    db: Arc<Db>,
    names: Names,
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

/// An index that its collection declares and that has no number in the file.
fn unnumbered(index: &'static str) -> StoreError {
    StoreError::Unavailable(format!("index {index} has no number").into())
}

impl SqliteStore {
    pub(crate) fn new(db: Arc<Db>) -> Self {
        Self { db, names: Names::default() }
    }

    /// Runs a scan with the given columns of `entry e` and `document d`.
    async fn scan<T>(
        &self,
        scan: Scan,
        sql: fn(&Scan) -> &'static str,
        row: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let numbered = self.names.numbered(&self.db, scan.collection).await.map_err(not_begun)?;
        scan.collection.index(scan.index)?;
        let index = numbered.index(scan.index).ok_or_else(|| unnumbered(scan.index))?;
        let limit = i64::try_from(scan.at_most()).unwrap_or(i64::MAX);
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
        "SELECT d.id, d.revision, d.save_id, d.version, d.body, e.key \
         FROM entry e CROSS JOIN document d ON d.number = e.document"
    )
}

fn keys_sql(scan: &Scan) -> &'static str {
    scan_sql!(scan, "SELECT e.key, e.id FROM entry e")
}

/// A document whose columns come first: id, revision, save id, version, body.
fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        id: uuid(row.get_ref(0)?.as_blob()?)?,
        revision: unsigned(row.get(1)?),
        save_id: SaveId(uuid(row.get_ref(2)?.as_blob()?)?),
        version: unsigned(row.get(3)?),
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
    revision: u64,
    version: u64,
    entries: Vec<u8>,
}

fn before(tx: &Tx<'_>, collection: i64, id: Uuid) -> rusqlite::Result<Option<Before>> {
    tx.prepare(
        "SELECT number, revision, version, entries FROM document WHERE collection = ?1 AND id = ?2",
    )?
    .query_row((collection, id.as_bytes().as_slice()), |row| {
        Ok(Before {
            number: row.get(0)?,
            revision: unsigned(row.get(1)?),
            version: unsigned(row.get(2)?),
            entries: row.get(3)?,
        })
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
    events: &[Encoded],
) -> Result<Answer, Undo<Answer>> {
    let id = save.key.id;
    let before = before(tx, numbered.number, id)?;
    let revision = match (save.expect, &before) {
        (Expect::Absent, None) => 1,
        (Expect::Revision(expected), Some(before)) if before.revision == expected => {
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
    let number = write_document(tx, numbered.number, save, before.as_ref(), revision, entries)?;
    for &entry in &difference.removed {
        remove_entry(tx, entry)?;
    }
    for &(index, key) in &difference.added {
        add_entry(tx, numbered, (index, key), number, id)?;
    }
    for event in events {
        tx.record(Some(numbered.service), event)?;
    }
    Ok(Ok(revision))
}

fn corrupt(id: Uuid) -> StoreError {
    StoreError::Unavailable(format!("the stored index entries of {id} cannot be read").into())
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
    revision: u64,
    entries: &[u8],
) -> rusqlite::Result<i64> {
    let save_id = save.save_id.0.as_bytes().as_slice();
    let (revision, version) = (signed(revision), signed(save.version));
    if let Some(before) = before {
        tx.prepare(
            "UPDATE document SET revision = ?2, save_id = ?3, version = ?4, entries = ?5, body = ?6 \
             WHERE number = ?1",
        )?
        .execute(params![before.number, revision, save_id, version, entries, save.body])?;
        return Ok(before.number);
    }
    tx.prepare(
        "INSERT INTO document(collection, id, revision, save_id, version, entries, body) \
         VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .insert(params![
        collection,
        save.key.id.as_bytes().as_slice(),
        revision,
        save_id,
        version,
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
fn delete(tx: &Tx<'_>, collection: i64, id: Uuid, revision: u64) -> Result<Answer, Undo<Answer>> {
    let Some(before) = before(tx, collection, id)?.filter(|before| before.revision == revision)
    else {
        return Ok(Err(StoreError::Conflict));
    };
    if before.version > 0 {
        return Ok(Err(StoreError::Unavailable(format!("{id} has published events").into())));
    }
    let Some(entries) = entries::decode(&before.entries) else { return Ok(Err(corrupt(id))) };
    for entry in entries {
        remove_entry(tx, entry)?;
    }
    tx.prepare("DELETE FROM document WHERE number = ?1")?.execute((before.number,))?;
    Ok(Ok(revision))
}

/// The events of a service behind a place in its history.
fn history(
    conn: &Connection,
    service: &str,
    after: Option<HistoryCursor>,
    limit: usize,
) -> rusqlite::Result<Vec<Event>> {
    let (aggregate, version) =
        after.map_or((Vec::new(), 0), |(id, version)| (id.as_bytes().to_vec(), signed(version)));
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    conn.prepare_cached(
        "SELECT body, aggregate, version FROM every_event \
         WHERE service = ?1 AND aggregate IS NOT NULL AND (aggregate, version) > (?2, ?3) \
         ORDER BY aggregate, version LIMIT ?4",
    )?
    .query_map(params![service, aggregate, version, limit], |row| {
        Ok(feed::read(row.get_ref(0)?.as_blob()?))
    })?
    .collect()
}

#[async_trait]
impl Store for SqliteStore {
    async fn load(&self, key: DocKey) -> Result<Option<Stored>, StoreError> {
        let numbered = self.names.numbered(&self.db, key.collection).await.map_err(not_begun)?;
        self.db
            .read(|conn| {
                conn.prepare_cached(
                    "SELECT id, revision, save_id, version, body FROM document \
                     WHERE collection = ?1 AND id = ?2",
                )?
                .query_row((numbered.number, key.id.as_bytes().as_slice()), stored)
                .optional()
            })
            .map_err(unavailable)
    }

    async fn save(&self, it: Arc<Save>) -> Result<u64, StoreError> {
        it.check_entries()?;
        let numbered = self.names.numbered(&self.db, it.key.collection).await.map_err(not_begun)?;
        let entries = entries::encode(&numbered, &it.entries).map_err(unnumbered)?;
        let events = Encoded::all(&it.events).map_err(StoreError::Unavailable)?;
        self.db.write(move |tx| save(tx, &numbered, &it, &entries, &events)).await?
    }

    async fn delete(&self, key: DocKey, revision: u64) -> Result<(), StoreError> {
        let collection =
            self.names.numbered(&self.db, key.collection).await.map_err(not_begun)?.number;
        self.db.write(move |tx| delete(tx, collection, key.id, revision)).await?.map(drop)
    }

    async fn find(&self, scan: Scan) -> Result<Vec<Found>, StoreError> {
        self.scan(scan, find_sql, found).await
    }

    async fn keys(&self, scan: Scan) -> Result<Vec<FoundKey>, StoreError> {
        self.scan(scan, keys_sql, found_key).await
    }

    async fn history(
        &self,
        service: &'static str,
        after: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, StoreError> {
        let events = self.db.read(|conn| history(conn, service, after, limit));
        let events = events.map_err(unavailable)?.into_iter().collect::<Result<_, _>>();
        events.map_err(|unreadable| StoreError::Unavailable(unreadable.into()))
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
