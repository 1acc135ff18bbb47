//! The market's keys in a file.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use stubmart_keyring::Keyring;
use stubmart_ports::{Cause, host::Host, keys::Keys};
use tokio::sync::oneshot;

use crate::write::{create, make_directory, replace};

/// Reads the keys from a file, each time that they are asked for: one that is added there holds at once, in every
/// process.
#[derive(Debug, Clone)]
pub struct FileKeys {
    host: Host,
    path: Arc<Path>,
}

impl FileKeys {
    /// The keys in the file at `path`.
    ///
    /// # Errors
    /// The cause, with the path: the file is not there, cannot be read, or has no keys in it.
    pub fn open(host: Host, path: PathBuf) -> Result<Self, Cause> {
        read(&path)?;
        Ok(Self { host, path: path.into() })
    }

    /// Makes the file with a first key, for its owner alone, if it is not there; false where it is.
    ///
    /// # Errors
    /// The cause, with the path. The file is whole or not there.
    pub fn create(host: &Host, path: &Path) -> Result<bool, Cause> {
        let keyring = Keyring::new(host.ids.secret(), host.ids.secret(), host.now());
        let (draft, text) = (draft(host, path), keyring.text()?);
        let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
        let made = directory.map_or(Ok(()), make_directory);
        let made = made.and_then(|()| create(&draft, path, text.as_bytes()));
        Ok(made.map_err(|error| failed(path, &error))?)
    }

    /// Adds a new key to the file, which seals from now on; the answer is its version.
    ///
    /// # Errors
    /// The cause, with the path. The file has the key or is as it was.
    pub fn rotate(host: &Host, path: &Path) -> Result<u32, Cause> {
        let directory = path.parent().filter(|it| !it.as_os_str().is_empty());
        // Of two who add a key at once, one must see the other's.
        let lock = File::open(directory.unwrap_or(Path::new("."))).and_then(|it| {
            it.lock()?;
            Ok(it)
        });
        let _lock = lock.map_err(|error| failed(path, &error))?;
        let keyring = read(path)?.rotated(host.ids.secret(), host.now());
        let (draft, text) = (draft(host, path), keyring.text()?);
        replace(&draft, path, text.as_bytes()).map_err(|error| failed(path, &error))?;
        Ok(keyring.newest())
    }
}

fn draft(host: &Host, path: &Path) -> PathBuf {
    path.with_file_name(format!(".{}.draft", host.uuid().simple()))
}

fn read(path: &Path) -> Result<Keyring, Cause> {
    let text = fs::read_to_string(path).map_err(|error| failed(path, &error))?;
    Ok(Keyring::parse(&text).map_err(|error| format!("{}: {error}", path.display()))?)
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("the keys in {}: {error}", path.display())
}

#[async_trait]
impl Keys for FileKeys {
    async fn keyring(&self) -> Result<Arc<Keyring>, Cause> {
        let (reply, done) = oneshot::channel();
        let path = Arc::clone(&self.path);
        self.host.spawner.blocking(Box::new(move || {
            // The caller may have gone.
            drop(reply.send(read(&path)));
        }));
        Ok(Arc::new(done.await??))
    }
}
