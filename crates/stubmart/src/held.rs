//! The market's file: one server holds it, and notices when it is no longer where it was.

use std::{
    fs::{File, Metadata, TryLockError},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use stubmart_ports::Cause;

/// The file, held by this process alone.
#[derive(Debug, Clone)]
pub(crate) struct Held(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: File,
    path: PathBuf,
    was_lost: AtomicBool,
}

impl Held {
    /// Holds the file at `path`. It is not the lock of `SQLite`, which others may share (flock(2) and fcntl(2)
    /// know nothing of each other); nothing else may close the file in this process while the database is open.
    ///
    /// # Errors
    /// The cause: another process holds it, or it is not there.
    pub(crate) fn take(path: PathBuf) -> Result<Self, Cause> {
        let failed = |error: std::io::Error| format!("cannot hold {}: {error}", path.display());
        let file = File::open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(Arc::new(Inner { file, path, was_lost: AtomicBool::new(false) }))),
            Err(TryLockError::WouldBlock) => {
                Err(format!("another stubmart serves {} already", path.display()).into())
            }
            Err(TryLockError::Error(error)) => Err(failed(error).into()),
        }
    }

    /// Whether the file is no longer at its path: whatever is written would be gone with this process.
    pub(crate) fn is_lost(&self) -> bool {
        let Inner { file, path, was_lost } = &*self.0;
        let is_lost = !is_at(file, path);
        if is_lost != was_lost.swap(is_lost, Ordering::Relaxed) {
            let path = path.display();
            if is_lost {
                tracing::warn!(%path, "the market's file is no longer there: every change is refused");
            } else {
                tracing::warn!(%path, "the market's file is there again");
            }
        }
        is_lost
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let Ok(ours) = file.metadata() else { return false };
    path.metadata().is_ok_and(|there| is_same(&ours, &there))
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Where files have no number, one that is open cannot be taken away either.
#[cfg(not(unix))]
const fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_held_once_whatever_becomes_of_its_path() {
        let directory = tempfile::TempDir::new().unwrap();
        let (path, elsewhere) = (directory.path().join("a"), directory.path().join("b"));
        std::fs::write(&path, "ours").unwrap();
        let held = Held::take(path.clone()).unwrap();
        assert!(Held::take(path.clone()).is_err(), "a second server");
        assert!(!held.is_lost());
        std::fs::rename(&path, &elsewhere).unwrap();
        assert!(held.is_lost(), "nothing is there");
        std::fs::write(&path, "theirs").unwrap();
        assert!(held.is_lost(), "another file is there");
        std::fs::rename(&elsewhere, &path).unwrap();
        assert!(!held.is_lost(), "it is back");
    }
}
