//! The archive: a second file beside the first one, which the oldest events are moved into, so that the file
//! that is written and backed up all the time does not grow with what hardly anybody reads.
//!
//! Events move in the order of the log: first they are committed to the archive, then they are deleted. Between
//! the two they are in both files; [`attach`] shows such an event once. The newest event always stays, since the
//! next one is numbered by it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};
use stubmart_contract::Timestamp;
use stubmart_ports::Cause;

use crate::{
    database,
    db::Db,
    feed,
    schema::{BUSY_TIMEOUT, OpenError},
    writer::WriteError,
};

/// How many events are moved in one go.
const BATCH: i64 = 1000;

/// What the archive holds. It is never changed: another form of it is another file.
const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS event(
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    service TEXT,
    type TEXT NOT NULL,
    body BLOB NOT NULL,
    aggregate BLOB,
    version INTEGER
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS event_history ON event(aggregate, version, service)
    WHERE aggregate IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS event_came ON event(id) WHERE aggregate IS NULL;
";

/// The file of the archive that belongs to the file at `path`.
fn beside(path: &Path) -> PathBuf {
    path.with_extension("archive.db")
}

/// Makes the archive, if it is not there.
pub(crate) fn create(path: &Path) -> Result<(), OpenError> {
    let path = beside(path);
    database::create(&path)?;
    Ok(open(&path)?.execute_batch(SCHEMA)?)
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    Ok(conn)
}

/// Shows a connection to the file at `path` every event there is as `every_event`: those of the archive, if there
/// is one, and the others.
///
/// A statement looks at the file before it looks at the archive (`SQLite` begins the transactions of a statement
/// in the order of its files), so an event that moves meanwhile is found in one of them at least.
pub(crate) fn attach(conn: &Connection, path: &Path) -> rusqlite::Result<()> {
    let path = beside(path);
    if !path.exists() {
        return conn.execute_batch("CREATE TEMP VIEW every_event AS SELECT * FROM main.event");
    }
    conn.execute("ATTACH ?1 AS archive", (path.to_string_lossy(),))?;
    // The plus keeps this comparison from choosing the index.
    conn.execute_batch(
        "CREATE TEMP VIEW every_event AS SELECT * FROM archive.event UNION ALL
         SELECT seq, id, service, type, body, aggregate, version FROM main.event
         WHERE +seq > coalesce((SELECT max(seq) FROM archive.event), 0)",
    )
}

/// Moves the oldest events into the archive, those from before `before`, up to a batch of them. Whether there may
/// be more.
///
/// # Errors
/// The cause; whatever happened, every event is in one of the files, and the next call goes on.
pub(crate) async fn move_batch(db: &Db, path: &Path, before: Timestamp) -> Result<bool, Cause> {
    let path = beside(path);
    let archived = tokio::task::spawn_blocking({
        let path = path.clone();
        move || open(&path)?.query_row("SELECT max(seq) FROM event", (), |row| row.get(0))
    });
    let archived: Option<i64> = archived.await??;
    let rows = oldest(db, archived.unwrap_or(0), before)?;
    let is_full = i64::try_from(rows.len()) == Ok(BATCH);
    let last = rows.last().map_or(archived, |it| Some(it.seq));
    tokio::task::spawn_blocking(move || append(&path, &rows)).await??;
    if let Some(last) = last {
        let deleted = db.write(move |tx| {
            Ok(tx.prepare("DELETE FROM event WHERE seq <= ?1")?.execute((last,))?)
        });
        deleted.await.map_err(|error| match error {
            WriteError::Unavailable(cause) | WriteError::Indeterminate(cause) => cause,
        })?;
    }
    Ok(is_full)
}

/// Commits rows to the archive, all or none.
fn append(path: &Path, rows: &[Row]) -> rusqlite::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut archive = open(path)?;
    let tx = archive.transaction()?;
    let mut insert = tx.prepare("INSERT INTO event VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
    for it in rows {
        insert.execute(params![
            it.seq,
            it.id,
            it.service,
            it.kind,
            it.body,
            it.aggregate,
            it.version
        ])?;
    }
    drop(insert);
    tx.commit()
}

/// A row of the log.
struct Row {
    seq: i64,
    id: Vec<u8>,
    service: Option<String>,
    kind: String,
    body: Vec<u8>,
    aggregate: Option<Vec<u8>>,
    version: Option<i64>,
}

/// The events behind `archived` up to the first that is not from before `before`, without the newest of all.
fn oldest(db: &Db, archived: i64, before: Timestamp) -> Result<Vec<Row>, Cause> {
    let rows = db.read(|conn| {
        conn.prepare_cached(
            "SELECT seq, id, service, type, body, aggregate, version FROM event \
             WHERE seq > ?1 AND seq < (SELECT max(seq) FROM event) ORDER BY seq LIMIT ?2",
        )?
        .query_map((archived, BATCH), |row| {
            Ok(Row {
                seq: row.get(0)?,
                id: row.get(1)?,
                service: row.get(2)?,
                kind: row.get(3)?,
                body: row.get(4)?,
                aggregate: row.get(5)?,
                version: row.get(6)?,
            })
        })?
        .collect::<rusqlite::Result<Vec<_>>>()
    })?;
    // One that cannot be read has no time: it stays, and so does what came later.
    let is_old = |it: &Row| feed::read(&it.body).is_ok_and(|event| event.at < before);
    Ok(rows.into_iter().take_while(is_old).collect())
}
