//! "Conventions" of the contract: what is true of every route.

use serde_json::json;

use crate::support::{PASSWORD, Server, event, text};

/// Every error has the one form, also those that no handler makes.
#[tokio::test]
async fn every_error_is_problem_json() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    server.get("/api/nothing").await.is(404, "not_found");
    server.get("/api").await.is(404, "not_found");
    server.get("/api/orders/x").by(&ann).await.is(404, "not_found");
    for path in ["/api/events/%ff", "/api/tickets/%ff/stream", "/api/orders/%zz"] {
        server.get(path).by(&ann).await.is(404, "not_found");
    }
    server.get("/api/orders").await.is(401, "not_signed_in");
    server.get("/nothing").await.is(404, "not_found");
    let page = server.get("/nothing").header("accept", "text/html,*/*;q=0.8").await;
    assert_eq!((page.status, page.header("content-type")), (404, "text/html; charset=utf-8"));

    let signup = server.post("/api/auth/signup");
    signup.header("content-type", "text/plain").body("{}").await.is(415, "unsupported_media_type");
    server.post("/api/auth/signup").body("{}").await.is(415, "unsupported_media_type");
    let json = || server.post("/api/tickets").by(&ann).header("content-type", "application/json");
    json().body("{\"title\": ").await.is(400, "malformed_json");
    json().body("").await.is(400, "malformed_json");
    json().body("[1]").await.is(400, "validation_failed");
    let twice: String = (0..500).map(|name| format!("{name}=1&{name}=2&")).collect();
    let answer = server.get(&format!("/api/events?{twice}")).await;
    answer.is(400, "validation_failed");
    let errors = answer.json()["errors"].as_array().map_or(0, Vec::len);
    assert!(
        (1..100).contains(&errors),
        "an answer does not grow with the request: {errors} errors"
    );
    json().body(vec![0xff, 0xfe]).await.is(400, "malformed_json");
    for length in [70_000, 3_000_000] {
        let large = format!("{{\"title\": \"{}\"}}", "x".repeat(length));
        json().body(large).await.is(413, "body_too_large");
    }
}

/// A 405 names the methods that the route has.
#[tokio::test]
async fn a_method_that_a_route_lacks_is_refused_and_allow_tells_the_others() {
    let server = Server::start();
    for (path, allowed) in [
        ("/api/auth/currentuser", ["DELETE", "GET", "HEAD", "PATCH"].as_slice()),
        ("/api/tickets", &["GET", "HEAD", "POST"]),
        ("/api/orders/x/leave", &["POST"]),
        ("/healthz", &["GET", "HEAD"]),
        ("/login", &["GET", "HEAD", "POST"]),
    ] {
        let answer = server.call("PUT", path).await;
        answer.is(405, "method_not_allowed");
        let mut named: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
        named.sort_unstable();
        assert_eq!(named, allowed, "{path}");
    }
}

/// All bad fields are named at once, unknown ones too.
#[tokio::test]
async fn a_validation_failure_names_every_bad_field_at_once() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let ticket = json!({"title": "", "price": 0, "currency": "USD", "quantity": 51, "sect": "A"});
    let answer = server.post("/api/tickets").by(&ann).json(&ticket).await;
    assert_eq!(answer.bad_fields(), ["currency", "price", "quantity", "sect", "title"]);
    let event = json!({"name": "x", "venue": {"city": 7, "zip": 1}, "startsAt": "tomorrow"});
    let answer = server.post("/api/events").by(&ann).json(&event).await;
    assert_eq!(
        answer.bad_fields(),
        ["category", "startsAt", "venue.city", "venue.name", "venue.zip"]
    );
    let answer =
        server.get("/api/tickets?limit=201&cursor=%21&sort=up&minPrice=x&colour=red").await;
    assert_eq!(answer.bad_fields(), ["colour", "cursor", "limit", "minPrice", "sort"]);
}

/// RFC 9112, 3.2: a request says once and clearly which host it is for.
#[tokio::test]
async fn a_request_without_one_host_is_refused() {
    let server = Server::start();
    for (version, hosts, status) in [
        ("1.1", "Host: a\r\n", 200),
        ("1.0", "", 200),
        ("1.1", "", 400),
        ("1.1", "Host: a\r\nHost: a\r\n", 400),
        ("1.0", "Host: a\r\nHost: b\r\n", 400),
        ("1.1", "Host: a b\r\n", 400),
        ("1.1", "Host:\r\n", 400),
    ] {
        let request = format!("GET /healthz HTTP/{version}\r\n{hosts}Connection: close\r\n\r\n");
        let answer = server.raw(request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/{version} {status} ")), "{request}: {answer}");
        let is_problem = answer.contains("application/problem+json");
        assert_eq!(
            is_problem && answer.contains("\"malformed_request\""),
            status == 400,
            "{answer}"
        );
    }
}

/// Nothing that is served can be framed, guessed at or made to run what is in it; where the market is
/// reached over HTTPS, browsers are told to stay there.
#[tokio::test]
async fn every_answer_has_headers_that_keep_it_safe() {
    let server = Server::with(&[("STUBMART_PUBLIC_URL", "https://tickets.example")]);
    for path in [
        "/",
        "/events",
        "/nothing",
        "/api/events",
        "/api/nothing",
        "/api/problems",
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/openapi.json",
        "/api/docs/",
        "/api/docs/swagger-ui.css",
    ] {
        let answer = server.get(path).header("accept", "text/html,*/*").await;
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert!(policy.contains("default-src 'none'") || policy.contains("default-src 'self'"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("strict-transport-security"), "max-age=31536000", "{path}");
    }
}

/// One name has one value, a body comes unencoded, and a cursor goes with its own list.
#[tokio::test]
async fn what_could_be_read_in_two_ways_is_refused() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    for _ in 0..2 {
        server.ticket(&ann).await;
    }
    let list = || server.post("/api/tickets").by(&ann).header("content-type", "application/json");
    let twice = list().body(r#"{"title": "A", "price": 1, "price": 200}"#).await;
    assert_eq!(twice.bad_fields(), ["price"]);
    let gzip = list().header("content-encoding", "gzip").body(vec![0x1f, 0x8b]).await;
    gzip.is(415, "unsupported_media_type");
    let page = server.get("/api/tickets?sort=newest&limit=1").await.json();
    let cursor = text(&page, "nextCursor");
    let next = server.get(&format!("/api/tickets?sort=newest&limit=2&cursor={cursor}")).await;
    assert_eq!(next.status, 200, "{next:?}");
    for other in ["sort=price", "sort=newest&status=available", ""] {
        let answer = server.get(&format!("/api/tickets?{other}&cursor={cursor}")).await;
        assert_eq!(answer.bad_fields(), ["cursor"], "{other}");
    }
    let elsewhere = server.get(&format!("/api/orders?cursor={cursor}")).by(&ann).await;
    assert_eq!(elsewhere.bad_fields(), ["cursor"]);
    let several = "/api/tickets?sellerId=me&status=available&status=withdrawn,sold";
    assert_eq!(server.read(several, &ann).await["items"].as_array().unwrap().len(), 2);
}

/// The request's id is in the answer's header and in the problem, and a harmless one is taken over.
#[tokio::test]
async fn a_request_id_comes_back() {
    let server = Server::start();
    let answer = server.get("/api/nothing").header("x-request-id", "abc-1").await;
    answer.is(404, "not_found");
    assert_eq!(answer.header("x-request-id"), "abc-1");
    let odd = server.get("/api/nothing").header("x-request-id", "a b").await;
    odd.is(404, "not_found");
    assert_ne!(odd.header("x-request-id"), "a b");
}

/// The same key and body replays the first answer to the letter and does nothing again; the same key
/// with another body is refused; keys of different users never meet.
#[tokio::test]
async fn an_idempotency_key_is_honoured_on_every_post_that_creates() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let ticket = server.ticket(&bob).await;
    let order = server.order(&ann, &server.ticket(&bob).await).await;
    for (path, body, other) in [
        ("/api/auth/tokens", json!({"name": "a"}), json!({"name": "b"})),
        ("/api/events", event("Hamlet"), event("Faust")),
        ("/api/tickets", json!({"title": "A", "price": 100}), json!({"title": "B", "price": 100})),
        ("/api/orders", json!({"ticketId": ticket["id"]}), json!({"ticketId": order["id"]})),
        (
            "/api/payments",
            json!({"orderId": order["id"], "paymentMethod": "pm_card_visa"}),
            json!({"orderId": order["id"], "paymentMethod": "pm_card_us"}),
        ),
    ] {
        let send = |user, body| server.post(path).by(user).key("k-1").json(body).send();
        let first = send(&ann, &body).await;
        assert_eq!(first.status, 201, "{path}: {first:?}");
        let again = send(&ann, &body).await;
        assert_eq!((again.status, again.json()), (201, first.json()), "{path}");
        assert_eq!(again.header("etag"), first.header("etag"), "{path}");
        send(&ann, &other).await.is(422, "idempotency_key_reused");
        // Another user's key is another key: whatever comes of it, it is no replay and no clash.
        let bobs = send(&bob, &body).await;
        assert_ne!(bobs.status, 422, "{path}");
        assert!(bobs.status >= 400 || bobs.status == 200 || bobs.json() != first.json(), "{path}");
    }
    let mine = server.read("/api/tickets?sellerId=me", &ann).await;
    assert_eq!(mine["items"].as_array().unwrap().len(), 1, "listed once");
}

/// A signup that is sent again opens no second account.
#[tokio::test]
async fn a_signup_with_a_key_is_done_once_and_signs_in_again() {
    let server = Server::start();
    let body = json!({"email": "ann@example.com", "password": PASSWORD});
    let sign_up = |body| server.post("/api/auth/signup").key("s").json(body).send();
    let (first, again) = (sign_up(&body).await, sign_up(&body).await);
    assert_eq!((first.status, again.status), (201, 201), "{again:?}");
    assert_eq!(first.json(), again.json());
    let other = json!({"email": "bob@example.com", "password": PASSWORD});
    sign_up(&other).await.is(422, "idempotency_key_reused");
}

/// While a request with the key is being worked on, another is told so, or waits for its answer; at the
/// end there is one ticket.
#[tokio::test]
async fn requests_with_one_key_at_once_create_one_thing() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let body = json!({"title": "A", "price": 100});
    let calls = (0..20).map(|_| server.post("/api/tickets").by(&ann).key("k").json(&body).send());
    let mut ids = Vec::new();
    for answer in futures_util::future::join_all(calls).await {
        match answer.status {
            201 => ids.push(text(&answer.json(), "id")),
            _ => answer.is(409, "idempotency_key_in_use"),
        }
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let mine = server.read("/api/tickets?sellerId=me", &ann).await;
    assert_eq!(mine["items"].as_array().unwrap().len(), 1);
}

/// A key is 1 to 255 visible ASCII characters.
#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let body = json!({"title": "A", "price": 100});
    for key in ["", "a b", &"k".repeat(256)] {
        let call = server.post("/api/tickets").by(&ann).key(key);
        assert_eq!(call.json(&body).await.bad_fields(), ["Idempotency-Key"], "{key:?}");
    }
}

/// `ETag` carries the version, and `If-Match` makes a change conditional.
#[tokio::test]
async fn if_match_refuses_a_change_to_another_version() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let created =
        server.post("/api/tickets").by(&ann).json(&json!({"title": "A", "price": 900})).await;
    assert_eq!(created.header("etag"), "\"1\"");
    let path = format!("/api/tickets/{}", text(&created.json(), "id"));
    let edit_to = async |price: u32, tag: &str| {
        let edit = json!({"price": price});
        server.patch(&path).by(&ann).header("if-match", tag).json(&edit).await
    };
    let edit = |tag| edit_to(800, tag);
    edit("\"2\"").await.is(412, "version_mismatch");
    edit("W/\"1\"").await.is(412, "version_mismatch");
    let edited = edit("\"1\"").await;
    assert_eq!((edited.status, edited.header("etag")), (200, "\"2\""), "{edited:?}");
    assert_eq!(edited.json()["version"], 2);
    edit_to(700, "\"1\"").await.is(412, "version_mismatch");
    let again = edit("\"1\"").await;
    assert_eq!((again.status, again.header("etag")), (200, "\"2\""), "it has happened already");
    server.delete(&path).by(&ann).header("if-match", "\"1\"").await.is(412, "version_mismatch");
    let read = server.get(&path).await;
    assert_eq!((read.header("etag"), &read.json()["price"]), ("\"2\"", &json!(800)));
    assert_eq!(server.delete(&path).by(&ann).header("if-match", "*").await.status, 204);
    let again = server.delete(&path).by(&ann).header("if-match", "\"2\"").await;
    assert_eq!(again.status, 204, "it has happened already");
}

/// An order's `ETag` changes with it, and leaving can be meant for one version alone.
#[tokio::test]
async fn if_match_keeps_a_checkout_that_changed() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let body = json!({"ticketId": server.ticket(&ann).await["id"]});
    let placed = server.post("/api/orders").by(&bob).json(&body).await;
    assert_eq!((placed.status, placed.header("etag")), (201, "\"1\""), "{placed:?}");
    let path = format!("/api/orders/{}", text(&placed.json(), "id"));
    let read = server.get(&path).by(&bob).await;
    assert_eq!((read.header("etag"), read.header("cache-control")), ("\"1\"", "no-store"));
    let leave = |tag| server.delete(&path).by(&bob).header("if-match", tag).send();
    leave("\"7\"").await.is(412, "version_mismatch");
    assert_eq!(server.read(&path, &bob).await["status"], "created");
    let left = leave("\"1\"").await;
    assert_eq!((left.status, left.header("etag")), (200, "\"2\""), "{left:?}");
    assert_eq!(leave("\"1\"").await.status, 200, "it is left already, and again is fine");
}

/// Another site's page cannot act in a visitor's name.
#[tokio::test]
async fn a_request_from_another_sites_page_is_refused() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let cookie = format!("stubmart_session={}", ann.token());
    let body = json!({"title": "A", "price": 100});
    let list = || server.post("/api/tickets").header("cookie", &cookie).json(&body);
    list().header("origin", "https://evil.example").await.is(403, "cross_origin");
    list().header("sec-fetch-site", "cross-site").await.is(403, "cross_origin");
    let own = format!("http://{}", server.address);
    assert_eq!(list().header("origin", &own).await.status, 201);
    assert_eq!(list().await.status, 201, "a script's request has no origin");
}

/// Cookies of others, a stale cookie of ours, and a header that is meant for a proxy's gate sign nobody
/// out, on pages neither.
#[tokio::test]
async fn nobody_is_signed_out_by_what_is_not_ours() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let ours = format!("stubmart_session={}", ann.token());
    let beside = [
        "city=S\u{e3}o Paulo; ".to_owned(),
        "stubmart_session=stale; ".to_owned(),
        "stubmart_session=; ".to_owned(),
        "x; =; ".to_owned(),
    ];
    for cookie in beside.iter().map(|it| format!("{it}{ours}")) {
        for gate in ["", "Basic dTpw"] {
            let get = |path: &str| {
                let get = server.get(path).header("cookie", &cookie);
                if gate.is_empty() { get } else { get.header("authorization", gate) }
            };
            let user = get("/api/auth/currentuser").await;
            assert_eq!(user.json()["currentUser"]["email"], json!(ann.email), "{cookie} {gate}");
            let page = get("/account").header("accept", "text/html").await;
            assert_eq!(page.status, 200, "{cookie} {gate}");
        }
    }
}
