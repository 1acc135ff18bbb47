//! What operators and client developers ask.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::support::Server;

#[tokio::test]
async fn health_readiness_and_metrics_are_served() {
    let server = Server::start();
    for path in ["/healthz", "/readyz"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    server.get("/api/tickets/x").await.is(404, "not_found");
    server.call("FROB", "/api/tickets/x").await.is(405, "method_not_allowed");
    let metrics = server.get("/metrics").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    let text = metrics.text();
    let counted = text.lines().any(|line| {
        line.starts_with("stubmart_http_request_duration_seconds_count")
            && line.contains("route=\"/api/tickets/{id}\"")
            && line.contains("status=\"404\"")
    });
    assert!(counted, "{text}");
    assert!(text.contains("method=\"other\"") && !text.contains("FROB"), "methods too");
    assert!(!text.contains("/api/tickets/x"), "a route, not a path: paths are without number");
}

/// What says when to come back is declared wherever it can be answered, and so is that others changed the
/// same thing.
fn every_operation_tells_of_retries(document: &serde_json::Value) {
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses {
                let has = response["headers"]["Retry-After"].is_object();
                let must = matches!(status.as_str(), "429" | "503");
                assert_eq!(has, must, "{method} {path} {status}");
            }
            let conflict = responses.get("409").and_then(|it| it["description"].as_str());
            let tells = conflict.is_some_and(|it| it.contains("`contended`"));
            assert!(tells || method == "get", "{method} {path}: {conflict:?}");
        }
    }
    let login = &document["paths"]["/api/auth/login"]["post"];
    assert!(login["security"].is_null(), "nobody is signed in before they are: {login}");
    let withdraw = &document["paths"]["/api/tickets/{id}"]["delete"]["responses"];
    let forbidden = withdraw["403"]["description"].as_str().unwrap_or_default();
    assert!(
        forbidden.contains("`not_owner`") && forbidden.contains("`cross_origin`"),
        "{withdraw}"
    );
    assert!(withdraw["413"].is_object(), "{withdraw}");
    let required = document["components"]["schemas"]["Ticket"]["required"].as_array().unwrap();
    assert!(required.contains(&"orderId".into()), "null, but there: {required:?}");
    let stream = &document["paths"]["/api/tickets/{id}/stream"]["get"]["security"];
    assert_eq!(stream.as_array().map(Vec::len), Some(3), "with a session, a token or neither");
}

#[tokio::test]
async fn the_openapi_document_and_its_page_are_served_without_the_network() {
    let server = Server::start();
    let document = server.get("/api/openapi.json").await;
    assert_eq!((document.status, document.header("content-type")), (200, "application/json"));
    let document = document.json();
    assert!(document["openapi"].as_str().is_some_and(|it| it.starts_with("3.1")), "{document}");
    assert_eq!(document["info"]["title"], "Stubmart");
    every_operation_tells_of_retries(&document);
    let mut page = server.get("/api/docs").await;
    while (300..400).contains(&page.status) {
        let path = page.header("location").to_owned();
        page = server.get(&path).await;
    }
    assert_eq!(page.status, 200, "{page:?}");
    assert!(page.header("content-type").starts_with("text/html"));
    let html = page.text();
    let elsewhere = |attribute: &str| {
        html.contains(&format!("{attribute}=\"http")) || html.contains(&format!("{attribute}=\"//"))
    };
    assert!(!elsewhere("src") && !elsewhere("href"), "nothing comes from elsewhere: {html}");
}

/// The `type` of a problem leads to a page that explains it.
#[tokio::test]
async fn the_type_of_a_problem_leads_to_its_explanation() {
    let server = Server::start();
    let problem = server.get("/api/nothing").await.json();
    let (page, anchor) = problem["type"].as_str().unwrap().split_once('#').unwrap();
    let page = server.get(page).await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains(&format!("id=\"{anchor}\"")));
}

/// A client that sends half a header and waits is cut off; the server keeps on serving others.
#[tokio::test]
async fn half_sent_requests_do_not_stay_open_for_ever() {
    let server = Server::start();
    let half = |_| {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Half: ").unwrap();
        stream
    };
    let started = Instant::now();
    let streams: Vec<_> = (0..200).map(half).collect();
    assert_eq!(server.get("/healthz").await.status, 200, "others are served");
    for mut stream in streams {
        let mut rest = Vec::new();
        // Cut off with an answer, without one, or by a reset: in time is what counts.
        drop(stream.read_to_end(&mut rest));
    }
    assert!(started.elapsed() < Duration::from_secs(25), "after {:?}", started.elapsed());
}

/// A body that is announced as too large is refused before it is sent.
#[tokio::test]
async fn a_body_that_is_announced_as_too_large_is_refused_at_once() {
    let server = Server::start();
    for (length, more) in [(50_000_000, ""), (70_000, "Expect: 100-continue\r\n")] {
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let head = format!(
            "POST /api/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n{more}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(std::str::from_utf8(&answer).unwrap(), "HTTP/1.1 413", "{length}");
    }
}

/// Told to stop, the server ends at once and with success, also with a stream open.
#[tokio::test]
async fn asked_to_stop_it_ends_in_time() {
    let mut server = Server::start();
    let ann = server.sign_up("ann").await;
    let event = server.event(&ann, "Hamlet").await;
    let _stream = server.get(&format!("/api/events/{event}/stream")).stream().await;
    let started = Instant::now();
    assert!(server.stop().success(), "{}", server.log());
    assert!(started.elapsed() < Duration::from_secs(5), "after {:?}", started.elapsed());
}

/// What is personal or secret is in no line of the log, whatever the level.
#[tokio::test]
async fn the_log_holds_no_personal_data_and_no_secret() {
    let mut server = Server::with(&[("STUBMART_LOG", "debug")]);
    let ann = server.sign_up("ann-who-is-private").await;
    let ticket = server.ticket(&ann).await;
    let bob = server.sign_up("bob").await;
    server.buy(&bob, &ticket).await;
    assert!(server.stop().success());
    let log = server.log();
    assert!(log.contains("/api/payments"), "debug logs requests: {log}");
    for secret in
        ["ann-who-is-private", crate::support::PASSWORD, ann.token(), bob.token(), "Stalls"]
    {
        assert!(!log.contains(secret), "the log holds {secret:?}");
    }
}
