//! Everything that a market has stored, read as a whole: from its file as it is at one moment, from its servers
//! as it comes.

use std::{sync::Arc, time::Duration};

use serde::de::DeserializeOwned;
use stubmart_contract::Envelope;
use stubmart_jetstream::JetstreamBus;
use stubmart_mongo::MongoStore;
use stubmart_node::Service;
use stubmart_ports::{
    Cause,
    bus::{Consumer, Event},
    host::Host,
    store::{Collection, Store as _},
};
use stubmart_sqlite::snapshot::{Dead, Listed, Snapshot, Waiting};

use crate::{config::Config, servers};

/// How many events are read at once.
const PAGE: usize = 1000;

/// How long the bus is waited for until it is connected to.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// A stored market. It is not written to, but that what waits in documents on servers moves into their history.
pub(crate) enum Whole {
    /// In its file.
    File(Snapshot),
    /// On its servers.
    Servers(Box<Databases>),
}

/// The databases of all services, and their bus.
#[derive(Clone)]
pub(crate) struct Databases {
    services: Vec<(Service, MongoStore)>,
    sandbox: MongoStore,
    bus: JetstreamBus,
}

impl Whole {
    /// The market that is configured, as it is now.
    ///
    /// # Errors
    /// The cause: it is not there, or cannot be reached or read.
    pub(crate) async fn of(config: &Config, host: &Host) -> Result<Self, Cause> {
        let Some(servers) = &config.servers else {
            return Ok(Self::File(Snapshot::take(&config.existing()?)?));
        };
        let bus = servers::bus(servers).await?;
        let connected = async {
            while stubmart_ports::bus::Bus::ready(&bus).await.is_err() {
                host.clock.sleep(Duration::from_millis(20)).await;
            }
        };
        host.timeout(CONNECT_MAX, Box::pin(connected))
            .await
            .map_err(|_| "NATS cannot be reached")?;
        let mut services = Vec::new();
        for service in Service::STORED {
            services.push((service, servers::database(servers, service.name(), host).await?));
        }
        let sandbox = servers::database(servers, servers::SANDBOX, host).await?;
        Ok(Self::Servers(Box::new(Databases { services, sandbox, bus })))
    }

    /// Every document of a collection.
    ///
    /// # Errors
    /// The cause: one of them cannot be read.
    pub(crate) async fn all<T: DeserializeOwned>(
        &self,
        collection: &Collection,
    ) -> Result<Vec<T>, Cause> {
        let name = collection.name;
        let bodies = match self {
            Self::File(snapshot) => snapshot.bodies(name)?,
            Self::Servers(databases) => databases.holding(collection)?.bodies(name).await?,
        };
        let read = |body: Vec<u8>| {
            serde_json::from_slice(&body)
                .map_err(|error| format!("a document of {name} cannot be read: {error}").into())
        };
        bodies.into_iter().map(read).collect()
    }

    /// Every document there is, in no order.
    ///
    /// # Errors
    /// The cause: they cannot be read.
    pub(crate) async fn documents(&self) -> Result<Vec<Listed>, Cause> {
        let databases = match self {
            Self::File(snapshot) => return Ok(snapshot.documents()?),
            Self::Servers(databases) => databases,
        };
        let mut documents = Vec::new();
        for (service, store) in &databases.services {
            let listed = store.documents_of(service.name()).await?;
            documents.extend(listed.into_iter().map(|it| Listed {
                collection: it.collection,
                id: it.id,
                version: it.version,
            }));
        }
        Ok(documents)
    }

    /// Shows `see` every event that a service saved, those of one document in their order, and what to call it.
    ///
    /// # Errors
    /// The cause: they cannot be read.
    pub(crate) async fn record(&self, mut see: impl FnMut(String, Event)) -> Result<(), Cause> {
        let databases = match self {
            Self::File(snapshot) => {
                return Ok(snapshot.record(|position, event| see(position.to_string(), event))?);
            }
            Self::Servers(databases) => databases,
        };
        for (service, store) in &databases.services {
            let mut after = None;
            loop {
                let page = store.history(service.name(), after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some((last.aggregate_id, last.version));
                for event in page {
                    see(event.id.to_string(), Ok(event));
                }
            }
        }
        Ok(())
    }

    /// What `consumer` has not settled yet, oldest first. On servers it may have settled some of it.
    ///
    /// # Errors
    /// The cause: it cannot be read.
    pub(crate) async fn waiting(&self, consumer: &'static Consumer) -> Result<Vec<Waiting>, Cause> {
        let databases = match self {
            Self::File(snapshot) => return Ok(snapshot.waiting(consumer)?),
            Self::Servers(databases) => databases,
        };
        let on_the_bus = databases.bus.waiting(consumer).await?.into_iter();
        let mut waiting: Vec<_> = on_the_bus
            .map(|it| Waiting { position: it.position, due: None, event: it.event })
            .collect();
        for (service, store) in &databases.services {
            let unpublished = store.outbox(service.name()).pending(PAGE).await?;
            let is_wanted = |it: &Arc<Envelope>| consumer.types.contains(&it.event.event_type());
            waiting.extend(unpublished.into_iter().filter(is_wanted).map(|event| Waiting {
                // It has no place on the bus yet.
                position: u64::MAX,
                due: None,
                event: Ok(event),
            }));
        }
        Ok(waiting)
    }

    /// What was put aside for a human.
    ///
    /// # Errors
    /// The cause: it cannot be read.
    pub(crate) async fn dead(&self) -> Result<Vec<Dead>, Cause> {
        let databases = match self {
            Self::File(snapshot) => return Ok(snapshot.dead()?),
            Self::Servers(databases) => databases,
        };
        let aside = databases.bus.aside().await?.into_iter();
        let dead = |it: stubmart_jetstream::Aside| Dead {
            consumer: it.consumer,
            position: it.position,
            kind: it.kind,
            reason: it.reason,
        };
        Ok(aside.map(dead).collect())
    }
}

impl Databases {
    /// Whether any process takes events for one of these consumers: the market runs then.
    ///
    /// # Errors
    /// The cause: the bus does not answer.
    pub(crate) async fn are_served(&self, consumers: &[&Consumer]) -> Result<bool, Cause> {
        Ok(self.bus.is_followed(consumers).await?)
    }

    fn holding(&self, collection: &Collection) -> Result<&MongoStore, Cause> {
        let service = collection.service();
        if service == servers::SANDBOX {
            return Ok(&self.sandbox);
        }
        let found = self.services.iter().find(|(it, _)| it.name() == service);
        found.map(|(_, store)| store).ok_or_else(|| format!("{service} stores nothing").into())
    }
}
