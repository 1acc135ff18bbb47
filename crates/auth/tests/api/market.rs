//! An auth service to test, and clients of it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use stubmart_auth::{Auth, COLLECTIONS, Config, Deps, SERVICE, SESSIONS, USERS};
use stubmart_contract::{Envelope, EventType};
use stubmart_http_kit::{ClientAddr, Ingress, SessionGate, layer};
use stubmart_kernel::worker::Next;
use stubmart_memory::{MemoryMailer, MemoryRateLimits, MemoryStore};
use stubmart_ports::{
    host::{Host, PasswordHasher},
    key::Key,
    limits::RateLimits,
    mailer::Mailer,
    store::{DocKey, Scan, Store},
};
use stubmart_suite::host::{FakeHasher, ManualClock, manual};
use tower::ServiceExt as _;

/// The password of everybody who does not say otherwise.
pub(crate) const PASSWORD: &str = "correct horse";

/// What a market is made of, to be changed before it is made.
pub(crate) struct Parts {
    pub(crate) seed: u64,
    pub(crate) config: Config,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) passwords: Arc<dyn PasswordHasher>,
    pub(crate) mailer: Arc<dyn Mailer>,
    pub(crate) limits: Option<Arc<dyn RateLimits>>,
    pub(crate) ingress: Ingress,
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            seed: 1,
            config: Config::default(),
            store: Arc::new(MemoryStore::new()),
            passwords: Arc::new(FakeHasher::default()),
            mailer: Arc::new(MemoryMailer::new()),
            limits: None,
            ingress: Ingress::default(),
        }
    }
}

/// An auth service and its world.
#[derive(Clone)]
pub(crate) struct Market {
    pub(crate) auth: Auth,
    pub(crate) app: Router,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) host: Host,
    pub(crate) clock: ManualClock,
}

impl Market {
    pub(crate) fn new() -> Self {
        Self::of(Parts::default())
    }

    pub(crate) fn of(parts: Parts) -> Self {
        let (host, clock) = manual(parts.seed);
        let limits: Arc<dyn RateLimits> =
            parts.limits.unwrap_or_else(|| Arc::new(MemoryRateLimits::new(host.clone())));
        let deps = Deps {
            store: Arc::clone(&parts.store),
            host: host.clone(),
            passwords: parts.passwords,
            limits,
            mailer: parts.mailer,
        };
        let auth = Auth::new(deps, parts.config);
        let app = app(&auth, &host, parts.ingress);
        Self { auth, app, store: parts.store, host, clock }
    }

    /// Another process of the same service: what the first one remembers, this one does not.
    pub(crate) fn other_process(&self) -> Self {
        Self { app: app(&self.auth, &self.host, Ingress::default()), ..self.clone() }
    }

    /// Somebody who is not signed in.
    pub(crate) fn anonymous(&self) -> Client {
        Client { app: self.app.clone(), token: None, cookie: true, address: None }
    }

    /// Somebody who carries this token, as a cookie.
    pub(crate) fn with_token(&self, token: &str) -> Client {
        Client { token: Some(token.to_owned()), ..self.anonymous() }
    }

    /// Somebody who signed up with this email.
    pub(crate) async fn sign_up(&self, email: &str) -> Client {
        let mut client = self.anonymous();
        let body = json!({"email": email, "password": PASSWORD, "name": "Ann"});
        let answer = client.post("/api/auth/signup", body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        client.token = Some(answer.token());
        client
    }

    /// A further session of somebody who signed up.
    pub(crate) async fn log_in(&self, email: &str, password: &str) -> Client {
        let answer = self.try_log_in(email, password).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        self.with_token(&answer.token())
    }

    pub(crate) async fn try_log_in(&self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": password});
        self.anonymous().post("/api/auth/login", body).await
    }

    /// Does all background work that is due, and handles every event there was.
    pub(crate) async fn work(&self) {
        let envelopes = self.events().await;
        for handler in self.auth.handlers() {
            let wanted = |envelope: &&Arc<Envelope>| {
                handler.consumer().types.contains(&envelope.event.event_type())
            };
            for envelope in envelopes.iter().filter(wanted) {
                handler
                    .handle(&stubmart_contract::Context::handling("test", envelope), envelope)
                    .await
                    .unwrap();
            }
        }
        for worker in self.auth.workers() {
            while worker.step().await.unwrap() == Next::Again {}
        }
    }

    /// Every event that was published, by user, in the order of the versions.
    pub(crate) async fn events(&self) -> Vec<Arc<Envelope>> {
        self.store.history(SERVICE, None, usize::MAX).await.unwrap()
    }

    /// The kinds of the events that were published.
    pub(crate) async fn event_types(&self) -> Vec<EventType> {
        self.events().await.iter().map(|it| it.event.event_type()).collect()
    }

    /// All that is stored, documents and events, as one text.
    pub(crate) async fn dump(&self) -> String {
        let mut bytes = Vec::new();
        for collection in COLLECTIONS {
            for index in collection.indexes {
                let scan = Scan::prefix(collection, index.name, &Key::new());
                for found in self.store.find(scan).await.unwrap() {
                    bytes.extend(found.key);
                    bytes.extend(found.doc.body);
                }
            }
        }
        for envelope in self.events().await {
            // A tombstone is in no index any more.
            let key = DocKey { collection: &USERS, id: envelope.aggregate_id };
            bytes.extend(self.store.load(key).await.unwrap().unwrap().body);
            bytes.extend(envelope.encode().unwrap());
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How many sessions and access tokens are stored that could open anything.
    pub(crate) async fn stored_sessions(&self) -> usize {
        let scan = Scan::prefix(&SESSIONS, "token", &Key::new());
        self.store.keys(scan).await.unwrap().len()
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }
}

fn app(auth: &Auth, host: &Host, ingress: Ingress) -> Router {
    let gate = SessionGate::new(Arc::new(auth.clone()), host.clone());
    let (router, _) = auth.router(gate).split_for_parts();
    layer::apply(router, host.clone(), ingress)
}

/// Sends requests.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) app: Router,
    pub(crate) token: Option<String>,
    /// Whether the token is sent as a cookie or as a bearer token.
    pub(crate) cookie: bool,
    pub(crate) address: Option<IpAddr>,
}

impl Client {
    pub(crate) fn bearer(mut self) -> Self {
        self.cookie = false;
        self
    }

    pub(crate) fn at(mut self, address: &str) -> Self {
        self.address = Some(address.parse().unwrap());
        self
    }

    pub(crate) fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body), &[]).await
    }

    pub(crate) async fn post_once(&self, path: &str, key: &str, body: Value) -> Answer {
        self.send(Method::POST, path, Some(body), &[("idempotency-key", key)]).await
    }

    pub(crate) async fn patch(&self, body: Value) -> Answer {
        self.send(Method::PATCH, "/api/auth/currentuser", Some(body), &[]).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None, &[]).await
    }

    pub(crate) async fn delete_account(&self, password: &str) -> Answer {
        let body = json!({"currentPassword": password});
        self.send(Method::DELETE, "/api/auth/currentuser", Some(body), &[]).await
    }

    pub(crate) async fn is_signed_in(&self) -> bool {
        let answer = self.get("/api/auth/currentuser").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
        !answer.body["currentUser"].is_null()
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        headers: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        match &self.token {
            Some(token) if self.cookie => {
                let cookie = format!("theme=dark; stubmart_session={token}");
                request = request.header(header::COOKIE, cookie);
            }
            Some(token) => {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            None => {}
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut request = request.body(body).unwrap();
        if let Some(address) = self.address {
            request.extensions_mut().insert(ClientAddr(address));
        }
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body =
            if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status: parts.status, headers: parts.headers, body }
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The status and, of a problem, the code.
    pub(crate) fn outcome(&self) -> (u16, &str) {
        (self.status.as_u16(), self.body["code"].as_str().unwrap_or(""))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The session token in the cookie that was set.
    pub(crate) fn token(&self) -> String {
        let cookie = self.header("set-cookie").unwrap();
        let value = cookie.strip_prefix("stubmart_session=").unwrap();
        value.split(';').next().unwrap().to_owned()
    }

    pub(crate) fn id(&self) -> &str {
        self.body["id"].as_str().unwrap()
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
