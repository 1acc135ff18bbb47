//! What all handles on one file in this process share: the newest events, and what is out for delivery.
//!
//! Most processes open their file once. Where one opens it twice, its readers of the bus wake each other
//! and share a consumer's events as if they had one handle.

use std::{
    collections::HashMap,
    fs, io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
};

use rusqlite::ErrorCode;
use stubmart_ports::bus::Consumer;
use tokio::sync::watch;

use crate::{feed::Feed, group::Group};

/// What is shared.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) feed: Feed,
    groups: Mutex<HashMap<&'static str, Arc<Readership>>>,
    damage: OnceLock<String>,
}

/// A consumer and its readers in this process.
#[derive(Debug)]
pub(crate) struct Readership {
    pub(crate) consumer: &'static Consumer,
    /// The consumer's number in the file.
    pub(crate) number: i64,
    group: Mutex<Group>,
    /// Changes when an event came back or is to be retried.
    pub(crate) returned: watch::Sender<()>,
}

impl Readership {
    pub(crate) fn group(&self) -> MutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells files apart, whatever path they were opened by.
type FileId = (u64, u64);

/// The files that are open.
static OPEN: Mutex<Vec<(FileId, Weak<Live>)>> = Mutex::new(Vec::new());

impl Live {
    /// What the handles on this file share. The file must exist.
    pub(crate) fn of(path: &Path) -> io::Result<Arc<Self>> {
        let id = file_id(path)?;
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|(_, live)| live.strong_count() > 0);
        let known = open.iter().find(|(it, _)| *it == id).and_then(|(_, live)| live.upgrade());
        Ok(known.unwrap_or_else(|| {
            let live = Arc::new(Self::default());
            open.push((id, Arc::downgrade(&live)));
            live
        }))
    }

    /// Remembers an error that says that the file is damaged. From then on nothing is written any more:
    /// `SQLite` can make the damage worse, and lose what it would acknowledge
    /// (<https://sqlite.org/howtocorrupt.html>).
    pub(crate) fn met(&self, error: &rusqlite::Error) {
        let code = error.sqlite_error_code();
        if matches!(code, Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
            && self.damage.set(error.to_string()).is_ok()
        {
            tracing::error!(%error, "the file is damaged: it is only read from now on; restore a backup");
        }
    }

    /// What is damaged, if anything was found to be.
    pub(crate) fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    /// The readers of a consumer, which has this number in the file.
    pub(crate) fn readership(&self, consumer: &'static Consumer, number: i64) -> Arc<Readership> {
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        let readership = groups.entry(consumer.name).or_insert_with(|| {
            let returned = watch::Sender::new(());
            Arc::new(Readership { consumer, number, group: Mutex::default(), returned })
        });
        Arc::clone(readership)
    }
}

#[cfg(unix)]
fn file_id(path: &Path) -> io::Result<FileId> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_id(path: &Path) -> io::Result<FileId> {
    use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
    let path = fs::canonicalize(path)?;
    Ok((0, BuildHasherDefault::<DefaultHasher>::default().hash_one(path)))
}
