//! Both transports, against one router: what a test sees in process is what a server would answer.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::ConnectInfo,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::{Value, json};
use stubmart_client::{Client, ClientError, EventQuery, EventSort, Forwarded, SessionToken};
use stubmart_contract::{Code, EventId, api::LoginRequest};
use uuid::Uuid;

/// Tells what arrived.
async fn echo(method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Json<Value> {
    let mut seen = serde_json::Map::new();
    for (name, value) in &headers {
        seen.insert(name.to_string(), json!(value.to_str().unwrap()));
    }
    Json(json!({
        "method": method.as_str(),
        "uri": uri.path_and_query().unwrap().as_str(),
        "headers": seen,
        "body": String::from_utf8(body.to_vec()).unwrap(),
    }))
}

async fn login() -> impl IntoResponse {
    let user = json!({
        "id": Uuid::from_u128(1), "email": "ada@example.com", "emailVerified": true,
        "name": "Ada", "role": "user",
        "createdAt": "2026-03-01T00:00:00.000Z",
    });
    ([(header::SET_COOKIE, "stubmart_session=s3cret; HttpOnly; Path=/")], Json(user))
}

async fn locked() -> impl IntoResponse {
    let problem = json!({
        "type": "/problems/ticket_locked", "title": "t", "status": 409, "detail": "d",
        "code": "ticket_locked", "requestId": "r",
    });
    (StatusCode::CONFLICT, Json(problem))
}

async fn stream(headers: HeaderMap) -> impl IntoResponse {
    let after = headers.get("last-event-id").map_or("none", |it| it.to_str().unwrap()).to_owned();
    let chunks = ["id: 8\nevent: ticket\nda".to_owned(), format!("ta: after {after}\n\n")];
    let chunks = chunks.map(Ok::<_, std::convert::Infallible>);
    Body::from_stream(futures_util::stream::iter(chunks))
}

async fn peer(ConnectInfo(peer): ConnectInfo<SocketAddr>) -> Json<String> {
    Json(peer.to_string())
}

fn api() -> Router {
    Router::new()
        .route("/api/auth/login", post(login))
        .route("/api/orders", post(locked))
        .route("/api/events/{id}/stream", get(stream))
        .route("/peer", get(peer))
        .fallback(echo)
}

/// The same API twice: called in this process, and served on a port.
async fn clients() -> [Client; 2] {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = api().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, served).await });
    [Client::in_process(api()), Client::http(&format!("http://{address}")).unwrap()]
}

async fn seen(client: &Client, method: Method, body: Option<&Value>) -> Value {
    client.raw(method, "/echo?a=1", body).await.unwrap().json().unwrap()
}

#[tokio::test]
async fn a_call_carries_who_calls_and_on_whose_behalf() {
    for client in clients().await {
        let visitor = Forwarded {
            client_ip: Some("192.0.2.7".parse().unwrap()),
            user_agent: Some(HeaderValue::from_static("browser")),
            accept_language: None,
            request_id: Some(HeaderValue::from_static("r-1")),
            proto: Some("https"),
        };
        let client = client
            .forwarded(&visitor)
            .with_session(&SessionToken::new("s"))
            .with_idempotency_key("k")
            .if_match("\"3\"");
        let seen = seen(&client, Method::POST, Some(&json!({"a": 1}))).await;
        assert_eq!(seen["uri"], "/echo?a=1");
        assert_eq!(seen["body"], "{\"a\":1}");
        for (name, value) in [
            ("x-forwarded-for", "192.0.2.7"),
            ("x-forwarded-proto", "https"),
            ("user-agent", "browser"),
            ("x-request-id", "r-1"),
            ("cookie", "stubmart_session=s"),
            ("idempotency-key", "k"),
            ("if-match", "\"3\""),
            ("content-type", "application/json"),
        ] {
            assert_eq!(seen["headers"][name], value, "{name}");
        }
    }
}

#[tokio::test]
async fn a_token_takes_the_place_of_a_session_and_the_other_way_round() {
    for client in clients().await {
        let session = client.with_session(&SessionToken::new("s"));
        let token = session.with_token(&SessionToken::new("t"));
        let seen_token = seen(&token, Method::GET, None).await;
        assert_eq!(seen_token["headers"]["authorization"], "Bearer t");
        assert_eq!(seen_token["headers"].get("cookie"), None);
        let seen_nobody = seen(&token.anonymous(), Method::GET, None).await;
        assert_eq!(seen_nobody["headers"].get("authorization"), None);
        let seen_session = seen(&session, Method::GET, None).await;
        assert_eq!(seen_session["headers"]["cookie"], "stubmart_session=s");
    }
}

#[tokio::test]
async fn a_login_hands_out_the_session_that_its_cookie_carries() {
    for client in clients().await {
        let request =
            LoginRequest { email: "ada@example.com".into(), password: "p".into(), code: None };
        let signed_in = client.login(&request).await.unwrap();
        assert_eq!(signed_in.token.as_str(), "s3cret");
        assert_eq!(signed_in.user.name, "Ada");
        assert_eq!(signed_in.answer.set_cookies().count(), 1);
        assert!(!format!("{:?}", signed_in.token).contains("s3cret"));
    }
}

#[tokio::test]
async fn a_refusal_is_a_problem_and_a_wrong_answer_is_none() {
    for client in clients().await {
        let order = stubmart_contract::api::CreateOrderRequest {
            ticket_id: stubmart_contract::TicketId(Uuid::from_u128(2)),
            price: None,
        };
        let refused = client.create_order(&order).await.unwrap_err();
        assert_eq!(refused.code(), Some(Code::TicketLocked));
        // The echo answers 200 with something that is no page of events.
        let query = EventQuery { sort: Some(EventSort::Price), ..EventQuery::default() };
        let wrong = client.events(&query).await.unwrap_err();
        assert!(matches!(wrong, ClientError::Transport(_)), "{wrong:?}");
    }
}

#[tokio::test]
async fn a_stream_is_read_event_by_event_and_resumes() {
    for client in clients().await {
        let id = EventId(Uuid::from_u128(3));
        for (from, data) in [(None, "after none"), (Some("7"), "after 7")] {
            let mut stream = client.event_stream(id, from).await.unwrap();
            let event = stream.next().await.unwrap().unwrap();
            assert_eq!((event.id.as_str(), event.event.as_str()), ("8", "ticket"));
            assert_eq!(event.data, data);
            assert!(event.ticket().is_err());
            assert_eq!(stream.next().await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn calls_over_http_share_a_connection() {
    let [_, http] = clients().await;
    let mut peers = Vec::new();
    for _ in 0..3 {
        let answer = http.raw(Method::GET, "/peer", None::<&()>).await.unwrap();
        peers.push(answer.json::<String>().unwrap());
    }
    peers.dedup();
    assert_eq!(peers.len(), 1, "{peers:?}");
}

#[tokio::test]
async fn nobody_listening_is_told_as_such() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error =
        Client::http(&format!("http://{address}")).unwrap().current_user().await.unwrap_err();
    assert!(
        matches!(error, ClientError::Transport(stubmart_client::TransportError::Connection(_))),
        "{error:?}"
    );
}
