//! One database: its connections, its time limit, and its collections with their indexes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use mongodb::{
    Client, Collection, IndexModel,
    bson::doc,
    options::{
        Acknowledgment, ClientOptions, IndexOptions, ReadConcern, SelectionCriteria, WriteConcern,
    },
};
use stubmart_ports::{Cause, host::Host, store};
use tokio::sync::OnceCell;

use crate::{failure::Failure, form::Form};

/// How to reach a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MongoOptions {
    /// The connection string. What it says about retried writes, read and write concerns is overruled.
    pub uri: String,
    /// The database. It must exist where the server makes none by itself.
    pub database: String,
    /// How long a call may take. The driver has no limit of its own: it notices a stopped server only
    /// when its monitor does, after a quarter of a minute.
    pub timeout: Duration,
}

/// A database. Clones are handles on the same connections.
#[derive(Clone)]
pub(crate) struct Database {
    database: mongodb::Database,
    timeout: Duration,
    host: Host,
    /// The collections whose indexes this process has seen to.
    indexed: Arc<Mutex<BTreeMap<String, Arc<OnceCell<()>>>>>,
}

impl Database {
    /// Connects when it is first used: a server that is down fails calls, not the start.
    ///
    /// # Errors
    /// The cause: the connection string is not valid.
    pub(crate) async fn open(options: MongoOptions, host: Host) -> Result<Self, Cause> {
        let MongoOptions { uri, database, timeout } = options;
        let mut client = ClientOptions::parse(uri).await?;
        // A retried write whose first answer was lost is answered "no match" by some servers, which reads
        // like a conflict with somebody else. Callers look the save up by its id instead.
        client.retry_writes = Some(false);
        client.read_concern = Some(ReadConcern::majority());
        client.selection_criteria =
            Some(SelectionCriteria::ReadPreference(mongodb::options::ReadPreference::Primary));
        let concern = WriteConcern::builder().w(Acknowledgment::Majority).journal(true);
        client.write_concern = Some(concern.w_timeout(timeout).build());
        client.server_selection_timeout = Some(timeout);
        client.connect_timeout = Some(timeout);
        client.app_name.get_or_insert_with(|| "stubmart".to_owned());
        let database = Client::with_options(client)?.database(&database);
        Ok(Self { database, timeout, host, indexed: Arc::default() })
    }

    /// Runs a call for as long as it may take.
    ///
    /// # Errors
    /// [`Failure`]. A call that is given up may still have its effect.
    pub(crate) async fn bounded<T>(
        &self,
        call: impl IntoFuture<Output = mongodb::error::Result<T>>,
    ) -> Result<T, Failure> {
        match self.host.timeout(self.timeout, call.into_future()).await {
            Ok(answer) => Ok(answer?),
            Err(late) => Err(Failure::Unknown(late.into())),
        }
    }

    /// The collection of documents. Its indexes are there before anything is asked of it.
    ///
    /// # Errors
    /// [`Failure`], and nothing was written but perhaps indexes.
    pub(crate) async fn documents(
        &self,
        collection: &'static store::Collection,
    ) -> Result<Collection<Form>, Failure> {
        let handle = self.database.collection(collection.name);
        self.ensure(&handle, || {
            let keys = collection.indexes.iter().map(|index| {
                // A document without an entry is not in the index: in one that is not sparse, two of them
                // would have the same key.
                let options = IndexOptions::builder().sparse(true).unique(index.unique).build();
                let key = doc! { Form::key_field(index.name): 1 };
                IndexModel::builder().keys(key).options(options).build()
            });
            keys.chain([sparse("unarchived")]).collect()
        })
        .await?;
        Ok(handle)
    }

    /// The history of a service.
    ///
    /// # Errors
    /// As [`Self::documents`].
    pub(crate) async fn history<T: Send + Sync>(
        &self,
        service: &str,
    ) -> Result<Collection<T>, Failure> {
        let handle = self.database.collection(&history_name(service));
        self.ensure(&handle, || vec![sparse("pending")]).await?;
        Ok(handle)
    }

    /// The names of the collections that a service has documents in.
    ///
    /// # Errors
    /// [`Failure`].
    pub(crate) async fn names(&self, service: &str) -> Result<Vec<String>, Failure> {
        let mut names = self.bounded(self.database.list_collection_names()).await?;
        let (prefix, history) = (format!("{service}."), history_name(service));
        names.retain(|name| name.starts_with(&prefix) && *name != history);
        Ok(names)
    }

    /// A collection by its name, whose indexes are somebody else's business.
    pub(crate) fn collection<T: Send + Sync>(&self, name: &str) -> Collection<T> {
        self.database.collection(name)
    }

    async fn ensure<T: Send + Sync>(
        &self,
        collection: &Collection<T>,
        indexes: impl FnOnce() -> Vec<IndexModel>,
    ) -> Result<(), Failure> {
        let once = {
            let mut indexed = self.indexed.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(indexed.entry(collection.name().to_owned()).or_default())
        };
        let create =
            || async { self.bounded(collection.create_indexes(indexes())).await.map(drop) };
        once.get_or_try_init(create).await.copied()
    }
}

fn history_name(service: &str) -> String {
    format!("{service}.events")
}

/// An index of the few documents that have this field.
fn sparse(field: &str) -> IndexModel {
    let options = IndexOptions::builder().sparse(true).build();
    IndexModel::builder().keys(doc! { field: 1 }).options(options).build()
}

/// Reads a whole cursor.
pub(crate) async fn all<T, Find>(find: Find) -> mongodb::error::Result<Vec<T>>
where
    Find: IntoFuture<Output = mongodb::error::Result<mongodb::Cursor<T>>>,
    T: serde::de::DeserializeOwned + Unpin + Send + Sync,
{
    futures_util::TryStreamExt::try_collect(find.await?).await
}
