//! Password hashing: what it promises about answers and about load.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use futures_util::future::{BoxFuture, FutureExt as _, join_all};
use stubmart_os::password::{Argon2Cost, Argon2Hasher};
use stubmart_ports::host::{Busy, Host, PasswordHasher as _, Spawner};
use tokio::runtime::Handle;

fn host() -> Host {
    stubmart_os::host(Handle::current()).0
}

/// So cheap that a test may do it often.
const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 8, passes: 1, lanes: 1 };

/// Keeps blocking work until the test lets it run.
#[derive(Default)]
struct Stalled(Mutex<Vec<Box<dyn FnOnce() + Send>>>);

impl Spawner for Stalled {
    fn spawn(&self, _: &'static str, _: BoxFuture<'static, ()>) {}

    fn blocking(&self, work: Box<dyn FnOnce() + Send>) {
        self.0.lock().unwrap().push(work);
    }
}

/// A password fits the hash that was made of it and no other; where there is no hash nothing fits. No
/// two hashes are alike, and a hash says how it was made.
#[tokio::test]
async fn a_password_fits_its_hash_and_no_other() {
    let hasher = Argon2Hasher::new(host(), CHEAP).unwrap();
    let hash = hasher.hash("correct horse".to_owned()).await.unwrap();
    assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
    assert_ne!(hash, hasher.hash("correct horse".to_owned()).await.unwrap());
    let verify = async |password: &str, hash: Option<&str>| {
        hasher.verify(password.to_owned(), hash.map(str::to_owned)).await.unwrap()
    };
    assert!(verify("correct horse", Some(&hash)).await);
    assert!(!verify("Correct horse", Some(&hash)).await);
    assert!(!verify("", Some(&hash)).await);
    assert!(!verify("correct horse", None).await);
    assert!(!verify("a password that nobody has", None).await);
    assert!(!verify("correct horse", Some("no hash at all")).await);
}

/// A hash that was made at another cost is verified at that cost.
#[tokio::test]
async fn a_hash_outlives_a_change_of_cost() {
    let old = Argon2Hasher::new(host(), CHEAP).unwrap();
    let hash = old.hash("secret words".to_owned()).await.unwrap();
    let new = Argon2Hasher::new(host(), Argon2Cost { passes: 2, ..CHEAP }).unwrap();
    assert!(new.verify("secret words".to_owned(), Some(hash)).await.unwrap());
}

/// A hash that another implementation made (argon2-cffi 25.1) is read and verified at its own cost.
#[tokio::test]
async fn a_hash_is_what_the_standard_says() {
    let hash = "$argon2id$v=19$m=8,t=2,p=1$c2l4dGVlbiBieXRlcyBvaw\
                $uGzew7cPErwB/cxAnc4c+q9Bq7vRnIszwb3ULlMEfPc";
    let hasher = Argon2Hasher::new(host(), CHEAP).unwrap();
    for (password, fits) in [("correct horse", true), ("correct horsf", false)] {
        let verified = hasher.verify(password.to_owned(), Some(hash.to_owned())).await.unwrap();
        assert_eq!(verified, fits, "{password}");
    }
}

/// When too many wait already the next one is told so at once; those that wait are served.
#[tokio::test]
async fn too_many_at_once_are_told_so() {
    let stalled = Arc::new(Stalled::default());
    let spawner: Arc<dyn Spawner> = stalled.clone();
    let host = Host { spawner, ..host() };
    let hasher = Argon2Hasher::new(host, CHEAP).unwrap();
    let mut waiting = Vec::new();
    let refused = loop {
        let mut asked = hasher.hash("password".to_owned());
        match (&mut asked).now_or_never() {
            None => waiting.push(asked),
            Some(answer) => break answer,
        }
        assert!(waiting.len() < 10_000, "there is no limit");
    };
    assert_eq!(refused, Err(Busy));
    assert!(waiting.len() >= 256);
    let mut serving = join_all(waiting).boxed();
    let hashes = loop {
        if let Some(hashes) = (&mut serving).now_or_never() {
            break hashes;
        }
        let work = std::mem::take(&mut *stalled.0.lock().unwrap());
        work.into_iter().for_each(|work| work());
        tokio::task::yield_now().await;
    };
    assert!(hashes.iter().all(Result::is_ok));
}

/// A client that hangs up makes no room for others while the work asked for is still to be done: however
/// many come and go, no more work is handed to the machine than it has cores, and the places are free
/// again once it is done.
#[tokio::test]
async fn who_hangs_up_makes_no_room() {
    let stalled = Arc::new(Stalled::default());
    let spawner: Arc<dyn Spawner> = stalled.clone();
    let host = Host { spawner, ..host() };
    let hasher = Argon2Hasher::new(host, CHEAP).unwrap();
    // The hasher has prepared itself.
    let take = || std::mem::take(&mut *stalled.0.lock().unwrap());
    take().into_iter().for_each(|work| work());
    let cores = std::thread::available_parallelism().unwrap().get();
    for _ in 0..10 * cores {
        let asked = hasher.verify("password".to_owned(), None).now_or_never();
        assert_eq!(asked, None, "it waits, and is dropped where it stands");
    }
    let handed = take();
    assert_eq!(handed.len(), cores);
    handed.into_iter().for_each(|work| work());
    assert_eq!(hasher.verify("password".to_owned(), None).now_or_never(), None);
    assert_eq!(take().len(), 1, "there is room again");
}

/// The memory that a hash takes goes back to the system, however many threads have computed one.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_goes_back_to_the_system() {
    /// A thread for each piece of work, which stays.
    struct Threads(std::sync::mpsc::Sender<()>);
    impl Spawner for Threads {
        fn spawn(&self, _: &'static str, _: BoxFuture<'static, ()>) {}

        fn blocking(&self, work: Box<dyn FnOnce() + Send>) {
            let stays = self.0.clone();
            std::thread::spawn(move || {
                work();
                while stays.send(()).is_ok() {
                    std::thread::sleep(std::time::Duration::from_millis(10));
                }
            });
        }
    }
    let resident_kib = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|it| it.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<usize>().unwrap()
    };
    let (stays, _gone) = std::sync::mpsc::channel();
    let host = Host { spawner: Arc::new(Threads(stays)), ..host() };
    let hasher = Argon2Hasher::new(host, Argon2Cost::default()).unwrap();
    assert!(!hasher.verify("password".to_owned(), None).await.unwrap());
    let before = resident_kib();
    for _ in 0..24 {
        assert!(!hasher.verify("password".to_owned(), None).await.unwrap());
    }
    let growth = resident_kib().saturating_sub(before);
    assert!(growth < 20_000, "{growth} KiB more than before");
}

/// A cost that argon2 does not know is refused.
#[tokio::test]
async fn an_impossible_cost_is_refused() {
    for cost in [
        Argon2Cost { memory_kib: 1, ..CHEAP },
        Argon2Cost { passes: 0, ..CHEAP },
        Argon2Cost { lanes: 0, ..CHEAP },
    ] {
        assert!(Argon2Hasher::new(host(), cost).is_err(), "{cost:?}");
    }
}
