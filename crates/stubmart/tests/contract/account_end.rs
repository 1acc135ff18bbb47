//! What deleting an account does.

use std::time::Duration;

use serde_json::json;

use crate::support::{PASSWORD, Server, run_in, text};

/// Waits until an answer has this status: what it shows follows events.
async fn until(status: u16, answers: impl AsyncFn() -> u16) {
    let mut seen = 0;
    for _ in 0..500 {
        seen = answers().await;
        if seen == status {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never answered {status} but {seen}");
}

/// A seller's account stays until every ticket that was sold is delivered and its money is settled: nothing has
/// happened to it, and the answer says what is open.
#[tokio::test]
async fn an_account_with_open_sales_stays() {
    let server = Server::with(&[("STUBMART_PAYOUT_AFTER", "0s")]);
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let listed = server.ticket(&ann).await;
    let order = server.buy(&bob, &server.ticket(&ann).await).await;
    let (id, sale) = (text(&order, "id"), format!("/api/sales/{}", text(&order, "id")));
    until(200, async || server.get(&sale).by(&ann).await.status).await;
    let delete = async || {
        let right = json!({"currentPassword": PASSWORD});
        server.delete("/api/auth/currentuser").by(&ann).json(&right).await
    };
    let refused = delete().await;
    refused.is(409, "open_sales");
    let detail = "1 sale is not settled yet, and 1 ticket is still to be delivered";
    assert_eq!(refused.json()["detail"], detail);
    let ticket = format!("/api/tickets/{}", text(&listed, "id"));
    assert_eq!(server.read(&ticket, &ann).await["status"], "available");

    server.read(&format!("/api/orders/{id}/delivery"), &bob).await;
    let path = format!("/api/orders/{id}/delivery/send");
    assert_eq!(server.post(&path).by(&ann).json(&json!({})).await.status, 200);
    server.wait_for(&sale, &ann, "status", "due").await;
    let refused = delete().await;
    refused.is(409, "open_sales");
    assert_eq!(refused.json()["detail"], "1 sale is not settled yet");

    let data = server.data();
    let due = run_in(data.path(), &["payouts", "due", "--csv"]).stdout;
    let due = String::from_utf8(due).unwrap();
    let payout = due.lines().nth(1).unwrap().split(',').next().unwrap();
    let paid = run_in(data.path(), &["payouts", "paid", payout, "--reference", "wire 1"]);
    assert!(paid.status.success(), "{paid:?}");
    server.wait_for(&sale, &ann, "status", "paid").await;
    assert_eq!(delete().await.status, 204);
}

/// Who closes the account while a buyer is in checkout with one of its tickets ends no checkout: the buyer may pay,
/// and has the rights of every buyer. Nothing is offered from then on.
#[tokio::test]
async fn a_checkout_outlives_its_sellers_account() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let ticket = server.ticket(&ann).await;
    let order = server.order(&bob, &ticket).await;
    let right = json!({"currentPassword": PASSWORD});
    assert_eq!(server.delete("/api/auth/currentuser").by(&ann).json(&right).await.status, 204);
    let id = text(&order, "id");
    let body = json!({"orderId": id, "paymentMethod": "pm_card_visa"});
    assert_eq!(server.post("/api/payments").by(&bob).json(&body).await.status, 201);
    assert_eq!(server.read(&format!("/api/orders/{id}"), &bob).await["status"], "completed");
    let delivery = server.read(&format!("/api/orders/{id}/delivery"), &bob).await;
    assert_eq!(delivery["status"], "pending", "if nobody delivers, the money goes back");
}

/// Sessions die, listings are withdrawn, open orders are cancelled, personal data is erased and the
/// address is free again.
#[tokio::test]
async fn a_deleted_account_leaves_nothing_open() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let listed = server.ticket(&ann).await;
    let bobs = server.ticket(&bob).await;
    let order = server.order(&ann, &bobs).await;
    let other = server.log_in(&ann).await;

    let path = "/api/auth/currentuser";
    let wrong = json!({"currentPassword": "not the password"});
    server.delete(path).by(&ann).json(&wrong).await.is(401, "bad_credentials");
    let right = json!({"currentPassword": PASSWORD});
    let deleted = server.delete(path).by(&ann).json(&right).await;
    assert_eq!((deleted.status, deleted.bytes.len()), (204, 0), "{deleted:?}");
    assert!(deleted.header("set-cookie").contains("Max-Age=0"), "{deleted:?}");

    for dead in [&ann, &other] {
        server.get("/api/orders").by(dead).await.is(401, "not_signed_in");
    }
    let ticket = format!("/api/tickets/{}", text(&bobs, "id"));
    server.wait_for(&ticket, &bob, "status", "available").await;
    let listed = format!("/api/tickets/{}", text(&listed, "id"));
    // A withdrawn listing is not public.
    until(404, async || server.get(&listed).await.status).await;

    let login = json!({"email": ann.email, "password": PASSWORD});
    server.post("/api/auth/login").json(&login).await.is(401, "bad_credentials");
    let again = server.sign_up("ann").await;
    assert_ne!(again.id, ann.id, "somebody new");
    server
        .get(&format!("/api/orders/{}", text(&order, "id")))
        .by(&again)
        .await
        .is(404, "not_found");
    assert_eq!(server.read("/api/orders", &again).await["items"], json!([]));
}
