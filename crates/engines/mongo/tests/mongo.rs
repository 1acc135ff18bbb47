//! The adapter keeps every rule of the store's port, on the engine that `STUBMART_TEST_MONGODB_URL` names.

use std::{env, sync::Arc, time::Duration};

use stubmart_kernel::worker::{self, ShutdownTrigger};
use stubmart_memory::MemoryBus;
use stubmart_mongo::{MongoOptions, MongoStore};
use stubmart_ports::{bus::Bus, store::Store};
use stubmart_suite::{
    delivery_suite, host, outbox_suite,
    rules::{Subject, delivery::SERVICE, outbox::Outboxes},
    store_suite,
};
use uuid::Uuid;

/// The options of a new database.
fn options() -> MongoOptions {
    let uri = env::var("STUBMART_TEST_MONGODB_URL")
        .expect("STUBMART_TEST_MONGODB_URL must name an engine; `./test engines` starts one");
    // Names of databases are short in places.
    let database = format!("suite-{}", Uuid::new_v4().simple());
    MongoOptions { uri, database, timeout: Duration::from_secs(30) }
}

async fn open(options: MongoOptions) -> MongoStore {
    // By a clock that stands still: a rule has a time limit of its own.
    MongoStore::open(options, host::manual(1).0).await.unwrap()
}

mod store {
    use super::*;

    async fn subject() -> Subject<dyn Store> {
        let options = options();
        let (a, b) = (open(options.clone()).await, open(options).await);
        Subject { a: Arc::new(a), b: Arc::new(b), with: (), guard: Box::new(()) }
    }

    store_suite!(subject);
}

mod outbox {
    use super::*;

    async fn subject() -> Subject<dyn Store, Outboxes> {
        let store = open(options()).await;
        let (a, b) = (Arc::new(store.clone()), Arc::new(store.clone()));
        let with: Outboxes = Arc::new(move |service| store.outbox(service));
        Subject { a, b, with, guard: Box::new(()) }
    }

    outbox_suite!(subject);
}

mod delivery {
    use super::*;

    /// Two processes, each with a relay.
    async fn subject() -> Subject<dyn Store, Arc<dyn Bus>> {
        let (host, _) = host::manual(1);
        let options = options();
        let (a, b) = (open(options.clone()).await, open(options).await);
        let with: Arc<dyn Bus> = Arc::new(MemoryBus::new(host.clone()));
        let (trigger, shutdown) = ShutdownTrigger::new();
        for store in [&a, &b] {
            let relay = store.relay(SERVICE, Arc::clone(&with));
            drop(tokio::spawn(worker::run(host.clone(), relay, shutdown.clone())));
        }
        Subject { a: Arc::new(a), b: Arc::new(b), with, guard: Box::new(trigger) }
    }

    delivery_suite!(subject);
}
