//! Store, bus and timers keep every rule of their ports, through two opens of one file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use stubmart_ports::{bus::Bus, host::Host, store::Store, timers::Timers};
use stubmart_sqlite::{Database, Options};
use stubmart_suite::{
    bus_suite, delivery_suite, host,
    host::ManualClock,
    rules::{Subject, Time},
    store_suite, timers_suite,
};
use tempfile::TempDir;

/// Moves a manual clock along with the machine's, so that what polls goes on, until it is dropped.
struct Ticking {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticking {
    const TICK: Duration = Duration::from_millis(1);

    fn start(clock: ManualClock) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let thread = std::thread::spawn(move || {
            while !ended.load(Ordering::SeqCst) {
                std::thread::sleep(Self::TICK);
                clock.advance(Self::TICK);
            }
        });
        Self { end, thread: Some(thread) }
    }
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.end.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// A host whose clock ticks and can be moved ahead.
fn ticking() -> (Host, ManualClock, Ticking) {
    let (host, clock) = host::manual(1);
    (host, clock.clone(), Ticking::start(clock))
}

/// Two opens of one new file, the clock both go by, and what is to live as long as they do.
fn opened_twice() -> (Database, Database, ManualClock, (TempDir, Ticking)) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("test.db");
    let (host, clock, ticking) = ticking();
    let open = || {
        let options = Options { poll: Duration::from_millis(5), ..Options::default() };
        Database::open(&path, options, host.clone()).unwrap()
    };
    let (a, b) = (open(), open());
    (a, b, clock, (directory, ticking))
}

mod store {
    use super::*;

    fn subject() -> Ready<Subject<dyn Store>> {
        let (a, b, _, guard) = opened_twice();
        ready(Subject { a: a.store(), b: b.store(), with: (), guard: Box::new(guard) })
    }

    store_suite!(subject);
}

mod bus {
    use super::*;

    fn subject() -> Ready<Subject<dyn Bus, Arc<dyn Time>>> {
        let (a, b, clock, guard) = opened_twice();
        let with = Arc::new(clock);
        ready(Subject { a: a.bus(), b: b.bus(), with, guard: Box::new(guard) })
    }

    bus_suite!(subject);
}

mod delivery {
    use super::*;

    fn subject() -> Ready<Subject<dyn Store, Arc<dyn Bus>>> {
        let (a, b, _, guard) = opened_twice();
        let with = b.bus();
        ready(Subject { a: a.store(), b: b.store(), with, guard: Box::new(guard) })
    }

    delivery_suite!(subject);
}

mod timers {
    use super::*;

    fn subject() -> Ready<Subject<dyn Timers>> {
        let (a, b, _, guard) = opened_twice();
        ready(Subject { a: a.timers(), b: b.timers(), with: (), guard: Box::new(guard) })
    }

    timers_suite!(subject);
}
