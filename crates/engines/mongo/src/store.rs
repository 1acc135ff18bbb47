//! The document store.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use mongodb::{
    Collection,
    bson::{self, Document, doc},
    options::ReadConcern,
};
use stubmart_contract::Envelope;
use stubmart_kernel::worker::{Wake, Worker};
use stubmart_ports::{
    Cause,
    bus::Bus,
    host::Host,
    store::{
        self, DocKey, Expect, Found, FoundKey, HistoryCursor, Save, Scan, Store, StoreError, Stored,
    },
};
use stubmart_relay::{Outbox, Relay};

use crate::{
    database::{Database, MongoOptions, all},
    failure::Failure,
    form::{self, Form},
    history,
    outbox::MongoOutbox,
};

/// How often a save is tried whose unique key was taken, and free again when somebody looked by whom.
const ATTEMPTS: u32 = 5;

/// A store over one database. Clones are handles on the same.
#[derive(Clone)]
pub struct MongoStore {
    pub(crate) database: Database,
    /// Wakes the relays of this process, by service.
    saved: Arc<Mutex<BTreeMap<&'static str, Wake>>>,
}

impl std::fmt::Debug for MongoStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MongoStore").finish_non_exhaustive()
    }
}

impl MongoStore {
    /// A store over this database. It connects when it is first used: a server that is down fails calls,
    /// not the start.
    ///
    /// # Errors
    /// The cause: the connection string is not valid.
    pub async fn open(options: MongoOptions, host: Host) -> Result<Self, Cause> {
        Ok(Self { database: Database::open(options, host).await?, saved: Arc::default() })
    }

    /// The outbox of a service.
    #[must_use]
    pub fn outbox(&self, service: &'static str) -> Arc<dyn Outbox> {
        let (database, saved) = (self.database.clone(), self.saved(service));
        Arc::new(MongoOutbox { database, service, saved })
    }

    /// The worker that takes a service's events to `bus`. Any number of processes may run one.
    #[must_use]
    pub fn relay(&self, service: &'static str, bus: Arc<dyn Bus>) -> Arc<dyn Worker> {
        Arc::new(Relay::new(self.outbox(service), bus))
    }

    fn saved(&self, service: &'static str) -> Wake {
        let mut saved = self.saved.lock().unwrap_or_else(PoisonError::into_inner);
        saved.entry(service).or_default().clone()
    }

    /// The collection, for a call that has written nothing so far.
    async fn documents(
        &self,
        collection: &'static store::Collection,
    ) -> Result<Collection<Form>, StoreError> {
        self.database.documents(collection).await.map_err(Failure::unavailable)
    }

    async fn read(
        &self,
        documents: &Collection<Form>,
        key: DocKey,
    ) -> Result<Option<Stored>, StoreError> {
        let found = documents
            .find_one(doc! { "_id": key.id.to_string() })
            .projection(Form::projection())
            .read_concern(ReadConcern::linearizable());
        let found = self.database.bounded(found).await.map_err(Failure::unavailable)?;
        found.map(Stored::try_from).transpose()
    }

    /// Makes one attempt; whether the expected revision was stored.
    async fn write(
        &self,
        documents: &Collection<Form>,
        expect: Expect,
        form: &Form,
        update: &Document,
    ) -> Result<bool, Failure> {
        if expect == Expect::Absent {
            self.database.bounded(documents.insert_one(form)).await?;
            return Ok(true);
        }
        let expected = doc! { "_id": &form.id, "revision": form.revision.saturating_sub(1) };
        let written = self.database.bounded(documents.update_one(expected, update.clone())).await?;
        Ok(written.matched_count == 1)
    }

    /// Why a save was refused that would have made some key in the database not unique; `None` when the
    /// reason is gone already.
    async fn refusal(
        &self,
        documents: &Collection<Form>,
        save: &Save,
    ) -> Result<Option<StoreError>, StoreError> {
        let stored = self.read(documents, save.key).await?;
        let is_as_expected = match save.expect {
            Expect::Absent => stored.is_none(),
            Expect::Revision(revision) => stored.is_some_and(|it| it.revision == revision),
        };
        if !is_as_expected {
            return Ok(Some(StoreError::Conflict));
        }
        let ids = documents.clone_with_type::<Document>();
        for entry in &save.entries {
            let index = save.key.collection.index(entry.index)?;
            if !index.unique {
                continue;
            }
            let owner = ids
                .find_one(doc! { Form::key_field(index.name): form::hex(entry) })
                .projection(doc! { "_id": 1 });
            let owner = self.database.bounded(owner).await.map_err(Failure::unavailable)?;
            let own = save.key.id.to_string();
            if owner.is_some_and(|owner| owner.get_str("_id").is_ok_and(|id| id != own)) {
                return Ok(Some(StoreError::Taken { index: index.name }));
            }
        }
        Ok(None)
    }

    /// The documents of a scan, in its order.
    async fn scan(&self, scan: &Scan, projection: Document) -> Result<Vec<Form>, StoreError> {
        let field = Form::key_field(scan.collection.index(scan.index)?.name);
        // To this protocol a limit of 0 is none.
        if scan.at_most() == 0 {
            return Ok(Vec::new());
        }
        let mut range = doc! { "$gte": hex::encode(&scan.from) };
        if let Some(to) = &scan.to {
            range.insert("$lt", hex::encode(to));
        }
        let documents = self.documents(scan.collection).await?;
        let found = documents
            .find(doc! { &field: range })
            .sort(doc! { &field: if scan.descending { -1 } else { 1 } })
            .limit(i64::try_from(scan.at_most()).unwrap_or(i64::MAX))
            .projection(projection)
            // One moment's view: a document that moves in the index while it is read is found once.
            .read_concern(ReadConcern::snapshot());
        self.database.bounded(all(found)).await.map_err(Failure::unavailable)
    }
}

/// The update that replaces a document by `form` but keeps events that are still in its outbox.
fn update(form: &Form) -> Result<Document, Cause> {
    let mut set = bson::serialize_to_document(form)?;
    set.remove("_id");
    Ok(match set.remove("outbox") {
        Some(outbox) => doc! { "$set": set, "$push": { "outbox": { "$each": outbox } } },
        None => doc! { "$set": set },
    })
}

#[async_trait]
impl Store for MongoStore {
    async fn load(&self, key: DocKey) -> Result<Option<Stored>, StoreError> {
        let documents = self.documents(key.collection).await?;
        self.read(&documents, key).await
    }

    async fn save(&self, save: Arc<Save>) -> Result<u64, StoreError> {
        save.check_entries()?;
        let revision = match save.expect {
            Expect::Absent => 1,
            Expect::Revision(revision) => revision.saturating_add(1),
        };
        let form = Form::new(&save, revision).map_err(StoreError::Unavailable)?;
        let update = update(&form).map_err(StoreError::Unavailable)?;
        let documents = self.documents(save.key.collection).await?;
        for _ in 0..ATTEMPTS {
            let written = self.write(&documents, save.expect, &form, &update).await;
            match written {
                Ok(true) => {
                    if !save.events.is_empty() {
                        self.saved(save.key.collection.service()).wake();
                    }
                    return Ok(revision);
                }
                Ok(false) => return Err(StoreError::Conflict),
                Err(Failure::Duplicate(_)) => {
                    if let Some(refusal) = self.refusal(&documents, &save).await? {
                        return Err(refusal);
                    }
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(StoreError::Unavailable("a unique key is taken and freed all the time".into()))
    }

    async fn delete(&self, key: DocKey, revision: u64) -> Result<(), StoreError> {
        let documents = self.documents(key.collection).await?;
        let Ok(expected) = i64::try_from(revision) else { return Err(StoreError::Conflict) };
        let silent = doc! { "_id": key.id.to_string(), "revision": expected, "version": 0 };
        let deleted = self.database.bounded(documents.delete_one(silent)).await?;
        if deleted.deleted_count == 1 {
            return Ok(());
        }
        match self.read(&documents, key).await? {
            Some(stored) if stored.revision == revision && stored.version > 0 => {
                Err(StoreError::Unavailable(format!("{} has published events", key.id).into()))
            }
            _ => Err(StoreError::Conflict),
        }
    }

    async fn find(&self, scan: Scan) -> Result<Vec<Found>, StoreError> {
        let found = self.scan(&scan, Form::projection()).await?.into_iter();
        found.map(|form| form.found(scan.index).map(|(key, doc)| Found { key, doc })).collect()
    }

    async fn keys(&self, scan: Scan) -> Result<Vec<FoundKey>, StoreError> {
        let mut projection = Form::projection();
        projection.insert("body", 0);
        let found = self.scan(&scan, projection).await?.into_iter();
        found
            .map(|form| form.found(scan.index).map(|(key, doc)| FoundKey { key, id: doc.id }))
            .collect()
    }

    async fn history(
        &self,
        service: &'static str,
        after: Option<HistoryCursor>,
        limit: usize,
    ) -> Result<Vec<Arc<Envelope>>, StoreError> {
        match history::archive(&self.database, service).await? {
            Some(history) => history::read(&self.database, &history, after, limit).await,
            None => Ok(Vec::new()),
        }
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let probes = self.database.collection::<Document>("stubmart.probe");
        let probed = probes.update_one(doc! { "_id": "probe" }, doc! { "$inc": { "count": 1 } });
        match self.database.bounded(probed.upsert(true)).await {
            // Of two first probes at once one is refused, by a server that works.
            Ok(_) | Err(Failure::Duplicate(_)) => Ok(()),
            Err(failure) => Err(failure.unavailable()),
        }
    }
}
