//! Who may do what: every route for nobody, its owner, another user, and a session that has ended. The
//! table must name exactly the routes of the served document.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Answer, Call, PASSWORD, Server, User, event, text};

/// A status, and the code that comes with an error.
type Expected = (u16, &'static str);

const OK: Expected = (200, "");
const CREATED: Expected = (201, "");
const ACCEPTED: Expected = (202, "");
const GONE: Expected = (204, "");
const SIGN_IN: Expected = (401, "not_signed_in");
const HIDDEN: Expected = (404, "not_found");
const NOT_YOURS: Expected = (403, "not_owner");
const BAD_TOKEN: Expected = (400, "token_invalid");
const SANDBOX: Expected = (409, "sandbox");
const UNSIGNED: Expected = (400, "bad_signature");

struct Row {
    route: &'static str,
    anonymous: Expected,
    owner: Expected,
    other: Expected,
    logged_out: Expected,
}

/// Everybody gets the same.
const fn public(route: &'static str, all: Expected) -> Row {
    Row { route, anonymous: all, owner: all, other: all, logged_out: all }
}

/// Only for signed-in users.
const fn signed_in(route: &'static str, owner: Expected, other: Expected) -> Row {
    Row { route, anonymous: SIGN_IN, owner, other, logged_out: SIGN_IN }
}

const TABLE: &[Row] = &[
    public("POST /api/auth/signup", CREATED),
    public("POST /api/auth/login", OK),
    public("POST /api/auth/logout", OK),
    public("GET /api/auth/currentuser", OK),
    signed_in("PATCH /api/auth/currentuser", OK, OK),
    signed_in("DELETE /api/auth/currentuser", GONE, GONE),
    public("POST /api/auth/verify-email", BAD_TOKEN),
    signed_in("POST /api/auth/verify-email/resend", ACCEPTED, ACCEPTED),
    public("POST /api/auth/password-reset", ACCEPTED),
    public("POST /api/auth/password-reset/confirm", BAD_TOKEN),
    signed_in("GET /api/auth/totp", OK, OK),
    signed_in("POST /api/auth/totp", CREATED, CREATED),
    signed_in("DELETE /api/auth/totp", GONE, GONE),
    signed_in("GET /api/auth/sessions", OK, OK),
    signed_in("DELETE /api/auth/sessions/{id}", GONE, HIDDEN),
    signed_in("GET /api/auth/tokens", OK, OK),
    signed_in("POST /api/auth/tokens", CREATED, CREATED),
    signed_in("DELETE /api/auth/tokens/{id}", GONE, HIDDEN),
    public("GET /api/events", OK),
    signed_in("POST /api/events", CREATED, CREATED),
    public("GET /api/events/{id}", OK),
    public("GET /api/events/{id}.ics", OK),
    public("GET /api/events/{id}/prices", OK),
    public("GET /api/events/{id}/facets", OK),
    public("GET /api/facets", OK),
    public("GET /api/events/{id}/stream", OK),
    public("GET /api/tickets", OK),
    signed_in("POST /api/tickets", CREATED, CREATED),
    public("POST /api/tickets/preview", OK),
    signed_in("POST /api/tickets/bulk", OK, OK),
    signed_in("POST /api/tickets/import", OK, OK),
    public("GET /api/tickets/{id}", OK),
    signed_in("PATCH /api/tickets/{id}", OK, NOT_YOURS),
    signed_in("DELETE /api/tickets/{id}", GONE, NOT_YOURS),
    public("GET /api/tickets/{id}/stream", OK),
    // What is sent is no ticket, and so there is none.
    signed_in("PUT /api/tickets/{id}/files", (400, "validation_failed"), NOT_YOURS),
    signed_in("GET /api/tickets/{id}/files", HIDDEN, NOT_YOURS),
    public("GET /api/tickets/{id}/queue", OK),
    signed_in("POST /api/tickets/{id}/queue", (409, "own_ticket"), (409, "ticket_available")),
    signed_in("DELETE /api/tickets/{id}/queue", GONE, GONE),
    signed_in("GET /api/orders", OK, OK),
    signed_in("POST /api/orders", (409, "own_ticket"), CREATED),
    signed_in("GET /api/orders/{id}", OK, HIDDEN),
    signed_in("DELETE /api/orders/{id}", OK, HIDDEN),
    signed_in("POST /api/orders/{id}/leave", ACCEPTED, HIDDEN),
    signed_in("GET /api/orders/{id}/timeline", OK, HIDDEN),
    signed_in("GET /api/sales", OK, OK),
    signed_in("GET /api/sales/{id}", OK, HIDDEN),
    signed_in("GET /api/payouts", OK, OK),
    signed_in("GET /api/payouts/balance", OK, OK),
    signed_in("GET /api/orders/{id}/delivery", OK, HIDDEN),
    signed_in("POST /api/orders/{id}/delivery/send", NOT_YOURS, HIDDEN),
    signed_in("POST /api/orders/{id}/delivery/accept", (409, "not_sent"), HIDDEN),
    signed_in("POST /api/orders/{id}/delivery/late", (409, "not_late"), HIDDEN),
    signed_in("GET /api/orders/{id}/files/{n}", HIDDEN, HIDDEN),
    signed_in("GET /api/orders/{id}/claims", OK, OK),
    signed_in("POST /api/orders/{id}/claims", CREATED, HIDDEN),
    signed_in("POST /api/orders/{id}/claims/answer", HIDDEN, HIDDEN),
    signed_in("GET /api/payments", OK, OK),
    signed_in("POST /api/payments", CREATED, HIDDEN),
    signed_in("POST /api/payments/intents", SANDBOX, SANDBOX),
    public("POST /api/payments/webhook", UNSIGNED),
    signed_in("POST /api/payments/sandbox/authenticate", OK, HIDDEN),
    signed_in("GET /api/alerts", OK, OK),
    signed_in("POST /api/alerts", CREATED, CREATED),
    signed_in("DELETE /api/alerts/{id}", GONE, HIDDEN),
    public("POST /api/alerts/stop", GONE),
    signed_in("GET /api/webhooks", OK, OK),
    signed_in("POST /api/webhooks", CREATED, CREATED),
    signed_in("GET /api/webhooks/events", OK, OK),
    signed_in("GET /api/webhooks/{id}", OK, HIDDEN),
    signed_in("PATCH /api/webhooks/{id}", OK, HIDDEN),
    signed_in("DELETE /api/webhooks/{id}", GONE, HIDDEN),
    signed_in("POST /api/webhooks/{id}/ping", ACCEPTED, HIDDEN),
    signed_in("POST /api/webhooks/{id}/secret", OK, HIDDEN),
    signed_in("POST /api/webhooks/{id}/replay", ACCEPTED, HIDDEN),
    signed_in("GET /api/webhooks/{id}/deliveries", OK, HIDDEN),
    signed_in("POST /api/webhooks/deliveries/{id}/replay", ACCEPTED, HIDDEN),
];

/// What the owner has, made afresh for each call.
struct Owned {
    ticket: Value,
    event: String,
    order: Value,
    session: String,
    access_token: String,
    client_secret: String,
    alert: String,
    webhook: String,
    delivery: String,
    sale: String,
}

async fn owned(server: &Server, owner: &User, seller: &User, route: &str) -> Owned {
    let list = async |path: &str| server.read(path, owner).await["items"][0].clone();
    let order = server.order(owner, &server.ticket(seller).await).await;
    let client_secret = if route.ends_with("authenticate") {
        let asked = server.pay(owner, &order, "pm_card_threeDSecure2Required").await.json();
        text(&asked["nextAction"], "clientSecret")
    } else {
        String::new()
    };
    if route.contains("/delivery") || route.contains("/claims") {
        server.pay(owner, &order, "pm_card_visa").await;
        // What the buyer asks for is there from then on.
        server.read(&format!("/api/orders/{}/delivery", text(&order, "id")), owner).await;
    }
    server.post("/api/auth/tokens").by(owner).json(&json!({"name": "a"})).await;
    let (webhook, delivery) = if route.contains("/api/webhooks") {
        webhook(server, owner).await
    } else {
        Default::default()
    };
    let sale = if route.contains("/sales/") { sale(server, owner).await } else { String::new() };
    Owned {
        sale,
        ticket: server.ticket(owner).await,
        event: server.event(owner, &unique("Show")).await,
        order,
        session: text(&list("/api/auth/sessions").await, "id"),
        access_token: text(&list("/api/auth/tokens").await, "id"),
        client_secret,
        alert: if route.ends_with("/alerts/{id}") {
            alert(server, owner).await
        } else {
            String::new()
        },
        webhook,
        delivery,
    }
}

async fn alert(server: &Server, owner: &User) -> String {
    let body = json!({"performer": "The Killers"});
    text(&server.post("/api/alerts").by(owner).json(&body).await.json(), "id")
}

/// The order by which somebody bought what the owner sold, once its sale is known.
async fn sale(server: &Server, owner: &User) -> String {
    let buyer = server.sign_up(&unique("buyer")).await;
    let order = text(&server.buy(&buyer, &server.ticket(owner).await).await, "id");
    for _ in 0..200 {
        if server.get(&format!("/api/sales/{order}")).by(owner).await.status == 200 {
            return order;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the sale never came");
}

/// A webhook, and a delivery to it. Its address is of a name that is nobody's.
async fn webhook(server: &Server, owner: &User) -> (String, String) {
    let body = json!({"url": "https://receiver.invalid/"});
    let hook = server.post("/api/webhooks").by(owner).json(&body).await.json();
    let id = text(&hook, "id");
    let delivery = server.post(&format!("/api/webhooks/{id}/ping")).by(owner).await.json();
    (id, text(&delivery, "id"))
}

/// A word that was not used before.
fn unique(word: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{word}{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

fn call(server: &Server, route: &str, owner: &User, has: &Owned) -> Call {
    let (method, path) = route.split_once(' ').unwrap();
    let id = match path.split('/').nth(2).unwrap() {
        "tickets" => text(&has.ticket, "id"),
        "events" => has.event.clone(),
        "orders" => text(&has.order, "id"),
        "sales" => has.sale.clone(),
        "webhooks" if path.contains("/deliveries/{id}") => has.delivery.clone(),
        "webhooks" => has.webhook.clone(),
        "alerts" => has.alert.clone(),
        _ if path.contains("/sessions/") => has.session.clone(),
        _ => has.access_token.clone(),
    };
    let call = server.call(method, &path.replace("{id}", &id).replace("{n}", "1"));
    let body = match route {
        "POST /api/auth/signup" => {
            json!({"email": format!("{}@example.com", unique("new")), "password": PASSWORD})
        }
        "POST /api/auth/login" => json!({"email": owner.email, "password": PASSWORD}),
        "PATCH /api/auth/currentuser" => json!({"name": "New", "currentPassword": PASSWORD}),
        "DELETE /api/auth/currentuser" => json!({"currentPassword": PASSWORD}),
        "POST /api/auth/totp" | "DELETE /api/auth/totp" => json!({"currentPassword": PASSWORD}),
        "POST /api/auth/verify-email" => json!({"token": "guess"}),
        "POST /api/auth/password-reset" => json!({"email": owner.email}),
        "POST /api/auth/password-reset/confirm" => {
            json!({"token": "guess", "password": PASSWORD})
        }
        "POST /api/auth/tokens" => json!({"name": "script"}),
        "POST /api/events" => event(&unique("Event")),
        "POST /api/tickets" | "POST /api/tickets/preview" => json!({"title": "A", "price": 100}),
        "POST /api/tickets/bulk" => {
            json!({"mode": "upsert", "items": [{"externalId": "1", "title": "A", "price": 100}]})
        }
        "POST /api/tickets/import" => {
            let file = "external_id,title,price\n1,A,1.00\n";
            return call.header("content-type", "text/csv").body(file);
        }
        "PUT /api/tickets/{id}/files" => {
            let form = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a\"\r\n\r\nno ticket\r\n--x--\r\n";
            return call.header("content-type", "multipart/form-data; boundary=x").body(form);
        }
        "PATCH /api/tickets/{id}" => json!({"price": 200}),
        "POST /api/orders" => json!({"ticketId": has.ticket["id"]}),
        "POST /api/payments" => {
            json!({"orderId": has.order["id"], "paymentMethod": "pm_card_visa"})
        }
        "POST /api/orders/{id}/delivery/send" => json!({"reference": "T-1"}),
        "POST /api/orders/{id}/claims" => json!({"kind": "invalid", "text": "It was red."}),
        "POST /api/orders/{id}/claims/answer" => json!({"text": "It was green."}),
        "POST /api/orders/{id}/delivery/late" => json!({"choice": "wait"}),
        "POST /api/payments/intents" => json!({"orderId": has.order["id"]}),
        "POST /api/payments/webhook" => json!({"type": "charge.refunded"}),
        "POST /api/payments/sandbox/authenticate" => {
            json!({"clientSecret": has.client_secret, "succeed": true})
        }
        "POST /api/alerts" => json!({"performer": unique("Band")}),
        "POST /api/alerts/stop" => json!({"token": "guess"}),
        "POST /api/webhooks" => json!({"url": "https://receiver.invalid/"}),
        "PATCH /api/webhooks/{id}" => json!({"enabled": false}),
        "POST /api/webhooks/{id}/replay" => json!({"since": "2026-01-01T00:00:00Z"}),
        _ => return call,
    };
    call.json(&body)
}

/// The answer, of a stream only its beginning.
async fn send(call: Call, route: &str) -> (u16, String) {
    if route.ends_with("/stream") {
        call.stream().await;
        return (200, String::new());
    }
    let answer: Answer = call.await;
    if answer.status < 400 { (answer.status, String::new()) } else { answer.problem() }
}

#[tokio::test]
async fn every_route_answers_everybody_as_the_table_says() {
    let server = Server::start();
    let document = server.get("/api/openapi.json").await.json();
    let seller = server.sign_up("seller").await;
    for row in TABLE {
        let route = row.route;
        let owner = server.sign_up(&unique("owner")).await;
        let other = server.sign_up(&unique("other")).await;
        let dead = server.log_in(&owner).await;
        server.post("/api/auth/logout").by(&dead).await;
        let callers = [
            ("anonymous", None, row.anonymous),
            ("a logged-out session", Some(&dead), row.logged_out),
            ("another user", Some(&other), row.other),
            ("the owner", Some(&owner), row.owner),
        ];
        for (who, user, (status, code)) in callers {
            let has = owned(&server, &owner, &seller, route).await;
            let call = call(&server, route, &owner, &has);
            let call = match user {
                Some(user) => call.by(user),
                None => call,
            };
            let answered = send(call, route).await;
            assert_eq!(answered, (status, code.to_owned()), "{route} for {who}");
            let (method, path) = route.split_once(' ').unwrap();
            let responses = &document["paths"][path][method.to_lowercase()]["responses"];
            assert!(!responses[status.to_string()].is_null(), "{route} does not document {status}");
        }
    }
}

#[tokio::test]
async fn the_table_names_exactly_the_routes_of_the_document() {
    let server = Server::start();
    let document = server.get("/api/openapi.json").await.json();
    let mut served = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            served.insert(format!("{} {path}", method.to_uppercase()));
        }
    }
    let named: BTreeSet<_> = TABLE.iter().map(|row| row.route.to_owned()).collect();
    assert_eq!(named, served);
    assert_eq!(named.len(), TABLE.len(), "each once");
}
