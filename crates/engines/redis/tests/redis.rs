//! The adapters keep every rule of their ports, on the engine that `STUBMART_TEST_REDIS_URL` names.

use std::{
    env,
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use stubmart_ports::{limits::RateLimits, timers::Timers};
use stubmart_redis::{RedisOptions, RedisServer};
use stubmart_suite::{
    host, limits_suite,
    rules::{Subject, Time},
    timers_suite,
};

/// Two connections to a part of the server that is empty.
fn servers() -> [RedisServer; 2] {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let url = env::var("STUBMART_TEST_REDIS_URL")
        .expect("STUBMART_TEST_REDIS_URL must name an engine; `./test engines` starts one");
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let prefix = format!("suite-{started}-{}", COUNT.fetch_add(1, Ordering::SeqCst));
    let options = RedisOptions { url, prefix, timeout: Duration::from_secs(10) };
    [(); 2].map(|()| RedisServer::open(options.clone()).unwrap())
}

mod timers {
    use super::*;

    fn subject() -> Ready<Subject<dyn Timers>> {
        let [a, b] = servers();
        let (a, b) = (Arc::new(a.timers()), Arc::new(b.timers()));
        ready(Subject { a, b, with: (), guard: Box::new(()) })
    }

    timers_suite!(subject);
}

mod limits {
    use super::*;

    fn subject() -> Ready<Subject<dyn RateLimits, Arc<dyn Time>>> {
        let [a, b] = servers();
        let (host, clock) = host::manual(1);
        let (a, b) = (Arc::new(a.rate_limits(host.clone())), Arc::new(b.rate_limits(host)));
        ready(Subject { a, b, with: Arc::new(clock), guard: Box::new(()) })
    }

    limits_suite!(subject);
}
