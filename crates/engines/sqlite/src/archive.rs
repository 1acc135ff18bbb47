//! The archive: a second file beside the first one, which the oldest events are moved into, so that the file
//! that is written and backed up all the time does not grow with what hardly anybody reads.
//!
//! Events move in the order of the log: first they are committed to the archive, then they are deleted. Between
//! the two they are in both files; [`attach`] shows such an event once. The newest event always stays, since the
//! next one is numbered by it.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags, params};

use crate::schema::{BUSY_TIMEOUT, OpenError};

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
pub(crate) fn beside(path: &Path) -> PathBuf {
    path.with_extension("archive.db")
}

/// Makes an archive of the file at `path`, if it is none yet.
pub(crate) fn create(path: &Path) -> Result<(), OpenError> {
    Ok(open(path)?.execute_batch(SCHEMA)?)
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

/// The newest event in the archive at `path`.
pub(crate) fn newest(path: &Path) -> rusqlite::Result<Option<i64>> {
    open(path)?.query_row("SELECT max(seq) FROM event", (), |row| row.get(0))
}

/// Commits rows to the archive at `path`, all or none.
pub(crate) fn append(path: &Path, rows: &[Row]) -> rusqlite::Result<()> {
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
pub(crate) struct Row {
    pub(crate) seq: i64,
    pub(crate) id: Vec<u8>,
    pub(crate) service: Option<String>,
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
    pub(crate) aggregate: Option<Vec<u8>>,
    pub(crate) version: Option<i64>,
}
