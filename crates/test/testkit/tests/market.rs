//! The market in memory, as tests of services use it.

use std::time::Duration;

use serde_json::json;
use stubmart_node::Service;
use stubmart_testkit::{Process, World, text};

/// What a test does: start a market, act, look.
#[tokio::test]
async fn a_ticket_is_held_and_let_go_in_a_market_in_memory() {
    let world = World::new(1);
    let market = Process::market(&world).await;
    let (ann, bob) = (market.sign_up("ann").await, market.sign_up("bob").await);
    let ticket = market.ticket(&ann).await;
    let order = market.order(&bob, &ticket).await;
    let path = format!("/api/tickets/{}", text(&ticket, "id"));
    assert_eq!(market.read(&path, &bob).await["status"], "locked");
    let left = market.delete(&format!("/api/orders/{}", text(&order, "id"))).by(&bob).await;
    assert_eq!((left.status, &left.body["cancelReason"]), (200, &json!("left")));
    market.work().await;
    assert_eq!(market.read(&path, &bob).await["status"], "available");
    assert_eq!(world.history(Service::Orders).await.len(), 2, "created and cancelled");
}

/// Nothing happens in the background between two lines of a test, and time passes when the test says so.
#[tokio::test]
async fn a_checkout_expires_when_time_has_passed_and_the_loops_ran() {
    let world = World::new(1);
    let market = Process::market(&world).await;
    let (ann, bob) = (market.sign_up("ann").await, market.sign_up("bob").await);
    let ticket = market.ticket(&ann).await;
    market.order(&bob, &ticket).await;
    market.work().await;
    let path = format!("/api/tickets/{}", text(&ticket, "id"));
    world.pass(Duration::from_secs(3600));
    assert_eq!(market.read(&path, &ann).await["status"], "locked");
    for _ in 0..3 {
        market.work().await;
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(market.read(&path, &ann).await["status"], "available");
}

/// What a process knew is gone with it; the next one goes on with what the world kept.
#[tokio::test]
async fn a_process_that_is_dropped_leaves_what_was_saved() {
    let world = World::new(1);
    let ticket = {
        let market = Process::market(&world).await;
        let ann = market.sign_up("ann").await;
        market.ticket(&ann).await
    };
    let market = Process::market(&world).await;
    let found = market.get(&format!("/api/tickets/{}", text(&ticket, "id"))).await;
    assert_eq!((found.status, &found.body["title"]), (200, &json!("Stalls, row F")));
    let login = json!({"email": "ann@example.com", "password": stubmart_testkit::PASSWORD});
    let login = market.from_address("192.0.2.7").post("/api/auth/login").json(&login).await;
    assert_eq!(login.outcome(), (200, ""));
    let ann = market.with_token(login.token());
    let tickets = ann.get("/api/tickets?sellerId=me").await;
    assert_eq!(tickets.body["items"].as_array().unwrap().len(), 1);
}
