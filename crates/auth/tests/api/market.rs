//! Auth in a market in memory, and what people do with their accounts.

use std::{
    ops::Deref,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::json;
use stubmart_auth::{Auth, COLLECTIONS, Config, SESSIONS, USERS};
use stubmart_contract::{Context, Envelope, EventType, UserId, calls::OpenSales};
use stubmart_http_kit::Ingress;
use stubmart_node::{Engines, Service, roles};
use stubmart_ports::{
    calls::{CallError, Payments},
    key::Key,
    mailer::Mail,
    store::{DocKey, Scan, Store as _},
};
use stubmart_testkit::{Answer, Api, Process, World};

/// The password of everybody who does not say otherwise.
pub(crate) const PASSWORD: &str = "correct horse";

/// The route of one's own account.
pub(crate) const ME: &str = "/api/auth/currentuser";

/// What payments knows of everybody's sales; `None` while it is down.
pub(crate) struct Sales(Mutex<Option<OpenSales>>);

impl Sales {
    pub(crate) fn are(&self, open: Option<OpenSales>) {
        *self.0.lock().unwrap() = open;
    }
}

#[async_trait]
impl Payments for Sales {
    async fn open_sales(&self, _: &Context, _: UserId) -> Result<OpenSales, CallError> {
        self.0.lock().unwrap().ok_or_else(|| CallError("payments is down".into()))
    }
}

/// A process of auth, and the world it is in.
pub(crate) struct Market {
    pub(crate) world: World,
    pub(crate) sales: Arc<Sales>,
    engines: Engines,
    config: Config,
    process: Process<Auth>,
}

impl Deref for Market {
    type Target = Process<Auth>;

    fn deref(&self) -> &Process<Auth> {
        &self.process
    }
}

impl Market {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// On other engines than the usual ones.
    pub(crate) fn with(change: impl FnOnce(&mut Engines)) -> Self {
        Self::on(World::new(1), change)
    }

    /// In a world that is there already, on other engines than the usual ones.
    pub(crate) fn on(world: World, change: impl FnOnce(&mut Engines)) -> Self {
        let mut engines = world.engines();
        change(&mut engines);
        Self::start(world, engines, Config::default(), Ingress::default())
    }

    pub(crate) fn configured(config: Config) -> Self {
        let world = World::new(1);
        let engines = world.engines();
        Self::start(world, engines, config, Ingress::default())
    }

    pub(crate) fn behind(ingress: Ingress) -> Self {
        let world = World::new(1);
        let engines = world.engines();
        Self::start(world, engines, Config::default(), ingress)
    }

    fn start(world: World, engines: Engines, config: Config, ingress: Ingress) -> Self {
        let sales = Arc::new(Sales(Mutex::new(Some(OpenSales::default()))));
        let (role, _) = roles::auth::start(&engines, config.clone(), sales.clone());
        let process = Process::behind(&world, &engines, role, ingress);
        Self { world, sales, engines, config, process }
    }

    /// Another process of auth: what the first one remembers, this one does not.
    pub(crate) fn other_process(&self) -> Self {
        let (world, engines) = (self.world.clone(), self.engines.clone());
        Self::start(world, engines, self.config.clone(), Ingress::default())
    }

    /// Somebody who signed up with this email.
    pub(crate) async fn sign_up(&self, email: &str) -> Api {
        (*self.sign_up_as(email, PASSWORD, "Ann").await).clone()
    }

    /// A further session of somebody who signed up.
    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Api {
        let answer = self.try_log_in(email, password).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        self.with_token(answer.token())
    }

    /// The mails to this address with this subject, oldest first.
    pub(crate) fn mails_to(&self, email: &str, subject: &str) -> Vec<Mail> {
        let mails = self.world.mailer.mails();
        mails.into_iter().filter(|it| it.to == email && it.subject == subject).collect()
    }

    /// Every event that was published, by user, in the order of the versions.
    pub(crate) async fn events(&self) -> Vec<Arc<Envelope>> {
        self.world.history(Service::Auth).await
    }

    /// The kinds of the events that were published.
    pub(crate) async fn event_types(&self) -> Vec<EventType> {
        self.events().await.iter().map(|it| it.event.event_type()).collect()
    }

    /// All that is stored, documents and events, as one text.
    pub(crate) async fn dump(&self) -> String {
        let (store, mut bytes) = (&self.world.store, Vec::new());
        for collection in COLLECTIONS {
            for index in collection.indexes {
                let scan = Scan::prefix(collection, index.name, &Key::new());
                for found in store.find(scan).await.unwrap() {
                    bytes.extend(found.key);
                    bytes.extend(found.doc.body);
                }
            }
        }
        for envelope in self.events().await {
            // A tombstone is in no index any more.
            let key = DocKey { collection: &USERS, id: envelope.aggregate_id };
            bytes.extend(store.load(key).await.unwrap().unwrap().body);
            bytes.extend(envelope.encode().unwrap());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How many sessions and access tokens are stored that could open anything.
    pub(crate) async fn stored_sessions(&self) -> usize {
        let scan = Scan::prefix(&SESSIONS, "token", &Key::new());
        self.world.store.keys(scan).await.unwrap().len()
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.world.pass(Duration::from_secs(seconds));
    }
}

/// What people do with their accounts.
pub(crate) trait Account {
    async fn try_log_in(&self, email: &str, password: &str) -> Answer;
    async fn delete_account(&self, password: &str) -> Answer;
    async fn is_signed_in(&self) -> bool;
}

impl Account for Api {
    async fn try_log_in(&self, email: &str, password: &str) -> Answer {
        self.post("/api/auth/login").json(&json!({"email": email, "password": password})).await
    }

    async fn delete_account(&self, password: &str) -> Answer {
        self.delete(ME).json(&json!({"currentPassword": password})).await
    }

    async fn is_signed_in(&self) -> bool {
        let answer = self.get(ME).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        !answer.body["currentUser"].is_null()
    }
}

/// Lets the others go on until something holds; what does not after so many turns never will.
pub(crate) async fn until(holds: impl AsyncFn() -> bool) {
    for _ in 0..100_000 {
        if holds().await {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("it does not come to hold");
}
