//! The in-memory adapters keep every rule of their ports.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use stubmart_ports::{bus::Bus, limits::RateLimits, mailer::Mailer, store::Store, timers::Timers};
use stubmart_suite::{
    bus_suite, host, limits_suite, mailer_suite,
    mem::{MemBus, MemMailer, MemRateLimits, MemStore, MemTimers},
    outbox_suite,
    rules::{Subject, Time, mailer::Outbox},
    store_suite, timers_suite,
};

mod store {
    use super::*;

    fn subject() -> Ready<Subject<dyn Store>> {
        let store = MemStore::new();
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
        let bus = MemBus::new(host);
        let with = Arc::new(clock);
        ready(Subject { a: Arc::new(bus.clone()), b: Arc::new(bus), with, guard: Box::new(()) })
    }

    bus_suite!(subject);
}

mod outbox {
    use super::*;

    fn subject() -> Ready<Subject<dyn Store, Arc<dyn Bus>>> {
        let (host, _) = host::manual(1);
        let store = MemStore::new();
        let with = Arc::new(MemBus::new(host));
        ready(Subject { a: Arc::new(store.clone()), b: Arc::new(store), with, guard: Box::new(()) })
    }

    outbox_suite!(subject);
}

mod timers {
    use super::*;

    fn subject() -> Ready<Subject<dyn Timers>> {
        let timers = MemTimers::new();
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
        let limits = MemRateLimits::new(host);
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

    fn subject() -> Ready<Subject<dyn Mailer, Arc<dyn Outbox>>> {
        let mailer = MemMailer::new();
        let with = Arc::new(mailer.clone());
        ready(Subject {
            a: Arc::new(mailer.clone()),
            b: Arc::new(mailer),
            with,
            guard: Box::new(()),
        })
    }

    mailer_suite!(subject);
}
