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

/// Strict readers and generators of clients take the document: a licence that can be looked up, a server,
/// names for operations, one schema for one thing, and an example for every body and parameter.
#[tokio::test]
async fn the_openapi_document_suits_generators() {
    let server = Server::start();
    let document = server.get("/api/openapi.json").await.json();
    assert_eq!(document["info"]["license"]["identifier"], "MIT OR Apache-2.0");
    assert_eq!(document["servers"][0]["url"], "/");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for (name, schema) in schemas {
        if let Some(item) = name.strip_prefix("Page_") {
            let reference = format!("#/components/schemas/{item}");
            assert_eq!(schema["properties"]["items"]["items"]["$ref"], reference, "{name}");
        }
    }
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
    let mut ids = std::collections::BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            let is_camel = id.chars().all(|it| it.is_ascii_alphanumeric());
            assert!(is_camel && id.starts_with(|it: char| it.is_ascii_lowercase()), "{id}");
            assert!(ids.insert(id.to_owned()), "{id} is there twice");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(!parameter["example"].is_null(), "{method} {path} {parameter}");
            }
            let bodies = operation["responses"].as_object().unwrap().values();
            let bodies = bodies.chain([&operation["requestBody"]]);
            for body in bodies.filter_map(|it| it["content"].as_object()).flatten() {
                assert!(!body.1["example"].is_null(), "{method} {path} {body:?}");
            }
        }
    }
    let list = &document["paths"]["/api/tickets"]["get"];
    assert_eq!(list["operationId"], "listTickets");
    let example = &list["responses"]["200"]["content"]["application/json"]["example"];
    let shown: std::collections::BTreeSet<_> =
        example["items"][0].as_object().unwrap().keys().cloned().collect();
    let fields = schemas["Ticket"]["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(shown, fields, "an example has every field");
    let declined = &document["paths"]["/api/payments"]["post"]["responses"]["402"]["content"];
    assert_eq!(declined["application/problem+json"]["example"]["code"], "card_declined");
}

/// The document is built once, is not sent again to who has it, and is packed for who takes that.
#[tokio::test]
async fn the_openapi_document_is_sent_once() {
    let server = Server::start();
    let get = || server.get("/api/openapi.json");
    let whole = get().await;
    let etag = whole.header("etag").to_owned();
    let kept = get().header("if-none-match", &etag).await;
    assert_eq!((kept.status, kept.text().len(), kept.header("etag")), (304, 0, &*etag));
    assert_eq!(get().header("if-none-match", "\"x\"").await.status, 200);
    let request = "GET /api/openapi.json HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br, gzip;q=0.5\r\n\
                   Connection: close\r\n\r\n";
    let packed = server.raw(request.as_bytes());
    assert!(packed.contains("content-encoding: gzip"), "{packed:.500}");
    assert!(packed.len() < whole.text().len() / 3, "{} bytes", packed.len());
    let refused = get().header("accept-encoding", "gzip;q=0, identity").await;
    assert_eq!(refused.header("content-encoding"), "");
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

/// Asked to stop, the server says that it is not ready and goes on serving: every answer closes its connection,
/// so that clients which send one request after the other leave it and none of these is lost.
#[tokio::test]
async fn asked_to_stop_it_loses_no_request_of_busy_connections() {
    let mut server = Server::with(&[("STUBMART_DRAIN", "2s")]);
    let (is_busy, are_busy) = std::sync::mpsc::channel();
    let busy: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
            let is_busy = is_busy.clone();
            std::thread::spawn(move || {
                for answered in 0_u64.. {
                    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
                    let mut answer = String::new();
                    while !answer.ends_with("\r\n\r\nok\n") {
                        let mut part = [0; 4096];
                        let length = stream.read(&mut part).unwrap();
                        assert!(length > 0, "lost after {answered} answers: {answer}");
                        answer.push_str(std::str::from_utf8(&part[..length]).unwrap());
                    }
                    if answer.contains("connection: close") {
                        return;
                    }
                    if answered == 0 {
                        is_busy.send(()).unwrap();
                    }
                }
            })
        })
        .collect();
    for _ in &busy {
        are_busy.recv().unwrap();
    }
    assert_eq!(server.get("/readyz").await.status, 200);
    server.ask_to_stop();
    for connection in busy {
        connection.join().unwrap();
    }
    server.get("/readyz").await.is(503, "unavailable");
    assert!(server.stop().success());
}

/// One address has so many streams and so many connections, and gets new ones when it gives some back.
#[tokio::test]
async fn one_address_does_not_take_every_stream_and_connection() {
    let server = Server::with(&[
        ("STUBMART_RATE_LIMITS", "on"),
        ("STUBMART_MAX_STREAMS_PER_ADDRESS", "2"),
        ("STUBMART_MAX_CONNECTIONS_PER_ADDRESS", "12"),
    ]);
    let ann = server.sign_up("ann").await;
    let event = server.event(&ann, "Hamlet").await;
    let path = format!("/api/events/{event}/stream");
    let open = || async { server.get(&path).stream().await };
    let (first, second) = (open().await, open().await);
    let third = server.get(&path).await;
    third.is(429, "too_many_requests");
    assert!(!third.header("retry-after").is_empty());
    assert_eq!(server.get("/healthz").await.status, 200, "other requests are served");
    drop(first);
    let started = Instant::now();
    let again = loop {
        // A stream that was given up is noticed when the connection ends.
        let answer = server.get(&path).begin().await;
        if answer.status() == 200 {
            break answer;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "it is never given back");
        tokio::task::yield_now().await;
    };
    drop((second, again));

    let connect = |_| TcpStream::connect(&server.address).unwrap();
    let held: Vec<_> = (0..30).map(connect).collect();
    let is_served = |mut stream: &TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut answer = [0; 12];
        asked.is_ok() && stream.read_exact(&mut answer).is_ok()
    };
    let served = held.iter().filter(|stream| is_served(stream)).count();
    assert!((1..=12).contains(&served), "{served} connections of one address");
    drop(held);
    let started = Instant::now();
    while !is_served(&connect(0)) {
        assert!(started.elapsed() < Duration::from_secs(20), "none is given back");
    }
}

/// What is written to a file that nobody can find again is not answered as done; and one directory has one
/// server, although the file that says so was removed.
#[tokio::test]
async fn a_market_whose_file_is_gone_takes_no_change() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let ticket = server.ticket(&ann).await;
    let data = server.data();
    std::fs::remove_file(data.path().join("serve.lock")).unwrap();
    let mut second = crate::support::binary();
    second.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data.path());
    let second = second.output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(second.status.code() == Some(1) && said.contains("serves"), "{said}");

    let (here, away) = (data.path().join("stubmart.db"), data.path().join("away"));
    std::fs::rename(&here, &away).unwrap();
    let list = || {
        server.post("/api/tickets").by(&ann).json(&serde_json::json!({"title": "A", "price": 100}))
    };
    list().await.is(503, "unavailable");
    server.get("/readyz").await.is(503, "unavailable");
    let started = Instant::now();
    while !server.log().contains("no longer there") {
        assert!(started.elapsed() < Duration::from_secs(20), "{}", server.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let path = format!("/api/tickets/{}", crate::support::text(&ticket, "id"));
    assert_eq!(server.get(&path).await.status, 200, "what is known can be read");
    std::fs::rename(&away, &here).unwrap();
    assert_eq!(list().await.status, 201);
    assert_eq!(server.get("/readyz").await.status, 200);
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
