//! Checkpoints: what was committed to the write-ahead log is copied into the database file.
//!
//! The copying is done by a thread of its own while commits go on. Only the restart of the log needs
//! the writer to stand still; the writer does it itself when little is left to copy.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::Duration,
};

use rusqlite::Connection;

use crate::schema;

/// How long the restart of the log waits for readers of old pages.
const RESTART_PATIENCE: Duration = Duration::from_millis(20);

/// The checkpointer's page cache: it reads no pages through it.
const CACHE_KIB: u32 = 64;

/// When the writer calls for a checkpoint, in pages of 4 KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Copy when so many pages of the log are not copied yet.
    pub(crate) copy_pages: i64,
    /// Start the log from its beginning again when it has so many pages.
    pub(crate) restart_pages: i64,
}

/// The writer's end: watches how long the log is.
pub(crate) struct Checkpoints {
    limits: Limits,
    nudge: SyncSender<()>,
    /// Whether the thread has something to do. While it has, the log cannot be restarted.
    copying: Arc<AtomicBool>,
    restart_at: i64,
}

/// The length of the log in pages, and how many of them are in the database file too.
struct LogState {
    pages: i64,
    copied: i64,
    blocked: bool,
}

impl Checkpoints {
    /// Starts the thread. It ends when the returned value is dropped.
    pub(crate) fn start(path: &Path, limits: Limits) -> Result<Self, schema::OpenError> {
        let conn = schema::connect(path, CACHE_KIB)?;
        let (nudge, nudged) = sync_channel(1);
        let copying = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&copying);
        std::thread::Builder::new()
            .name("sqlite-checkpoint".to_owned())
            .spawn(move || run(&conn, &nudged, &shared))?;
        Ok(Self { limits, nudge, copying, restart_at: limits.restart_pages })
    }

    /// Called by the writer after each commit, on its own connection.
    pub(crate) fn after_commit(&mut self, conn: &Connection) {
        if let Err(error) = self.keep_log_short(conn) {
            tracing::warn!(%error, "checkpoint failed");
        }
    }

    fn keep_log_short(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        if self.copying.load(Ordering::Acquire) {
            return Ok(());
        }
        let log = checkpoint(conn, "PRAGMA wal_checkpoint(NOOP)")?;
        let behind = log.pages.saturating_sub(log.copied);
        let little_left = behind < self.limits.copy_pages / 2;
        let much_too_long = log.pages >= self.restart_at.saturating_mul(2);
        if log.pages >= self.restart_at && (little_left || much_too_long) {
            self.restart(conn, log.pages)
        } else {
            if behind >= self.limits.copy_pages || log.pages >= self.restart_at {
                self.copying.store(true, Ordering::Release);
                if self.nudge.try_send(()).is_err() {
                    tracing::error!("the checkpoint thread has ended");
                }
            }
            Ok(())
        }
    }

    /// The disk is full: what the log holds is copied, as far as the file has room for it, so that the log
    /// starts from its beginning again and needs no more room than it has.
    pub(crate) fn make_room(&mut self, conn: &Connection) {
        if let Err(error) = self.restart(conn, self.limits.restart_pages) {
            tracing::warn!(%error, "the log cannot be copied into the file either");
        }
    }

    fn restart(&mut self, conn: &Connection, pages: i64) -> rusqlite::Result<()> {
        conn.busy_timeout(RESTART_PATIENCE)?;
        let restarted = checkpoint(conn, "PRAGMA wal_checkpoint(RESTART)");
        conn.busy_timeout(schema::BUSY_TIMEOUT)?;
        self.restart_at = if restarted?.blocked {
            // Somebody reads old pages: not again at once.
            pages.saturating_add(self.limits.copy_pages)
        } else {
            self.limits.restart_pages
        };
        Ok(())
    }
}

fn checkpoint(conn: &Connection, pragma: &str) -> rusqlite::Result<LogState> {
    conn.prepare_cached(pragma)?.query_row((), |row| {
        Ok(LogState {
            blocked: row.get::<_, i64>(0)? != 0,
            pages: row.get(1)?,
            copied: row.get(2)?,
        })
    })
}

fn run(conn: &Connection, nudged: &Receiver<()>, copying: &AtomicBool) {
    while nudged.recv().is_ok() {
        if let Err(error) = checkpoint(conn, "PRAGMA wal_checkpoint(PASSIVE)") {
            tracing::warn!(%error, "checkpoint failed");
        }
        copying.store(false, Ordering::Release);
    }
}

/// Copies the whole log and empties it, as far as other processes allow.
pub(crate) fn finish(conn: &Connection) -> rusqlite::Result<()> {
    checkpoint(conn, "PRAGMA wal_checkpoint(TRUNCATE)").map(drop)
}
