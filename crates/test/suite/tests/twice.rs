//! Writes that are made twice change nothing that a rule could see: under that fault the wrappers keep
//! every rule of their ports.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use stubmart_memory::{MemoryBus, MemoryStore, MemoryTimers};
use stubmart_ports::{bus::Bus, store::Store, timers::Timers};
use stubmart_relay::Outbox;
use stubmart_suite::{
    bus_suite,
    fault::{Fault, FaultyBus, FaultyOutbox, FaultyStore, FaultyTimers, Injector, Op},
    host, outbox_suite,
    rules::{Subject, Time, outbox::Outboxes},
    store_suite, timers_suite,
};

/// Every write twice; deliveries and claims as they are.
fn twice() -> Arc<Injector> {
    Injector::new(|op, _| match op {
        Op::Deliver | Op::Claim => Fault::None,
        _ => Fault::Twice,
    })
}

mod store {
    use super::*;

    fn subject() -> Ready<Subject<dyn Store>> {
        let store = Arc::new(FaultyStore::new(Arc::new(MemoryStore::new()), twice()));
        ready(Subject { a: store.clone(), b: store, with: (), guard: Box::new(()) })
    }

    store_suite!(subject);
}

mod bus {
    use super::*;

    fn subject() -> Ready<Subject<dyn Bus, Arc<dyn Time>>> {
        let (host, clock) = host::manual(1);
        let bus = Arc::new(FaultyBus::new(Arc::new(MemoryBus::new(host)), twice()));
        ready(Subject { a: bus.clone(), b: bus, with: Arc::new(clock), guard: Box::new(()) })
    }

    bus_suite!(subject);
}

mod outbox {
    use super::*;

    fn subject() -> Ready<Subject<dyn Store, Outboxes>> {
        let inner = MemoryStore::new();
        let store = Arc::new(FaultyStore::new(Arc::new(inner.clone()), twice()));
        let with: Outboxes = Arc::new(move |service| -> Arc<dyn Outbox> {
            Arc::new(FaultyOutbox::new(inner.outbox(service), twice()))
        });
        ready(Subject { a: store.clone(), b: store, with, guard: Box::new(()) })
    }

    outbox_suite!(subject);
}

mod timers {
    use super::*;

    fn subject() -> Ready<Subject<dyn Timers>> {
        let timers = Arc::new(FaultyTimers::new(Arc::new(MemoryTimers::new()), twice()));
        ready(Subject { a: timers.clone(), b: timers, with: (), guard: Box::new(()) })
    }

    timers_suite!(subject);
}
