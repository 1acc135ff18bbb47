//! One `SQLite` file, shared by all services of the process.

use std::{
    fs::OpenOptions,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use stubmart_contract::Timestamp;
use stubmart_ports::{Cause, host::Host};
use tokio::sync::{mpsc, oneshot};

use crate::{
    archive, archiving,
    bus::SqliteBus,
    checkpoint::{Checkpoints, Limits},
    db::{Db, Options},
    live::Live,
    readers::Readers,
    schema::{self, OpenError},
    store::SqliteStore,
    timers::SqliteTimers,
    writer::{Message, Writer},
};

/// An open database. Clones are the same one.
///
/// Everything that was acknowledged is on disk and survives a crash at any moment. Another process
/// may have the same file open at the same time.
#[derive(Clone)]
pub struct Database {
    path: Arc<PathBuf>,
    db: Arc<Db>,
    store: Arc<SqliteStore>,
    bus: Arc<SqliteBus>,
    timers: Arc<SqliteTimers>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

impl Database {
    /// Opens the file at `path`, or creates it, readable by its owner only. Its directory must exist.
    ///
    /// # Errors
    /// [`OpenError`]; a file that is not ours was not changed.
    pub fn open(path: &Path, options: Options, host: Host) -> Result<Self, OpenError> {
        create(path)?;
        let mut conn = schema::connect(path, options.writer_cache_kib)?;
        schema::check(&conn)?;
        schema::write_ahead(&conn)?;
        schema::prepare(&mut conn)?;
        if let Some(pages) = options.pages_max {
            conn.pragma_update(None, "max_page_count", pages)?;
        }
        if options.archive {
            let archive = archive::beside(path);
            create(&archive)?;
            archive::create(&archive)?;
        }
        archive::attach(&conn, path)?;
        let live = Live::of(path)?;
        let limits = Limits {
            copy_pages: i64::from(options.checkpoint_pages),
            restart_pages: i64::from(options.log_pages),
        };
        let writer = Writer {
            conn,
            live: Arc::clone(&live),
            checkpoints: Checkpoints::start(path, limits)?,
            group_max: options.group_max.max(1),
            failures: 0,
        };
        let (outbox, inbox) = mpsc::channel(options.queue_max.max(1));
        std::thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || writer.run(inbox))?;
        let readers = Readers::open(path, options.readers, options.reader_cache_kib)?;
        let db = Arc::new(Db { host, options, readers, writer: outbox, live });
        Ok(Self {
            store: Arc::new(SqliteStore::new(Arc::clone(&db))),
            bus: Arc::new(SqliteBus::new(Arc::clone(&db))),
            timers: Arc::new(SqliteTimers::new(Arc::clone(&db))),
            db,
            path: Arc::new(path.to_owned()),
        })
    }

    /// The document store.
    #[must_use]
    pub fn store(&self) -> Arc<SqliteStore> {
        Arc::clone(&self.store)
    }

    /// The bus.
    #[must_use]
    pub fn bus(&self) -> Arc<SqliteBus> {
        Arc::clone(&self.bus)
    }

    /// The timers.
    #[must_use]
    pub fn timers(&self) -> Arc<SqliteTimers> {
        Arc::clone(&self.timers)
    }

    /// Moves the oldest events from before `before` into the archive beside the file (`NAME.archive.db`), some at
    /// a time. They are read from there as ever. Whether there may be more to move.
    ///
    /// # Errors
    /// The cause: the file was opened without an archive ([`Options::archive`]), or one of the two cannot be
    /// written. Whatever happened, no event is lost or shown twice, and the next call goes on.
    pub async fn archive_events(&self, before: Timestamp) -> Result<bool, Cause> {
        archiving::move_batch(&self.db, &self.path, before).await
    }

    /// Does every write that was asked for before, refuses those that come after, and empties the
    /// write-ahead log. Without it the same is done when the file is opened next.
    ///
    /// # Errors
    /// The cause, when the log could not be emptied; nothing is lost.
    pub async fn close(&self) -> Result<(), Cause> {
        let (reply, closed) = oneshot::channel();
        if self.db.writer.send(Message::Close(reply)).await.is_err() {
            return Ok(());
        }
        Ok(closed.await??)
    }
}

/// Creates the file, if it is not there, for its owner alone: it holds personal data. The files that
/// `SQLite` puts beside it get the same permissions.
///
/// A file that is there is not opened: closing it would release the locks that `SQLite` holds on it in
/// this process (fcntl(2), "Advisory record locking").
pub(crate) fn create(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.create_new(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        created => created.map(drop),
    }
}
