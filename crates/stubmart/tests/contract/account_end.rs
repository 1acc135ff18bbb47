//! What deleting an account does.

use serde_json::json;

use crate::support::{PASSWORD, Server, text};

/// Sessions die, listings are withdrawn, open orders are cancelled, personal data is erased and the
/// address is free again.
#[tokio::test]
async fn a_deleted_account_leaves_nothing_open() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let listed = server.ticket(&ann).await;
    let bobs = server.ticket(&bob).await;
    let order = server.order(&ann, &bobs).await;
    let sold = server.ticket(&ann).await;
    let bought = server.buy(&bob, &sold).await;
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
    let mut status = 200;
    for _ in 0..500 {
        status = server.get(&format!("/api/tickets/{}", text(&listed, "id"))).await.status;
        if status == 404 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(status, 404, "a withdrawn listing is not public");
    let kept = server.read(&format!("/api/orders/{}", text(&bought, "id")), &bob).await;
    assert_eq!(kept["status"], "completed", "what was sold stays sold");

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
