//! Reads everything that is stored.

use std::{collections::HashMap, sync::Arc};

use stubmart_embedded::{Database, sandbox::Sandbox};
use stubmart_orders::order::{self, Order};
use stubmart_payments::charge::{self, Charge};
use stubmart_ports::{
    Cause,
    consumer::Handler,
    host::Host,
    key::Key,
    repo::{Document, Repo},
    store::{Scan, Store},
    worker::{ShutdownTrigger, Wake},
};
use stubmart_tickets::ticket::{self, Ticket};

use super::{
    consumers,
    rules::{Finding, Market},
};
use crate::{
    config::Config,
    market::{self, Market as Services},
};

/// How many documents are read at once.
const BATCH: usize = 2_000;

/// A stored market.
pub(crate) struct Stored {
    pub(crate) database: Database,
    handlers: Vec<Arc<dyn Handler>>,
    sandbox: Sandbox,
    host: Host,
}

impl Stored {
    pub(crate) async fn open(config: &Config, host: Host) -> Result<Self, Cause> {
        let (_trigger, shutdown) = ShutdownTrigger::new();
        // Nothing of the services runs: they tell which consumers there are.
        let services = Services::start(config, host.clone(), shutdown).await?;
        let handlers = services.handlers();
        let database = market::open_database(config, &host)?;
        let sandbox = Sandbox::new(database.store(), host.clone());
        Ok(Self { database, handlers, sandbox, host })
    }

    /// Reads the market.
    pub(crate) async fn read(&self) -> Result<Market, Cause> {
        let tickets = self.all::<Ticket>(ticket::index::NEWEST).await?;
        let orders = self.all::<Order>(order::index::BUYER).await?;
        let charges = self.all::<Charge>(charge::BUYER).await?;
        let intents = self.sandbox.books().await?;
        let last_activity = tickets
            .values()
            .map(|ticket| ticket.updated_at)
            .chain(orders.values().map(|order| order.updated_at))
            .max();
        Ok(Market {
            tickets: tickets.into_values().map(|it| (it.id, it)).collect(),
            orders: orders.into_values().map(|it| (it.id, it)).collect(),
            charges: charges.into_values().map(|it| (it.id, it)).collect(),
            intents: intents.into_iter().map(|it| (it.charge_id, it)).collect(),
            last_activity,
        })
    }

    async fn all<T: Document>(&self, index: &'static str) -> Result<HashMap<uuid::Uuid, T>, Cause> {
        let store: Arc<dyn Store> = self.database.store();
        let repo: Repo<T> = Repo::new(store, self.host.clone(), Wake::default());
        let mut scan = Scan::prefix(T::COLLECTION, index, &Key::new()).limit(BATCH);
        let mut all = HashMap::new();
        loop {
            let rows = repo.find(scan.clone()).await?;
            let Some(last) = rows.last() else { return Ok(all) };
            scan = scan.behind(&last.key);
            all.extend(rows.into_iter().map(|row| (row.doc.id(), row.doc)));
        }
    }

    /// Whether an event is on its way to a consumer that would mend what was found.
    pub(crate) fn is_on_its_way(&self, finding: &Finding) -> Result<bool, Cause> {
        for name in finding.mended_by {
            if let Some(consumer) = consumers(&self.handlers, name)
                && self.database.bus().backlog(consumer)? > 0
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    pub(crate) async fn close(self) -> Result<(), Cause> {
        self.database.close().await
    }
}
