//! Sellers are paid: by the operator, from the command line.

use std::{path::Path, time::Duration};

use serde_json::json;

use crate::{
    command_line::check,
    support::{Server, User, run_in, text},
};

/// The outcome of a command: its exit code and what it printed.
fn command(market: &Path, args: &[&str]) -> (Option<i32>, String) {
    let output = run_in(market, args);
    let said = [output.stdout, output.stderr].map(|it| String::from_utf8(it).unwrap()).concat();
    (output.status.code(), said)
}

/// Waits until a command has printed what it should: what it prints follows events.
async fn until(market: &Path, args: &[&str], is_right: impl Fn(&str) -> bool) -> String {
    for _ in 0..100 {
        let (code, said) = command(market, args);
        assert_eq!(code, Some(0), "{said}");
        if is_right(&said) {
            return said;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{args:?} never printed it")
}

/// What was sold and sent is due; the operator lists it, pays and notes it, once; what an operator or a claim holds
/// is not due; and the books agree beside the running server.
#[tokio::test]
async fn sellers_are_paid_what_is_due_to_them() {
    let server =
        Server::with(&[("STUBMART_PAYOUT_AFTER", "0s"), ("STUBMART_SELLER_FEE_BPS", "1000")]);
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let market = server.data().path().to_owned();
    let order = server.buy(&bob, &server.ticket(&ann).await).await;
    let (id, number) = (text(&order, "id"), text(&order, "number"));
    let due = || command(&market, &["payouts", "due", "--csv"]);
    let header = "payout,seller,email,amount,currency,orders\n".to_owned();
    assert_eq!(due(), (Some(0), header.clone()), "it was not sent");
    // A buyer who asks for it has the delivery begin.
    server.read(&format!("/api/orders/{id}/delivery"), &bob).await;
    let path = format!("/api/orders/{id}/delivery/send");
    assert_eq!(server.post(&path).by(&ann).json(&json!({})).await.status, 200);
    until(&market, &["payouts", "due", "--csv"], |said| said.lines().count() == 2).await;
    let held = ["payouts", "hold", &number, "--reason", "the name is not clear"];
    assert_eq!(command(&market, &held).0, Some(0));
    let sale = format!("/api/sales/{id}");
    assert_eq!(server.wait_for(&sale, &ann, "status", "held").await["holds"], json!(["manual"]));
    let balance = server.read("/api/payouts/balance", &ann).await["items"][0].clone();
    let held_for = json!([{"reason": "manual", "amount": 11295, "count": 1, "nextOn": balance["heldFor"][0]["nextOn"]}]);
    assert_eq!((&balance["held"], &balance["heldFor"]), (&json!(11295), &held_for), "{balance}");
    assert_eq!(due(), (Some(0), header), "it is held");
    let (code, said) = command(&market, &["payouts", "free", &id]);
    assert!(code == Some(0) && said.contains("is due"), "{said}");
    assert_eq!(command(&market, &["payouts", "free", &id]).0, Some(1), "nobody holds it");

    let listed = due().1;
    let line: Vec<_> = listed.lines().nth(1).unwrap().split(',').collect();
    let (payout, net) = (line[0], "11295");
    assert_eq!(&line[2..], [&ann.email, net, "usd", &number], "{listed}");
    let unknown = "01932f0c-1a2b-7c3d-8e4f-000000000004";
    let (code, said) = command(&market, &["payouts", "paid", unknown, "--reference", "wire 1"]);
    assert!(code == Some(1) && said.contains("nothing is due under this id"), "{said}");
    for _ in 0..2 {
        let (code, said) = command(&market, &["payouts", "paid", payout, "--reference", "wire 1"]);
        assert!(code == Some(0) && said.contains("11295 usd noted as paid"), "{said}");
    }
    let (code, said) = command(&market, &["payouts", "paid", payout, "--reference", "wire 2"]);
    assert!(code == Some(1) && said.contains("with reference wire 1"), "{said}");
    assert_eq!(command(&market, &["payouts", "due"]), (Some(0), "nothing is due\n".to_owned()));
    assert_eq!(command(&market, &held).0, Some(1), "it is too late to hold it");
    let (code, said) = check(&market);
    assert!(code == Some(0) && said.contains("1 payouts"), "{said}");

    let payouts = server.read("/api/payouts", &ann).await["items"].clone();
    assert_eq!(
        (&payouts[0]["amount"], &payouts[0]["reference"]),
        (&json!(11295), &json!("wire 1"))
    );
    assert_eq!(payouts[0]["items"][0]["number"], json!(number));
    let paid = server.read("/api/sales?status=paid,held", &ann).await["items"].clone();
    assert_eq!((&paid[0]["orderId"], &paid[0]["paid"]), (&json!(id), &json!(11295)));
    assert_eq!(server.read("/api/sales?status=due", &ann).await["items"], json!([]));
    assert_eq!(server.read("/api/sales", &bob).await["items"], json!([]), "he sold nothing");

    a_claim_makes_the_seller_owe(&server, (&ann, &bob), (id.as_str(), number.as_str())).await;
}

/// The buyer's claim is decided for the buyer after the seller was paid: the seller owes it, and each side sees what
/// happened, in its order.
async fn a_claim_makes_the_seller_owe(
    server: &Server,
    (ann, bob): (&User, &User),
    (id, number): (&str, &str),
) {
    let market = server.data().path().to_owned();
    let claim = json!({"kind": "invalid", "text": "The gate stayed red."});
    let path = format!("/api/orders/{id}/claims");
    assert_eq!(server.post(&path).by(bob).json(&claim).await.status, 201);
    let decided = ["claim", "decide", number, "refund", "--reason", "The code was used twice."];
    assert_eq!(command(&market, &decided).0, Some(0));
    until(&market, &["payouts", "due"], |said| said.contains("owes 11295 usd")).await;
    let (code, said) = check(&market);
    assert_eq!(code, Some(0), "{said}");
    let ledger = command(&market, &["ledger"]).1;
    for account in ["bank", "seller:*:receivable"] {
        assert!(ledger.lines().any(|it| it.starts_with(account)), "{account}: {ledger}");
    }
    let balance = server.read("/api/payouts/balance", ann).await["items"][0].clone();
    let numbers = ["held", "due", "owed", "paid"].map(|it| balance[it].as_i64().unwrap());
    assert_eq!(numbers, [0, 0, 11295, 11295]);
    // Each side sees what is theirs, in the order in which it happened.
    let timeline = format!("/api/orders/{id}/timeline");
    let steps = async |user| {
        let items = server.read(&timeline, user).await["items"].clone();
        items.as_array().unwrap().iter().map(|it| text(it, "what")).collect::<Vec<_>>().join(" ")
    };
    for (user, expected) in [
        (bob, "ordered paid sold sent claimed claim_granted refunded"),
        (ann, "sold sent payout_due payout_due paid_out claimed claim_granted refunded"),
    ] {
        let mut seen = String::new();
        for _ in 0..100 {
            seen = steps(user).await.replace(" delivery_cancelled", "");
            if seen == expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(seen, expected);
    }
}

/// What a seller is told before listing holds at the sale: the day of the payout follows from the end of the event.
#[tokio::test]
async fn a_sale_is_paid_on_the_day_that_was_promised() {
    let server = Server::with(&[("STUBMART_PAYOUT_AFTER", "48h")]);
    let (ann, bob) = (server.sign_up("ann").await, server.sign_up("bob").await);
    let event = server.event(&ann, "Hamlet").await;
    let listing = json!({"title": "Stalls", "price": 12550, "eventId": event});
    let preview = server.post("/api/tickets/preview").by(&ann).json(&listing).await.json();
    let ticket = server.ticket_with(&ann, json!({"eventId": event})).await;
    let order = server.buy(&bob, &ticket).await;
    let mut sale = serde_json::Value::Null;
    for _ in 0..100 {
        sale = server.read("/api/sales", &ann).await["items"][0].clone();
        if !sale.is_null() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((&sale["orderId"], &sale["status"]), (&order["id"], &json!("held")));
    assert!(preview["payoutOn"].is_string() && sale["payoutOn"] == preview["payoutOn"], "{sale}");
    assert_eq!(sale["holds"], json!(["not_delivered", "before_event"]));
    assert_eq!((&sale["sellerNet"], &sale["net"]), (&preview["sellerNet"], &preview["sellerNet"]));
    assert_eq!(sale["ticket"]["eventId"], json!(event));
}
