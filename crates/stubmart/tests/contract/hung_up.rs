//! Clients that go away, or wait, in the middle of a request.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{Server, User, text};

/// The head of a request with a body.
fn head(server: &Server, user: &User, path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        server.address,
        user.token(),
        body.len()
    )
}

/// A client that hangs up behind its request has either done nothing or has its order: no ticket is held
/// by a checkout that nobody can see and leave.
#[tokio::test]
async fn a_ticket_is_never_held_for_an_order_that_is_not_there() {
    let server = Server::start();
    let (ann, bob, eve) =
        (server.sign_up("ann").await, server.sign_up("bob").await, server.sign_up("eve").await);
    let mut held = 0;
    for round in 0..200 {
        if round >= 60 && held > 0 {
            break;
        }
        let ticket = server.ticket(&ann).await;
        let body = json!({"ticketId": ticket["id"]}).to_string();
        let mut stream = TcpStream::connect(&server.address).unwrap();
        let request = head(&server, &bob, "/api/orders", &body) + &body;
        stream.write_all(request.as_bytes()).unwrap();
        drop(stream);
        // The second request is later from round to round, so that the first is taken on a busy machine too.
        tokio::time::sleep(Duration::from_millis(round / 4)).await;
        let second = server.post("/api/orders").by(&eve).json(&json!({"ticketId": ticket["id"]}));
        if second.await.status == 409 {
            held += 1;
            let of_bob = |list: &Value| {
                list["items"].as_array().unwrap().iter().any(|it| it["ticketId"] == ticket["id"])
            };
            let mut tries = 0;
            while !of_bob(&server.read("/api/orders?limit=200", &bob).await) {
                tries += 1;
                assert!(tries < 200, "{} is locked, and bob has no order for it", ticket["id"]);
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    assert!(held > 0, "no request was ever taken");
}

/// A session that ended while a request's body was still on its way changes nothing any more.
#[tokio::test]
async fn a_session_that_ends_while_the_body_is_sent_is_refused() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let body = json!({"title": "Hamlet", "price": 100}).to_string();
    let (first, last) = body.split_at(body.len() - 1);
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(head(&server, &ann, "/api/tickets", &body).as_bytes()).unwrap();
    stream.write_all(first.as_bytes()).unwrap();
    assert_eq!(server.post("/api/auth/logout").by(&ann).await.status, 200);
    stream.write_all(last.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    let path = format!("/api/tickets?sellerId={}", ann.id);
    assert_eq!(server.get(&path).await.json()["items"], json!([]));
}

/// The same key is answered as the first time also when the first client did not wait for its answer.
#[tokio::test]
async fn a_key_whose_client_hung_up_is_answered_once_the_work_is_done() {
    let server = Server::start();
    let ann = server.sign_up("ann").await;
    let body = json!({"title": "Hamlet", "price": 100});
    let text_body = body.to_string();
    let head = head(&server, &ann, "/api/tickets", &text_body)
        .replace("Connection: close", "Idempotency-Key: gone");
    let mut stream = TcpStream::connect(&server.address).unwrap();
    stream.write_all((head + &text_body).as_bytes()).unwrap();
    drop(stream);
    let again = || server.post("/api/tickets").by(&ann).key("gone");
    let began = Instant::now();
    let mut answer = again().json(&body).await;
    while answer.status == 409 {
        // A work that was cut off would keep its key for a minute.
        assert!(began.elapsed() < Duration::from_secs(20), "the work was not done");
        answer.is(409, "idempotency_key_in_use");
        assert_eq!(answer.header("retry-after"), "1");
        tokio::time::sleep(Duration::from_millis(5)).await;
        answer = again().json(&body).await;
    }
    assert_eq!(answer.status, 201, "{answer:?}");
    let listed = server.read("/api/tickets?sellerId=me", &ann).await;
    let ids: Vec<_> = listed["items"].as_array().unwrap().iter().map(|it| text(it, "id")).collect();
    assert_eq!(ids, [text(&answer.json(), "id")]);
}
