//! The in-memory adapters keep every rule of their ports.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use stubmart_kernel::worker::{self, ShutdownTrigger};
use stubmart_memory::{
    MemoryBlobs, MemoryBus, MemoryKeys, MemoryMailer, MemoryRateLimits, MemoryStore, MemoryTimers,
};
use stubmart_ports::{
    blobs::Blobs,
    bus::Bus,
    keys::Keys,
    limits::RateLimits,
    mailer::{Mail, Mailer},
    store::Store,
    timers::Timers,
};
use stubmart_suite::{
    blobs_suite, bus_suite, delivery_suite, host, keys_suite, limits_suite, mailer_suite,
    outbox_suite,
    rules::{Subject, Time, delivery::SERVICE, keys::Rotate, mailer::Outbox, outbox::Outboxes},
    store_suite, timers_suite,
};

mod store {
    use super::*;

    fn subject() -> Ready<Subject<dyn Store>> {
        let store = MemoryStore::new();
        ready(Subject {
            a: Arc::new(store.clone()),
            b: Arc::new(store),
            with: (),
            guard: Box::new(()),
        })
    }

    store_suite!(subject);
}

mod bus {
    use super::*;

    fn subject() -> Ready<Subject<dyn Bus, Arc<dyn Time>>> {
        let (host, clock) = host::manual(1);
        let bus = MemoryBus::new(host);
        let with = Arc::new(clock);
        ready(Subject { a: Arc::new(bus.clone()), b: Arc::new(bus), with, guard: Box::new(()) })
    }

    bus_suite!(subject);
}

mod outbox {
    use super::*;

    fn subject() -> Ready<Subject<dyn Store, Outboxes>> {
        let store = MemoryStore::new();
        let (a, b) = (Arc::new(store.clone()), Arc::new(store.clone()));
        let with: Outboxes = Arc::new(move |service| store.outbox(service));
        ready(Subject { a, b, with, guard: Box::new(()) })
    }

    outbox_suite!(subject);
}

mod delivery {
    use super::*;

    /// A store whose events two relays take to the bus.
    fn subject() -> Ready<Subject<dyn Store, Arc<dyn Bus>>> {
        let (host, _) = host::manual(1);
        let store = MemoryStore::new();
        let with: Arc<dyn Bus> = Arc::new(MemoryBus::new(host.clone()));
        let (trigger, shutdown) = ShutdownTrigger::new();
        for _ in 0..2 {
            let relay = store.relay(SERVICE, Arc::clone(&with));
            drop(tokio::spawn(worker::run(host.clone(), relay, shutdown.clone())));
        }
        let (a, b) = (Arc::new(store.clone()), Arc::new(store));
        ready(Subject { a, b, with, guard: Box::new(trigger) })
    }

    delivery_suite!(subject);
}

mod timers {
    use super::*;

    fn subject() -> Ready<Subject<dyn Timers>> {
        let timers = MemoryTimers::new();
        ready(Subject {
            a: Arc::new(timers.clone()),
            b: Arc::new(timers),
            with: (),
            guard: Box::new(()),
        })
    }

    timers_suite!(subject);
}

mod limits {
    use super::*;

    fn subject() -> Ready<Subject<dyn RateLimits, Arc<dyn Time>>> {
        let (host, clock) = host::manual(1);
        let limits = MemoryRateLimits::new(host);
        let with = Arc::new(clock);
        ready(Subject {
            a: Arc::new(limits.clone()),
            b: Arc::new(limits),
            with,
            guard: Box::new(()),
        })
    }

    limits_suite!(subject);
}

mod mailer {
    use super::*;

    struct Kept(MemoryMailer);

    impl Outbox for Kept {
        fn mails(&self) -> Vec<Mail> {
            self.0.mails()
        }
    }

    fn subject() -> Ready<Subject<dyn Mailer, Arc<dyn Outbox>>> {
        let mailer = MemoryMailer::new();
        let with = Arc::new(Kept(mailer.clone()));
        ready(Subject {
            a: Arc::new(mailer.clone()),
            b: Arc::new(mailer),
            with,
            guard: Box::new(()),
        })
    }

    mailer_suite!(subject);
}

mod blobs {
    use super::*;

    fn subject() -> Ready<Subject<dyn Blobs>> {
        let blobs = MemoryBlobs::new();
        let (a, b) = (Arc::new(blobs.clone()), Arc::new(blobs));
        ready(Subject { a, b, with: (), guard: Box::new(()) })
    }

    blobs_suite!(subject);
}

mod keys {
    use stubmart_contract::Timestamp;
    use stubmart_keyring::Keyring;

    use super::*;

    fn subject() -> Ready<Subject<dyn Keys, Rotate>> {
        let keyring = Keyring::new([1; 32], [2; 32], Timestamp::EPOCH);
        let keys = MemoryKeys::new(keyring.clone());
        let (a, b) = (Arc::new(keys.clone()), Arc::new(keys.clone()));
        let last = std::sync::Mutex::new(keyring);
        let with: Rotate = Arc::new(move || {
            let mut last = last.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            *last = last.rotated([3; 32], Timestamp::EPOCH);
            keys.set(last.clone());
        });
        ready(Subject { a, b, with, guard: Box::new(()) })
    }

    keys_suite!(subject);
}
