//! Everything that a file holds at one moment, for an audit: read beside the process that serves the
//! file or without one, and never written to.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, config::DbConfig};
use stubmart_contract::Timestamp;
use stubmart_ports::bus::{Consumer, Event};
use uuid::Uuid;

use crate::{
    archive, feed,
    schema::{self, OpenError},
    sql::{unsigned, uuid},
};

/// A stored document and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The collection's name.
    pub collection: String,
    /// The document's id.
    pub id: Uuid,
    /// How many events it has published.
    pub version: u64,
}

/// An event that a consumer has not settled yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its place in the log.
    pub position: u64,
    /// When it is delivered again, if it was before.
    pub due: Option<Timestamp>,
    /// The event.
    pub event: Event,
}

/// A delivery that was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// The consumer's name.
    pub consumer: String,
    /// The event's place in the log.
    pub position: u64,
    /// The event's kind.
    pub kind: String,
    /// Why it cannot be handled.
    pub reason: String,
}

/// What a file held when the snapshot was taken, whatever is written to it meanwhile.
#[derive(Debug)]
pub struct Snapshot {
    conn: Connection,
}

impl Snapshot {
    /// Takes a snapshot of the file at `path`. The file is neither created nor brought to the present
    /// schema.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn take(path: &Path) -> Result<Self, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags)?;
        conn.busy_timeout(schema::BUSY_TIMEOUT)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        conn.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;")?;
        // A file without the table has no view of it either, and is refused below.
        archive::attach(&conn, path)?;
        conn.execute_batch("PRAGMA query_only = ON; BEGIN;")?;
        // The first read is the moment of the snapshot.
        schema::require_present(&conn)?;
        Ok(Self { conn })
    }

    /// The contents of a collection's documents, in no order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn bodies(&self, collection: &str) -> rusqlite::Result<Vec<Vec<u8>>> {
        self.conn
            .prepare(
                "SELECT body FROM document WHERE collection = (SELECT id FROM name WHERE name = ?1)",
            )?
            .query_map((collection,), |row| row.get(0))?
            .collect()
    }

    /// Every document there is, in no order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn documents(&self) -> rusqlite::Result<Vec<Listed>> {
        self.conn
            .prepare(
                "SELECT name.name, document.id, document.version \
                 FROM document JOIN name ON name.id = document.collection",
            )?
            .query_map((), |row| {
                Ok(Listed {
                    collection: row.get(0)?,
                    id: uuid(row.get_ref(1)?.as_blob()?)?,
                    version: unsigned(row.get(2)?),
                })
            })?
            .collect()
    }

    /// Shows `see` the place and the event of everything that a service saved, in the order of the log.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn record(&self, mut see: impl FnMut(u64, Event)) -> rusqlite::Result<()> {
        let mut statement = self
            .conn
            .prepare("SELECT seq, body FROM every_event WHERE service IS NOT NULL ORDER BY seq")?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            see(unsigned(row.get(0)?), feed::read(row.get_ref(1)?.as_blob()?));
        }
        Ok(())
    }

    /// What `consumer` has not settled yet, oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn waiting(&self, consumer: &Consumer) -> rusqlite::Result<Vec<Waiting>> {
        let mut waiting: Vec<Waiting> = self
            .conn
            .prepare(
                "SELECT event.seq, retry.due, event.body FROM retry \
                 JOIN consumer ON consumer.id = retry.consumer JOIN every_event AS event ON event.seq = retry.seq \
                 WHERE consumer.name = ?1",
            )?
            .query_map((consumer.name,), |row| {
                let due = row.get::<_, Option<i64>>(1)?.map(Timestamp::from_millis);
                let event = feed::read(row.get_ref(2)?.as_blob()?);
                Ok(Waiting { position: unsigned(row.get(0)?), due, event })
            })?
            .collect::<rusqlite::Result<_>>()?;
        // One that came back may lie behind the cursor too.
        let mut behind = self.conn.prepare(
            "SELECT seq, body FROM every_event WHERE type = ?2 AND seq > \
             coalesce((SELECT cursor FROM consumer WHERE name = ?1), 0) AND seq NOT IN \
             (SELECT seq FROM retry JOIN consumer ON consumer.id = retry.consumer WHERE name = ?1)",
        )?;
        for kind in consumer.types {
            let rows = behind.query_map((consumer.name, kind.as_str()), |row| {
                let event = feed::read(row.get_ref(1)?.as_blob()?);
                Ok(Waiting { position: unsigned(row.get(0)?), due: None, event })
            })?;
            for row in rows {
                waiting.push(row?);
            }
        }
        waiting.sort_by_key(|it| it.position);
        Ok(waiting)
    }

    /// What was put aside for a human.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn dead(&self) -> rusqlite::Result<Vec<Dead>> {
        self.conn
            .prepare(
                "SELECT consumer.name, dead.seq, coalesce(event.type, '?'), dead.reason FROM dead \
                 JOIN consumer ON consumer.id = dead.consumer \
                 LEFT JOIN every_event AS event ON event.seq = dead.seq",
            )?
            .query_map((), |row| {
                Ok(Dead {
                    consumer: row.get(0)?,
                    position: unsigned(row.get(1)?),
                    kind: row.get(2)?,
                    reason: row.get(3)?,
                })
            })?
            .collect()
    }
}
