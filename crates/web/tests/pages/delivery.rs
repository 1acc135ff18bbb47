//! After the sale: what a buyer sees and does on the page of the order, and a seller on theirs.

use serde_json::{Value, json};
use stubmart_contract::{Code, api::OrderStatus};

use crate::{
    EVIL, market,
    support::{Fake, claimed, delivered},
};

/// A page of an order that is paid for, with this delivery.
fn paid(delivery: Value) -> (Fake, String) {
    let (fake, event) = market();
    let ticket = fake.ticket(20, event, |_| {});
    let order = fake.order(70, ticket, |it| it.status = OrderStatus::Completed);
    fake.market.lock().unwrap().delivery = Some(delivery);
    (fake, format!("/orders/{order}"))
}

/// In every state the page says what happens next, and offers what the buyer can do and nothing else.
#[tokio::test]
async fn a_buyer_sees_what_happens_next() {
    let accept = "I have my ticket";
    let decide = "Give me my money back";
    for (kind, status, words, offers) in [
        ("transfer", "pending", "transfers it to your email address", None),
        ("link", "pending", "gives you a link", None),
        ("paper", "pending", "paper ticket", None),
        ("file", "pending", "uploads it here", None),
        ("file", "sent", "Your ticket is here", Some(accept)),
        ("transfer", "late", "Your ticket is late", Some(decide)),
        ("transfer", "sent", "has been transferred", Some(accept)),
        ("paper", "sent", "has been sent", Some(accept)),
        ("transfer", "accepted", "Enjoy the show", None),
        ("transfer", "cancelled", "You got your money back", None),
    ] {
        let (fake, path) = paid(delivered("buyer", kind, status));
        let page = fake.get_as_ada(&path).await;
        page.has(words);
        page.has("Our guarantee");
        for offer in [accept, decide] {
            if offers == Some(offer) { page.has(offer) } else { page.lacks(offer) }
        }
    }
    let (fake, path) = paid(delivered("buyer", "transfer", "pending"));
    fake.get_as_ada(&path).await.has("Fri, Nov 27, 7:30 AM UTC");
    fake.market.lock().unwrap().delivery = None;
    fake.get_as_ada(&path).await.has("The seller sends it next");
}

/// A link leads out of the site and tells where; what a seller says is text.
#[tokio::test]
async fn a_link_is_opened_from_the_page() {
    let mut delivery = delivered("buyer", "link", "sent");
    delivery["link"] = json!("https://issuer.example/t/1?a=b&c");
    delivery["reference"] = json!(EVIL);
    let (fake, path) = paid(delivery);
    let page = fake.get_as_ada(&path).await;
    page.has("href=\"https://issuer.example/t/1?a=b&#38;c\" rel=\"noreferrer noopener\"");
    page.has("On issuer.example");
    page.lacks("<script>alert");
}

/// The buyer's buttons call the API once, and a page that was too old says so.
#[tokio::test]
async fn a_buyer_accepts_waits_and_takes_the_money_back() {
    let (fake, path) = paid(delivered("buyer", "transfer", "late"));
    fake.post_as_ada(&format!("{path}/late"), &[("choice", "refund")]).await;
    fake.post_as_ada(&format!("{path}/late"), &[("choice", "wait")]).await;
    let line = format!("POST /api{path}/delivery/late");
    let choices: Vec<_> = fake.calls(&line).iter().map(|it| it.body.clone()).collect();
    assert_eq!(choices, [json!({"choice": "refund"}), json!({"choice": "wait"})]);
    let accepted = fake.post_as_ada(&format!("{path}/accept"), &[]).await;
    assert_eq!(accepted.location(), path);
    assert_eq!(fake.calls(&format!("POST /api{path}/delivery/accept")).len(), 1);
    fake.refuse(&format!("POST /api{path}/delivery/accept"), Code::NotSent, &[]);
    let late = fake.post_as_ada(&format!("{path}/accept"), &[]).await;
    assert!(late.cookies()[0].contains("delivery-moved"), "{late:?}");
}

/// The seller's page says what to do, by when and where to; a link that is none is marked in the form.
#[tokio::test]
async fn a_seller_delivers() {
    let mut delivery = delivered("seller", "transfer", "pending");
    delivery["transferTo"] = json!("bob@example.com");
    let (fake, path) = paid(delivery);
    let path = format!("{path}/deliver");
    let page = fake.get_as_ada(&path).await;
    page.has("Deliver by");
    page.has("Fri, Nov 27, 7:30 AM UTC");
    page.has("bob@example.com");
    let sent = fake.post_as_ada(&path, &[("reference", "T-1")]).await;
    assert_eq!(sent.location(), path);
    let line = format!("POST /api{}/delivery/send", path.trim_end_matches("/deliver"));
    assert_eq!(fake.calls(&line)[0].body, json!({"reference": "T-1"}));
    fake.market.lock().unwrap().delivery = Some(delivered("seller", "link", "pending"));
    fake.refuse(&line, Code::ValidationFailed, &[("link", "must be an https:// link")]);
    let refused = fake.post_as_ada(&path, &[("link", "http://x")]).await;
    assert_eq!(refused.status, 400);
    refused.has("Must be an https:// link");
    refused.has("http://x");
    fake.market.lock().unwrap().delivery = Some(delivered("buyer", "link", "pending"));
    let buyers = fake.get_as_ada(&path).await;
    assert_eq!(buyers.location(), path.trim_end_matches("/deliver"));
}

/// A buyer says what was wrong, in a form that keeps what was typed; the seller answers once.
#[tokio::test]
async fn a_claim_is_made_and_answered() {
    let (fake, path) = paid(delivered("buyer", "transfer", "sent"));
    fake.get_as_ada(&path).await.has("/claim\">Report a problem");
    let form = format!("{path}/claim");
    fake.get_as_ada(&form).await.has("get me in");
    let unsaid = fake.post_as_ada(&form, &[("text", "It was red.")]).await;
    assert_eq!(unsaid.status, 400);
    unsaid.has("Choose what went wrong.");
    unsaid.has("It was red.");
    let fields = [("kind", "invalid"), ("text", "It was red."), ("key", "0123456789abcdef")];
    assert_eq!(fake.post_as_ada(&form, &fields).await.location(), path);
    let call = &fake.calls(&format!("POST /api{path}/claims"))[0];
    assert_eq!(call.body, json!({"kind": "invalid", "text": "It was red."}));
    assert_eq!(call.headers["idempotency-key"], "0123456789abcdef");
    fake.market.lock().unwrap().claims = vec![claimed("open")];
    let page = fake.get_as_ada(&path).await;
    page.has("The gate was red.");
    page.lacks("/claim\">Report a problem");
    fake.market.lock().unwrap().delivery = Some(delivered("seller", "transfer", "sent"));
    let sellers = fake.get_as_ada(&format!("{path}/deliver")).await;
    sellers.has("The gate was red.");
    sellers.has("Your side");
    fake.post_as_ada(&format!("{path}/claim/answer"), &[("text", "It was green.")]).await;
    let line = format!("POST /api{path}/claims/answer");
    assert_eq!(fake.calls(&line)[0].body, json!({"text": "It was green."}));
    fake.market.lock().unwrap().claims = vec![claimed("answered")];
    fake.get_as_ada(&format!("{path}/deliver")).await.lacks("Your side");
}
