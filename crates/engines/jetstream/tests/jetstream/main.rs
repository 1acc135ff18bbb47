//! The adapter keeps every rule of the bus's port, and heals, on the engine that `STUBMART_TEST_NATS_URL`
//! names.

mod heal;

use std::{env, sync::Arc, time::Duration};

use futures_util::future::{BoxFuture, FutureExt as _};
use stubmart_jetstream::{JetstreamBus, JetstreamOptions};
use stubmart_ports::bus::Bus;
use stubmart_suite::{
    bus_suite,
    rules::{Subject, Time},
};
use uuid::Uuid;

/// The options of a stream that is not there yet.
fn options() -> JetstreamOptions {
    let url = env::var("STUBMART_TEST_NATS_URL")
        .expect("STUBMART_TEST_NATS_URL must name an engine; `./test engines` starts one");
    let replicas = env::var("STUBMART_TEST_NATS_REPLICAS").map_or(1, |it| it.parse().unwrap());
    JetstreamOptions {
        stream: format!("suite-{}", Uuid::new_v4().simple()),
        replicas,
        ack_wait: Duration::from_secs(10),
        timeout: Duration::from_secs(10),
        ..JetstreamOptions::new(url)
    }
}

/// Two connections.
async fn buses(options: JetstreamOptions) -> [JetstreamBus; 2] {
    let a = JetstreamBus::open(options.clone()).await.unwrap();
    let b = JetstreamBus::open(options).await.unwrap();
    for bus in [&a, &b] {
        while bus.ready().await.is_err() {
            tokio::task::yield_now().await;
        }
    }
    [a, b]
}

/// The time of the server, which is the machine's.
struct Real;

impl Time for Real {
    fn pass(&self, duration: Duration) -> BoxFuture<'static, ()> {
        tokio::time::sleep(duration).boxed()
    }

    fn long(&self) -> Duration {
        Duration::from_secs(4)
    }
}

mod bus {
    use super::*;

    async fn subject() -> Subject<dyn Bus, Arc<dyn Time>> {
        let [a, b] = buses(options()).await;
        Subject { a: Arc::new(a), b: Arc::new(b), with: Arc::new(Real), guard: Box::new(()) }
    }

    bus_suite!(subject);
}
