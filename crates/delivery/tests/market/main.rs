//! Deliveries in a market in memory: what both sides of a sale see and do, and what time does.

mod files;
mod mortal;

use std::time::Duration;

use serde_json::{Value, json};
use stubmart_node::Service;
use stubmart_testkit::{Process, User, World, merge, text};

type Market = Process<stubmart_node::Market>;

const HOUR: Duration = Duration::from_secs(3600);
const LINK: &str = "https://issuer.example/t/1";

/// A sale of a ticket for a show in ten days, at half past seven.
struct Sale {
    world: World,
    market: Market,
    seller: User,
    buyer: User,
    order: Value,
}

async fn sale(fields: Value) -> Sale {
    let world = World::new(1);
    let market = Process::market(&world).await;
    let (seller, buyer) = (market.sign_up("seller").await, market.sign_up("buyer").await);
    let mut event = stubmart_testkit::event_body("Hamlet");
    merge(&mut event, json!({"startsAt": "2026-01-11T19:30:00Z"}));
    let added = market.post("/api/events").by(&seller).json(&event).await;
    assert_eq!(added.status, 201, "{added:?}");
    let show = text(&added.body, "id");
    let mut fields = fields;
    merge(&mut fields, json!({"eventId": show}));
    let ticket = market.ticket_with(&seller, fields).await;
    let order = market.buy(&buyer, &ticket).await;
    Sale { world, market, seller, buyer, order }
}

impl Sale {
    fn path(&self, rest: &str) -> String {
        format!("/api/orders/{}/delivery{rest}", text(&self.order, "id"))
    }

    async fn seen_by(&self, user: &User) -> Value {
        self.market.read(&self.path(""), user).await
    }

    async fn post(&self, user: &User, rest: &str, body: Value) -> (u16, Value) {
        let answer = self.market.post(&self.path(rest)).by(user).json(&body).await;
        (answer.status, answer.body)
    }

    /// Lets time pass and everything run.
    async fn pass(&self, time: Duration) {
        self.world.pass(time);
        for _ in 0..4 {
            self.market.work().await;
            self.world.pass(Duration::from_secs(1));
        }
    }

    fn mails(&self) -> Vec<(String, String)> {
        let mails = self.world.mailer.mails().into_iter();
        let ours = mails.filter(|it| it.subject.contains("Stalls"));
        ours.map(|it| (it.to, it.subject)).collect()
    }
}

/// A buyer who has just paid sees the delivery at once, before any event has come.
#[tokio::test]
async fn a_sale_is_to_be_delivered_from_the_moment_it_is_paid() {
    let sale = sale(json!({})).await;
    let seen = sale.seen_by(&sale.buyer).await;
    assert_eq!((&seen["status"], &seen["kind"]), (&json!("pending"), &json!("transfer")));
    assert_eq!(seen["deliverBy"], "2026-01-10T07:30:00.000Z", "36 hours before the show");
    assert_eq!((&seen["side"], &seen["transferTo"]), (&json!("buyer"), &Value::Null));
    sale.market.work().await;
    let again = sale.seen_by(&sale.buyer).await;
    assert_eq!(again["steps"].as_array().unwrap().len(), 1, "the event begins nothing twice");
    assert_eq!(sale.world.history(Service::Delivery).await.len(), 1);
    let expected = [
        ("buyer@example.com", "Your order: Stalls, row F"),
        ("seller@example.com", "Sold: Stalls, row F"),
    ];
    let mut mails = sale.mails();
    mails.sort();
    let mails: Vec<_> = mails.iter().map(|(to, subject)| (to.as_str(), subject.as_str())).collect();
    assert_eq!(mails, expected);
}

/// The seller of a transfer is told the buyer's address, until it is sent and no longer; nobody else is told
/// anything.
#[tokio::test]
async fn only_the_two_sides_see_a_delivery_and_each_what_is_its_own() {
    let sale = sale(json!({})).await;
    sale.market.work().await;
    let stranger = sale.market.sign_up("stranger").await;
    for (method, rest) in [("GET", ""), ("POST", "/send"), ("POST", "/accept"), ("POST", "/late")] {
        let call = sale.market.call(method, &sale.path(rest)).by(&stranger);
        let call = match rest {
            "/send" => call.json(&json!({})),
            "/late" => call.json(&json!({"choice": "refund"})),
            _ => call,
        };
        assert_eq!(call.await.outcome(), (404, "not_found"), "{method} {rest}");
    }
    assert_eq!(sale.seen_by(&sale.seller).await["transferTo"], "buyer@example.com");
    let (status, sent) = sale.post(&sale.seller, "/send", json!({"reference": "T-1"})).await;
    assert_eq!((status, &sent["status"], &sent["transferTo"]), (200, &json!("sent"), &Value::Null));
    assert_eq!(sale.seen_by(&sale.seller).await["transferTo"], Value::Null);
    assert_eq!(sale.seen_by(&sale.buyer).await["reference"], "T-1");
    let (status, refused) = sale.post(&sale.buyer, "/send", json!({})).await;
    assert_eq!((status, &refused["code"]), (403, &json!("not_owner")));
    let unpaid = sale.market.order(&stranger, &sale.market.ticket(&sale.seller).await).await;
    let path = format!("/api/orders/{}/delivery", text(&unpaid, "id"));
    assert_eq!(sale.market.get(&path).by(&stranger).await.outcome(), (404, "not_found"));
}

/// A link is shown to the buyer alone, needed to send, and in no event.
#[tokio::test]
async fn a_link_opens_the_ticket_for_its_buyer_alone() {
    let sale = sale(json!({"deliveryKind": "link"})).await;
    sale.market.work().await;
    let (status, refused) = sale.post(&sale.seller, "/send", json!({})).await;
    assert_eq!((status, &refused["errors"][0]["field"]), (400, &json!("link")));
    for bad in ["http://issuer.example/", "javascript:alert(1)", "https://", "https://a b/"] {
        let (status, refused) = sale.post(&sale.seller, "/send", json!({"link": bad})).await;
        assert_eq!((status, &refused["errors"][0]["field"]), (400, &json!("link")), "{bad}");
    }
    let (status, sent) = sale.post(&sale.seller, "/send", json!({"link": LINK})).await;
    assert_eq!((status, &sent["link"]), (200, &Value::Null), "the seller has it");
    assert_eq!(sale.seen_by(&sale.buyer).await["link"], LINK);
    for envelope in sale.world.history(Service::Delivery).await {
        let bytes = String::from_utf8(envelope.encode().unwrap()).unwrap();
        assert!(!bytes.contains("issuer.example"), "{bytes}");
    }
    let (status, accepted) = sale.post(&sale.buyer, "/accept", json!({})).await;
    assert_eq!((status, &accepted["status"]), (200, &json!("accepted")));
    let (status, ended) = sale.post(&sale.seller, "/send", json!({"link": LINK})).await;
    assert_eq!((status, &ended["code"]), (409, &json!("delivery_ended")));
}

/// Late is late: the seller is reminded and then told, and the buyer chooses. Who wants the money back gets
/// all of it, and the seller has nothing left to do.
#[tokio::test]
async fn the_buyer_of_a_late_ticket_waits_or_takes_the_money_back() {
    let sale = sale(json!({})).await;
    sale.market.work().await;
    sale.pass(223 * HOUR).await;
    let (status, early) = sale.post(&sale.buyer, "/late", json!({"choice": "refund"})).await;
    assert_eq!((status, &early["code"]), (409, &json!("not_late")));
    sale.pass(HOUR).await;
    assert_eq!(sale.seen_by(&sale.buyer).await["status"], "late");
    let (_, waiting) = sale.post(&sale.buyer, "/late", json!({"choice": "wait"})).await;
    assert_eq!((&waiting["status"], &waiting["isAwaited"]), (&json!("late"), &json!(true)));
    let (status, ended) = sale.post(&sale.buyer, "/late", json!({"choice": "refund"})).await;
    assert_eq!((status, &ended["status"]), (200, &json!("cancelled")));
    sale.pass(Duration::ZERO).await;
    let path = format!("/api/payments?orderId={}", text(&sale.order, "id"));
    let charges = sale.market.read(&path, &sale.buyer).await;
    assert!(charges["items"][0]["stripeRefundId"].is_string(), "{charges}");
    let subjects: Vec<_> = sale.mails().into_iter().map(|(_, subject)| subject).collect();
    for expected in [
        "Your buyer waits for Stalls, row F",
        "You are late: Stalls, row F",
        "Your ticket is late: Stalls, row F",
        "Your sale was canceled: Stalls, row F",
    ] {
        let count = subjects.iter().filter(|it| *it == expected).count();
        assert_eq!(count, 1, "{expected}: {subjects:?}");
    }
}

/// A ticket that never came is paid back when the show is over, without anybody asking.
#[tokio::test]
async fn what_never_came_is_paid_back() {
    let sale = sale(json!({})).await;
    sale.market.work().await;
    sale.pass(224 * HOUR).await;
    assert_eq!(sale.seen_by(&sale.buyer).await["status"], "late");
    sale.pass(39 * HOUR).await;
    let seen = sale.seen_by(&sale.buyer).await;
    let ended = (&seen["status"], &seen["cancelReason"]);
    assert_eq!(ended, (&json!("cancelled"), &json!("never_came")));
    let path = format!("/api/payments?orderId={}", text(&sale.order, "id"));
    let charges = sale.market.read(&path, &sale.buyer).await;
    assert!(charges["items"][0]["stripeRefundId"].is_string(), "{charges}");
}

/// Money that is given back ends the delivery, and closes the link.
#[tokio::test]
async fn a_refund_ends_the_delivery() {
    let sale = sale(json!({"deliveryKind": "link"})).await;
    sale.market.work().await;
    sale.post(&sale.seller, "/send", json!({"link": LINK})).await;
    let claims = format!("/api/orders/{}/claims", text(&sale.order, "id"));
    let body = json!({"kind": "invalid", "text": "It was red."});
    let claim = sale.market.post(&claims).by(&sale.buyer).json(&body).await;
    let (context, id) = (stubmart_contract::Context::work("test"), text(&claim.body, "id"));
    let outcome = stubmart_contract::api::ClaimOutcome::Refund;
    let deliveries = &sale.market.service.deliveries;
    deliveries.decide_claim(&context, id.parse().unwrap(), outcome, "It was.").await.unwrap();
    sale.pass(Duration::ZERO).await;
    let seen = sale.seen_by(&sale.buyer).await;
    let ended = (&seen["status"], &seen["cancelReason"], &seen["link"]);
    assert_eq!(ended, (&json!("cancelled"), &json!("refunded"), &Value::Null));
}

/// A claim, from the buyer's words to the money back: both sides hear of it, a seller who is silent for 48 hours
/// loses, and what was paid comes back.
#[tokio::test]
async fn a_buyer_who_claims_gets_the_money_back_of_a_seller_who_is_silent() {
    let sale = sale(json!({})).await;
    sale.market.work().await;
    sale.post(&sale.seller, "/send", json!({})).await;
    let claims = format!("/api/orders/{}/claims", text(&sale.order, "id"));
    let body = json!({"kind": "invalid", "text": "The gate was red."});
    let claim = sale.market.post(&claims).by(&sale.buyer).json(&body).await;
    assert_eq!((claim.status, &claim.body["status"]), (201, &json!("open")), "{claim:?}");
    let twice = sale.market.post(&claims).by(&sale.buyer).json(&body).await;
    assert_eq!(twice.outcome(), (409, "claim_exists"));
    let seller = sale.market.post(&claims).by(&sale.seller).json(&body).await;
    assert_eq!(seller.outcome(), (403, "not_owner"));
    sale.pass(47 * HOUR).await;
    assert_eq!(sale.market.read(&claims, &sale.seller).await["items"][0]["status"], "open");
    sale.pass(HOUR).await;
    let decided = sale.market.read(&claims, &sale.buyer).await["items"][0].clone();
    assert_eq!((&decided["status"], &decided["outcome"]), (&json!("decided"), &json!("refund")));
    let path = format!("/api/payments?orderId={}", text(&sale.order, "id"));
    let charges = sale.market.read(&path, &sale.buyer).await;
    assert!(charges["items"][0]["stripeRefundId"].is_string(), "{charges}");
    assert_eq!(sale.seen_by(&sale.buyer).await["status"], "cancelled");
    let number = text(&sale.seen_by(&sale.buyer).await, "number");
    let mails: Vec<_> = sale.world.mailer.mails().into_iter().map(|it| it.subject).collect();
    for (subject, count) in [
        (format!("Your buyer has a complaint: order {number}"), 1),
        (format!("Decided: order {number} is paid back"), 2),
    ] {
        assert_eq!(mails.iter().filter(|it| **it == subject).count(), count, "{mails:?}");
    }
    for envelope in sale.world.history(Service::Delivery).await {
        let bytes = String::from_utf8(envelope.encode().unwrap()).unwrap();
        assert!(!bytes.contains("gate was red"), "{bytes}");
    }
}

/// A seller who answers is heard: nothing happens until somebody decides, and what is rejected leaves the sale
/// as it is. Strangers see nothing of it.
#[tokio::test]
async fn an_answered_claim_waits_for_a_decision() {
    let sale = sale(json!({})).await;
    sale.market.work().await;
    let claims = format!("/api/orders/{}/claims", text(&sale.order, "id"));
    let body = json!({"kind": "not_as_described", "text": "Row Z."});
    let claim = sale.market.post(&claims).by(&sale.buyer).json(&body).await;
    let stranger = sale.market.sign_up("stranger").await;
    assert_eq!(sale.market.read(&claims, &stranger).await["items"], json!([]));
    let answer = format!("{claims}/answer");
    let text_of = json!({"text": "It says row Z in the listing."});
    for (user, expected) in [(&stranger, (404, "not_found")), (&sale.buyer, (403, "not_owner"))] {
        let refused = sale.market.post(&answer).by(user).json(&text_of).await;
        assert_eq!(refused.outcome(), expected);
    }
    let answered = sale.market.post(&answer).by(&sale.seller).json(&text_of).await;
    assert_eq!((answered.status, &answered.body["status"]), (200, &json!("answered")));
    sale.pass(100 * HOUR).await;
    assert_eq!(sale.market.read(&claims, &sale.buyer).await["items"][0]["status"], "answered");
    let deliveries = &sale.market.service.deliveries;
    let (context, id) = (stubmart_contract::Context::work("test"), text(&claim.body, "id"));
    let outcome = stubmart_contract::api::ClaimOutcome::Rejected;
    let decided = deliveries.decide_claim(&context, id.parse().unwrap(), outcome, "It does.").await;
    assert!(decided.is_ok());
    sale.pass(Duration::ZERO).await;
    let path = format!("/api/payments?orderId={}", text(&sale.order, "id"));
    assert_eq!(
        sale.market.read(&path, &sale.buyer).await["items"][0]["stripeRefundId"],
        Value::Null
    );
    assert_ne!(sale.seen_by(&sale.buyer).await["status"], "cancelled");
}

/// Five days after the event everything is settled.
#[tokio::test]
async fn nothing_can_be_claimed_for_ever() {
    let sale = sale(json!({})).await;
    sale.market.work().await;
    sale.post(&sale.seller, "/send", json!({})).await;
    sale.pass(10 * 24 * HOUR + 23 * HOUR + 5 * 24 * HOUR).await;
    let claims = format!("/api/orders/{}/claims", text(&sale.order, "id"));
    let body = json!({"kind": "invalid", "text": "It was red."});
    let late = sale.market.post(&claims).by(&sale.buyer).json(&body).await;
    assert_eq!(late.outcome(), (409, "claims_closed"));
    assert_eq!(sale.seen_by(&sale.buyer).await["status"], "accepted");
}
