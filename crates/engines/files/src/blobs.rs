//! Blobs in a directory, one file each.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use async_trait::async_trait;
use stubmart_contract::Timestamp;
use stubmart_ports::{
    Cause,
    blobs::{BLOB_BYTES_MAX, BlobError, BlobKey, Blobs},
    host::Host,
};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::write::{create, make_directory, sync_directory};

/// Where blobs are written before they have their name.
const DRAFTS: &str = "drafts";

/// When a draft was left by a process that ended.
const DRAFT_AGE: Duration = Duration::from_secs(3600);

/// Keeps each blob as a file with its key as its name, in one of 256 directories by the key's last two digits, the
/// random ones. Several processes may share the directory.
pub struct DirectoryBlobs {
    host: Host,
    directory: Arc<Path>,
}

impl fmt::Debug for DirectoryBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DirectoryBlobs").field(&self.directory).finish()
    }
}

impl DirectoryBlobs {
    /// Blobs in `directory` (made, for its owner alone, if it is not there).
    ///
    /// # Errors
    /// The directory cannot be made or read.
    pub fn open(host: Host, directory: PathBuf) -> io::Result<Self> {
        let drafts = directory.join(DRAFTS);
        make_directory(&drafts)?;
        for entry in fs::read_dir(&drafts)? {
            let path = entry?.path();
            // Another process may be at work on it, or have removed it.
            let modified = path.metadata().and_then(|it| it.modified()).ok();
            let written = modified.and_then(|it| it.duration_since(UNIX_EPOCH).ok());
            if written.is_some_and(|it| host.now().since(Timestamp::EPOCH.after(it)) > DRAFT_AGE) {
                drop(fs::remove_file(path));
            }
        }
        Ok(Self { host, directory: directory.into() })
    }

    /// Whether there is no blob.
    ///
    /// # Errors
    /// The directory cannot be read.
    pub fn is_empty(&self) -> io::Result<bool> {
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            if entry.file_name() != DRAFTS && fs::read_dir(entry.path())?.next().is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Does work with the file of a blob, away from the tasks that serve requests.
    async fn at<T: Send + 'static>(
        &self,
        key: BlobKey,
        work: impl FnOnce(&Path, &Path) -> Result<T, BlobError> + Send + 'static,
    ) -> Result<T, BlobError> {
        let (reply, done) = oneshot::channel();
        let (directory, draft) = (Arc::clone(&self.directory), self.host.uuid());
        self.host.spawner.blocking(Box::new(move || {
            let (path, draft) = (path(&directory, key), self::draft(&directory, draft));
            // The caller may have gone.
            drop(reply.send(work(&path, &draft)));
        }));
        done.await.map_err(|gone| BlobError::Unavailable(gone.into()))?
    }
}

fn path(directory: &Path, key: BlobKey) -> PathBuf {
    let name = key.to_string();
    let (_, ending) = name.split_at(name.len().saturating_sub(2));
    directory.join(ending).join(&name)
}

fn draft(directory: &Path, attempt: Uuid) -> PathBuf {
    directory.join(DRAFTS).join(attempt.simple().to_string())
}

fn unavailable(error: impl Into<Cause>) -> BlobError {
    BlobError::Unavailable(error.into())
}

fn put(path: &Path, draft: &Path, content: &[u8]) -> Result<(), BlobError> {
    let mut made = create(draft, path, content);
    if made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        let directory = path.parent().unwrap_or(path);
        make_directory(directory).and_then(|()| sync_directory(directory)).map_err(unavailable)?;
        made = create(draft, path, content);
    }
    if made.map_err(unavailable)? || fs::read(path).map_err(unavailable)? == content {
        return Ok(());
    }
    Err(BlobError::Exists)
}

#[async_trait]
impl Blobs for DirectoryBlobs {
    async fn put(&self, key: BlobKey, content: &[u8]) -> Result<(), BlobError> {
        if content.len() > BLOB_BYTES_MAX {
            return Err(BlobError::TooLarge);
        }
        let content = content.to_vec();
        self.at(key, move |path, draft| put(path, draft, &content)).await
    }

    async fn get(&self, key: BlobKey) -> Result<Option<Vec<u8>>, BlobError> {
        self.at(key, |path, _| match fs::read(path) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(unavailable(error)),
        })
        .await
    }

    async fn delete(&self, key: BlobKey) -> Result<(), BlobError> {
        self.at(key, |path, _| match fs::remove_file(path) {
            Ok(()) => sync_directory(path).map_err(unavailable),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(unavailable(error)),
        })
        .await
    }
}
