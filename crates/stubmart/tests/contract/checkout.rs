//! How a checkout ends by itself: it runs out, or its page was closed.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Server, text};

/// A hold that runs out frees the ticket, and the stream says so within a second.
#[tokio::test]
async fn a_checkout_that_runs_out_frees_the_ticket_within_a_second() {
    let server = Server::with(&[("STUBMART_CHECKOUT_HOLD", "2s")]);
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let ticket = server.ticket(&ann).await;
    let path = format!("/api/tickets/{}", text(&ticket, "id"));
    let mut stream = server.get(&format!("{path}/stream")).stream().await;
    let started = Instant::now();
    let order = server.order(&bob, &ticket).await;
    let ordered = Instant::now();
    let locked: Value = serde_json::from_str(&stream.next().await.data).unwrap();
    assert_eq!(
        (&locked["status"], &locked["lockedUntil"]),
        (&json!("locked"), &order["expiresAt"])
    );
    let free: Value = serde_json::from_str(&stream.next().await.data).unwrap();
    assert_eq!(free["status"], "available");
    let (taken, late) = (started.elapsed(), ordered.elapsed());
    assert!(taken > Duration::from_secs(2), "freed early, after {taken:?}");
    assert!(late < Duration::from_secs(3), "announced late, after {late:?}");
    let order_path = format!("/api/orders/{}", text(&order, "id"));
    let expired = server.wait_for(&order_path, &bob, "status", "cancelled").await;
    assert_eq!(expired["cancelReason"], "expired");
    server.pay(&bob, &order, "pm_card_visa").await.is(409, "order_expired");
    assert_eq!(server.read("/api/payments", &bob).await["items"], json!([]), "nothing was charged");
    let left = server.delete(&order_path).by(&bob).await;
    assert_eq!(left.status, 200, "leaving what has ended is fine");
    server.order(&bob, &ticket).await;
}

#[tokio::test]
async fn a_closed_page_ends_the_checkout_after_the_grace() {
    let server = Server::with(&[("STUBMART_LEAVE_GRACE", "3s")]);
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let ticket = server.ticket(&ann).await;
    let order = server.order(&bob, &ticket).await;
    let path = format!("/api/orders/{}", text(&order, "id"));
    let started = Instant::now();
    let beacon = server.post(&format!("{path}/leave")).by(&bob).await;
    assert_eq!((beacon.status, beacon.bytes.len()), (202, 0), "{beacon:?}");
    let ticket = format!("/api/tickets/{}", text(&ticket, "id"));
    assert_eq!(server.read(&ticket, &ann).await["status"], "locked", "not before the grace");
    server.wait_for(&ticket, &ann, "status", "available").await;
    assert!(started.elapsed() > Duration::from_secs(3), "after {:?}", started.elapsed());
    assert!(started.elapsed() < Duration::from_secs(6), "after {:?}", started.elapsed());
    let left = server.read(&path, &bob).await;
    assert_eq!((&left["status"], &left["cancelReason"]), (&json!("cancelled"), &json!("left")));
}

/// A reload closes the page and opens it again: the checkout goes on.
#[tokio::test]
async fn a_buyer_who_comes_back_within_the_grace_keeps_the_checkout() {
    let server = Server::with(&[("STUBMART_LEAVE_GRACE", "3s")]);
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let (kept, lost) = (server.ticket(&ann).await, server.ticket(&ann).await);
    let (order, other) = (server.order(&bob, &kept).await, server.order(&bob, &lost).await);
    let path = format!("/api/orders/{}", text(&order, "id"));
    for order in [&order, &other] {
        let leave = format!("/api/orders/{}/leave", text(order, "id"));
        assert_eq!(server.post(&leave).by(&bob).await.status, 202);
    }
    assert_eq!(server.read(&path, &bob).await["status"], "created");
    // When the other one, closed at the same moment, is left, this one's grace is over too.
    let lost = format!("/api/tickets/{}", text(&lost, "id"));
    server.wait_for(&lost, &ann, "status", "available").await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let kept = server.read(&format!("/api/tickets/{}", text(&kept, "id")), &ann).await;
    assert_eq!(kept["status"], "locked");
    assert_eq!(server.pay(&bob, &order, "pm_card_visa").await.status, 201);
}

/// A hold outlives the process: after a restart it still ends in time.
#[tokio::test]
async fn a_hold_ends_in_time_across_a_restart() {
    let settings = [("STUBMART_CHECKOUT_HOLD", "6s")];
    let mut server = Server::with(&settings);
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let ticket = server.ticket(&ann).await;
    let order = server.order(&bob, &ticket).await;
    let started = Instant::now();
    assert!(server.stop().success(), "{}", server.log());
    let server = Server::on(server.data(), &settings);
    let path = format!("/api/orders/{}", text(&order, "id"));
    assert_eq!(server.read(&path, &bob).await["status"], "created", "{}", server.log());
    server.wait_for(&path, &bob, "status", "cancelled").await;
    assert!(started.elapsed() < Duration::from_secs(8), "after {:?}", started.elapsed());
}
