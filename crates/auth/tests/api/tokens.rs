//! Personal access tokens.

use serde_json::{Value, json};
use stubmart_testkit::Api;

use crate::market::{Account as _, ME, Market, PASSWORD, until};

async fn create(client: &Api, name: &str) -> Value {
    let answer = client.post("/api/auth/tokens").json(&json!({"name": name})).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body
}

async fn tokens(client: &Api) -> Vec<Value> {
    let answer = client.get("/api/auth/tokens").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body["items"].as_array().unwrap().clone()
}

fn secret(token: &Value) -> &str {
    token["token"].as_str().unwrap()
}

/// A token's secret is shown when it is made, never again, and is stored nowhere.
#[tokio::test]
async fn a_secret_is_shown_once() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let token = create(&ann, " deploy ").await;
    assert_eq!(token["name"], "deploy");
    assert!(secret(&token).starts_with("stub_") && secret(&token).len() == 5 + 43, "{token}");
    let mut shown = token.clone();
    shown.as_object_mut().unwrap().remove("token");
    assert_eq!(tokens(&ann).await, [shown]);
    assert!(!market.dump().await.contains(&secret(&token)[5..]));
    assert_ne!(secret(&create(&ann, "deploy").await), secret(&token));
}

/// A token acts for its owner for as long as it is not revoked, however long that is.
#[tokio::test]
async fn a_token_lives_until_it_is_revoked() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    market.sign_up("bob@example.com").await;
    let token = create(&ann, "deploy").await;
    let script = market.with_token(secret(&token)).bearer();
    market.pass(400 * 24 * 3600);
    assert!(script.is_signed_in().await);
    market.work().await;
    assert!(script.is_signed_in().await);
    let used = json!(market.world.host.now().to_string());
    until(async || tokens(&script).await[0]["lastSeenAt"] == used).await;

    let path = format!("/api/auth/tokens/{}", token["id"].as_str().unwrap());
    let bob = market.log_in("bob@example.com", PASSWORD).await;
    assert_eq!(bob.delete(&path).await.outcome(), (404, "not_found"));
    let as_session = path.replace("tokens", "sessions");
    assert_eq!(script.delete(&as_session).await.outcome(), (404, "not_found"));
    assert_eq!(script.delete(&path).await.outcome(), (204, ""));
    assert!(!script.is_signed_in().await);
}

/// Tokens are listed newest first, and are no sessions.
#[tokio::test]
async fn tokens_are_listed_newest_first() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    for name in ["one", "two", "three"] {
        create(&ann, name).await;
        market.pass(1);
    }
    let names: Vec<_> = tokens(&ann).await.iter().map(|token| token["name"].clone()).collect();
    assert_eq!(names, ["three", "two", "one"]);
    let sessions = ann.get("/api/auth/sessions").await;
    assert_eq!(sessions.body["items"].as_array().unwrap().len(), 1);
}

/// Logging out with a token revokes it and leaves the browser signed in.
#[tokio::test]
async fn logging_out_with_a_token_revokes_it() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let script = market.with_token(secret(&create(&ann, "deploy").await)).bearer();
    assert_eq!(script.post("/api/auth/logout").json(&json!({})).await.outcome(), (200, ""));
    assert!(!script.is_signed_in().await && ann.is_signed_in().await);
    assert!(tokens(&ann).await.is_empty());
}

/// A token is not made by a session that another process has ended, though this one may not know it
/// for a second yet.
#[tokio::test]
async fn a_dead_session_makes_no_token() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let thief = market.log_in("ann@example.com", PASSWORD).await;
    let elsewhere = market.other_process().with_token(thief.token());
    assert!(elsewhere.is_signed_in().await, "the other process keeps this answer");
    let body = json!({"password": "new password", "currentPassword": PASSWORD});
    assert_eq!(ann.patch(ME).json(&body).await.outcome(), (200, ""));
    let answer = elsewhere.post("/api/auth/tokens").json(&json!({"name": "back door"})).await;
    assert_eq!(answer.outcome(), (401, "not_signed_in"));
    assert!(tokens(&ann).await.is_empty());
}

/// An access token makes no other: revoking one that leaked ends what it can do.
#[tokio::test]
async fn a_token_makes_no_token() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let script = market.with_token(secret(&create(&ann, "deploy").await)).bearer();
    for client in [script.clone(), script.with_token(script.token())] {
        let answer = client.post("/api/auth/tokens").json(&json!({"name": "another"})).await;
        assert_eq!(answer.outcome(), (403, "session_required"));
    }
    assert_eq!(tokens(&ann).await.len(), 1);
}

/// The list comes page by page, newest first, and the last page says that it is.
#[tokio::test]
async fn tokens_are_listed_page_by_page() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    for number in 0..5 {
        create(&ann, &format!("token {number}")).await;
        market.pass(1);
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = ann.get(&format!("/api/auth/tokens?limit=2&cursor={cursor}")).await.body;
        names.extend(page["items"].as_array().unwrap().iter().map(|it| it["name"].clone()));
        match page["nextCursor"].as_str() {
            Some(next) => next.clone_into(&mut cursor),
            None => break,
        }
    }
    assert_eq!(names, ["token 4", "token 3", "token 2", "token 1", "token 0"]);
    let whole = ann.get("/api/auth/tokens").await.body;
    assert_eq!((whole["items"].as_array().unwrap().len(), &whole["nextCursor"]), (5, &Value::Null));
    for bad in ["limit=0", "limit=201", "cursor=%21", "page=2"] {
        let answer = ann.get(&format!("/api/auth/tokens?{bad}")).await;
        assert_eq!(answer.outcome(), (400, "validation_failed"), "{bad}");
    }
}

/// A token that may only look changes nothing, for whatever it asks.
#[tokio::test]
async fn a_token_may_be_for_reading_alone() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let body = json!({"name": "report", "scope": "read"});
    let token = ann.post("/api/auth/tokens").json(&body).await.body;
    assert_eq!(token["scope"], "read");
    let script = market.with_token(secret(&token));
    assert!(script.is_signed_in().await);
    assert_eq!(script.get("/api/auth/sessions").await.status, 200);
    let change = json!({"name": "Eve", "currentPassword": PASSWORD});
    assert_eq!(script.patch(ME).json(&change).await.outcome(), (403, "insufficient_scope"));
    assert_eq!(script.delete_account(PASSWORD).await.outcome(), (403, "insufficient_scope"));
    assert_eq!(create(&ann, "script").await["scope"], "full");
}

/// A token may have an end: from then on it opens nothing and is not listed any more.
#[tokio::test]
async fn a_token_may_have_an_end() {
    let market = Market::new();
    let ann = market.sign_up("ann@example.com").await;
    let make = async |end: &str| {
        ann.post("/api/auth/tokens").json(&json!({"name": "a", "expiresAt": end})).await
    };
    assert_eq!(make("2026-01-01T00:00:00Z").await.bad_fields(), ["expiresAt"], "it is that now");
    assert_eq!(make("tomorrow").await.bad_fields(), ["expiresAt"]);
    let token = make("2026-01-01T00:01:00Z").await.body;
    assert_eq!(token["expiresAt"], "2026-01-01T00:01:00.000Z");
    let script = market.with_token(secret(&token));
    market.pass(59);
    assert!(script.is_signed_in().await);
    market.pass(1);
    assert!(!script.is_signed_in().await);
    assert_eq!(tokens(&ann).await, Vec::<Value>::new());
    market.work().await;
    assert!(!market.dump().await.contains("\"token\""), "its document is dropped");
}
