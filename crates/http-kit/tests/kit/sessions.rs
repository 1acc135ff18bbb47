//! Who asks: the gate that asks auth whose token it is, and what it remembers.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use axum::{Json, Router, extract::FromRef, routing::get as route};
use serde_json::json;
use stubmart_contract::{
    Context, Role, SessionId, UserId,
    calls::{Identity, Profile, Recipient},
};
use stubmart_http_kit::{Caller, MaybeSignedIn, SessionGate};
use stubmart_ports::calls::{Auth, CallError};
use stubmart_suite::host::{ManualClock, START, manual};
use uuid::Uuid;

use crate::kit::{get, served};

const ANN: UserId = UserId(Uuid::from_u128(1));
const SESSION: SessionId = SessionId(Uuid::from_u128(2));

/// Knows one token.
#[derive(Default)]
struct OneToken {
    role: Role,
    has_ended: AtomicBool,
    is_down: AtomicBool,
    calls: AtomicUsize,
    last: Mutex<Option<Context>>,
}

#[async_trait]
impl Auth for OneToken {
    async fn introspect(
        &self,
        context: &Context,
        token: &str,
    ) -> Result<Option<Identity>, CallError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        *self.last.lock().unwrap() = Some(context.clone());
        if self.is_down.load(Ordering::SeqCst) {
            return Err(CallError("down".into()));
        }
        let is_known = token == "ann" && !self.has_ended.load(Ordering::SeqCst);
        let identity = Identity {
            user_id: ANN,
            session_id: SESSION,
            role: self.role,
            may_sell: true,
            is_established: true,
            read_only: false,
        };
        Ok(is_known.then_some(identity))
    }

    async fn recipient(&self, _: &Context, _: UserId) -> Result<Option<Recipient>, CallError> {
        Ok(None)
    }

    async fn profile(&self, _: &Context, _: UserId) -> Result<Option<Profile>, CallError> {
        Ok(None)
    }
}

#[derive(Clone)]
struct Gated(SessionGate);

impl FromRef<Gated> for SessionGate {
    fn from_ref(gated: &Gated) -> Self {
        gated.0.clone()
    }
}

struct World {
    auth: Arc<OneToken>,
    clock: ManualClock,
    gate: SessionGate,
    app: Router,
}

impl World {
    fn new(role: Role) -> Self {
        let (host, clock) = manual(1);
        let auth = Arc::new(OneToken { role, ..OneToken::default() });
        let gate = SessionGate::new(auth.clone(), host.clone());
        let caller = async |it: Caller| Json(json!([it.user_id, it.session_id, it.context.actor]));
        let maybe = async |it: MaybeSignedIn| Json(json!([it.user_id(), it.context]));
        let router = Router::new()
            .route("/caller", route(caller))
            .route("/maybe", route(maybe))
            .with_state(Gated(gate.clone()));
        Self { auth, clock, gate, app: served(router, &host) }
    }

    async fn status(&self, headers: &[(&str, &str)]) -> u16 {
        get(&self.app, "/caller", headers).await.status.as_u16()
    }
}

const COOKIE: (&str, &str) = ("cookie", "stubmart_session=ann");
const BEARER: (&str, &str) = ("authorization", "Bearer ann");

#[tokio::test]
async fn a_token_comes_in_the_cookie_or_as_a_bearer() {
    let world = World::new(Role::User);
    for signed_in in [
        COOKIE,
        BEARER,
        ("authorization", "bearer ann"),
        ("cookie", "a=b; stubmart_session=ann; c=d"),
    ] {
        assert_eq!(world.status(&[signed_in]).await, 200, "{signed_in:?}");
    }
    for nobody in [
        ("x", "y"),
        ("cookie", "stubmart_session=bob"),
        ("cookie", "xstubmart_session=ann"),
        ("authorization", "Basic ann"),
        ("authorization", "ann"),
    ] {
        let answer = get(&world.app, "/caller", &[nobody]).await;
        assert_eq!(answer.code(), (401, "not_signed_in".to_owned()), "{nobody:?}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
    // A header that is sent is meant: the cookie does not stand in for a bad one.
    assert_eq!(world.status(&[("authorization", "Bearer bob"), COOKIE]).await, 401);
    assert_eq!(world.status(&[("cookie", "a=b"), COOKIE]).await, 200, "of several cookie headers");
}

/// Events and logs name the user and the role; a stranger acts as the market.
#[tokio::test]
async fn the_caller_is_the_actor_of_the_context() {
    for (role, actor) in
        [(Role::User, format!("user:{ANN}")), (Role::Admin, format!("user:{ANN}:admin"))]
    {
        let world = World::new(role);
        let answer = get(&world.app, "/caller", &[BEARER]).await.json();
        assert_eq!(answer, json!([ANN, SESSION, actor]));
        let maybe = get(&world.app, "/maybe", &[BEARER, ("x-request-id", "r-1")]).await.json();
        assert_eq!((&maybe[0], &maybe[1]["actor"]), (&json!(ANN), &json!(actor)));
        assert_eq!(maybe[1]["requestId"], "r-1");
        let stranger = get(&world.app, "/maybe", &[]).await.json();
        assert_eq!((&stranger[0], &stranger[1]["actor"]), (&json!(null), &json!("system")));
    }
}

/// Auth learns for which request it is asked, and until when somebody waits.
#[tokio::test]
async fn auth_is_asked_with_the_requests_context() {
    let world = World::new(Role::User);
    get(&world.app, "/caller", &[BEARER, ("x-request-id", "r-1")]).await;
    let context = world.auth.last.lock().unwrap().clone().unwrap();
    assert_eq!(context.request_id.unwrap().as_str(), "r-1");
    assert_eq!(context.deadline, Some(START.after(Duration::from_secs(30))));
}

/// A session that ended is refused everywhere within a second.
#[tokio::test]
async fn an_answer_of_auth_is_remembered_for_less_than_a_second() {
    let world = World::new(Role::User);
    assert_eq!(world.status(&[BEARER]).await, 200);
    world.auth.has_ended.store(true, Ordering::SeqCst);
    world.clock.advance(Duration::from_millis(899));
    assert_eq!(world.status(&[BEARER]).await, 200);
    assert_eq!(world.auth.calls.load(Ordering::SeqCst), 1, "it was asked once");
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.status(&[BEARER]).await, 401);
    world.auth.has_ended.store(false, Ordering::SeqCst);
    assert_eq!(world.status(&[BEARER]).await, 401, "a refusal is remembered as long");
    world.clock.advance(Duration::from_millis(900));
    assert_eq!(world.status(&[BEARER]).await, 200);
    // A clock that jumped back must not keep an answer alive.
    world.auth.has_ended.store(true, Ordering::SeqCst);
    world.clock.jump_to(START.before(Duration::from_secs(60)));
    assert_eq!(world.status(&[BEARER]).await, 401);
}

#[tokio::test]
async fn what_this_process_has_ended_is_forgotten_at_once() {
    let world = World::new(Role::User);
    assert_eq!(world.status(&[BEARER]).await, 200);
    world.auth.has_ended.store(true, Ordering::SeqCst);
    world.gate.forget("bob");
    assert_eq!(world.status(&[BEARER]).await, 200);
    world.gate.forget("ann");
    assert_eq!(world.status(&[BEARER]).await, 401);
    world.auth.has_ended.store(false, Ordering::SeqCst);
    world.gate.forget_all();
    assert_eq!(world.status(&[BEARER]).await, 200);
}

/// A failure is nobody's identity and is not remembered.
#[tokio::test]
async fn while_auth_is_down_nobody_is_signed_in_or_out() {
    let world = World::new(Role::User);
    world.auth.is_down.store(true, Ordering::SeqCst);
    for path in ["/caller", "/maybe"] {
        let answer = get(&world.app, path, &[BEARER]).await;
        assert_eq!(answer.code(), (503, "unavailable".to_owned()), "{path}");
        assert!(answer.header("retry-after").is_some());
    }
    assert_eq!(get(&world.app, "/maybe", &[]).await.status, 200, "without a token it is not asked");
    world.auth.is_down.store(false, Ordering::SeqCst);
    assert_eq!(world.status(&[BEARER]).await, 200);
}
