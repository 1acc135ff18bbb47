//! The engines of a market that outgrows one machine: MongoDB, NATS JetStream and Redis.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use stubmart_jetstream::{JetstreamBus, JetstreamOptions};
use stubmart_kernel::worker::Worker;
use stubmart_mongo::{MongoOptions, MongoStore};
use stubmart_node::{Elsewhere, Service, Stores};
use stubmart_ports::{
    Cause, bus::Bus, host::Host, limits::RateLimits, store::Store, timers::Timers,
};
use stubmart_redis::{RedisOptions, RedisServer};

use crate::server_settings::Servers;

/// How long a server may take to answer. Longer than a write that waits for a new primary takes as a rule,
/// shorter than a client waits.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The name of the payment sandbox among the services that have a database.
pub(crate) const SANDBOX: &str = "sandbox";

/// Stands for the name of the service in MongoDB's URL.
pub(crate) const SERVICE: &str = "{service}";

/// The engines that keep the market, on servers or in a file.
pub(crate) struct Kept {
    pub(crate) stores: Stores,
    /// The books of the payment sandbox.
    pub(crate) sandbox: Arc<dyn Store>,
    pub(crate) bus: Arc<dyn Bus>,
    pub(crate) timers: Arc<dyn Timers>,
    pub(crate) limits: Arc<dyn RateLimits>,
    /// What runs for as long as services do.
    pub(crate) workers: Vec<Arc<dyn Worker>>,
}

/// A database for each of these services, and the workers that take its events to the bus and fill a bus that
/// has lost them.
pub(crate) async fn open(
    servers: &Servers,
    here: &BTreeSet<Service>,
    host: &Host,
) -> Result<Kept, Cause> {
    let bus = bus(servers).await?;
    let shared: Arc<dyn Bus> = Arc::new(bus.clone());
    let redis = RedisOptions {
        url: servers.redis.clone(),
        prefix: servers.namespace.clone(),
        timeout: TIMEOUT,
    };
    let redis = RedisServer::open(redis).map_err(|error| format!("Redis's URL: {error}"))?;
    let mut workers: Vec<Arc<dyn Worker>> = Vec::new();
    let elsewhere: Arc<dyn Store> = Arc::new(Elsewhere);
    let mut store = async |service: Service| -> Result<Arc<dyn Store>, Cause> {
        if !here.contains(&service) {
            return Ok(Arc::clone(&elsewhere));
        }
        let store = database(servers, service.name(), host).await?;
        workers.push(store.relay(service.name(), Arc::clone(&shared)));
        let store: Arc<dyn Store> = Arc::new(store);
        workers.push(bus.heal(service.name(), Arc::clone(&store), host.clone()));
        Ok(store)
    };
    let stores = Stores {
        auth: store(Service::Auth).await?,
        tickets: store(Service::Tickets).await?,
        catalogue: store(Service::Catalogue).await?,
        orders: store(Service::Orders).await?,
        payments: store(Service::Payments).await?,
        delivery: store(Service::Delivery).await?,
        notify: store(Service::Notify).await?,
    };
    let sandbox: Arc<dyn Store> = if here.contains(&Service::Payments) {
        Arc::new(database(servers, SANDBOX, host).await?)
    } else {
        Arc::clone(&elsewhere)
    };
    Ok(Kept {
        stores,
        sandbox,
        bus: shared,
        timers: Arc::new(redis.timers()),
        limits: Arc::new(redis.rate_limits(host.clone())),
        workers,
    })
}

/// The bus.
pub(crate) async fn bus(servers: &Servers) -> Result<JetstreamBus, Cause> {
    JetstreamBus::open(JetstreamOptions {
        stream: servers.namespace.clone(),
        ..JetstreamOptions::new(servers.nats.clone())
    })
    .await
}

/// The database of a service.
pub(crate) async fn database(
    servers: &Servers,
    service: &str,
    host: &Host,
) -> Result<MongoStore, Cause> {
    let options = MongoOptions {
        uri: servers.mongodb.replace(SERVICE, service),
        database: format!("{}-{service}", servers.namespace),
        timeout: TIMEOUT,
    };
    MongoStore::open(options, host.clone())
        .await
        .map_err(|error| format!("MongoDB's URL: {error}").into())
}
