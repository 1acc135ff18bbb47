//! Which files are opened and which are refused, and who may read them.

mod common;

use std::fs;

use common::{host, key, open, save};
use rusqlite::Connection;
use stubmart_ports::store::Store as _;
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
