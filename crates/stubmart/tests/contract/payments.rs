//! Payments, with every test card.

use serde_json::{Value, json};

use crate::support::{Server, text};

#[tokio::test]
async fn a_payment_completes_the_order_and_sells_the_ticket() {
    let server = Server::start();
    let (ann, bob, eve) =
        (server.sign_up("ann").await, server.sign_up("bob").await, server.sign_up("eve").await);
    let ticket = server.ticket(&ann).await;
    let order = server.order(&bob, &ticket).await;
    server.pay(&eve, &order, "pm_card_visa").await.is(404, "not_found");
    server.pay(&ann, &order, "pm_card_visa").await.is(404, "not_found");
    let paid = server.pay(&bob, &order, "pm_card_visa").await;
    assert_eq!(paid.status, 201, "{paid:?}");
    let charge = paid.json();
    assert_eq!((&charge["status"], &charge["orderId"]), (&json!("completed"), &order["id"]));
    assert_eq!((&charge["amount"], &charge["currency"]), (&json!(12550), &json!("usd")));
    assert!(charge["stripeId"].is_string() && charge["nextAction"].is_null(), "{charge}");
    assert!(charge["stripeRefundId"].is_null() && charge["failureCode"].is_null(), "{charge}");
    let completed = server.read(&format!("/api/orders/{}", text(&order, "id")), &bob).await;
    assert_eq!(completed["status"], "completed", "by the time of the answer");
    let sold = server.read(&format!("/api/tickets/{}", text(&ticket, "id")), &ann).await;
    assert_eq!((&sold["status"], &sold["orderId"]), (&json!("sold"), &order["id"]));
    server.pay(&bob, &order, "pm_card_visa").await.is(409, "order_completed");
    let path = format!("/api/payments?orderId={}", text(&order, "id"));
    assert_eq!(server.read(&path, &bob).await["items"], json!([charge]));
    assert_eq!(server.read(&path, &eve).await["items"], json!([]), "only one's own");
}

/// A declined card, the last that is allowed: nothing is taken, the charge has failed, the order is
/// cancelled, the ticket free.
#[tokio::test]
async fn each_declined_card_is_answered_as_stripe_documents_it() {
    let server = Server::with(&[("STUBMART_MAX_PAYMENT_ATTEMPTS", "1")]);
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    for (method, decline_code) in [
        ("pm_card_visa_chargeDeclined", "generic_decline"),
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "lost_card"),
        ("pm_card_visa_chargeDeclinedStolenCard", "stolen_card"),
        ("pm_card_visa_chargeDeclinedVelocityLimitExceeded", "card_velocity_exceeded"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error"),
        ("pm_card_radarBlock", "fraudulent"),
    ] {
        let ticket = server.ticket(&ann).await;
        let order = server.order(&bob, &ticket).await;
        let declined = server.pay(&bob, &order, method).await;
        declined.is(402, "card_declined");
        assert_eq!(declined.json()["declineCode"], decline_code, "{method}");
        let order = server.read(&format!("/api/orders/{}", text(&order, "id")), &bob).await;
        assert_eq!(order["cancelReason"], "payment_failed", "{method}: {order}");
        let ticket = format!("/api/tickets/{}", text(&ticket, "id"));
        assert_eq!(server.read(&ticket, &ann).await["status"], "available", "{method}");
        let charges = format!("/api/payments?orderId={}", text(&order, "id"));
        let charge = server.read(&charges, &bob).await["items"][0].clone();
        assert_eq!(charge["status"], "failed", "{method}");
        assert!(charge["failureCode"].is_string(), "{method}: {charge}");
    }
}

#[tokio::test]
async fn cards_of_every_brand_pay() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    for method in [
        "pm_card_mastercard",
        "pm_card_amex",
        "pm_card_jcb",
        "pm_card_us",
        "pm_card_threeDSecureOptional",
    ] {
        let order = server.order(&bob, &server.ticket(&ann).await).await;
        assert_eq!(server.pay(&bob, &order, method).await.status, 201, "{method}");
    }
}

#[tokio::test]
async fn what_is_no_payment_is_refused_and_takes_nothing() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let order = server.order(&bob, &server.ticket(&ann).await).await;
    let pay = async |body: Value| server.post("/api/payments").by(&bob).json(&body).await;
    assert_eq!(pay(json!({"card": 4242})).await.bad_fields(), ["card", "orderId", "paymentMethod"]);
    assert_eq!(server.pay(&bob, &order, "pm_nonsense").await.bad_fields(), ["paymentMethod"]);
    let body = json!({"orderId": bob.id, "paymentMethod": "pm_card_visa"});
    pay(body).await.is(404, "not_found");
    let intent = json!({"orderId": order["id"]});
    server.post("/api/payments/intents").by(&bob).json(&intent).await.is(409, "sandbox");
    let webhook =
        server.post("/api/payments/webhook").json(&json!({"type": "payment_intent.succeeded"}));
    webhook.header("stripe-signature", "t=1,v1=00").await.is(400, "bad_signature");
    let open = server.read(&format!("/api/orders/{}", text(&order, "id")), &bob).await;
    assert_eq!(open["status"], "created", "it is still payable");
    assert_eq!(server.pay(&bob, &order, "pm_card_visa").await.status, 201);
}

/// A card that wants authentication: 202 and a client secret; satisfied, the same payment goes on.
#[tokio::test]
async fn a_card_that_wants_authentication_waits_for_the_buyer() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let method = "pm_card_threeDSecure2Required";
    let order = server.order(&bob, &server.ticket(&ann).await).await;
    let asked = server.pay(&bob, &order, method).await;
    assert_eq!(asked.status, 202, "{asked:?}");
    let charge = asked.json();
    assert_eq!(charge["status"], "created");
    let secret = text(&charge["nextAction"], "clientSecret");
    let authenticate = async |user, succeed| {
        let body = json!({"clientSecret": secret, "succeed": succeed});
        server.post("/api/payments/sandbox/authenticate").by(user).json(&body).await
    };
    let of_order = format!("/api/payments?orderId={}", text(&order, "id"));
    let listed = server.read(&of_order, &bob).await;
    assert_eq!(
        listed["items"][0]["nextAction"], charge["nextAction"],
        "a reload can go on with it"
    );
    authenticate(&ann, true).await.is(404, "not_found");
    assert_eq!(authenticate(&bob, true).await.status, 200);
    let path = format!("/api/orders/{}", text(&order, "id"));
    server.wait_for(&path, &bob, "status", "completed").await;
    let charges = server.read("/api/payments", &bob).await;
    assert_eq!(charges["items"].as_array().unwrap().len(), 1, "one payment: {charges}");
    let listed = server.read(&of_order, &bob).await;
    assert!(listed["items"][0]["nextAction"].is_null(), "nothing is left to do: {listed}");
}

/// A buyer who fails to authenticate has not paid, and no answer says so.
#[tokio::test]
async fn an_authentication_that_fails_takes_nothing() {
    let server = Server::with(&[("STUBMART_MAX_PAYMENT_ATTEMPTS", "1")]);
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let ticket = server.ticket(&ann).await;
    let order = server.order(&bob, &ticket).await;
    let asked = server.pay(&bob, &order, "pm_card_threeDSecure2Required").await.json();
    let secret = text(&asked["nextAction"], "clientSecret");
    let body = json!({"clientSecret": secret, "succeed": false});
    let failed = server.post("/api/payments/sandbox/authenticate").by(&bob).json(&body).await;
    assert_eq!((failed.status, &failed.json()["status"]), (200, &json!("failed")), "{failed:?}");
    let path = format!("/api/payments?orderId={}", text(&order, "id"));
    let charges = server.read(&path, &bob).await;
    let statuses: Vec<_> =
        charges["items"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
    assert_eq!(statuses, [&json!("failed")]);
    let order = format!("/api/orders/{}", text(&order, "id"));
    let ended = server.wait_for(&order, &bob, "status", "cancelled").await;
    assert_eq!(ended["cancelReason"], "payment_failed");
    let ticket = format!("/api/tickets/{}", text(&ticket, "id"));
    server.wait_for(&ticket, &ann, "status", "available").await;
}

/// Three cards may be tried within the hold: only the last failure ends the order.
#[tokio::test]
async fn only_the_last_of_three_failures_cancels() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let declined = "pm_card_visa_chargeDeclined";
    let order = server.order(&bob, &server.ticket(&ann).await).await;
    let path = format!("/api/orders/{}", text(&order, "id"));
    for left in [2, 1] {
        let answer = server.pay(&bob, &order, declined).await;
        answer.is(402, "card_declined");
        assert_eq!(answer.json()["attemptsLeft"], left);
        assert_eq!(server.read(&path, &bob).await["status"], "created");
    }
    assert_eq!(server.pay(&bob, &order, "pm_card_visa").await.status, 201, "the third succeeds");
    let order = server.order(&bob, &server.ticket(&ann).await).await;
    for _ in 0..3 {
        server.pay(&bob, &order, declined).await.is(402, "card_declined");
    }
    server.pay(&bob, &order, "pm_card_visa").await.is(409, "order_cancelled");
}

/// Two payments at once charge once.
#[tokio::test]
async fn payments_at_once_charge_once() {
    let server = Server::start();
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    for _ in 0..10 {
        let order = server.order(&bob, &server.ticket(&ann).await).await;
        let calls = (0..5).map(|_| server.pay(&bob, &order, "pm_card_visa"));
        let answers = futures_util::future::join_all(calls).await;
        assert_eq!(answers.iter().filter(|it| it.status == 201).count(), 1, "{answers:?}");
        for answer in answers.iter().filter(|it| it.status != 201) {
            let (status, code) = answer.problem();
            let known = ["payment_in_progress", "order_completed"];
            assert!(status == 409 && known.contains(&code.as_str()), "{answer:?}");
        }
        let path = format!("/api/payments?orderId={}", text(&order, "id"));
        let charges = server.read(&path, &bob).await;
        let completed = charges["items"].as_array().unwrap().iter();
        assert_eq!(completed.filter(|it| it["status"] == "completed").count(), 1, "{charges}");
    }
}
