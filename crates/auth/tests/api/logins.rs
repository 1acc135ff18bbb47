//! Logging in and what it tells to whom.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use stubmart_http_kit::Ingress;
use stubmart_ports::host::{Busy, PasswordHasher};
use stubmart_suite::host::FakeHasher;
use stubmart_testkit::Call;
use tokio::sync::Semaphore;

use crate::market::{Account as _, ME, Market, PASSWORD};

/// An answer without what is different in every answer.
async fn comparable(market: &Market, email: &str, password: &str) -> (u16, Vec<String>, Value) {
    let mut answer = market.try_log_in(email, password).await;
    answer.headers.remove("x-request-id");
    answer.body["requestId"] = Value::Null;
    let mut headers: Vec<_> =
        answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
    headers.sort_unstable();
    (answer.status, headers, answer.body)
}

/// Nobody learns from a login which addresses have accounts: the answer is the same to the letter and
/// the same password work is done for it.
#[tokio::test]
async fn an_unknown_email_is_answered_like_a_wrong_password() {
    let hasher = Arc::new(FakeHasher::default());
    let passwords = Arc::clone(&hasher);
    let market = Market::with(|it| it.passwords = passwords);
    market.sign_up("ann@example.com").await;
    let gone = market.sign_up("gone@example.com").await;
    gone.delete_account(PASSWORD).await;

    let before = hasher.verified();
    let wrong = comparable(&market, "ann@example.com", "wrong password").await;
    assert_eq!((wrong.0, &wrong.2["code"]), (401, &json!("bad_credentials")));
    assert_eq!(hasher.verified(), before + 1);
    let nobody = [
        ("bob@example.com", PASSWORD),
        ("gone@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("", ""),
        ("ann@example.com", ""),
        ("ann@example.com", &"x".repeat(60_000)),
    ];
    for (number, (email, password)) in (2..).zip(nobody) {
        assert_eq!(comparable(&market, email, password).await, wrong, "{email}");
        assert_eq!(hasher.verified(), before + number, "{email}");
    }
}

/// The cookie can be read by no script, is sent by no other site's forms, and is sent over HTTPS only
/// where there is HTTPS, which a client may not claim by itself.
#[tokio::test]
async fn the_cookie_is_as_safe_as_the_connection_allows() {
    let forwarded = ("x-forwarded-proto", "https, http");
    let table = [
        (None, false, None, false),
        (None, false, Some(forwarded), false),
        (None, true, Some(forwarded), true),
        (None, true, Some(("x-forwarded-proto", "http")), false),
        (None, true, None, false),
        (Some("https://tickets.example"), false, None, true),
    ];
    for (public_origin, trust_proxy, header, secure) in table {
        let public_origin = public_origin.map(str::to_owned);
        let ingress = Ingress { public_origin, trust_proxy, ..Ingress::default() };
        let market = Market::behind(ingress);
        let ann = market.sign_up("ann@example.com").await;
        let body = json!({"email": "ann@example.com", "password": PASSWORD});
        let forwarded = |call: Call| match header {
            Some((name, value)) => call.header(name, value),
            None => call,
        };
        let answer = forwarded(ann.post("/api/auth/login")).json(&body).await;
        let flags = if secure { "; Secure" } else { "" };
        let cookie = |token: &str, age: u32| {
            let attributes = "Path=/; HttpOnly; SameSite=Lax";
            format!("stubmart_session={token}; {attributes}; Max-Age={age}{flags}")
        };
        let expected = cookie(answer.token(), 400 * 24 * 3600);
        assert_eq!(answer.header("set-cookie"), expected);
        let answer = forwarded(ann.post("/api/auth/logout")).await;
        assert_eq!(answer.header("set-cookie"), cookie("", 0));
    }
}

/// A token is 256 bits that nobody has seen before, and the store does not hold it.
#[tokio::test]
async fn a_token_is_random_and_not_stored() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let again = market.log_in("ann@example.com", PASSWORD).await;
    assert_ne!(ann.token(), again.token());
    assert_eq!(ann.token().len(), 43);
    let dump = market.dump().await;
    assert!(!dump.contains(ann.token()) && !dump.contains(again.token()));
}

/// A hasher that holds each verification once it is made, until it is let go.
struct Held {
    inner: FakeHasher,
    made: Semaphore,
    go: Semaphore,
}

#[async_trait]
impl PasswordHasher for Held {
    async fn hash(&self, password: String) -> Result<String, Busy> {
        self.inner.hash(password).await
    }

    async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Busy> {
        let verified = self.inner.verify(password, hash).await;
        self.made.add_permits(1);
        self.go.acquire().await.unwrap().forget();
        verified
    }
}

/// Two processes on one store: a password is changed at one of them while the other has just checked
/// the old one. What was checked opens no session that lives, and changes nothing.
#[tokio::test]
async fn a_password_that_was_changed_meanwhile_opens_nothing() {
    let inner = FakeHasher::default();
    let held = Arc::new(Held { inner, made: Semaphore::new(0), go: Semaphore::new(0) });
    let passwords: Arc<dyn PasswordHasher> = held.clone();
    let quick = Market::new();
    let slow = Market::on(quick.world.machine(2), |it| it.passwords = passwords);
    let ann = quick.sign_up("ann@example.com").await;
    let there = slow.with_token(ann.token());

    let login = slow.try_log_in("ann@example.com", PASSWORD);
    let rename = json!({"name": "Eve", "currentPassword": PASSWORD});
    let rename = there.patch(ME).json(&rename).send();
    let delete = there.clone();
    let delete = delete.delete_account(PASSWORD);
    let change = async {
        held.made.acquire_many(2).await.unwrap().forget();
        let body = json!({"password": "new password", "currentPassword": PASSWORD});
        let changed = ann.patch(ME).json(&body).await;
        held.go.add_permits(3);
        changed
    };
    let (login, rename, delete, changed) = tokio::join!(login, rename, delete, change);
    assert_eq!(changed.outcome(), (200, ""));
    assert_eq!(login.outcome(), (401, "bad_credentials"));
    assert!(login.header("set-cookie").is_empty());
    assert_eq!(rename.outcome(), (401, "bad_credentials"));
    assert_eq!(delete.outcome(), (401, "bad_credentials"));
    let user = ann.get("/api/auth/currentuser").await.body;
    assert_eq!(user["currentUser"]["name"], "Ann");
    assert_eq!(quick.stored_sessions().await, 1, "nothing of the login is left");
}

/// An account is deleted, and what follows is done, while a login to it has just checked the password:
/// no session is left of it, which nobody else would end.
#[tokio::test]
async fn a_login_to_an_account_that_goes_meanwhile_leaves_nothing() {
    let inner = FakeHasher::default();
    let held = Arc::new(Held { inner, made: Semaphore::new(0), go: Semaphore::new(0) });
    let passwords: Arc<dyn PasswordHasher> = held.clone();
    let quick = Market::new();
    let slow = Market::on(quick.world.machine(2), |it| it.passwords = passwords);
    let ann = quick.sign_up("ann@example.com").await;
    let login = slow.try_log_in("ann@example.com", PASSWORD);
    let delete = async {
        held.made.acquire().await.unwrap().forget();
        let deleted = ann.delete_account(PASSWORD).await;
        quick.work().await;
        held.go.add_permits(1);
        deleted
    };
    let (login, deleted) = tokio::join!(login, delete);
    assert_eq!(deleted.outcome(), (204, ""));
    assert_eq!(login.outcome(), (401, "bad_credentials"));
    assert_eq!(quick.stored_sessions().await, 0);
}

/// The owner hears of a login from a device that was not seen before, and of no other: neither a new
/// version of the browser nor another address nearby is one.
#[tokio::test]
async fn the_owner_hears_of_a_new_device() {
    let market = Market::new();
    let told = || {
        market
            .mails_to("ann@example.com", "A new device is logged in to your Stubmart account")
            .len()
    };
    let send = async |path: &str, address: &str, agent: &str| {
        let body = json!({"email": "ann@example.com", "password": PASSWORD});
        let client = market.anonymous().from_address(address);
        let answer = client.post(path).header("user-agent", agent).json(&body).await;
        market.work().await;
        answer.status
    };
    assert_eq!(send("/api/auth/signup", "192.0.2.1", "Browser/1.0 (Phone)").await, 201);
    let login = "/api/auth/login";
    assert_eq!(send(login, "192.0.2.1", "Browser/1.0 (Phone)").await, 200);
    assert_eq!(send(login, "192.0.77.9", "Browser/1.1 (Phone)").await, 200);
    assert_eq!(told(), 0);
    assert_eq!(send(login, "192.0.2.1", "Browser/1.0 (Desk)").await, 200);
    assert_eq!(told(), 1);
    assert_eq!(send(login, "198.51.100.1", "Browser/1.0 (Phone)").await, 200);
    assert_eq!(told(), 2);
    assert_eq!(send(login, "198.51.100.1", "Browser/1.0 (Phone)").await, 200);
    assert_eq!(told(), 2);
}
