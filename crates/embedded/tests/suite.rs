//! The embedded adapters keep every rule of their ports, through two opens of one file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    future::{Ready, ready},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use mail_parser::MessageParser;
use stubmart_embedded::{Database, Options, mailer::FileMailer};
use stubmart_ports::{
    bus::Bus,
    host::Host,
    mailer::{Mail, Mailer},
    store::Store,
    timers::Timers,
};
use stubmart_suite::{
    bus_suite, delivery_suite, host,
    host::ManualClock,
    mailer_suite,
    rules::{Subject, Time, mailer::Outbox},
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

mod mailer {
    use super::*;

    /// A directory of mails, read back.
    struct Directory(PathBuf);

    impl Outbox for Directory {
        fn mails(&self) -> Vec<Mail> {
            let files = fs::read_dir(&self.0).unwrap().map(|file| file.unwrap().path());
            let mails = files.filter(|path| path.extension().is_some_and(|it| it == "eml"));
            mails.map(|path| read(&path)).collect()
        }
    }

    /// Reads a mail back: its id from the file's name, the rest from the message.
    fn read(path: &std::path::Path) -> Mail {
        let bytes = fs::read(path).unwrap();
        let message = MessageParser::new().parse(&bytes).unwrap();
        Mail {
            id: path.file_stem().unwrap().to_str().unwrap().parse().unwrap(),
            to: message.to().unwrap().first().unwrap().address().unwrap().to_owned(),
            subject: message.subject().unwrap_or_default().to_owned(),
            text: message.body_text(0).unwrap().replace("\r\n", "\n"),
        }
    }

    fn subject_under_test() -> Ready<Subject<dyn Mailer, Arc<dyn Outbox>>> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("mail");
        let (host, _) = host::manual(1);
        let open = || {
            let from = "noreply@stubmart.example";
            Arc::new(FileMailer::new(host.clone(), path.clone(), from).unwrap())
        };
        let (a, b) = (open(), open());
        let with = Arc::new(Directory(path));
        ready(Subject { a, b, with, guard: Box::new(directory) })
    }

    mailer_suite!(subject_under_test);
}
