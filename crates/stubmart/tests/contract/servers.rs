//! The market on servers: MongoDB, NATS JetStream and Redis, which `./test engines` starts.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Server, User, engines, text};

/// How long a change may take to be seen: servers that share a busy machine with their tests are slow.
const SEEN: Duration = Duration::from_secs(60);

/// A process with a directory of its own: all that the next one has of it is on the servers.
fn start(servers: &[(&'static str, String)]) -> Server {
    let hold = ("STUBMART_CHECKOUT_HOLD", "5s");
    let settings: Vec<_> = servers.iter().map(|(name, url)| (*name, url.as_str())).collect();
    Server::with(&[settings, vec![hold]].concat())
}

/// Accounts, offers, a purchase and its events are on the servers, and so is the time that a checkout has:
/// a process that is killed leaves them to the next one.
#[tokio::test]
async fn a_market_on_servers_outlives_its_process() {
    let (servers, run) = (engines(), Uuid::new_v4().simple());
    let server = start(&servers);
    let ready = server.get("/readyz").await;
    assert_eq!(ready.status, 200, "{ready:?}");
    let ann = server.sign_up(&format!("ann-{run}")).await;
    let bob = server.sign_up(&format!("bob-{run}")).await;
    let show = server.event(&ann, &format!("Hamlet {run}")).await;
    let list = async |seat: &str| {
        let fields = json!({"eventId": show, "section": "A", "row": "1", "seats": [seat]});
        server.ticket_with(&ann, fields).await
    };
    let (bought, held, free) = (list("1").await, list("2").await, list("3").await);
    let order = server.buy(&bob, &bought).await;
    let left = server.order(&bob, &held).await;
    drop(server);

    let server = start(&servers);
    let path = |kind: &str, it: &Value| format!("/api/{kind}/{}", text(it, "id"));
    assert_eq!(server.read(&path("orders", &order), &bob).await["status"], "completed");
    assert_eq!(server.read(&path("tickets", &bought), &bob).await["status"], "sold");
    let ended = server.wait_for(&path("orders", &left), &bob, "status", "cancelled").await;
    assert_eq!(ended["cancelReason"], "expired");
    server.wait_for(&path("tickets", &held), &bob, "status", "available").await;
    let show = format!("/api/events/{show}");
    counts(&server, &show, &bob, 2).await;
    server.buy(&bob, &free).await;
    counts(&server, &show, &bob, 1).await;
}

/// Waits until the event says that so many listings can be bought.
async fn counts(server: &Server, show: &str, reader: &User, available: u64) {
    let started = Instant::now();
    loop {
        let event = server.read(show, reader).await;
        if event["available"] == available {
            return;
        }
        assert!(started.elapsed() < SEEN, "not {available} on sale: {event}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
