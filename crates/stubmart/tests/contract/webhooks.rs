//! Webhooks: what a receiver gets, what its owner can do, and where nobody is led.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::support::{Server, User, text};

/// A request as a receiver got it.
#[derive(Debug, Clone)]
struct Got {
    head: String,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> String {
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with(name));
        line.unwrap().split_once(": ").unwrap().1.to_owned()
    }

    fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Whether `secret` has signed it.
    fn is_signed_by(&self, secret: &str) -> bool {
        let header = self.header("stubmart-signature");
        let (stamp, signatures) = header.split_once(',').unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{}.{}", stamp.strip_prefix("t=").unwrap(), self.body).as_bytes());
        let bytes = mac.finalize().into_bytes();
        let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        signatures.split(',').any(|it| it.strip_prefix("v1=") == Some(&expected))
    }
}

/// A receiver that answers with one status.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Got>>>,
    status: Arc<Mutex<u16>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let (got, status): (Arc<Mutex<Vec<Got>>>, _) = (Arc::default(), Arc::new(Mutex::new(200)));
        let (kept, answer) = (Arc::clone(&got), Arc::clone(&status));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept), Arc::clone(&answer)));
            }
        });
        Self { url, got, status }
    }

    fn answer(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    /// What it got, once these are at least so many.
    async fn got(&self, count: usize) -> Vec<Got> {
        until(async || {
            let got = self.got.lock().unwrap().clone();
            (got.len() >= count).then_some(got)
        })
        .await
    }
}

async fn serve(mut stream: TcpStream, got: Arc<Mutex<Vec<Got>>>, status: Arc<Mutex<u16>>) {
    let mut bytes = Vec::new();
    loop {
        let whole = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = whole.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|it| it.strip_prefix("content-length: "));
            if body.len() >= length.unwrap().parse().unwrap() {
                got.lock().unwrap().push(Got { head: head.to_owned(), body: body.to_owned() });
                let status = *status.lock().unwrap();
                let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 6\r\n\r\nthanks");
                drop(stream.write_all(answer.as_bytes()).await);
                bytes.clear();
                continue;
            }
        }
        let mut more = [0; 4096];
        match stream.read(&mut more).await {
            Ok(read @ 1..) => bytes.extend_from_slice(&more[..read]),
            Ok(_) | Err(_) => return,
        }
    }
}

/// Waits until there is something.
async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(begin.elapsed() < Duration::from_secs(30), "it did not happen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn server() -> Server {
    Server::with(&[("STUBMART_WEBHOOKS_TO_ANY_ADDRESS", "on")])
}

async fn webhook(server: &Server, owner: &User, body: Value) -> Value {
    let made = server.post("/api/webhooks").by(owner).json(&body).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.json()
}

async fn deliveries(server: &Server, owner: &User, hook: &Value) -> Vec<Value> {
    let path = format!("/api/webhooks/{}/deliveries", text(hook, "id"));
    server.read(&path, owner).await["items"].as_array().unwrap().clone()
}

/// The last delivery, once it is in this state.
async fn settled(server: &Server, owner: &User, hook: &Value, status: &str) -> Value {
    until(async || {
        let last = deliveries(server, owner, hook).await.into_iter().next()?;
        (last["status"] == status).then_some(last)
    })
    .await
}

/// A sale reaches the seller's receiver, signed and in the API's own words, and the buyer's feed tells of the
/// order; nobody hears of what is another's.
#[tokio::test]
async fn a_sale_is_told_to_the_sellers_receiver() {
    let (server, receiver) = (server(), Receiver::start().await);
    let (seller, buyer) = (server.sign_up("seller").await, server.sign_up("buyer").await);
    let types = json!(["ticket.listed", "ticket.sold"]);
    let hook = webhook(&server, &seller, json!({"url": receiver.url, "types": types})).await;
    let other = Receiver::start().await;
    webhook(&server, &buyer, json!({"url": other.url})).await;
    let ticket = server.ticket(&seller).await;
    let order = server.order(&buyer, &ticket).await;
    assert_eq!(server.pay(&buyer, &order, "pm_card_visa").await.status, 201);
    let got = receiver.got(2).await;
    let mut kinds: Vec<_> = got.iter().map(|it| text(&it.event(), "type")).collect();
    kinds.sort();
    assert_eq!(kinds, ["ticket.listed", "ticket.sold"]);
    for request in &got {
        assert!(request.is_signed_by(&text(&hook, "secret")), "{request:?}");
        assert!(!request.is_signed_by("whsec_other"));
        assert!(request.head.starts_with("POST /hook HTTP/1.1"), "{request:?}");
        assert_eq!(request.header("stubmart-event"), text(&request.event(), "type"));
    }
    let sold = got.iter().find(|it| it.event()["type"] == "ticket.sold").unwrap().event();
    let mut shown = server.read(&format!("/api/tickets/{}", text(&ticket, "id")), &seller).await;
    shown["seller"] = Value::Null; // Events carry no names.
    assert_eq!(sold["data"], json!({"ticket": shown}));
    let kinds: Vec<_> = other.got(3).await.iter().map(|it| text(&it.event(), "type")).collect();
    assert!(kinds.iter().all(|kind| !kind.starts_with("ticket.")), "{kinds:?}");
    let log = settled(&server, &seller, &hook, "delivered").await;
    assert_eq!(
        (&log["attempts"][0]["status"], &log["attempts"][0]["body"]),
        (&json!(200), &json!("thanks"))
    );
}

/// The feed has each event once and in one order; it goes on behind the last one that was read, and nobody
/// reads another's.
#[tokio::test]
async fn the_feed_goes_on_behind_the_last_event() {
    let server = Server::start();
    let (seller, other) = (server.sign_up("seller").await, server.sign_up("other").await);
    let feed = async |query: &str| -> Vec<Value> {
        let path = format!("/api/webhooks/events{query}");
        server.read(&path, &seller).await["items"].as_array().unwrap().clone()
    };
    assert_eq!(feed("").await, Vec::<Value>::new());
    let url = "https://example.com/hook";
    let hook = webhook(&server, &seller, json!({"url": url})).await;
    let path = format!("/api/webhooks/{}", text(&hook, "id"));
    let off = server.patch(&path).by(&seller).json(&json!({"enabled": false})).await;
    assert_eq!(off.json()["enabled"], false);
    for _ in 0..3 {
        server.ticket(&seller).await;
    }
    let all = until(async || Some(feed("").await).filter(|it| it.len() == 3)).await;
    let after = |event: &Value| format!("?after={}", text(event, "id"));
    assert_eq!(feed(&after(&all[0])).await, all[1..]);
    assert_eq!(feed(&after(&all[2])).await, Vec::<Value>::new());
    assert_eq!(feed("?types=ticket.sold").await, Vec::<Value>::new());
    let page = server.read("/api/webhooks/events?limit=2", &seller).await;
    assert_eq!(page["items"].as_array().unwrap(), &all[..2]);
    let rest = feed(&format!("?limit=2&cursor={}", text(&page, "nextCursor"))).await;
    assert_eq!(rest, all[2..]);
    let theirs = server.get(&format!("/api/webhooks/events{}", after(&all[0]))).by(&other).await;
    assert_eq!(theirs.problem(), (400, "validation_failed".to_owned()));
    // Nothing was on its way while it was off, nor is it now.
    assert_eq!(deliveries(&server, &seller, &hook).await, Vec::<Value>::new());
}

/// A receiver that fails gets the event again, also after its server was killed; a replay sends one or all of
/// them once more.
#[tokio::test]
async fn what_does_not_arrive_is_sent_again() {
    let (mut server, receiver) = (server(), Receiver::start().await);
    let seller = server.sign_up("seller").await;
    let hook = webhook(&server, &seller, json!({"url": receiver.url})).await;
    receiver.answer(500);
    server.ticket(&seller).await;
    receiver.got(1).await;
    let failed = until(async || {
        let last = deliveries(&server, &seller, &hook).await.into_iter().next()?;
        (last["attemptCount"] == 1).then_some(last)
    })
    .await;
    assert_eq!(
        (&failed["status"], &failed["attempts"][0]["status"]),
        (&json!("waiting"), &json!(500))
    );
    receiver.answer(204);
    let data = server.data();
    server.stop();
    let server = Server::on(data, &[("STUBMART_WEBHOOKS_TO_ANY_ADDRESS", "on")]);
    let got = receiver.got(2).await;
    assert_eq!(got[0].event(), got[1].event());
    let arrived = settled(&server, &seller, &hook, "delivered").await;
    assert_eq!((&arrived["id"], &arrived["attemptCount"]), (&failed["id"], &json!(2)));
    let path = format!("/api/webhooks/deliveries/{}/replay", text(&arrived, "id"));
    assert_eq!(server.post(&path).by(&seller).await.status, 202);
    receiver.got(3).await;
    let path = format!("/api/webhooks/{}/replay", text(&hook, "id"));
    let since = json!({"since": "2026-01-01T00:00:00Z"});
    until(async || {
        (deliveries(&server, &seller, &hook).await[0]["status"] == "delivered").then_some(())
    })
    .await;
    assert_eq!(server.post(&path).by(&seller).json(&since).await.status, 202);
    let got = receiver.got(4).await;
    assert!(got.iter().all(|it| it.event() == got[0].event()));
}

/// A test is sent at once; a new secret signs at once and the old one too; a deleted webhook gets nothing.
#[tokio::test]
async fn a_webhook_is_tried_rotated_and_deleted() {
    let (server, receiver) = (server(), Receiver::start().await);
    let owner = server.sign_up("owner").await;
    let key = "a-key-of-one-request";
    let body = json!({"url": receiver.url, "types": ["ticket.sold"]});
    let make = async || {
        server
            .post("/api/webhooks")
            .by(&owner)
            .header("idempotency-key", key)
            .json(&body)
            .await
            .json()
    };
    let hook = make().await;
    assert_eq!(make().await, hook);
    let path = format!("/api/webhooks/{}", text(&hook, "id"));
    let shown = server.read(&path, &owner).await;
    assert_eq!((&shown["secret"], &shown["types"]), (&Value::Null, &body["types"]));
    assert_eq!(server.post(&format!("{path}/ping")).by(&owner).await.status, 202);
    let ping = receiver.got(1).await[0].clone();
    assert_eq!((&ping.event()["type"], &ping.event()["data"]), (&json!("ping"), &json!({})));
    let new = server.post(&format!("{path}/secret")).by(&owner).await.json();
    assert_ne!(new["secret"], hook["secret"]);
    assert_eq!(server.post(&format!("{path}/ping")).by(&owner).await.status, 202);
    let ping = receiver.got(2).await[1].clone();
    assert!(ping.is_signed_by(&text(&new, "secret")) && ping.is_signed_by(&text(&hook, "secret")));
    assert_eq!(server.delete(&path).by(&owner).await.status, 204);
    assert_eq!(server.get(&path).by(&owner).await.status, 404);
}

/// Nobody has the market talk to its own machine or network, whatever they write; and ten webhooks are enough.
#[tokio::test]
async fn a_webhook_leads_to_the_public_internet() {
    let (server, receiver) = (Server::start(), Receiver::start().await);
    let owner = server.sign_up("owner").await;
    let make =
        async |url: &str| server.post("/api/webhooks").by(&owner).json(&json!({"url": url})).await;
    for url in [
        receiver.url.as_str(),
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "http://example.com/",
        "https://user:secret@example.com/",
        "nonsense",
    ] {
        let refused = make(url).await;
        assert_eq!(refused.problem(), (400, "validation_failed".to_owned()), "{url}");
        assert_eq!(refused.json()["errors"][0]["field"], "url");
    }
    // A name that leads here is found out when something is sent.
    let port = receiver.url.rsplit(':').next().unwrap().split('/').next().unwrap();
    let hook = make(&format!("https://localhost:{port}/hook")).await.json();
    let path = format!("/api/webhooks/{}/ping", text(&hook, "id"));
    assert_eq!(server.post(&path).by(&owner).await.status, 202);
    let tried = until(async || {
        let last = deliveries(&server, &owner, &hook).await.into_iter().next()?;
        (last["attemptCount"] == 1).then_some(last)
    })
    .await;
    assert_eq!(tried["attempts"][0]["error"], "the address is not a public one");
    assert!(receiver.got.lock().unwrap().is_empty());
    for _ in 0..9 {
        assert_eq!(make("https://example.com/").await.status, 201);
    }
    assert_eq!(make("https://example.com/").await.problem(), (409, "too_many_webhooks".to_owned()));
}
