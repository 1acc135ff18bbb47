//! FOUND K: no account and no address shuts the market; each limit alone, at its boundary, and with a neighbour
//! who is not held up.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::{Answer, PASSWORD, Server, User, event as event_body, run_in, text};

/// A server with limits on, and these of them tight.
fn limited(settings: &[(&str, &str)]) -> Server {
    let on = [("STUBMART_RATE_LIMITS", "on")];
    Server::with(&[&on, settings].concat())
}

#[track_caller]
fn is_too_much(answer: &Answer) {
    answer.is(429, "too_many_requests");
    assert!(answer.header("retry-after").parse::<u32>().is_ok_and(|it| it > 0), "{answer:?}");
}

async fn list(server: &Server, seller: &User) -> Answer {
    server.post("/api/tickets").by(seller).json(&json!({"title": "Stalls", "price": 5_000})).await
}

async fn add(server: &Server, user: &User, name: &str) -> Answer {
    server.post("/api/events").by(user).json(&event_body(name)).await
}

/// A new account lists and adds so much in a day, and no more; others are not held up by it.
#[tokio::test]
async fn a_new_account_creates_so_much_in_a_day() {
    let server = limited(&[("STUBMART_MAX_NEW_LISTINGS", "3"), ("STUBMART_MAX_NEW_EVENTS", "2")]);
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    for _ in 0..3 {
        assert_eq!(list(&server, &ann).await.status, 201);
    }
    is_too_much(&list(&server, &ann).await);
    for name in ["Hamlet", "Faust"] {
        assert_eq!(add(&server, &ann, name).await.status, 201);
    }
    is_too_much(&add(&server, &ann, "Carmen").await);
    let page = server.read("/api/tickets?sellerId=me", &ann).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 3, "what was refused is not there");
    assert_eq!(
        (list(&server, &bob).await.status, add(&server, &bob, "Carmen").await.status),
        (201, 201)
    );
    let edit = json!({"price": 6_000});
    let ticket = format!("/api/tickets/{}", text(&page["items"][0], "id"));
    assert_eq!(
        server.patch(&ticket).by(&ann).json(&edit).await.status,
        200,
        "an edit creates nothing"
    );
}

/// A request that is sent again under its key creates nothing again, so it is not counted again.
#[tokio::test]
async fn a_repeated_request_counts_once() {
    let server = limited(&[("STUBMART_MAX_NEW_LISTINGS", "2")]);
    let ann = server.sign_up("ann").await;
    let body = json!({"title": "Stalls", "price": 5_000});
    for _ in 0..5 {
        let answer = server.post("/api/tickets").by(&ann).key("one").json(&body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
    }
    assert_eq!(list(&server, &ann).await.status, 201);
    is_too_much(&list(&server, &ann).await);
}

/// Real sellers are not shut out: an account that is known to the market lists 250 times as much.
#[tokio::test]
async fn an_established_account_creates_more() {
    let server = limited(&[("STUBMART_MAX_NEW_LISTINGS", "1")]);
    let ann = server.sign_up("ann").await;
    assert_eq!(list(&server, &ann).await.status, 201);
    is_too_much(&list(&server, &ann).await);
    let granted = run_in(server.data().path(), &["admin", "grant", &ann.email, "support"]);
    assert!(granted.status.success(), "{granted:?}");
    let started = Instant::now();
    // A session's answer is kept for less than a second.
    while list(&server, &ann).await.status == 429 {
        assert!(started.elapsed() < Duration::from_secs(10), "it stays a new account");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for _ in 0..50 {
        assert_eq!(list(&server, &ann).await.status, 201);
    }
}

/// Who has card after card declined waits; nothing is charged meanwhile, and the order stays payable. A
/// neighbour at the same address pays.
#[tokio::test]
async fn so_many_cards_are_declined_in_an_hour() {
    let server = limited(&[("STUBMART_MAX_DECLINES", "2")]);
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let eve = server.sign_up("eve").await;
    let order = server.order(&bob, &server.ticket(&ann).await).await;
    for left in [2, 1] {
        let declined = server.pay(&bob, &order, "pm_card_visa_chargeDeclined").await;
        declined.is(402, "card_declined");
        assert_eq!(declined.body["attemptsLeft"], left);
    }
    for method in ["pm_card_visa_chargeDeclined", "pm_card_visa"] {
        let refused = server.pay(&bob, &order, method).await;
        is_too_much(&refused);
        assert!(text(&refused.body, "detail").contains("declined"), "{refused:?}");
    }
    let path = format!("/api/orders/{}", text(&order, "id"));
    assert_eq!(server.read(&path, &bob).await["status"], "created");
    let charges = server.read(&format!("/api/payments?orderId={}", text(&order, "id")), &bob).await;
    assert_eq!(charges["items"].as_array().unwrap().len(), 2, "the others never reached a bank");
    server.buy(&eve, &server.ticket(&ann).await).await;
}

/// One address has so many cards declined, however many accounts it uses.
#[tokio::test]
async fn an_address_cannot_try_cards_with_many_accounts() {
    let server = limited(&[("STUBMART_MAX_DECLINES", "1")]);
    let ann = server.sign_up("ann").await;
    let mut declined = 0;
    for number in 0..8 {
        let buyer = server.sign_up(&format!("buyer{number}")).await;
        let order = server.order(&buyer, &server.ticket(&ann).await).await;
        let answer = server.pay(&buyer, &order, "pm_card_visa_chargeDeclined").await;
        match answer.status {
            402 => declined += 1,
            _ => is_too_much(&answer),
        }
    }
    assert_eq!(declined, 5);
}

/// An address asks so much in a second; of IPv6 a network of 64 bits is one address. Others are served, and so
/// are those who look after the process.
#[tokio::test]
async fn an_address_asks_so_much_in_a_second() {
    let server =
        limited(&[("STUBMART_MAX_REQUESTS_PER_ADDRESS", "1"), ("STUBMART_TRUST_PROXY", "on")]);
    let ask = |path: &'static str, from: &'static str| {
        server.get(path).header("x-forwarded-for", from).send()
    };
    let mut refused = None;
    for number in 0..40 {
        let from = if number % 2 == 0 { "2001:db8:1:2::1" } else { "2001:db8:1:2:ffff::9" };
        let path = if number % 3 == 0 { "/" } else { "/api/events" };
        let answer = ask(path, from).await;
        if answer.status == 429 {
            refused = Some((number, answer));
            break;
        }
    }
    let (number, answer) = refused.expect("no limit");
    is_too_much(&answer);
    assert!(number >= 10, "ten seconds' requests at once");
    // Who looks at pages is told on a page.
    let look = |path: &'static str| {
        let call = server.get(path).header("x-forwarded-for", "2001:db8:1:2::1");
        call.header("accept", "text/html,application/xhtml+xml").send()
    };
    let page = look("/").await;
    assert_eq!((page.status, page.header("content-type")), (429, "text/html; charset=utf-8"));
    assert!(page.header("retry-after").parse::<u32>().is_ok_and(|it| it > 0), "{page:?}");
    page.has("Slow down a little");
    is_too_much(&look("/api/events").await);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(ask(path, "2001:db8:1:2::1").await.status, 200, "{path}");
    }
    for other in ["2001:db8:1:3::1", "203.0.113.7"] {
        assert_eq!(ask("/api/events", other).await.status, 200, "{other}");
    }
}

/// One address opens so many accounts in a day.
#[tokio::test]
async fn an_address_opens_so_many_accounts_in_a_day() {
    let server =
        limited(&[("STUBMART_MAX_ACCOUNTS_PER_ADDRESS", "2"), ("STUBMART_TRUST_PROXY", "on")]);
    let sign_up = |name: &str, from: &str| {
        let body = json!({"email": format!("{name}@example.com"), "password": PASSWORD});
        server.post("/api/auth/signup").header("x-forwarded-for", from).json(&body).send()
    };
    for name in ["ann", "bob"] {
        assert_eq!(sign_up(name, "203.0.113.7").await.status, 201);
    }
    is_too_much(&sign_up("eve", "203.0.113.7").await);
    assert_eq!(sign_up("eve", "203.0.113.8").await.status, 201);
}

/// One switch lifts all of them.
#[tokio::test]
async fn without_limits_nothing_is_limited() {
    let server = Server::with(&[
        ("STUBMART_RATE_LIMITS", "off"),
        ("STUBMART_MAX_NEW_LISTINGS", "1"),
        ("STUBMART_MAX_NEW_EVENTS", "1"),
        ("STUBMART_MAX_DECLINES", "1"),
        ("STUBMART_MAX_REQUESTS_PER_ADDRESS", "1"),
        ("STUBMART_MAX_ACCOUNTS_PER_ADDRESS", "1"),
    ]);
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    for name in ["Hamlet", "Faust", "Carmen"] {
        assert_eq!(add(&server, &ann, name).await.status, 201);
    }
    let order = server.order(&bob, &server.ticket(&ann).await).await;
    for _ in 0..2 {
        let declined = server.pay(&bob, &order, "pm_card_visa_chargeDeclined").await;
        declined.is(402, "card_declined");
    }
    for _ in 0..30 {
        assert_eq!(list(&server, &ann).await.status, 201);
    }
}
