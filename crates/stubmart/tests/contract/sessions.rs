//! Sessions and access tokens, and how fast they die.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{PASSWORD, Server, User, text};

/// A session that has ended is refused by every service within a second.
const REFUSED_WITHIN: Duration = Duration::from_secs(1);

/// One route of each service that asks who is there.
const SERVICES: [&str; 5] = [
    "/api/auth/sessions",
    "/api/tickets?sellerId=me",
    "/api/orders",
    "/api/payments",
    "/api/webhooks",
];

async fn is_refused_everywhere_within_a_second(server: &Server, dead: &User) {
    let ended = Instant::now();
    for path in SERVICES {
        loop {
            let status = server.get(path).by(dead).await.status;
            if status == 401 {
                break;
            }
            assert!(ended.elapsed() < REFUSED_WITHIN, "{path} still answers {status}");
        }
    }
}

/// Every service has just seen the token, so that what it remembers is at its freshest.
async fn is_known_everywhere(server: &Server, user: &User) {
    for path in SERVICES {
        assert_eq!(server.get(path).by(user).await.status, 200, "{path}");
    }
}

fn items(list: &Value) -> Vec<Value> {
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn sessions_are_listed_and_ended_one_by_one() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let body = json!({"email": ann.email, "password": PASSWORD});
    let phone = server.post("/api/auth/login").header("user-agent", "Phone/1").json(&body).await;
    let phone = ann.in_session(phone.token());
    is_known_everywhere(&server, &phone).await;
    let sessions = items(&server.read("/api/auth/sessions", &ann).await);
    assert_eq!(sessions.len(), 2);
    let current: Vec<_> = sessions.iter().filter(|it| it["current"] == true).collect();
    assert_eq!(current.len(), 1, "{sessions:?}");
    let other = sessions.iter().find(|it| it["userAgent"] == "Phone/1").unwrap();
    assert_eq!(other["current"], false);
    for field in ["id", "createdAt", "lastSeenAt", "userAgent", "current"] {
        assert!(!other[field].is_null(), "{field}");
    }
    let path = format!("/api/auth/sessions/{}", text(other, "id"));
    assert_eq!(server.delete(&path).by(&ann).await.status, 204);
    is_refused_everywhere_within_a_second(&server, &phone).await;
    is_known_everywhere(&server, &ann).await;
    assert_eq!(items(&server.read("/api/auth/sessions", &ann).await).len(), 1);
}

#[tokio::test]
async fn somebody_elses_session_is_not_found() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let sessions = items(&server.read("/api/auth/sessions", &ann).await);
    let path = format!("/api/auth/sessions/{}", text(&sessions[0], "id"));
    server.delete(&path).by(&bob).await.is(404, "not_found");
    is_known_everywhere(&server, &ann).await;
}

#[tokio::test]
async fn a_session_that_was_logged_out_is_dead_everywhere_within_a_second() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    is_known_everywhere(&server, &ann).await;
    assert_eq!(server.post("/api/auth/logout").by(&ann).await.status, 200);
    is_refused_everywhere_within_a_second(&server, &ann).await;
}

#[tokio::test]
async fn a_new_password_ends_every_other_session() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let other = server.log_in(&ann).await;
    is_known_everywhere(&server, &other).await;
    let body = json!({"password": "another password", "currentPassword": PASSWORD});
    assert_eq!(server.patch("/api/auth/currentuser").by(&ann).json(&body).await.status, 200);
    is_refused_everywhere_within_a_second(&server, &other).await;
    is_known_everywhere(&server, &ann).await;
    let old = json!({"email": ann.email, "password": PASSWORD});
    server.post("/api/auth/login").json(&old).await.is(401, "bad_credentials");
}

#[tokio::test]
async fn an_access_token_is_shown_once_named_and_revocable() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let made = server.post("/api/auth/tokens").by(&ann).json(&json!({"name": "nightly"})).await;
    assert_eq!(made.status, 201, "{made:?}");
    let made = made.json();
    assert_eq!(made["name"], "nightly");
    let script = ann.in_session(text(&made, "token"));
    is_known_everywhere(&server, &script).await;
    let listed = items(&server.read("/api/auth/tokens", &ann).await);
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0]["id"], &listed[0]["name"]), (&made["id"], &made["name"]));
    assert!(listed[0]["token"].is_null(), "the secret is shown once: {listed:?}");
    let path = format!("/api/auth/tokens/{}", text(&made, "id"));
    server.delete(&path).by(&bob).await.is(404, "not_found");
    assert_eq!(server.delete(&path).by(&ann).await.status, 204);
    is_refused_everywhere_within_a_second(&server, &script).await;
    server.delete(&path).by(&ann).await.is(404, "not_found");
    let bad = server.post("/api/auth/tokens").by(&ann).json(&json!({"name": " "})).await;
    assert_eq!(bad.bad_fields(), ["name"]);
}

/// A token that leaked leaves no others behind when it is revoked.
#[tokio::test]
async fn an_access_token_makes_no_other() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let named = json!({"name": "nightly"});
    let made = server.post("/api/auth/tokens").by(&ann).json(&named).await;
    let script = ann.in_session(text(&made.json(), "token"));
    let another = server.post("/api/auth/tokens").by(&script).json(&named).await;
    another.is(403, "session_required");
    assert_eq!(items(&server.read("/api/auth/tokens", &script).await).len(), 1);
}
