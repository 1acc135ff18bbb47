//! Webhooks in a market in memory whose clock the test moves: three days of failures, several processes, and the
//! end of an account.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use stubmart_node::Market;
use stubmart_notify::COLLECTIONS;
use stubmart_ports::{
    key::Key,
    store::{Scan, Store as _},
};
use stubmart_testkit::{PASSWORD, Process, User, World, text};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn webhook(market: &Process<Market>, owner: &User) -> String {
    let body = json!({"url": "https://example.com/hook"});
    let made = market.post("/api/webhooks").by(owner).json(&body).await;
    assert_eq!(made.status, 201, "{made:?}");
    text(&made.json(), "id")
}

/// The events that were sent, each with how often it was.
fn sent(world: &World) -> BTreeMap<String, u32> {
    let mut sent = BTreeMap::new();
    for post in world.outbound.posts() {
        let event: Value = serde_json::from_slice(&post.body).unwrap();
        *sent.entry(text(&event, "id")).or_default() += 1;
    }
    sent
}

fn mails(world: &World) -> usize {
    let mails = world.mailer.mails();
    mails.iter().filter(|mail| mail.subject.contains("webhook is turned off")).count()
}

/// How many documents there are in an index of a collection.
async fn documents(world: &World, collection: &str) -> usize {
    let collection = COLLECTIONS.iter().find(|it| it.name == collection).unwrap();
    let scan = Scan::prefix(collection, collection.indexes[0].name, &Key::new());
    world.store.keys(scan).await.unwrap().len()
}

/// Nothing is sent any more once nothing got through for three days, and the owner gets one mail; turned on
/// again, a replay sends what was missed.
#[tokio::test]
async fn a_receiver_that_is_down_for_three_days_is_left_alone() {
    let world = World::new(1);
    let market = Process::market(&world).await;
    let seller = market.sign_up("seller").await;
    let id = webhook(&market, &seller).await;
    world.outbound.answer(Some(500));
    market.ticket(&seller).await;
    let path = format!("/api/webhooks/{id}");
    for hour in 0..=72 {
        market.work().await;
        let hook = market.read(&path, &seller).await;
        assert_eq!(hook["enabled"], hour < 72, "after {hour} hours: {hook}");
        world.pass(Duration::from_secs(3600));
    }
    let tried = world.outbound.posts().len();
    assert!((12..=18).contains(&tried), "{tried}");
    market.ticket(&seller).await;
    world.pass(DAY);
    market.work().await;
    assert_eq!((world.outbound.posts().len(), mails(&world)), (tried, 1));

    world.outbound.answer(Some(200));
    let on = market.patch(&path).by(&seller).json(&json!({"enabled": true})).await.json();
    assert_eq!((&on["enabled"], &on["disabledAt"]), (&json!(true), &Value::Null));
    let since = json!({"since": "2000-01-01T00:00:00Z"});
    market.post(&format!("{path}/replay")).by(&seller).json(&since).await;
    market.work().await;
    assert_eq!(sent(&world).len(), 2);
    assert_eq!(world.outbound.posts().len(), tried + 2);
    let log = market.read(&format!("{path}/deliveries?status=delivered"), &seller).await;
    assert_eq!(log["items"].as_array().unwrap().len(), 2);
    // Longer than the log and the feed keep anything, and than a session lasts.
    for _ in 0..2 {
        world.pass(DAY * 20);
        market.work().await;
    }
    let seller = market.log_in(&seller).await;
    market.work().await;
    assert_eq!(market.read(&format!("{path}/deliveries"), &seller).await["items"], json!([]));
    assert_eq!(market.read("/api/webhooks/events", &seller).await["items"], json!([]));
}

/// Two processes on one store send each event once, and the feed has each once, in one order, whichever of them
/// handled it and however often it came.
#[tokio::test]
async fn two_processes_send_each_event_once() {
    let world = World::new(2);
    let (one, two) = (Process::market(&world).await, Process::market(&world.machine(3)).await);
    let seller = one.sign_up("seller").await;
    webhook(&one, &seller).await;
    for _ in 0..10 {
        one.ticket(&seller).await;
    }
    tokio::join!(one.work(), two.work());
    world.pass(Duration::from_secs(1));
    tokio::join!(one.work(), two.work());
    let events = one.read("/api/webhooks/events", &seller).await["items"].clone();
    let events = events.as_array().unwrap();
    assert_eq!(events.len(), 10);
    let sent = sent(&world);
    assert!(events.iter().all(|event| sent[&text(event, "id")] == 1), "{sent:?}");
    world.bus.repeat(|order| order.reverse());
    tokio::join!(one.work(), two.work());
    assert_eq!(
        one.read("/api/webhooks/events", &seller).await["items"].as_array().unwrap(),
        events
    );
}

/// A deleted account leaves neither a webhook nor an event behind.
#[tokio::test]
async fn a_deleted_account_has_no_webhooks() {
    let world = World::new(4);
    let market = Process::market(&world).await;
    let seller = market.sign_up("seller").await;
    webhook(&market, &seller).await;
    market.ticket(&seller).await;
    market.work().await;
    let body = json!({"currentPassword": PASSWORD});
    let deleted = market.delete("/api/auth/currentuser").by(&seller).json(&body).await;
    assert_eq!(deleted.status, 204);
    market.work().await;
    for collection in ["notify.webhooks", "notify.feed_events"] {
        assert_eq!(documents(&world, collection).await, 0, "{collection}");
    }
}
