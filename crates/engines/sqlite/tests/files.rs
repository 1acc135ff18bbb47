//! Which files are opened and which are refused, and who may read them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::{fs, path::Path};

use common::{host, key, open, save};
use rusqlite::Connection;
use stubmart_ports::{
    bus::{Bus as _, BusError},
    store::{Store as _, StoreError},
};
use stubmart_sqlite::{Database, OpenError, Options};

/// A file that a newer version of the program has written is refused, with both versions named, and
/// left as it is.
#[tokio::test]
async fn a_newer_file_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    open(directory.path()).close().await.unwrap();
    let conn = Connection::open(&path).unwrap();
    conn.pragma_update(None, "user_version", 99).unwrap();
    drop(conn);
    let before = fs::read(&path).unwrap();
    let refused = Database::open(&path, Options::default(), host()).unwrap_err();
    assert!(matches!(refused, OpenError::Newer { found: 99, .. }), "{refused}");
    assert!(refused.to_string().contains("99"), "{refused}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// A file that is another program's database, or none at all, is refused and left as it is.
#[tokio::test]
async fn a_file_that_is_not_ours_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE t(x)").unwrap();
    let before = fs::read(&path).unwrap();
    let refused = Database::open(&path, Options::default(), host());
    assert!(matches!(refused, Err(OpenError::Foreign)), "{refused:?}");
    assert_eq!(fs::read(&path).unwrap(), before);

    let path = directory.path().join("letter.txt");
    fs::write(&path, "Dear customer,\n".repeat(500)).unwrap();
    let refused = Database::open(&path, Options::default(), host());
    assert!(matches!(refused, Err(OpenError::Sqlite(_))), "{refused:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "Dear customer,\n".repeat(500));

    let nowhere = directory.path().join("no such directory").join("test.db");
    let refused = Database::open(&nowhere, Options::default(), host());
    assert!(matches!(refused, Err(OpenError::Io(_))), "{refused:?}");
}

/// The files hold personal data: nobody but their owner may read them.
#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).store();
    store.save(save(1, 1)).await.unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
        seen += 1;
    }
    assert_eq!(seen, 3, "the file, its log and the log's index");
}

/// Two opens of one file see each other's saves at once, and a file may be made by several at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_file_may_be_opened_and_made_by_several_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let opened: Vec<_> = (0..4)
        .map(|_| {
            let path = directory.path().to_owned();
            tokio::spawn(async move { open(&path) })
        })
        .collect();
    let mut databases = Vec::new();
    for task in opened {
        databases.push(task.await.unwrap());
    }
    for (number, db) in (0..).zip(&databases) {
        db.store().save(save(number, 1)).await.unwrap();
        for other in &databases {
            assert!(other.store().load(key(number)).await.unwrap().is_some());
        }
    }
}

/// A page that the disk has garbled is noticed as soon as it is read: the file is not ready from then on,
/// and no save is acknowledged. What can still be read is.
#[tokio::test]
async fn a_damaged_file_takes_no_more_saves() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let db = open(directory.path());
    for number in 0..500 {
        db.store().save(save(number, 1)).await.unwrap();
    }
    db.close().await.unwrap();
    drop(db);
    garble_half_of(&path);

    let db = Database::open(&path, Options::default(), host()).unwrap();
    let store = db.store();
    let mut readable = 0;
    for number in 0..500 {
        readable += usize::from(store.load(key(number)).await.is_ok());
    }
    assert!(readable < 500, "no page of a document was garbled");
    assert!(matches!(store.ready().await, Err(StoreError::Unavailable(_))));
    assert!(matches!(db.bus().ready().await, Err(BusError::Unavailable(_))));
    let refused = store.save(save(1000, 1)).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Unavailable(_)), "{refused}");
    assert!(refused.to_string().contains("damaged"), "{refused}");
}

/// Overwrites every page of the second half of a file.
fn garble_half_of(path: &Path) {
    let mut file = fs::read(path).unwrap();
    let half = file.len() / 8192 * 4096;
    file[half..].fill(0xA5);
    fs::write(path, file).unwrap();
}
