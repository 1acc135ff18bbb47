//! How sessions live and die.

use std::time::Duration;

use serde_json::{Value, json};
use stubmart_auth::Config;
use stubmart_contract::{Actor, Context};
use stubmart_ports::calls::Auth as _;
use stubmart_testkit::Api;

use crate::market::{Account as _, ME, Market, PASSWORD, until};

const DAY: u64 = 24 * 3600;

async fn sessions(client: &Api) -> Vec<Value> {
    let answer = client.get("/api/auth/sessions").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["items"].as_array().unwrap().clone()
}

/// A logged-out session is dead at once in the process that ended it, and within a second in every
/// other; logging out again, or without a session, is fine.
#[tokio::test]
async fn a_logged_out_session_is_dead_everywhere_within_a_second() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let other = market.other_process().with_token(ann.token());
    assert!(other.is_signed_in().await, "the other process keeps this answer");
    assert!(ann.is_signed_in().await, "and so does this one");

    let answer = ann.post("/api/auth/logout").json(&json!({})).await;
    assert_eq!((answer.outcome(), &answer.body), ((200, ""), &json!({})));
    assert!(!ann.is_signed_in().await);
    market.world.clock.advance(Duration::from_millis(999));
    assert!(!other.is_signed_in().await);

    for client in [ann, market.anonymous(), market.with_token("nobody's")] {
        assert_eq!(client.post("/api/auth/logout").json(&json!({})).await.outcome(), (200, ""));
    }
}

/// A session is opened by its token as cookie or bearer token, and a bad bearer token is not made
/// good by a cookie.
#[tokio::test]
async fn a_token_opens_its_session_as_cookie_and_as_bearer() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    assert!(ann.is_signed_in().await);
    assert!(ann.bearer().is_signed_in().await);
    let bad = ann.get("/api/auth/sessions").header("authorization", "Bearer nobody's");
    assert_eq!(bad.await.status, 401);
}

/// The list shows every browser session that is alive, the newest first, and which one asks.
#[tokio::test]
async fn sessions_are_listed_newest_first() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    market.sign_up("bob@example.com").await;
    market.pass(10);
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    let long = "B".repeat(300);
    market.post("/api/auth/login").header("user-agent", &long).json(&body).await;
    ann.post("/api/auth/tokens").json(&json!({"name": "script"})).await;
    let ended = market.log_in("ann@example.com", PASSWORD).await;
    ended.post("/api/auth/logout").json(&json!({})).await;

    let listed = sessions(&ann).await;
    let seen: Vec<_> = listed
        .iter()
        .map(|it| (it["createdAt"].as_str().unwrap(), it["current"].as_bool().unwrap()))
        .collect();
    assert_eq!(seen, [("2026-01-01T00:00:10.000Z", false), ("2026-01-01T00:00:00.000Z", true)]);
    assert_eq!(listed[0]["userAgent"], "B".repeat(256));
    assert_eq!(listed[1]["userAgent"], "");
    assert_eq!(listed[0].as_object().unwrap().len(), 5);
}

/// A session is ended by its owner, from any other one, once, and by nobody else.
#[tokio::test]
async fn a_session_is_ended_by_its_owner_only() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let bob = market.sign_up("bob@example.com").await;
    let lost = market.log_in("ann@example.com", PASSWORD).await;
    let listed = sessions(&lost).await;
    let current = listed.iter().find(|it| it["current"] == true).unwrap();
    let path = format!("/api/auth/sessions/{}", current["id"].as_str().unwrap());

    assert_eq!(bob.delete(&path).await.outcome(), (404, "not_found"));
    assert!(lost.is_signed_in().await);
    let as_token = path.replace("sessions", "tokens");
    assert_eq!(ann.delete(&as_token).await.outcome(), (404, "not_found"));
    assert_eq!(ann.delete(&path).await.outcome(), (204, ""));
    assert!(!lost.is_signed_in().await);
    assert_eq!(ann.delete(&path).await.outcome(), (404, "not_found"));
    assert_eq!(sessions(&ann).await.len(), 1);
}

/// A session lives as long as it is used, and 30 days longer.
#[tokio::test]
async fn a_session_ends_when_it_is_not_used() {
    let market = Market::new();
    let used = market.sign_up("ann@example.com").await;
    let unused = market.log_in("ann@example.com", PASSWORD).await;
    for _ in 0..3 {
        market.pass(20 * DAY);
        assert!(used.is_signed_in().await);
        // The use is noted besides the request.
        let noted = async || {
            let listed = sessions(&used).await;
            listed.iter().find(|it| it["current"] == true).unwrap()["lastSeenAt"].clone()
        };
        let now = json!(market.world.host.now().to_string());
        until(async || noted().await == now).await;
    }
    assert!(!unused.is_signed_in().await);
    assert_eq!(sessions(&used).await.len(), 1);
    market.work().await;
    assert_eq!(market.stored_sessions().await, 1);
    market.pass(30 * DAY);
    assert!(!used.is_signed_in().await);
    market.pass(1);
    market.work().await;
    assert_eq!(market.stored_sessions().await, 0);
}

/// How long a session lives is the operator's choice.
#[tokio::test]
async fn the_life_of_a_session_is_configured() {
    let config = Config { session_life: Duration::from_secs(100), ..Config::default() };
    let market = Market::configured(config);
    let ann = market.sign_up("ann@example.com").await;
    market.pass(99);
    let other = market.other_process();
    assert!(other.with_token(ann.token()).is_signed_in().await);
    until(async || sessions(&ann).await[0]["lastSeenAt"] == "2026-01-01T00:01:39.000Z").await;
    market.pass(99);
    assert!(ann.is_signed_in().await);
    market.pass(101);
    assert!(!ann.is_signed_in().await);
}

/// When a session was last used is noted once a minute, so that reading costs no writing.
#[tokio::test]
async fn a_use_is_noted_once_a_minute() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let last_seen = async || sessions(&ann).await[0]["lastSeenAt"].clone();
    let first = last_seen().await;
    for _ in 0..5 {
        market.pass(10);
        assert!(ann.is_signed_in().await);
        tokio::task::yield_now().await;
        assert_eq!(last_seen().await, first);
    }
    market.pass(10);
    assert!(ann.is_signed_in().await);
    until(async || last_seen().await == "2026-01-01T00:01:00.000Z").await;
}

/// A new password ends every other browser session at once, in every process within a second, and
/// lets live the one that set it and the access tokens.
#[tokio::test]
async fn a_new_password_ends_every_other_session() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let bob = market.sign_up("bob@example.com").await;
    let script = ann.post("/api/auth/tokens").json(&json!({"name": "script"})).await;
    let script = market.with_token(script.body["token"].as_str().unwrap()).bearer();
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(market.log_in("ann@example.com", PASSWORD).await);
    }
    let elsewhere = market.other_process();
    let far = elsewhere.with_token(others[0].token());
    assert!(far.is_signed_in().await && others[0].is_signed_in().await);

    let body = json!({"password": "new password", "currentPassword": PASSWORD});
    assert_eq!(ann.patch(ME).json(&body).await.outcome(), (200, ""));
    for other in &others {
        assert!(!other.is_signed_in().await);
    }
    market.world.clock.advance(Duration::from_millis(999));
    assert!(!far.is_signed_in().await);
    for alive in [&ann, &bob, &script] {
        assert!(alive.is_signed_in().await);
    }
    assert_eq!(sessions(&ann).await.len(), 1);
    assert_eq!(market.try_log_in("ann@example.com", PASSWORD).await.outcome().0, 401);
    let fresh = market.log_in("ann@example.com", "new password").await;
    market.work().await;
    assert_eq!(market.stored_sessions().await, 4, "two of Ann, her token and Bob's");
    assert!(fresh.is_signed_in().await && ann.is_signed_in().await);

    // The next password ends the session that was spared before, unless it sets that one too.
    let body = json!({"password": "newer password", "currentPassword": "new password"});
    assert_eq!(fresh.patch(ME).json(&body).await.outcome(), (200, ""));
    assert!(!ann.is_signed_in().await && fresh.is_signed_in().await);
}

/// A deleted account is refused everywhere by that alone, before anything tidied up.
#[tokio::test]
async fn a_deleted_account_has_no_sessions() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let elsewhere = market.other_process().with_token(ann.token());
    assert!(elsewhere.is_signed_in().await);
    assert_eq!(ann.delete_account(PASSWORD).await.outcome(), (204, ""));
    assert_eq!(
        market.service.introspect(&Context::of(Actor::System), ann.token()).await.unwrap(),
        None
    );
    assert!(!ann.is_signed_in().await);
    // Within the second another process may still think it knows the caller; it tells nothing.
    let answer = elsewhere.get("/api/auth/currentuser").await;
    assert_eq!(answer.body["currentUser"], Value::Null);
    let body = json!({"name": "Eve", "currentPassword": PASSWORD});
    assert_eq!(elsewhere.patch(ME).json(&body).await.outcome(), (401, "not_signed_in"));
    let answer = elsewhere.post("/api/auth/tokens").json(&json!({"name": "script"})).await;
    assert_eq!(answer.outcome(), (401, "not_signed_in"));
}

/// A token of any shape that is nobody's is nobody's.
#[tokio::test]
async fn odd_tokens_are_nobodys() {
    let market = Market::new();
    market.sign_up("ann@example.com").await;
    for token in ["", " ", "stub_", "a b", &"x".repeat(10_000), "\u{7f}é"] {
        assert_eq!(
            market.service.introspect(&Context::of(Actor::System), token).await.unwrap(),
            None,
            "{token:?}"
        );
    }
}

/// Sessions that are dead and not tidied up yet take no room in a page.
#[tokio::test]
async fn a_page_is_full_of_living_sessions() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    for _ in 0..5 {
        market.log_in("ann@example.com", PASSWORD).await;
    }
    let body = json!({"password": "new password", "currentPassword": PASSWORD});
    assert_eq!(ann.patch(ME).json(&body).await.outcome(), (200, ""));
    let page = ann.get("/api/auth/sessions?limit=1").await.body;
    assert_eq!((&page["items"][0]["current"], &page["nextCursor"]), (&json!(true), &Value::Null));
    market.pass(1);
    market.log_in("ann@example.com", "new password").await;
    let page = ann.get("/api/auth/sessions?limit=1").await.body;
    assert_eq!(page["items"][0]["current"], false);
    let next = page["nextCursor"].as_str().unwrap();
    let page = ann.get(&format!("/api/auth/sessions?limit=1&cursor={next}")).await.body;
    assert_eq!((&page["items"][0]["current"], &page["nextCursor"]), (&json!(true), &Value::Null));
}
