//! What a seller gets: sales with what they bring, when and why not yet; payouts; a statement.

use serde_json::{Value, json};

use crate::{EVIL, market, support::Fake};

/// A sale as the API tells of it.
fn sale(status: &str, holds: &[&str]) -> Value {
    json!({
        "orderId": "01932f0c-1a2b-7c3d-8e4f-000000000004", "number": "3F7K-9QWM-2XTB",
        "ticketId": "01932f0c-1a2b-7c3d-8e4f-000000000003",
        "ticket": {"title": "Stalls", "eventId": null, "section": "Stalls", "row": "F", "seats": ["7"], "quantity": 1},
        "status": status, "price": 10000, "sellerFee": 500, "sellerNet": 9500, "net": 9500, "paid": 0,
        "currency": "usd", "payoutOn": "2026-12-01T22:30:00Z", "holds": holds,
        "deliveryStatus": "pending", "deliverBy": "2026-11-27T07:30:00Z",
        "soldAt": "2026-11-20T09:00:00Z", "updatedAt": "2026-11-20T09:00:00Z",
    })
}

fn selling(sales: Vec<Value>) -> Fake {
    let (fake, _) = market();
    fake.market.lock().unwrap().sales = sales;
    fake
}

/// Each sale says what it brings, where the money is, why and until when, where that is known; what is to be sent
/// leads there.
#[tokio::test]
async fn a_seller_sees_what_a_sale_brings_and_when() {
    for (status, holds, words) in [
        (
            "held",
            &["not_delivered", "before_event"][..],
            "Waiting for you to send the ticket. Paid after the event.",
        ),
        ("held", &["claim"], "The buyer reported a problem."),
        ("held", &["manual"], "We’re looking into it."),
        ("due", &[], "Ready to be paid"),
        ("paid", &[], "Paid"),
        ("reversed", &[], "Refunded"),
        ("owed", &[], "take it off your next payout"),
    ] {
        let page = selling(vec![sale(status, holds)]).get_as_ada("/selling/sales").await;
        page.has(words);
        page.has("Order 3F7K-9QWM-2XTB");
        page.has("$95.00");
        page.has("after a fee of $5.00");
        page.has("/orders/01932f0c-1a2b-7c3d-8e4f-000000000004/deliver");
        if holds.contains(&"before_event") {
            page.has("Payout on")
        } else {
            page.lacks("Payout on")
        }
    }
    let page = selling(Vec::new()).get_as_ada("/selling/sales").await;
    page.has("No sales yet");
}

/// The balance says what is held and why, what is due, owed and paid, each with its currency, however large.
#[tokio::test]
async fn a_seller_sees_the_balance_of_each_currency() {
    let fake = selling(Vec::new());
    fake.market.lock().unwrap().balance = vec![
        json!({
            "currency": "usd", "held": 5_000_000_000_i64, "due": 9500, "owed": 0, "paid": 100,
            "heldFor": [{"reason": "before_event", "amount": 5_000_000_000_i64, "count": 2, "nextOn": "2026-12-01T22:30:00Z"}],
        }),
        json!({"currency": "jpy", "held": 0, "due": 0, "owed": 1200, "paid": 0, "heldFor": []}),
    ];
    let page = fake.get_as_ada("/selling/sales").await;
    page.has("$50,000,000.00");
    page.has("Paid after the event: $50,000,000.00 from 2 sales, next on Dec 1, 2026");
    page.has("To be taken off");
    page.has("¥1,200");
}

/// A statement has every payout with what it was for; the same as a file that a spreadsheet reads as it is.
#[tokio::test]
async fn a_seller_reads_what_was_paid() {
    let (fake, _) = market();
    fake.market.lock().unwrap().payouts = vec![json!({
        "id": "01932f0c-1a2b-7c3d-8e4f-00000000000b", "amount": 9000, "currency": "usd",
        "items": [
            {"orderId": "01932f0c-1a2b-7c3d-8e4f-000000000004", "number": "3F7K-9QWM-2XTB", "amount": 9500},
            {"orderId": "01932f0c-1a2b-7c3d-8e4f-000000000005", "number": "4F7K-9QWM-2XTB", "amount": -500},
        ],
        "reference": EVIL, "paidAt": "2026-11-18T10:00:00Z",
    })];
    let page = fake.get_as_ada("/selling/payouts").await;
    page.has("$90.00");
    page.has("Nov 18, 2026");
    page.has("taken off: the buyer got a refund");
    page.has("−$5.00");
    page.lacks("<script>alert");
    let file = fake.get_as_ada("/selling/payouts.csv").await;
    file.has("paid_at,payout,reference,order,amount,currency");
    file.has(",3F7K-9QWM-2XTB,95.00,usd");
    file.has(",4F7K-9QWM-2XTB,-5.00,usd");
    let (empty, _) = market();
    empty.get_as_ada("/selling/payouts").await.has("No payouts yet");
}
