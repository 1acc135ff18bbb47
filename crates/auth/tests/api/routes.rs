//! Every route by every kind of caller.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::{Value, json};
use stubmart_http_kit::SessionGate;
use stubmart_testkit::{Answer, Api, Call};

use crate::market::{Account as _, Market, PASSWORD};

/// A route, a body that is right for it, and the statuses that callers get: nobody, the owner of what
/// the path names, another user, somebody whose session has ended.
struct Case {
    method: Method,
    path: &'static str,
    body: fn() -> Option<Value>,
    statuses: [u16; 4],
}

fn none() -> Option<Value> {
    None
}

#[expect(clippy::too_many_lines, reason = "a table: an entry a route")]
fn cases() -> Vec<Case> {
    let case = |method, path, body, statuses| Case { method, path, body, statuses };
    vec![
        case(
            Method::POST,
            "/api/auth/signup",
            || Some(json!({"email": "new@example.com", "password": PASSWORD})),
            [201, 201, 201, 201],
        ),
        case(
            Method::POST,
            "/api/auth/login",
            || Some(json!({"email": "owner@example.com", "password": PASSWORD})),
            [200, 200, 200, 200],
        ),
        case(Method::POST, "/api/auth/logout", none, [200, 200, 200, 200]),
        case(Method::GET, "/api/auth/currentuser", none, [200, 200, 200, 200]),
        case(
            Method::PATCH,
            "/api/auth/currentuser",
            || Some(json!({"name": "New", "currentPassword": PASSWORD})),
            [401, 200, 200, 401],
        ),
        case(
            Method::DELETE,
            "/api/auth/currentuser",
            || Some(json!({"currentPassword": PASSWORD})),
            [401, 204, 204, 401],
        ),
        case(
            Method::POST,
            "/api/auth/verify-email",
            || Some(json!({"token": "guess"})),
            [400, 400, 400, 400],
        ),
        case(Method::POST, "/api/auth/verify-email/resend", none, [401, 202, 202, 401]),
        case(
            Method::POST,
            "/api/auth/password-reset",
            || Some(json!({"email": "owner@example.com"})),
            [202, 202, 202, 202],
        ),
        case(
            Method::POST,
            "/api/auth/password-reset/confirm",
            || Some(json!({"token": "guess", "password": PASSWORD})),
            [400, 400, 400, 400],
        ),
        case(Method::GET, "/api/auth/totp", none, [401, 200, 200, 401]),
        case(
            Method::POST,
            "/api/auth/totp",
            || Some(json!({"currentPassword": PASSWORD})),
            [401, 201, 201, 401],
        ),
        case(
            Method::DELETE,
            "/api/auth/totp",
            || Some(json!({"currentPassword": PASSWORD})),
            [401, 204, 204, 401],
        ),
        case(Method::GET, "/api/auth/sessions", none, [401, 200, 200, 401]),
        case(Method::DELETE, "/api/auth/sessions/{id}", none, [401, 204, 404, 401]),
        case(Method::GET, "/api/auth/tokens", none, [401, 200, 200, 401]),
        case(
            Method::POST,
            "/api/auth/tokens",
            || Some(json!({"name": "script"})),
            [401, 201, 201, 401],
        ),
        case(Method::DELETE, "/api/auth/tokens/{id}", none, [401, 204, 404, 401]),
    ]
}

/// A market with the four callers, and the ids of a session and a token of the owner.
async fn callers() -> ([Api; 4], [String; 2]) {
    let market = Market::new();
    let owner = market.sign_up("owner@example.com").await;
    let other = market.sign_up("other@example.com").await;
    let ended = market.log_in("owner@example.com", PASSWORD).await;
    assert_eq!(ended.post("/api/auth/logout").json(&json!({})).await.status, 200);
    let sessions = owner.get("/api/auth/sessions").await.body;
    let token = owner.post("/api/auth/tokens").json(&json!({"name": "script"})).await;
    let session = sessions["items"][0]["id"].as_str().unwrap().to_owned();
    ([market.anonymous(), owner, other, ended], [session, token.id().to_owned()])
}

/// Sends a call with the body of its case.
async fn send(call: Call, case: &Case) -> Answer {
    match (case.body)() {
        Some(body) => call.json(&body).await,
        None => call.await,
    }
}

/// Each route answers each kind of caller as the table says, errors as problems and nothing cached.
#[tokio::test]
async fn every_route_answers_every_caller_as_the_table_says() {
    for case in cases() {
        for (place, expected) in case.statuses.into_iter().enumerate() {
            let (callers, [session, token]) = callers().await;
            let id = if case.path.contains("tokens") { token } else { session };
            let path = case.path.replace("{id}", &id);
            let answer = send(callers[place].call(case.method.as_str(), &path), &case).await;
            let who = ["anonymous", "owner", "other", "logged out"][place];
            let context = format!("{} {path} by {who}: {}", case.method, answer.body);
            assert_eq!(answer.status, expected, "{context}");
            assert_eq!(answer.header("cache-control"), "no-store", "{context}");
            if expected >= 400 {
                let content_type = answer.header("content-type");
                assert_eq!(content_type, "application/problem+json", "{context}");
                assert_eq!(answer.body["status"], expected, "{context}");
                assert!(!answer.body["requestId"].as_str().unwrap().is_empty(), "{context}");
            }
        }
    }
}

/// The table names every route that there is, and each documents every status in it.
#[tokio::test]
async fn the_table_is_complete() {
    let market = Market::new();
    let gate =
        SessionGate::new(std::sync::Arc::new(market.service.clone()), market.world.host.clone());
    let (_, document) = market.service.router(gate).split_for_parts();
    let document = serde_json::to_value(&document).unwrap();
    let mut served = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            served.insert((method.to_uppercase(), path.clone()));
        }
    }
    let listed: BTreeSet<_> =
        cases().iter().map(|case| (case.method.to_string(), case.path.to_owned())).collect();
    assert_eq!(served, listed);
    for case in cases() {
        let method = case.method.as_str().to_lowercase();
        let responses = &document["paths"][case.path][&method]["responses"];
        for status in case.statuses {
            assert!(responses.get(status.to_string()).is_some(), "{method} {} {status}", case.path);
        }
    }
}

/// What names nothing and what is no id are the same to a client.
#[tokio::test]
async fn unknown_ids_are_not_found() {
    let ([_, owner, ..], _) = callers().await;
    for path in ["sessions", "tokens"] {
        for id in ["0192f0c1-2345-7abc-8def-0123456789ab", "x", "%FF", "..%2F"] {
            let answer = owner.delete(&format!("/api/auth/{path}/{id}")).await;
            assert_eq!(answer.status, 404, "{path}/{id}: {}", answer.body);
        }
    }
}

/// A request that another site's page makes a browser send signs nobody in, out or away.
#[tokio::test]
async fn other_sites_are_refused() {
    let ([_, owner, ..], _) = callers().await;
    for case in cases().iter().filter(|case| case.method != Method::GET) {
        let path = case.path.replace("{id}", "x");
        let answer = {
            let call = owner.call(case.method.as_str(), &path);
            let call =
                call.header("origin", "https://evil.example").header("host", "tickets.example");
            send(call, case).await
        };
        assert_eq!(answer.outcome(), (403, "cross_origin"), "{path}");
    }
    assert!(owner.is_signed_in().await);
}
