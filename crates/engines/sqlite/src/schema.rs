//! What is in the file, and how a connection to it is set up.

use std::{fmt, path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};

/// Marks the file as ours (`PRAGMA application_id`): "stub" in ASCII.
const APPLICATION_ID: i32 = 0x7374_7562;

/// How long a connection waits for another process that holds the write lock.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How many prepared statements a connection keeps: more than there are.
const STATEMENTS_MAX: usize = 128;

/// The steps that lead from an empty file to the present schema. The file's `user_version` says how
/// many of them it has taken; a step that was released is never changed.
const STEPS: &[&str] = &[
    r#"
-- Collections and indexes, known by small numbers everywhere else.
CREATE TABLE name(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- Documents. `entries` is the encoded list of the document's index entries, so that a save that
-- changes none of them touches no index.
CREATE TABLE document(
    number INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL,
    id BLOB NOT NULL,
    version INTEGER NOT NULL,
    save_id BLOB NOT NULL,
    event_count INTEGER NOT NULL,
    entries BLOB NOT NULL,
    body BLOB NOT NULL,
    UNIQUE(collection, id)
) STRICT;

-- Index entries. `id` is the document's, or null where the key ends with it.
CREATE TABLE entry(
    name INTEGER NOT NULL,
    key BLOB NOT NULL,
    document INTEGER NOT NULL,
    id BLOB,
    PRIMARY KEY(name, key)
) STRICT, WITHOUT ROWID;

-- The record of events and the log of the bus. Nothing is ever deleted from it, so `seq` grows by one
-- with every event. `service` is null for an event that came over the bus and was not saved here.
CREATE TABLE event(
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE,
    service TEXT,
    type TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;

-- Up to where a service's relay has published.
CREATE TABLE published(
    service TEXT PRIMARY KEY,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Readers of the bus. Every event up to `cursor` is settled or in `retry`.
CREATE TABLE consumer(
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    cursor INTEGER NOT NULL
) STRICT;

-- Deliveries to be made again. `attempt` counts those that were made.
CREATE TABLE retry(
    consumer INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    due INTEGER NOT NULL,
    PRIMARY KEY(consumer, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX retry_due ON retry(consumer, due);

-- Deliveries that can never be handled, for a human.
CREATE TABLE dead(
    consumer INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY(consumer, seq)
) STRICT, WITHOUT ROWID;

-- Timers. A timer that is set again gets a new number.
CREATE TABLE timer(
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    key BLOB NOT NULL UNIQUE,
    due INTEGER NOT NULL,
    leased_until INTEGER,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX timer_due ON timer(due, leased_until);
CREATE INDEX timer_leased ON timer(leased_until) WHERE leased_until IS NOT NULL;

-- Written by the readiness check.
CREATE TABLE probe(
    id INTEGER PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT;
INSERT INTO probe VALUES(1, 0);
"#,
    r#"
-- What is compared and counted up by each save is the revision; the version is the number of events that
-- a document has published.
ALTER TABLE document RENAME COLUMN version TO revision;
ALTER TABLE document RENAME COLUMN event_count TO version;

-- The history of a service goes by aggregate and version. Both are null for an event that came over the
-- bus, and for one that is damaged.
ALTER TABLE event ADD COLUMN aggregate BLOB;
ALTER TABLE event ADD COLUMN version INTEGER;
UPDATE event SET
    aggregate = unhex(replace(json_extract(CAST(body AS TEXT), '$.aggregateId'), '-', '')),
    version = json_extract(CAST(body AS TEXT), '$.version')
WHERE service IS NOT NULL AND json_valid(CAST(body AS TEXT));
CREATE UNIQUE INDEX event_history ON event(service, aggregate, version) WHERE aggregate IS NOT NULL;

-- An event is on the bus by the commit that saved it.
DROP TABLE published;
"#,
    r#"
-- A saved event is found by its aggregate and version; only one that came over the bus by its id.
CREATE TABLE event_by_seq(
    seq INTEGER PRIMARY KEY,
    id BLOB NOT NULL,
    service TEXT,
    type TEXT NOT NULL,
    body BLOB NOT NULL,
    aggregate BLOB,
    version INTEGER
) STRICT;
INSERT INTO event_by_seq SELECT seq, id, service, type, body, aggregate, version FROM event;
DROP TABLE event;
ALTER TABLE event_by_seq RENAME TO event;
CREATE UNIQUE INDEX event_history ON event(aggregate, version, service) WHERE aggregate IS NOT NULL;
CREATE UNIQUE INDEX event_came ON event(id) WHERE aggregate IS NULL;
"#,
];

/// Why a file was not opened.
#[derive(Debug)]
pub enum OpenError {
    /// The file was written by a newer version of this program. Nothing was changed.
    Newer {
        /// The schema version of the file.
        found: i32,
        /// The newest that this program knows.
        known: i32,
    },
    /// The file is empty or was written by an older version of this program, and it is only to be
    /// read. Nothing was changed.
    Older,
    /// The file is another program's database. Nothing was changed.
    Foreign,
    /// The file cannot be opened or prepared.
    Sqlite(rusqlite::Error),
    /// The file cannot be created, or a thread not started.
    Io(std::io::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer { found, known } => write!(
                f,
                "the database has schema version {found}, and this program knows versions up to \
                 {known}: it was written by a newer version of this program"
            ),
            Self::Older => f.write_str(
                "the database is empty or has an older schema: serve it once with this version",
            ),
            Self::Foreign => f.write_str("the file is another program's database"),
            Self::Sqlite(error) => write!(f, "the database cannot be opened: {error}"),
            Self::Io(error) => write!(f, "the database cannot be opened: {error}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<std::io::Error> for OpenError {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// A connection with a page cache of `cache_kib`.
pub(crate) fn connect(path: &Path, cache_kib: u32) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags)?;
    conn.busy_timeout(BUSY_TIMEOUT)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    // Else a statement with a bound LIMIT is parsed again each time that the value changes.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A negative size is in KiB. Checkpoints are made by the checkpointer, off the commit path. What
    // is deleted is overwritten where that costs no extra page, since it may be personal data.
    conn.execute_batch(&format!(
        "PRAGMA cache_size = -{cache_kib}; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0; \
         PRAGMA temp_store = MEMORY; PRAGMA secure_delete = FAST; PRAGMA trusted_schema = OFF;"
    ))?;
    Ok(conn)
}

/// Refuses a file that is not ours or newer than this program, without changing it.
pub(crate) fn check(conn: &Connection) -> Result<(), OpenError> {
    steps_taken(conn).map(drop)
}

/// Refuses a file that is not ours or not of the present schema, without changing it.
pub(crate) fn require_present(conn: &Connection) -> Result<(), OpenError> {
    if steps_taken(conn)? == STEPS.len() { Ok(()) } else { Err(OpenError::Older) }
}

/// Puts the file in WAL mode.
pub(crate) fn write_ahead(conn: &Connection) -> Result<(), OpenError> {
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))?;
    if mode == "wal" {
        Ok(())
    } else {
        Err(OpenError::Io(std::io::Error::other(format!(
            "the file system does not support the journal mode WAL (it is {mode})"
        ))))
    }
}

/// Brings the file to the present schema, which it has already but for the first time.
pub(crate) fn prepare(conn: &mut Connection) -> Result<(), OpenError> {
    if steps_taken(conn)? == STEPS.len() {
        return Ok(());
    }
    let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    let taken = steps_taken(&tx)?;
    for step in STEPS.iter().skip(taken) {
        tx.execute_batch(step)?;
    }
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", known_version())?;
    tx.commit()?;
    Ok(())
}

fn known_version() -> i32 {
    i32::try_from(STEPS.len()).unwrap_or(i32::MAX)
}

/// How many steps the file has taken. Refuses a file that is not ours or newer than this program.
fn steps_taken(conn: &Connection) -> Result<usize, OpenError> {
    let found: i32 = conn.query_row("PRAGMA user_version", (), |row| row.get(0))?;
    let application: i32 = conn.query_row("PRAGMA application_id", (), |row| row.get(0))?;
    let tables: i64 = conn.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))?;
    if tables == 0 {
        return Ok(0);
    }
    if application != APPLICATION_ID {
        return Err(OpenError::Foreign);
    }
    match usize::try_from(found) {
        Ok(taken) if taken <= STEPS.len() => Ok(taken),
        _ => Err(OpenError::Newer { found, known: known_version() }),
    }
}
