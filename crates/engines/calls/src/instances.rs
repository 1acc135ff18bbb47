//! The instances of a service: where they are, and which of them to call.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use stubmart_contract::Timestamp;
use stubmart_ports::host::Host;

use crate::breaker::Breaker;

/// How long a look-up of names holds: instances that have come are called, and those that have gone are not,
/// after this time.
const LOOKED_UP_FOR: Duration = Duration::from_secs(2);

/// How long a look-up may take.
const LOOK_UP_MAX: Duration = Duration::from_secs(2);

/// An instance of a service.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) address: SocketAddr,
    pub(crate) breaker: Breaker,
    /// Whether it said so, when it was asked the last time.
    ready: AtomicBool,
}

impl Instance {
    fn at(address: SocketAddr) -> Arc<Self> {
        Arc::new(Self { address, breaker: Breaker::default(), ready: AtomicBool::new(true) })
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    /// Notes whether it is ready; the answer is what was known before.
    pub(crate) fn note_ready(&self, is_ready: bool) -> bool {
        self.ready.swap(is_ready, Ordering::Relaxed)
    }
}

/// The instances of a service.
pub(crate) struct Instances {
    /// `HOST:PORT`. A name that has several addresses, such as that of a headless Service of Kubernetes, is so
    /// many instances.
    names: Vec<String>,
    host: Host,
    known: Mutex<Known>,
    next: AtomicUsize,
}

#[derive(Default)]
struct Known {
    instances: Vec<Arc<Instance>>,
    looked_up_at: Option<Timestamp>,
}

impl Instances {
    pub(crate) fn new(names: Vec<String>, host: Host) -> Self {
        Self { names, host, known: Mutex::default(), next: AtomicUsize::new(0) }
    }

    /// All instances there are, each time beginning with another one. None where no name has an address.
    pub(crate) async fn all(&self) -> Vec<Arc<Instance>> {
        let now = self.host.now();
        let is_fresh = |at: Timestamp| now >= at && now.since(at) < LOOKED_UP_FOR;
        let known = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let fresh = known.looked_up_at.is_some_and(is_fresh);
            // Those who come meanwhile go by what is known.
            known.looked_up_at = Some(now);
            fresh.then(|| known.instances.clone())
        };
        let mut instances = match known {
            Some(known) if !known.is_empty() => known,
            _ => self.look_up().await,
        };
        let count = instances.len().max(1);
        instances.rotate_left(self.next.fetch_add(1, Ordering::Relaxed) % count);
        instances
    }

    /// Asks for the addresses of every name. Where one has none at the moment, what was known stays.
    async fn look_up(&self) -> Vec<Arc<Instance>> {
        let mut found = Vec::new();
        let mut is_whole = true;
        for name in &self.names {
            match self.host.timeout(LOOK_UP_MAX, tokio::net::lookup_host(name.as_str())).await {
                Ok(Ok(addresses)) => found.extend(addresses),
                Ok(Err(error)) => {
                    is_whole = false;
                    tracing::debug!(name, %error, "a service has no address");
                }
                Err(_) => is_whole = false,
            }
        }
        found.sort_unstable();
        found.dedup();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before: HashMap<_, _> =
            known.instances.drain(..).map(|it| (it.address, it)).collect();
        let mut instances: Vec<_> = found
            .into_iter()
            .map(|address| before.remove(&address).unwrap_or_else(|| Instance::at(address)))
            .collect();
        if !is_whole {
            instances.extend(before.into_values());
        }
        known.instances.clone_from(&instances);
        instances
    }
}
