//! Errors in one form, request ids, deadlines, and the work of clients that have gone.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    body::Body,
    http::{Method, Request},
    routing::{get as route, post as post_route},
};
use serde_json::{Value, json};
use stubmart_contract::{Code, TicketId};
use stubmart_http_kit::{Ingress, PathId, Problem, RequestContext, layer};
use stubmart_kernel::{ApplyError, RepositoryError};
use stubmart_suite::host::{START, manual};
use tower::ServiceExt as _;

use crate::kit::{get, post, send, served};

fn app() -> Router {
    let context = async |RequestContext(context): RequestContext| Json(json!(context));
    let id = async |PathId(id): PathId<TicketId>| Json(id);
    let panic = async || -> Json<()> { panic!("of no use to a client") };
    let router = Router::new()
        .route("/context", route(context))
        .route("/ids/{id}", route(id))
        .route("/panic", route(panic).post(panic));
    served(router, &manual(1).0)
}

/// Also those that no handler makes.
#[tokio::test]
async fn every_error_is_problem_json_with_the_requests_id() {
    for (method, path, code) in [
        (Method::GET, "/nothing", (404, "not_found")),
        (Method::PUT, "/context", (405, "method_not_allowed")),
        (Method::GET, "/ids/x", (404, "not_found")),
        (Method::GET, "/ids/%ff", (404, "not_found")),
        (Method::GET, "/panic", (500, "internal")),
        (Method::POST, "/panic", (500, "internal")),
    ] {
        let answer = send(&app(), method, path, &[("x-request-id", "abc-1")], "").await;
        assert_eq!(answer.code(), (code.0, code.1.to_owned()), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{path}");
        assert_eq!(answer.header("x-request-id"), Some("abc-1"), "{path}");
        let body = answer.json();
        assert_eq!(body["requestId"], "abc-1", "{path}");
        assert_eq!(body["type"], format!("/api/problems#{}", code.1), "{path}");
        assert!(!answer.text.contains("of no use"), "{path}: no internals leak");
    }
    let allow = send(&app(), Method::PUT, "/context", &[], "").await;
    assert_eq!(allow.header("allow"), Some("GET,HEAD"));
}

/// The context names the request and when nobody waits any more. A harmless id is the client's own.
#[tokio::test]
async fn a_request_has_a_context() {
    let context = get(&app(), "/context", &[("x-request-id", "abc-1")]).await.json();
    let deadline = START.after(Duration::from_secs(30)).to_string();
    let whole = json!({"actor": "system", "requestId": "abc-1", "deadline": deadline});
    assert_eq!(context, whole);
    let odd = get(&app(), "/context", &[("x-request-id", "a b")]).await;
    let own = odd.header("x-request-id").unwrap();
    assert_ne!(own, "a b");
    assert_eq!(odd.json()["requestId"], own);
}

/// What a store's failures are answered with, and whether the client should come back.
#[tokio::test]
async fn failures_of_the_repository_have_codes() {
    let cause = || "secret".into();
    let answer = async |error: RepositoryError| {
        let problem =
            Problem::not_applied(ApplyError::<()>::from(error), |()| Problem::not_found());
        let retries = problem.clone().respond("r").headers().contains_key("retry-after");
        let body = serde_json::to_string(&problem.body("r")).unwrap();
        assert!(!body.contains("secret"), "{body}");
        (problem.code(), retries)
    };
    let unavailable = (Code::Unavailable, true);
    assert_eq!(answer(RepositoryError::Unavailable(cause())).await, unavailable);
    assert_eq!(answer(RepositoryError::Indeterminate(cause())).await, unavailable);
    assert_eq!(answer(RepositoryError::Contended).await, (Code::Contended, true));
    assert_eq!(answer(RepositoryError::Corrupt(cause())).await, (Code::Internal, false));
    let taken = RepositoryError::Taken { index: "email" };
    assert_eq!(answer(taken).await, (Code::Internal, false));
}

/// A change that takes too long is answered, and finished all the same.
#[tokio::test]
async fn a_change_outlives_the_answer_to_it() {
    let (host, clock) = manual(1);
    let (done, slow) = (Arc::new(AtomicBool::new(false)), host.clone());
    let flag = Arc::clone(&done);
    let handler = async move || {
        let (slow, flag) = (slow.clone(), Arc::clone(&flag));
        slow.clock.sleep(Duration::from_secs(60)).await;
        flag.store(true, Ordering::SeqCst);
    };
    let router = Router::new().route("/", post_route(handler));
    let app = served(router, &host);
    let waiting = tokio::spawn(async move { post(&app, "/", &[], &Value::Null).await });
    while clock.sleeping() < 2 {
        tokio::task::yield_now().await;
    }
    clock.advance(Duration::from_secs(31));
    assert_eq!(waiting.await.unwrap().code(), (503, "unavailable".to_owned()));
    clock.advance(Duration::from_secs(30));
    while !done.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
}

/// Another site's page cannot act in a visitor's name.
#[tokio::test]
async fn a_change_from_another_sites_page_is_refused() {
    let app = served(Router::new().route("/", post_route(async || "done")), &manual(1).0);
    let send = async |headers: &[(&str, &str)]| post(&app, "/", headers, &json!({})).await;
    let host = ("host", "tickets.example");
    for refused in [
        [host, ("origin", "https://evil.example")],
        [host, ("origin", "null")],
        [host, ("origin", "https://tickets.example")],
        [host, ("sec-fetch-site", "cross-site")],
    ] {
        assert_eq!(send(&refused).await.code(), (403, "cross_origin".to_owned()), "{refused:?}");
    }
    for fine in [
        [host, ("origin", "http://tickets.example")],
        [host, ("sec-fetch-site", "same-origin")],
        [("authorization", "Bearer x"), ("origin", "https://evil.example")],
    ] {
        assert_eq!(send(&fine).await.status, 200, "{fine:?}");
    }
}

/// Answers keep to themselves: no browser guesses their type, frames them or runs what is in them. A route
/// that has a policy of its own keeps it; HTTPS is asked for where it is spoken.
#[tokio::test]
async fn every_answer_has_headers_that_keep_it_safe() {
    let host = manual(1).0;
    let own = async || ([("content-security-policy", "default-src 'self'")], "page");
    let router = || Router::new().route("/own", route(own)).route("/plain", route(async || "ok"));
    let app = served(router(), &host);
    let none = "default-src 'none'; frame-ancestors 'none'";
    for (path, policy) in [("/plain", none), ("/nothing", none), ("/own", "default-src 'self'")] {
        let answer = get(&app, path, &[]).await;
        assert_eq!(answer.header("content-security-policy"), Some(policy), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert_eq!(answer.header("strict-transport-security"), None, "{path}");
    }
    let origin = "https://tickets.example".to_owned();
    let ingress = Ingress { public_origin: Some(origin), ..Ingress::default() };
    let app = layer::apply(router(), host, ingress);
    for path in ["/plain", "/nothing"] {
        let year = Some("max-age=31536000");
        assert_eq!(get(&app, path, &[]).await.header("strict-transport-security"), year, "{path}");
    }
}

/// What the server finds wrong with a request before a route is asked is answered in the one form too.
#[tokio::test]
async fn a_problem_that_comes_with_a_request_is_its_answer() {
    let mut request = Request::builder().uri("/context").body(Body::empty()).unwrap();
    request.extensions_mut().insert(Problem::new(Code::MalformedRequest));
    let answer = app().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), 400);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}
