//! Files that are whole or not there, whatever happens to the machine.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

/// Makes a directory, for its owner alone, and those above it that are not there.
pub(crate) fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Writes `path` if it is not there; false where it is. `draft` is a name of its own on the same file system.
pub(crate) fn create(draft: &Path, path: &Path, content: &[u8]) -> io::Result<bool> {
    let made = write_durably(draft, content).and_then(|()| name(draft, path));
    // It may not even be there.
    drop(fs::remove_file(draft));
    match made {
        Ok(()) => sync_directory(path).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// Gives a draft its name, unless something has it.
fn name(draft: &Path, path: &Path) -> io::Result<()> {
    // A link fails where the name is taken, which a renaming would not.
    match fs::hard_link(draft, path) {
        // A file system without hard links, such as one over a bucket. Of two who write one name at once both might then:
        // names are drawn at random, so that there are no two.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied
            ) =>
        {
            if path.try_exists()? {
                Err(io::ErrorKind::AlreadyExists.into())
            } else {
                fs::rename(draft, path)
            }
        }
        linked => linked,
    }
}

/// Writes `path` in place of what is there.
pub(crate) fn replace(draft: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    if let Err(error) = write_durably(draft, content).and_then(|()| fs::rename(draft, path)) {
        drop(fs::remove_file(draft));
        return Err(error);
    }
    sync_directory(path)
}

/// A name is durable when its directory is.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent().filter(|it| !it.as_os_str().is_empty()) {
        Some(directory) => File::open(directory)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
