//! Blobs and keys as files keep every rule of their ports, and are for their owner alone.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    future::{Ready, ready},
    path::Path,
    sync::Arc,
};

use stubmart_files::{DirectoryBlobs, FileKeys};
use stubmart_ports::{
    blobs::{BlobKey, Blobs},
    host::Host,
    keys::Keys,
};
use stubmart_suite::{
    blobs_suite, keys_suite,
    rules::{Subject, keys::Rotate},
};
use tempfile::TempDir;
use tokio::runtime::Handle;

fn host() -> Host {
    stubmart_os::host(Handle::current()).0
}

mod blobs {
    use super::*;

    fn subject() -> Ready<Subject<dyn Blobs>> {
        let directory = TempDir::new().unwrap();
        let open = || DirectoryBlobs::open(host(), directory.path().join("blobs")).unwrap();
        let (a, b) = (Arc::new(open()), Arc::new(open()));
        ready(Subject { a, b, with: (), guard: Box::new(directory) })
    }

    blobs_suite!(subject);
}

mod keys {
    use super::*;

    fn subject() -> Ready<Subject<dyn Keys, Rotate>> {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("keys.json");
        assert!(FileKeys::create(&host(), &path).unwrap());
        let open = || FileKeys::open(host(), path.clone()).unwrap();
        let (a, b) = (Arc::new(open()), Arc::new(open()));
        let (host, path) = (host(), path.clone());
        let with: Rotate = Arc::new(move || assert!(FileKeys::rotate(&host, &path).unwrap() > 1));
        ready(Subject { a, b, with, guard: Box::new(directory) })
    }

    keys_suite!(subject);
}

/// Every file below a directory.
fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|it| it.unwrap().path());
    entries.flat_map(|it| if it.is_dir() { files(&it) } else { vec![it] }).collect()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Nobody else on the machine reads them, and nothing is left of how they were written.
#[cfg(unix)]
#[tokio::test]
async fn what_is_written_is_for_its_owner_alone() {
    let directory = TempDir::new().unwrap();
    let (blobs, keys) = (directory.path().join("blobs"), directory.path().join("keys/keys.json"));
    let kept = DirectoryBlobs::open(host(), blobs.clone()).unwrap();
    for number in 0..3 {
        kept.put(BlobKey(uuid::Uuid::from_u128(number)), b"sealed").await.unwrap();
    }
    assert!(FileKeys::create(&host(), &keys).unwrap());
    FileKeys::rotate(&host(), &keys).unwrap();
    let files = files(directory.path());
    assert_eq!(files.len(), 4, "{files:?}");
    assert!(files.iter().all(|it| mode(it) == 0o600), "{files:?}");
    assert_eq!((mode(&blobs), mode(keys.parent().unwrap())), (0o700, 0o700));
}

/// Of any number of processes that start at once with no keys, one makes them, and all have the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_first_keys_are_made_once() {
    for _ in 0..20 {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("keys.json");
        let made = (0..6).map(|_| {
            let (host, path) = (host(), path.clone());
            tokio::task::spawn_blocking(move || {
                let made = FileKeys::create(&host, &path).unwrap();
                (made, fs::read_to_string(&path).unwrap())
            })
        });
        let made = futures_util::future::join_all(made).await;
        let made: Vec<_> = made.into_iter().map(Result::unwrap).collect();
        assert_eq!(made.iter().filter(|(made, _)| *made).count(), 1);
        assert!(made.iter().all(|(_, text)| *text == made[0].1), "one keyring");
    }
}

/// Of keys that are added at once none is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn keys_are_added_one_by_one() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("keys.json");
    FileKeys::create(&host(), &path).unwrap();
    let added = (0..8).map(|_| {
        let (host, path) = (host(), path.clone());
        tokio::task::spawn_blocking(move || FileKeys::rotate(&host, &path).unwrap())
    });
    let mut added: Vec<u32> =
        futures_util::future::join_all(added).await.into_iter().map(Result::unwrap).collect();
    added.sort_unstable();
    assert_eq!(added, (2..=9).collect::<Vec<_>>());
    let keys = FileKeys::open(host(), path).unwrap().keyring().await.unwrap();
    assert_eq!(keys.versions().count(), 9);
}

/// What is wrong with the file is told by its name, and nothing of the keys is.
#[tokio::test]
async fn a_file_without_keys_is_told() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("keys.json");
    let missing = FileKeys::open(host(), path.clone()).unwrap_err().to_string();
    assert!(missing.contains("keys.json") && missing.contains("No such file"), "{missing}");
    fs::write(&path, "{\"keys\": \"hunter2\"}").unwrap();
    let wrong = FileKeys::open(host(), path).unwrap_err().to_string();
    assert!(wrong.contains("keys.json") && !wrong.contains("hunter2"), "{wrong}");
}
