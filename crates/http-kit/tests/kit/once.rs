//! A request that is sent again under its key is done once and answered as the first time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post as route,
};
use serde_json::{Value, json};
use stubmart_contract::{Actor, Code, Context};
use stubmart_http_kit::{Answer, IdempotencyKey, Problem, once};
use stubmart_kernel::idempotency::{self, Begun, Idempotency, Scope};
use stubmart_memory::MemoryStore;
use stubmart_ports::{
    host::Host,
    store::{Collection, DocKey, Store},
};
use stubmart_suite::host::{ManualClock, manual};
use uuid::Uuid;

use crate::kit::{self, post, served};

static RECORDS: Collection = Collection { name: "test.idempotency", indexes: idempotency::INDEXES };

/// What the route does next, and what it has done.
#[derive(Default)]
struct Log {
    outcomes: Vec<Result<Answer, Problem>>,
    works: Vec<Uuid>,
}

#[derive(Clone)]
struct World {
    store: MemoryStore,
    host: Host,
    clock: ManualClock,
    records: Idempotency,
    log: Arc<Mutex<Log>>,
}

impl World {
    fn new() -> Self {
        let (host, clock) = manual(1);
        let store = MemoryStore::new();
        let records = Idempotency::new(&RECORDS, Arc::new(store.clone()), host.clone());
        Self { store, host, clock, records, log: Arc::default() }
    }

    /// Another process over the same store.
    fn restarted(&self) -> Self {
        let store = Arc::new(self.store.clone());
        let records = Idempotency::new(&RECORDS, store, self.host.clone());
        Self { records, ..self.clone() }
    }

    /// The next requests have these outcomes; after them, each is answered with what it creates.
    fn plan(&self, outcomes: impl IntoIterator<Item = Result<Answer, Problem>>) {
        self.log.lock().unwrap().outcomes.extend(outcomes);
    }

    /// The ids that work was done with.
    fn works(&self) -> Vec<Uuid> {
        self.log.lock().unwrap().works.clone()
    }

    fn app(&self) -> Router {
        served(Router::new().route("/", route(handler)).with_state(self.clone()), &self.host)
    }

    async fn send(&self, key: &str, body: &str) -> kit::Answer {
        post(&self.app(), "/", &[("idempotency-key", key)], &json!(body)).await
    }
}

/// Works, and adds a secret to the answer that is not kept.
async fn handler(
    State(world): State<World>,
    key: IdempotencyKey,
    body: String,
) -> Result<Response, Problem> {
    let work = async |id: Uuid| {
        let mut log = world.log.lock().unwrap();
        log.works.push(id);
        if log.outcomes.is_empty() {
            return Ok(Answer::json(StatusCode::CREATED, &json!({"id": id}))?.version(3));
        }
        log.outcomes.remove(0)
    };
    let finish = async |answer: Answer| Ok(([("x-secret", "s")], answer).into_response());
    let context = Context::of(Actor::System);
    once(&world.records, &context, key.scope("ann", "make", &body), work, finish).await
}

fn problem(code: Code) -> Result<Answer, Problem> {
    Err(Problem::new(code))
}

#[tokio::test]
async fn without_a_key_every_request_is_done() {
    let world = World::new();
    let first = post(&world.app(), "/", &[], &json!(1)).await;
    let again = post(&world.app(), "/", &[], &json!(1)).await;
    assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_ne!(first.json()["id"], again.json()["id"]);
    assert_eq!(again.header("idempotent-replayed"), None);
}

/// The replay is the first answer to the letter, with what `finish` adds to it.
#[tokio::test]
async fn a_key_that_comes_again_is_answered_as_the_first_time() {
    let world = World::new();
    let first = world.send("k", "a").await;
    assert_eq!((first.status, first.header("etag")), (StatusCode::CREATED, Some("\"3\"")));
    assert_eq!(first.header("content-type"), Some("application/json"));
    for again in [world.send("k", "a").await, world.restarted().send("k", "a").await] {
        assert_eq!((again.status, &again.text), (first.status, &first.text));
        assert_eq!(again.header("etag"), first.header("etag"));
        assert_eq!(again.header("content-type"), first.header("content-type"));
        assert_eq!(again.header("x-secret"), Some("s"));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
    }
    assert_eq!(world.works().len(), 1);
    world.send("other", "a").await;
    assert_eq!(world.works().len(), 2, "another key is another request");
}

/// A refusal is the request's own outcome; "not now" is none.
#[tokio::test]
async fn a_refusal_is_kept_and_a_failure_is_tried_again() {
    let world = World::new();
    world.plan([problem(Code::TicketSold)]);
    let first = world.send("k", "a").await;
    let again = world.send("k", "a").await;
    assert_eq!((first.code().0, again.code()), (409, first.code()));
    assert_eq!(again.header("content-type"), Some("application/problem+json"));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(world.works().len(), 1);
    for code in [
        Code::Unavailable,
        Code::Internal,
        Code::Contended,
        Code::PaymentInProgress,
        Code::TooManyRequests,
        Code::NotSignedIn,
    ] {
        let (world, key) = (World::new(), "k");
        world.plan([problem(code)]);
        assert_eq!(world.send(key, "a").await.status.as_u16(), code.status(), "{code}");
        assert_eq!(world.send(key, "a").await.status, StatusCode::CREATED, "{code}");
        let works = world.works();
        assert_eq!((works.len(), works[0]), (2, works[1]), "{code}: the same id");
    }
    let world = World::new();
    world.plan([Answer::json(StatusCode::ACCEPTED, &json!({}))]);
    assert_eq!(world.send("k", "a").await.status, StatusCode::ACCEPTED);
    assert_eq!(world.send("k", "a").await.status, StatusCode::CREATED, "it was not decided");
}

#[tokio::test]
async fn a_key_belongs_to_one_request() {
    let world = World::new();
    world.send("k", "a").await;
    let reused = (422, "idempotency_key_reused".to_owned());
    assert_eq!(world.send("k", "b").await.code(), reused);
    world.clock.advance(Duration::from_secs(24 * 3600));
    assert_eq!(world.send("k", "b").await.status, StatusCode::CREATED, "a day later it is free");
}

/// A request that is at work holds its key within the process; another process takes it over at once,
/// as after a crash, and creates under the same id.
#[tokio::test]
async fn a_key_in_use_is_taken_over_with_the_same_id() {
    let world = World::new();
    let body = json!("a").to_string();
    let scope = Scope { caller: "ann", operation: "make", key: "k", request: body.as_bytes() };
    let context = Context::of(Actor::System);
    let begun = world.records.begin(&context, scope).await.unwrap();
    let Begun::Work { creates, .. } = begun else { panic!("{begun:?}") };
    let in_use = world.send("k", "a").await;
    assert_eq!(in_use.code(), (409, "idempotency_key_in_use".to_owned()));
    assert!(in_use.header("retry-after").is_some());
    let over = world.restarted().send("k", "a").await;
    assert_eq!((over.status, &over.json()["id"]), (StatusCode::CREATED, &json!(creates)));
    assert_eq!(world.works(), [creates]);
    assert_eq!(world.send("k", "a").await.text, over.text);
}

/// Within the process a request that hangs holds its key for a minute.
#[tokio::test]
async fn a_key_is_not_held_for_ever() {
    let world = World::new();
    let body = json!("a").to_string();
    let scope = Scope { caller: "ann", operation: "make", key: "k", request: body.as_bytes() };
    world.records.begin(&Context::of(Actor::System), scope).await.unwrap();
    world.clock.advance(Duration::from_secs(59));
    assert_eq!(world.send("k", "a").await.code().0, 409);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.send("k", "a").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_key_is_1_to_255_visible_ascii_characters() {
    let world = World::new();
    for wrong in ["", "a b", "\u{fc}", &"k".repeat(256)] {
        assert_eq!(world.send(wrong, "a").await.bad_fields(), ["Idempotency-Key"], "{wrong:?}");
    }
    assert_eq!(world.send(&"k".repeat(255), "a").await.status, StatusCode::CREATED);
    assert_eq!(world.works().len(), 1);
}

/// Records are read for a day, so an answer that an older release kept has this form.
#[tokio::test]
async fn an_answer_is_kept_in_the_form_that_it_always_had() {
    let world = World::new();
    world.send("k", "a").await;
    let record = record(&world).await;
    let id = world.works()[0];
    assert_eq!(record["answer"], json!({"status": 201, "etag": 3, "body": {"id": id}}));
    let names: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
    let all = ["answer", "created_at", "creates", "id", "request", "worker", "working_until"];
    assert_eq!(names, all);
    let world = World::new();
    world.plan([problem(Code::TicketSold)]);
    world.send("k", "a").await;
    let kept = &record_answer(&world).await;
    assert_eq!((&kept["status"], &kept["etag"]), (&json!(409), &Value::Null));
    assert_eq!(
        (&kept["body"]["code"], &kept["body"]["requestId"]),
        (&json!("ticket_sold"), &json!(""))
    );
}

async fn record_answer(world: &World) -> Value {
    record(world).await["answer"].clone()
}

async fn record(world: &World) -> Value {
    use stubmart_ports::{key::Key, store::Scan};
    let scan = Scan::prefix(&RECORDS, RECORDS.indexes[0].name, &Key::new());
    let found = world.store.keys(scan).await.unwrap();
    let key = DocKey { collection: &RECORDS, id: found[0].id };
    serde_json::from_slice(&world.store.load(key).await.unwrap().unwrap().body).unwrap()
}
