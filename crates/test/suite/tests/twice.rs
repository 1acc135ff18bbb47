//! Writes that are made twice change nothing that a rule could see: under that fault the wrappers keep
//! every rule of their ports.

use std::{
    future::{Ready, ready},
    sync::Arc,
};

use stubmart_ports::{bus::Bus, store::Store, timers::Timers};
use stubmart_suite::{
    bus_suite,
    fault::{Fault, FaultyBus, FaultyStore, FaultyTimers, Injector, Op},
    host,
    mem::{MemBus, MemStore, MemTimers},
    outbox_suite,
    rules::{Subject, Time},
    store_suite, timers_suite,
};

/// Every write twice; deliveries and claims as they are.
fn twice() -> Arc<Injector> {
    Injector::new(|call| match call.op {
        Op::Next | Op::Claim => Fault::None,
        _ => Fault::Twice,
    })
}

mod store {
    use super::*;

    fn subject() -> Ready<Subject<dyn Store>> {
        let store = Arc::new(FaultyStore::new(Arc::new(MemStore::new()), twice()));
        ready(Subject { a: store.clone(), b: store, with: (), guard: Box::new(()) })
    }

    store_suite!(subject);
}

mod bus {
    use super::*;

    fn subject() -> Ready<Subject<dyn Bus, Arc<dyn Time>>> {
        let (host, clock) = host::manual(1);
        let bus = Arc::new(FaultyBus::new(Arc::new(MemBus::new(host)), twice()));
        ready(Subject { a: bus.clone(), b: bus, with: Arc::new(clock), guard: Box::new(()) })
    }

    bus_suite!(subject);
}

mod outbox {
    use super::*;

    fn subject() -> Ready<Subject<dyn Store, Arc<dyn Bus>>> {
        let (host, _) = host::manual(1);
        let store = Arc::new(FaultyStore::new(Arc::new(MemStore::new()), twice()));
        let with = Arc::new(FaultyBus::new(Arc::new(MemBus::new(host)), twice()));
        ready(Subject { a: store.clone(), b: store, with, guard: Box::new(()) })
    }

    outbox_suite!(subject);
}

mod timers {
    use super::*;

    fn subject() -> Ready<Subject<dyn Timers>> {
        let timers = Arc::new(FaultyTimers::new(Arc::new(MemTimers::new()), twice()));
        ready(Subject { a: timers.clone(), b: timers, with: (), guard: Box::new(()) })
    }

    timers_suite!(subject);
}
