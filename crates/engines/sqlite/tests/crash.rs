//! What was acknowledged survives the end of the process at any moment, and nothing else appears.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
};

use common::{SERVICE, key, open, open_with, save, told};
use stubmart_ports::store::Store as _;
use stubmart_sqlite::{Database, Options};

/// Tells a run of this test binary that it is the process that is killed, and which file to write.
const VICTIM: &str = "STUBMART_TEST_VICTIM";

/// How many items the process that is killed saves at once.
const ITEM_COUNT: u64 = 8;

/// Checks that every item has each of its events and no other, and gives the items' versions.
async fn consistent_versions(db: &Database) -> BTreeMap<u64, u64> {
    let store = db.store();
    let mut versions = BTreeMap::new();
    for number in 0..ITEM_COUNT {
        if let Some(stored) = store.load(key(number)).await.unwrap() {
            assert_eq!(stored.body, save(number, stored.version).body);
            versions.insert(number, stored.version);
        }
    }
    let mut events = BTreeMap::<u64, u64>::new();
    for event in store.history(SERVICE, None, usize::MAX).await.unwrap() {
        let (number, version) = told(&event);
        let last = events.insert(number, version).unwrap_or(0);
        assert_eq!(version, last + 1, "the events of an item have a gap");
    }
    assert_eq!(events, versions);
    versions
}

/// A process that saves as fast as it can is killed again and again: every save that it has told of is
/// there afterwards, with its event.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let mut told_in_all = 0;
    for round in 0..8_u64 {
        let (child, acknowledged) = kill_a_writer(directory.path(), 200 + round * 150);
        drop(child);
        let db = open(directory.path());
        let versions = consistent_versions(&db).await;
        for (number, version) in &acknowledged {
            let stored = versions.get(number).copied().unwrap_or(0);
            assert!(stored >= *version, "item {number}: {version} was told of, {stored} is stored");
        }
        told_in_all += acknowledged.len();
    }
    assert!(told_in_all > 0);
}

/// Runs a process that saves, kills it when it has told of `count` saves, and gives what it has told
/// of until its end.
fn kill_a_writer(directory: &Path, count: u64) -> (Child, BTreeMap<u64, u64>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "saves_until_it_is_killed", "--nocapture"])
        .env(VICTIM, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut acknowledged = BTreeMap::new();
    let (mut seen, mut line) = (0, String::new());
    loop {
        line.clear();
        if output.read_line(&mut line).unwrap() == 0 {
            break;
        }
        // A line that is cut off was not told of.
        let Some(saved) = line.strip_suffix('\n').and_then(|it| it.strip_prefix("saved ")) else {
            continue;
        };
        let (number, version) = saved.split_once(' ').unwrap();
        acknowledged.insert(number.parse().unwrap(), version.parse().unwrap());
        seen += 1;
        if seen == count {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(seen >= count, "it ended by itself");
    (child, acknowledged)
}

/// Not a test of its own: the process that [`what_was_acknowledged_survives_a_kill`] kills. Without
/// being asked it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn saves_until_it_is_killed() {
    let Some(directory) = std::env::var_os(VICTIM) else { return };
    let options = Options { checkpoint_pages: 16, log_pages: 64, ..Options::default() };
    let store = open_with(Path::new(&directory), options).store();
    let tasks: Vec<_> = (0..ITEM_COUNT)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let before = store.load(key(number)).await.unwrap();
                for version in before.map_or(0, |it| it.version) + 1.. {
                    store.save(save(number, version)).await.unwrap();
                    let line = format!("saved {number} {version}\n");
                    std::io::stdout().write_all(line.as_bytes()).unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// A database that was not closed is found as it was left.
#[tokio::test]
async fn what_was_acknowledged_is_there_without_a_close() {
    let directory = tempfile::tempdir().unwrap();
    for version in 1..=5 {
        let db = open(directory.path());
        for number in 0..ITEM_COUNT {
            db.store().save(save(number, version)).await.unwrap();
        }
    }
    let versions = consistent_versions(&open(directory.path())).await;
    assert_eq!(versions, (0..ITEM_COUNT).map(|number| (number, 5)).collect());
}

/// Whatever part of the last writes to the log has reached the disk: a save is there whole or not at
/// all, and all that were acknowledged before are.
#[tokio::test]
async fn a_torn_end_of_the_log_costs_only_what_was_not_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let calm = Options { checkpoint_pages: 1 << 20, log_pages: 1 << 20, ..Options::default() };
    let db = open_with(directory.path(), calm);
    let (file, log) = (directory.path().join("test.db"), directory.path().join("test.db-wal"));
    // The length of the log after each save.
    let mut lengths = Vec::new();
    for version in 1..=5 {
        for number in 0..ITEM_COUNT {
            db.store().save(save(number, version)).await.unwrap();
            lengths.push(usize::try_from(fs::metadata(&log).unwrap().len()).unwrap());
        }
    }
    let (file, log) = (fs::read(file).unwrap(), fs::read(log).unwrap());
    let first = *lengths.first().unwrap();
    for cut in (first..log.len()).step_by(7001) {
        let acknowledged = lengths.iter().filter(|length| **length <= cut).count();
        let mut zeroed = log.clone();
        zeroed[cut..].fill(0);
        for torn in [&log[..cut], &zeroed[..]] {
            let image = tempfile::tempdir().unwrap();
            fs::write(image.path().join("test.db"), &file).unwrap();
            fs::write(image.path().join("test.db-wal"), torn).unwrap();
            let versions = consistent_versions(&open(image.path())).await;
            let saves = versions.values().sum::<u64>();
            assert_eq!(saves, u64::try_from(acknowledged).unwrap(), "cut at {cut}");
        }
    }
    db.close().await.unwrap();
}
