//! Payments by Stripe, which is the emulator here: the real one was never asked.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use serde_json::{Value, json};
use stubmart_ports::host::Host;
use stubmart_sandbox::emulator::{self, Emulator, Endpoint, Fault, FaultKind};
use tempfile::TempDir;

use crate::support::{Answer, Server, User, text};

const SECRET: &str = "whsec_now";

/// The first payment that fails cancels its order.
const ONE_TRY: [(&str, &str); 1] = [("STUBMART_MAX_PAYMENT_ATTEMPTS", "1")];

/// A market that pays at an emulator.
struct Market {
    server: Server,
    emulator: Emulator,
    host: Host,
    seller: User,
    buyer: User,
}

impl Market {
    /// Without webhooks, unless a test sends them.
    async fn open() -> Self {
        Self::with(&[]).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        Self::on(Arc::new(TempDir::new().unwrap()), settings).await
    }

    async fn on(data: Arc<TempDir>, settings: &[(&str, &str)]) -> Self {
        let (host, _) = stubmart_os::host(tokio::runtime::Handle::current());
        let listening = emulator::listen((Ipv4Addr::LOCALHOST, 0).into(), host.clone()).await;
        let emulator = listening.unwrap();
        let server = Server::on(data, &[&stripe_at(&emulator)[..], settings].concat());
        let (seller, buyer) = (server.sign_up("ann").await, server.sign_up("bob").await);
        Self { server, emulator, host, seller, buyer }
    }

    /// Stops the server and starts it again.
    async fn restart(&mut self) {
        self.server.stop();
        self.server = Server::on(self.server.data(), &stripe_at(&self.emulator));
        self.buyer = self.server.log_in(&self.buyer).await;
    }

    /// Waits until the order's charge says that its money was given back.
    async fn wait_for_refund(&self, order: &Value) {
        for _ in 0..1000 {
            if self.charge(order).await["stripeRefundId"].is_string() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("never refunded: {}", self.charge(order).await);
    }

    fn endpoint(&self, secret: &str) -> Endpoint {
        let url = format!("http://{}/api/payments/webhook", self.server.address);
        Endpoint { url: url.parse().unwrap(), secrets: vec![secret.to_owned()] }
    }

    fn send_events(&self) {
        self.emulator.send_events_to(Some(self.endpoint(SECRET)));
    }

    async fn order(&self) -> Value {
        self.server.order(&self.buyer, &self.server.ticket(&self.seller).await).await
    }

    async fn pay(&self, order: &Value, card: &str) -> Answer {
        self.server.pay(&self.buyer, order, card).await
    }

    fn fail(&self, kind: FaultKind, path: &str) {
        self.emulator.fail(Fault { kind, path: path.to_owned(), times: 1 });
    }

    /// Waits until the order has this status.
    async fn wait_for(&self, order: &Value, status: &str) -> Value {
        let path = format!("/api/orders/{}", text(order, "id"));
        self.server.wait_for(&path, &self.buyer, "status", status).await
    }

    /// The order's newest charge.
    async fn charge(&self, order: &Value) -> Value {
        let path = format!("/api/payments?orderId={}", text(order, "id"));
        self.server.read(&path, &self.buyer).await["items"][0].clone()
    }

    /// Sends an event as Stripe would, signed now by this secret.
    async fn deliver(&self, event: &Value, secret: &str) -> Answer {
        let body = event.to_string();
        let header = self.endpoint(secret).sign(body.as_bytes(), self.host.now());
        self.webhook(&body, &header).await
    }

    async fn webhook(&self, body: &str, signature: &str) -> Answer {
        let call = self.server.post("/api/payments/webhook").body(body.to_owned());
        let call = call.header("content-type", "application/json; charset=utf-8");
        call.header("stripe-signature", signature).await
    }

    /// What Stripe took and did not give back, by the answers it gave for its payments.
    fn payments(&self) -> usize {
        self.emulator.payments().len()
    }

    fn posts(&self, path: &str) -> usize {
        let requests = self.emulator.requests();
        requests.iter().filter(|(method, it, _)| method == "POST" && it.ends_with(path)).count()
    }
}

/// The settings of a market that pays there. Its webhooks may be signed by either of two secrets.
fn stripe_at(emulator: &Emulator) -> [(&'static str, &str); 4] {
    [
        ("STUBMART_STRIPE_SECRET_KEY", "sk_test_contract"),
        ("STUBMART_STRIPE_PUBLISHABLE_KEY", "pk_test_contract"),
        ("STUBMART_STRIPE_WEBHOOK_SECRET", "whsec_before,whsec_now"),
        ("STUBMART_STRIPE_API_BASE", emulator.base()),
    ]
}

#[tokio::test]
async fn a_purchase_is_paid_at_stripe() {
    let market = Market::open().await;
    market.send_events();
    let order = market.order().await;
    let paid = market.pay(&order, "pm_card_visa").await;
    assert_eq!(paid.status, 201, "{paid:?}");
    assert_eq!(paid.json()["stripeId"], market.emulator.payments()[0].as_str());
    market.wait_for(&order, "completed").await;
    let again = market.pay(&order, "pm_card_visa").await;
    again.is(409, "order_completed");
    assert_eq!(market.payments(), 1);
    let log = market.server.log();
    assert!(!log.contains("sk_test_contract") && !log.contains("whsec_"), "{log}");
}

#[tokio::test]
async fn a_declined_card_takes_nothing() {
    let market = Market::with(&ONE_TRY).await;
    let order = market.order().await;
    let declined = market.pay(&order, "pm_card_visa_chargeDeclinedInsufficientFunds").await;
    declined.is(402, "card_declined");
    assert_eq!(declined.json()["declineCode"], "insufficient_funds");
    let order = market.wait_for(&order, "cancelled").await;
    assert_eq!(order["cancelReason"], "payment_failed");
    let order = market.order().await;
    assert_eq!(market.pay(&order, "pm_nonsense").await.bad_fields(), ["paymentMethod"]);
}

/// A card that wants authentication: the buyer's bank decides, and Stripe's event brings the news.
#[tokio::test]
async fn an_authentication_is_noticed_by_its_event() {
    let market = Market::with(&ONE_TRY).await;
    market.send_events();
    for (succeed, status) in [(true, "completed"), (false, "cancelled")] {
        let order = market.order().await;
        let asked = market.pay(&order, "pm_card_threeDSecure2Required").await;
        assert_eq!(asked.status, 202, "{asked:?}");
        let secret = text(&asked.json()["nextAction"], "clientSecret");
        let payment = secret.split("_secret_").next().unwrap();
        assert!(market.emulator.authenticate(payment, succeed));
        market.wait_for(&order, status).await;
    }
}

/// In the browser: the answer is what Stripe's script needs, the buyer pays at Stripe's form, and the event
/// completes the order. Without any event the market finds out by itself.
#[tokio::test]
async fn a_payment_in_the_browser_is_confirmed_by_the_buyer() {
    let market = Market::open().await;
    for events in [true, false] {
        if events {
            market.send_events();
        } else {
            market.emulator.send_events_to(None);
        }
        let order = market.order().await;
        let body = json!({"orderId": order["id"]});
        let begin = async || {
            market.server.post("/api/payments/intents").by(&market.buyer).json(&body).await
        };
        let begun = begin().await;
        assert_eq!(begun.status, 201, "{begun:?}");
        assert_eq!(begun.json()["publishableKey"], "pk_test_contract");
        assert_eq!(begin().await.json(), begun.json(), "the same payment, asked again");
        let secret = text(&begun.json(), "clientSecret");
        let payment = secret.split("_secret_").next().unwrap();
        assert!(market.emulator.enter(payment, "pm_card_visa"));
        market.wait_for(&order, "completed").await;
        assert_eq!(market.charge(&order).await["id"], begun.json()["chargeId"]);
    }
}

/// One request of a purchase goes wrong on the way. The buyer is told what is known, and the order is
/// completed by one payment that is captured once.
#[tokio::test]
async fn trouble_on_the_way_ends_in_one_payment() {
    let market = Market::open().await;
    for (kind, path) in [
        (FaultKind::HangBefore, "/payment_intents"),
        (FaultKind::HangAfter, "/payment_intents"),
        (FaultKind::CutBefore, "/payment_intents"),
        (FaultKind::CutAfter, "/payment_intents"),
        (FaultKind::ErrorAfter, "/payment_intents"),
        (FaultKind::Conflict, "/payment_intents"),
        (FaultKind::RateLimited, "/payment_intents"),
        (FaultKind::HangAfter, "/capture"),
        (FaultKind::CutBefore, "/capture"),
        (FaultKind::ErrorBefore, "/capture"),
        (FaultKind::ErrorAfter, "/capture"),
        (FaultKind::Conflict, "/capture"),
        (FaultKind::Locked, "/capture"),
    ] {
        let before = market.payments();
        let order = market.order().await;
        market.fail(kind, path);
        let answer = market.pay(&order, "pm_card_visa").await;
        assert!(matches!(answer.status, 201 | 202), "{kind:?} {path}: {answer:?}");
        market.wait_for(&order, "completed").await;
        assert_eq!(market.charge(&order).await["status"], "completed", "{kind:?} {path}");
        assert_eq!(market.payments(), before + 1, "{kind:?} {path}");
    }
}

/// Stripe is down: the buyer hears that nothing was charged, and pays when it is up again.
#[tokio::test]
async fn while_stripe_sends_everybody_away_the_order_stays_payable() {
    let market = Market::open().await;
    let order = market.order().await;
    for _ in 0..3 {
        market.fail(FaultKind::RateLimited, "/payment_intents");
    }
    let away = market.pay(&order, "pm_card_visa").await;
    away.is(503, "payment_provider_unavailable");
    assert_eq!(market.payments(), 0);
    assert_eq!(market.pay(&order, "pm_card_visa").await.status, 201);
}

/// A payment whose making Stripe answers with 500, again and again: it is open until the order's time is
/// up, and then nothing is taken.
#[tokio::test]
async fn a_payment_that_is_never_answered_ends_with_its_order() {
    let market = Market::with(&[("STUBMART_CHECKOUT_HOLD", "4s")]).await;
    let order = market.order().await;
    market.fail(FaultKind::ErrorBefore, "/payment_intents");
    let answer = market.pay(&order, "pm_card_visa").await;
    assert_eq!(answer.status, 202, "{answer:?}");
    market.wait_for(&order, "cancelled").await;
    assert_eq!((market.payments(), market.posts("/capture")), (0, 0));
}

/// An event is believed by its signature alone, and only for a while.
#[tokio::test]
async fn an_event_is_taken_by_its_signature_alone() {
    let market = Market::open().await;
    let order = market.order().await;
    assert_eq!(market.pay(&order, "pm_card_visa").await.status, 201);
    let event = market.emulator.events().pop().unwrap();
    for secret in ["whsec_now", "whsec_before"] {
        assert_eq!(market.deliver(&event, secret).await.status, 200, "either secret");
    }
    market.deliver(&event, "whsec_guessed").await.is(400, "bad_signature");
    let (body, now) = (event.to_string(), market.host.now());
    let endpoint = market.endpoint(SECRET);
    let signed = endpoint.sign(body.as_bytes(), now);
    let changed = body.replacen("evt_", "evt-", 1);
    market.webhook(&changed, &signed).await.is(400, "bad_signature");
    let spaced = body.replacen(':', ": ", 1);
    market.webhook(&spaced, &signed).await.is(400, "bad_signature");
    for minutes in [6, 60 * 24] {
        let span = Duration::from_secs(minutes * 60);
        for at in [now.before(span), now.after(span)] {
            let header = endpoint.sign(body.as_bytes(), at);
            market.webhook(&body, &header).await.is(400, "bad_signature");
        }
    }
    market.webhook(&body, "").await.is(400, "bad_signature");
    market.webhook(&body, "t=x,v1=").await.is(400, "bad_signature");
    let two = format!("{signed},v1={}", "0".repeat(64));
    assert_eq!(market.webhook(&body, &two).await.status, 200, "one of several signatures fits");
}

/// Events come twice, shuffled and late; what they say may be old, and what is true is asked for.
#[tokio::test]
async fn events_may_come_twice_shuffled_and_late() {
    let market = Market::open().await;
    let order = market.order().await;
    assert_eq!(market.pay(&order, "pm_card_visa").await.status, 201);
    let mut events = market.emulator.events();
    events.reverse();
    for event in events.iter().chain(&events) {
        assert_eq!(market.deliver(event, SECRET).await.status, 200, "{event}");
    }
    let completed = market.wait_for(&order, "completed").await;
    assert_eq!(market.charge(&order).await["status"], "completed");
    assert_eq!(market.posts("/capture"), 1);
    assert!(market.charge(&order).await["stripeRefundId"].is_null(), "{completed}");
}

/// What is none of the market's business is taken and nothing is done about it.
#[tokio::test]
async fn an_event_of_another_kind_is_taken_and_left_alone() {
    let market = Market::open().await;
    let event = json!({
        "id": "evt_other", "object": "event", "api_version": "2027-01-01.fern", "created": 1,
        "livemode": false, "pending_webhooks": 1, "type": "product.invented",
        "data": {"object": {"id": "prod_1", "object": "product"}},
    });
    assert_eq!(market.deliver(&event, SECRET).await.status, 200);
    let thin = json!({"id": "evt_thin", "object": "v2.core.event", "type": "x", "created": 1,
        "livemode": false, "data": {"object": {}}});
    market.deliver(&thin, SECRET).await.is(400, "validation_failed");
}

/// Somebody gives the money back at Stripe's dashboard. The event of it says so; without it, the market asks
/// for what it missed when it starts again.
#[tokio::test]
async fn a_refund_at_the_dashboard_is_noticed_also_after_an_outage() {
    let mut market = Market::open().await;
    for events in [true, false] {
        let order = market.order().await;
        assert_eq!(market.pay(&order, "pm_card_visa").await.status, 201);
        if events {
            market.send_events();
        } else {
            market.emulator.send_events_to(None);
        }
        let payment = market.emulator.payments().pop().unwrap();
        assert!(market.emulator.at_the_dashboard(&payment, "refund"));
        if !events {
            market.restart().await;
        }
        market.wait_for_refund(&order).await;
    }
}

/// The buyer leaves the checkout and then satisfies the bank: the hold is given up.
#[tokio::test]
async fn a_payment_whose_order_is_gone_is_given_up() {
    let market = Market::open().await;
    let order = market.order().await;
    let asked = market.pay(&order, "pm_card_threeDSecure2Required").await;
    let secret = text(&asked.json()["nextAction"], "clientSecret");
    let payment = secret.split("_secret_").next().unwrap();
    let path = format!("/api/orders/{}", text(&order, "id"));
    assert_eq!(market.server.delete(&path).by(&market.buyer).await.status, 200);
    market.send_events();
    // The buyer comes back from the bank too late.
    let _was_waiting = market.emulator.authenticate(payment, true);
    let charge = format!("/api/payments?orderId={}", text(&order, "id"));
    loop {
        let charges = market.server.read(&charge, &market.buyer).await;
        if charges["items"][0]["status"] == "failed" && market.posts("/cancel") > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(market.posts("/capture"), 0, "nothing was taken");
}
