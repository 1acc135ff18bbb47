//! A store and a mailer that fail at every point, one at a time.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use async_trait::async_trait;
use serde_json::json;
use stubmart_contract::{Actor, Context, EventType};
use stubmart_memory::MemoryMailer;
use stubmart_ports::{
    calls::Auth as _,
    mailer::{Mail, MailError, Mailer},
};
use stubmart_suite::fault::{Fault, FaultyStore, Injector};
use stubmart_testkit::Answer;

use crate::market::{Account as _, ME, Market, PASSWORD, until};

/// A market whose store fails at one call: `fault` at the `at`th call from now on.
struct Faulty {
    market: Market,
    injector: Arc<Injector>,
    plan: Arc<Mutex<(u64, Fault)>>,
}

impl Faulty {
    fn new() -> Self {
        let plan = Arc::new(Mutex::new((u64::MAX, Fault::None)));
        let shared = Arc::clone(&plan);
        let injector = Injector::new(move |_, _| {
            let (left, fault) = &mut *shared.lock().unwrap();
            *left = left.saturating_sub(1);
            if *left == 0 { std::mem::replace(fault, Fault::None) } else { Fault::None }
        });
        let market = Market::with(|it| {
            let store = FaultyStore::new(Arc::clone(&it.stores.auth), injector.clone());
            it.stores.auth = Arc::new(store);
        });
        Self { market, injector, plan }
    }

    fn fail(&self, at: u64, fault: Fault) {
        *self.plan.lock().unwrap() = (at, fault);
    }

    /// No more faults, and what was late lands. True when no call was hit: `at` was one too many.
    async fn heal(&self, at: u64) -> bool {
        let (_, fault) = std::mem::replace(&mut *self.plan.lock().unwrap(), (0, Fault::None));
        self.injector.release_all().await;
        assert!(fault == Fault::None || at > 5, "too few calls were hit: {at}");
        fault != Fault::None
    }
}

const FAULTS: [Fault; 4] = [Fault::Fail, Fault::LoseAnswer, Fault::Late, Fault::Twice];

/// What a client does: until it is answered, send the same again.
async fn until_answered<F>(send: impl Fn() -> F) -> Answer
where
    F: IntoFuture<Output = Answer>,
{
    for _ in 0..5 {
        let answer = send().await;
        if answer.status != 503 {
            return answer;
        }
        assert!(!answer.header("retry-after").is_empty());
    }
    panic!("never answered");
}

/// Wherever a signup is cut off, sent again with its key it opens exactly one account that works.
#[tokio::test]
async fn a_signup_survives_a_fault_at_every_call() {
    for fault in FAULTS {
        for at in 1.. {
            let faulty = Faulty::new();
            let market = &faulty.market;
            faulty.fail(at, fault);
            let body = json!({"email": "ann@example.com", "password": PASSWORD});
            let client = market.anonymous();
            let answer =
                until_answered(|| client.post("/api/auth/signup").key("k").json(&body)).await;
            let context = format!("{fault:?} at call {at}: {}", answer.body);
            assert_eq!(answer.outcome(), (201, ""), "{context}");
            let last = faulty.heal(at).await;
            assert!(market.with_token(answer.token()).is_signed_in().await, "{context}");
            assert_eq!(market.event_types().await, [EventType::UserCreated], "{context}");
            if last {
                break;
            }
        }
    }
}

/// Wherever the making of a token is cut off, sent again with its key it makes exactly one, and shows
/// the secret that opens it.
#[tokio::test]
async fn a_token_survives_a_fault_at_every_call() {
    for fault in FAULTS {
        for at in 1.. {
            let faulty = Faulty::new();
            let market = &faulty.market;
            let ann = market.sign_up("ann@example.com").await;
            faulty.fail(at, fault);
            let body = json!({"name": "deploy"});
            let answer = until_answered(|| ann.post("/api/auth/tokens").key("k").json(&body)).await;
            let context = format!("{fault:?} at call {at}: {}", answer.body);
            assert_eq!(answer.outcome(), (201, ""), "{context}");
            let last = faulty.heal(at).await;
            let script = market.with_token(answer.body["token"].as_str().unwrap()).bearer();
            assert!(script.is_signed_in().await, "{context}");
            let tokens = ann.get("/api/auth/tokens").await;
            assert_eq!(tokens.body["items"].as_array().unwrap().len(), 1, "{context}");
            if last {
                break;
            }
        }
    }
}

/// Wherever a login and a logout are cut off: once the logout was answered, the session is dead, also
/// when a write of the past lands late.
#[tokio::test]
async fn a_logout_that_was_answered_holds_whatever_fails() {
    for fault in FAULTS {
        for at in 1.. {
            let faulty = Faulty::new();
            let market = &faulty.market;
            market.sign_up("ann@example.com").await;
            faulty.fail(at, fault);
            let login = until_answered(|| market.try_log_in("ann@example.com", PASSWORD)).await;
            let client = market.with_token(login.token());
            let logout = until_answered(|| client.post("/api/auth/logout").json(&json!({}))).await;
            assert_eq!(logout.outcome(), (200, ""), "{fault:?} at call {at}");
            let last = faulty.heal(at).await;
            let elsewhere = market.other_process().with_token(login.token());
            assert!(!elsewhere.is_signed_in().await, "{fault:?} at call {at}");
            // Nor does it come back once the worker dropped what ran out.
            market.pass(31 * 24 * 3600);
            market.work().await;
            assert!(!elsewhere.is_signed_in().await, "{fault:?} at call {at}");
            if last {
                break;
            }
        }
    }
}

/// Wherever a new password and the deletion of the account are cut off: what was answered holds, and
/// each is published once.
#[tokio::test]
async fn account_changes_survive_a_fault_at_every_call() {
    for fault in FAULTS {
        for at in 1.. {
            let faulty = Faulty::new();
            let market = &faulty.market;
            let ann = market.sign_up("ann@example.com").await;
            let other = market.log_in("ann@example.com", PASSWORD).await;
            faulty.fail(at, fault);
            let body = json!({"password": "new password", "currentPassword": PASSWORD});
            let changed = until_answered(|| ann.patch(ME).json(&body)).await;
            let context = format!("{fault:?} at call {at}: {}", changed.body);
            // Sent again after it happened, the old password is wrong, which tells the client enough.
            assert!(
                [(200, ""), (401, "bad_credentials")].contains(&changed.outcome()),
                "{context}"
            );
            let gone = until_answered(|| ann.delete_account("new password")).await;
            assert!([(204, ""), (401, "not_signed_in")].contains(&gone.outcome()), "{context}");
            let last = faulty.heal(at).await;
            for client in [ann, other] {
                let elsewhere = market.other_process().with_token(client.token());
                assert!(!elsewhere.is_signed_in().await, "{context}");
            }
            let expected = [EventType::UserCreated, EventType::UserUpdated, EventType::UserDeleted];
            assert_eq!(market.event_types().await, expected, "{context}");
            let versions: Vec<_> = market.events().await.iter().map(|it| it.version).collect();
            assert_eq!(versions, [1, 2, 3], "{context}");
            market.work().await;
            assert_eq!(market.stored_sessions().await, 0, "{context}");
            if last {
                break;
            }
        }
    }
}

/// A use that cannot be recorded fails no request, and is recorded with the next one.
#[tokio::test]
async fn a_use_that_is_not_noted_fails_no_request() {
    let faulty = Faulty::new();
    let market = &faulty.market;
    let ann = market.sign_up("ann@example.com").await;
    market.pass(60);
    // The first two calls find out whose token it is, the third begins to note its use.
    faulty.fail(3, Fault::Fail);
    assert!(
        market
            .service
            .introspect(&Context::of(Actor::System), ann.token())
            .await
            .unwrap()
            .is_some()
    );
    until(async || faulty.plan.lock().unwrap().1 != Fault::Fail).await;
    let last_seen = async || {
        let sessions = ann.get("/api/auth/sessions").await;
        sessions.body["items"][0]["lastSeenAt"].clone()
    };
    until(async || last_seen().await == "2026-01-01T00:01:00.000Z").await;
}

/// A mailer that can be switched off, that refuses what goes to `refused…` for good, and that always
/// fails with what goes to `poison…`.
struct Switched {
    inner: MemoryMailer,
    up: AtomicBool,
}

#[async_trait]
impl Mailer for Switched {
    async fn send(&self, mail: Mail) -> Result<(), MailError> {
        if mail.to.starts_with("refused") {
            Err(MailError::Refused("no such address".into()))
        } else if self.up.load(Ordering::SeqCst) && !mail.to.starts_with("poison") {
            self.inner.send(mail).await
        } else {
            Err(MailError::Failed("down".into()))
        }
    }
}

/// A notice waits for a mailer that is down, for a week; then its address is not kept any longer.
#[tokio::test]
async fn a_notice_waits_for_the_mailer() {
    let mailer = Arc::new(Switched { inner: MemoryMailer::new(), up: AtomicBool::new(false) });
    let sender: Arc<dyn Mailer> = mailer.clone();
    let market = Market::with(|it| it.mailer = sender);
    let notices =
        market.service.workers().into_iter().find(|it| it.name() == "auth-notices").unwrap();
    let ann = market.sign_up("ann@example.com").await;
    assert_eq!(ann.delete_account(PASSWORD).await.outcome(), (204, ""));
    assert!(notices.step().await.is_err());
    mailer.up.store(true, Ordering::SeqCst);
    market.work().await;
    assert_eq!(mailer.inner.mails().len(), 0, "it is not tried again at once");
    market.pass(60);
    market.work().await;
    assert_eq!(mailer.inner.mails().len(), 1);

    let bob = market.sign_up("bob@example.com").await;
    assert_eq!(bob.delete_account(PASSWORD).await.outcome(), (204, ""));
    mailer.up.store(false, Ordering::SeqCst);
    market.pass(7 * 24 * 3600);
    assert!(notices.step().await.is_err());
    market.pass(60);
    market.work().await;
    assert!(!market.dump().await.contains("bob@"));
    assert_eq!(mailer.inner.mails().len(), 1);
}

/// However many addresses the mailer fails with, and whatever it refuses, everybody else is told; what
/// is refused for good is not kept.
#[tokio::test]
async fn bad_addresses_keep_no_notice_waiting() {
    let mailer = Arc::new(Switched { inner: MemoryMailer::new(), up: AtomicBool::new(true) });
    let sender: Arc<dyn Mailer> = mailer.clone();
    let market = Market::with(|it| it.mailer = sender);
    let notices =
        market.service.workers().into_iter().find(|it| it.name() == "auth-notices").unwrap();
    for number in 0..120 {
        let name = if number % 3 == 0 { "refused" } else { "poison" };
        let bad = market.sign_up(&format!("{name}{number}@example.com")).await;
        assert_eq!(bad.delete_account(PASSWORD).await.outcome(), (204, ""));
    }
    let ann = market.sign_up("ann@example.com").await;
    assert_eq!(ann.delete_account(PASSWORD).await.outcome(), (204, ""));
    assert!(notices.step().await.is_err(), "what fails is reported");
    let told: Vec<_> = mailer.inner.mails().into_iter().map(|mail| mail.to).collect();
    assert_eq!(told, ["ann@example.com"]);
    let dump = market.dump().await;
    assert!(!dump.contains("refused") && dump.contains("poison"));
}
