//! A market of payments alone: the real service on in-memory ports and the sandbox, and orders that
//! are decided as the orders service decides them.

mod catalogue;
mod orders;
mod stops;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode, header},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use stubmart_contract::{
    ChargeId, Context, Envelope, OrderId, Role, SessionId, Timestamp, UserId,
    api::{ChargeStatus, OrderStatus},
    calls::{Identity, Profile, Recipient},
};
use stubmart_http_kit::SessionGate;
use stubmart_kernel::worker::Next;
use stubmart_memory::{MemoryRateLimits, MemoryStore};
use stubmart_payments::{
    CHARGES, Charge, Config, Deps, Payments, SERVICE,
    charge::Refund,
    ledger::{Account, LEDGER, Transaction, sum},
};
use stubmart_ports::{
    calls::{self, CallError, Orders},
    gateway::{
        AuthoriseRequest, BadNotice, GatewayError, Notice, Payment, PaymentBooks as _,
        PaymentGateway, PaymentRecord, PaymentState, RefundRequest,
    },
    host::Host,
    key::Key,
    store::{Scan, Store},
};
use stubmart_sandbox::Sandbox;
use stubmart_suite::host::{self, ManualClock};
use tower::ServiceExt as _;

pub(crate) use catalogue::FakeCatalogue;
pub(crate) use orders::{FakeOrders, HOLD};
pub(crate) use stops::Stop;

pub(crate) const CARD: &str = "pm_card_visa";
pub(crate) const DECLINED: &str = "pm_card_visa_chargeDeclined";
pub(crate) const AUTHENTICATES: &str = "pm_card_threeDSecure2Required";

/// What outlives a crash: the stores, the provider, the orders, and the clock.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) host: Host,
    pub(crate) clock: ManualClock,
    pub(crate) sandbox: Sandbox,
    pub(crate) orders: Arc<FakeOrders>,
    pub(crate) catalogue: Arc<FakeCatalogue>,
    pub(crate) early: Arc<Mutex<Vec<ChargeId>>>,
    /// Whether payments can be made in the browser. They are authenticated like cards that want it.
    pub(crate) browser: bool,
}

/// A running service, with the ports it was given.
pub(crate) struct Service {
    pub(crate) payments: Payments,
    pub(crate) app: Router,
}

/// The ports a service is given.
pub(crate) struct Ports {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) gateway: Arc<dyn PaymentGateway>,
    pub(crate) orders: Arc<dyn Orders>,
}

/// Takes a user's id for their session token.
struct Tokens;

#[async_trait]
impl calls::Auth for Tokens {
    async fn introspect(&self, _: &Context, token: &str) -> Result<Option<Identity>, CallError> {
        let user_id: Option<UserId> = token.parse().ok();
        Ok(user_id.map(|user_id| Identity {
            user_id,
            session_id: SessionId(user_id.0),
            role: Role::User,
            may_sell: true,
            is_established: true,
            read_only: false,
        }))
    }

    async fn recipient(&self, _: &Context, _: UserId) -> Result<Option<Recipient>, CallError> {
        Ok(None)
    }

    async fn profile(&self, _: &Context, _: UserId) -> Result<Option<Profile>, CallError> {
        Ok(None)
    }
}

/// The gateway of the world: the sandbox. Notes captures that come before the order agreed (PAY-3).
struct Watched(World);

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let (host, clock) = host::manual(seed);
        let store = MemoryStore::new();
        let sandbox = Sandbox::new(Arc::new(MemoryStore::new()), host.clone());
        let orders = Arc::new(FakeOrders::new(store.clone(), host.clone()));
        let catalogue = Arc::default();
        let early = Arc::default();
        Self { store, host, clock, sandbox, orders, catalogue, early, browser: false }
    }

    /// The ports as they are, without any fault.
    pub(crate) fn ports(&self) -> Ports {
        Ports {
            store: Arc::new(self.store.clone()),
            gateway: Arc::new(Watched(self.clone())),
            orders: self.orders.clone(),
        }
    }

    /// Starts the service. The first card that is declined ends its order.
    pub(crate) fn start(&self) -> Service {
        let config = Config { max_payment_attempts: 1, ..Config::default() };
        self.start_with(self.ports(), config)
    }

    pub(crate) fn start_with(&self, ports: Ports, config: Config) -> Service {
        let deps = Deps {
            store: ports.store,
            host: self.host.clone(),
            gateway: ports.gateway,
            publishable_key: self.browser.then(|| "pk_test_1".to_owned()),
            orders: ports.orders,
            catalogue: self.catalogue.clone(),
            limits: Arc::new(MemoryRateLimits::new(self.host.clone())),
        };
        let payments = Payments::new(deps, config);
        let gate = SessionGate::new(Arc::new(Tokens), self.host.clone());
        let sandbox = payments.sandbox_router(gate.clone(), Arc::new(self.sandbox.clone()));
        let (app, _) = payments.router(gate).merge(sandbox).split_for_parts();
        Service { payments, app }
    }

    /// Every charge.
    pub(crate) async fn charges(&self) -> Vec<Charge> {
        let (mut charges, mut scan) = (Vec::new(), Scan::prefix(&CHARGES, "buyer", &Key::new()));
        loop {
            let found = self.store.find(scan.clone()).await.unwrap();
            let Some(last) = found.last() else { return charges };
            scan = scan.behind(&last.key);
            charges.extend(found.iter().map(|it| serde_json::from_slice(&it.doc.body).unwrap()));
        }
    }

    /// What the provider's books say.
    pub(crate) async fn books(&self) -> Vec<PaymentRecord> {
        self.sandbox.records().await.unwrap()
    }

    /// What the provider keeps of all payments, in minor units.
    pub(crate) async fn kept(&self) -> u64 {
        self.books().await.iter().map(|it| it.kept).sum()
    }

    /// Lets events, the reconciler and time run until nothing is left to do.
    pub(crate) async fn drain(&self, service: &Service) {
        let mut was_idle = false;
        for _ in 0..2_000 {
            self.orders.hear().await;
            self.orders.expire();
            self.deliver(service).await;
            let reconciler = &service.payments.workers()[0];
            let next = reconciler.step().await;
            self.orders.hear().await;
            if self.orders.next_event().is_some() {
                continue;
            }
            let at = match next {
                Ok(Next::Again) => continue,
                Ok(Next::At(at)) => self.orders.next_expiry().map_or(at, |expiry| expiry.min(at)),
                Ok(Next::Idle) => match self.orders.next_expiry() {
                    Some(at) => at,
                    // What became due while it worked has woken it.
                    None if !was_idle => {
                        was_idle = true;
                        continue;
                    }
                    None => return,
                },
                Err(_) => self.host.now().after(Duration::from_secs(1)),
            };
            was_idle = false;
            self.clock.advance(at.since(self.host.now()));
        }
        panic!("the market does not come to rest: {:#?}", self.charges().await);
    }

    /// Delivers the events of orders. One that was not handled to the end is delivered again.
    pub(crate) async fn deliver(&self, service: &Service) {
        while let Some(envelope) = self.orders.next_event() {
            for handler in service.payments.handlers() {
                handler.handle(&Context::handling("test", &envelope), &envelope).await.unwrap();
            }
            self.orders.settle_event(envelope.id);
        }
    }

    /// What must hold at rest, however it came to it.
    pub(crate) async fn check(&self) {
        let (charges, books) = (self.charges().await, self.books().await);
        let orders = self.orders.all();
        assert!(self.early.lock().unwrap().is_empty(), "captured before the order agreed (PAY-3)");
        for charge in &charges {
            assert!(!charge.is_open() && charge.due_at.is_none(), "not at rest: {charge:?}");
        }
        let mut kept: HashMap<OrderId, u64> = HashMap::new();
        for payment in &books {
            let charge = charges.iter().find(|charge| charge.id == payment.charge_id);
            let charge = charge.expect("PAY-2: the provider knows a charge that was never saved");
            let of_charge = (charge.order_id, charge.amount, charge.currency);
            assert_eq!(of_charge, (payment.order_id, payment.amount, payment.currency));
            assert!(!payment.is_open, "money is held for ever: {charge:?} {payment:?}");
            *kept.entry(payment.order_id).or_default() += payment.kept;
        }
        for order in &orders {
            let completed = order.status == OrderStatus::Completed;
            let of_order = charges.iter().filter(|it| it.order_id == order.id);
            let by_people = |it: &&Refund| it.stands() && it.is_decided_by_people();
            let refunds = of_order.flat_map(|it| it.refunds.iter().filter(by_people));
            let given_back: u64 = refunds.map(|it| u64::from(it.amount.minor())).sum();
            let due = u64::from(order.amount.minor()).saturating_sub(given_back);
            let due = if completed { due } else { 0 };
            let is_kept = due > 0;
            assert_eq!(kept.get(&order.id).copied().unwrap_or(0), due, "PAY-3: {order:?}");
            assert_ne!(order.status, OrderStatus::AwaitingPayment, "{order:?}");
            let paid = charges.iter().filter(|it| it.order_id == order.id && it.is_kept());
            assert_eq!(paid.count(), usize::from(is_kept), "PAY-1: {order:?} {charges:#?}");
        }
        self.check_events(&charges).await;
        self.check_ledger(&charges).await;
    }

    /// Delivers every event of charges to the services' consumers: those that came first last, and all of
    /// them twice.
    pub(crate) async fn deliver_charges(&self, service: &Service) {
        let mut events = self.store.history(SERVICE, None, usize::MAX).await.unwrap();
        events.extend(events.clone());
        for envelope in events.iter().rev() {
            for handler in service.payments.handlers() {
                let takes = handler.consumer().types.contains(&envelope.event.event_type());
                if takes {
                    let context = Context::handling("test", envelope);
                    handler.handle(&context, envelope).await.unwrap();
                }
            }
        }
    }

    /// Every transaction of the ledger.
    pub(crate) async fn ledger(&self) -> Vec<Transaction> {
        let (mut ledger, mut scan) = (Vec::new(), Scan::prefix(&LEDGER, "order", &Key::new()));
        loop {
            let found = self.store.find(scan.clone()).await.unwrap();
            let Some(last) = found.last() else { return ledger };
            scan = scan.behind(&last.key);
            ledger.extend(found.iter().map(|it| serde_json::from_slice(&it.doc.body).unwrap()));
        }
    }

    /// MONEY-1: every transaction is zero, what the provider keeps is booked, and what is held for a
    /// seller is what they get of a completed order, and nothing of any other.
    async fn check_ledger(&self, charges: &[Charge]) {
        let service = self.start();
        self.deliver_charges(&service).await;
        let mut ledger = self.ledger().await;
        for transaction in &ledger {
            assert_eq!(sum(&transaction.lines), 0, "MONEY-1: {transaction:?}");
        }
        // What became of a seller's money after it was released is another matter.
        ledger.retain(|it| it.fact.charge_id().is_some());
        let balance = |account: Account, of: Option<OrderId>| -> i64 {
            let lines = ledger.iter().filter(|it| of.is_none_or(|of| it.order_id == of));
            let lines = lines.flat_map(|it| &it.lines).filter(|it| it.account == account);
            lines.map(|it| it.amount).sum()
        };
        for transaction in &ledger {
            let of = transaction.fact.charge_id();
            let charge = charges.iter().find(|it| Some(it.id) == of).unwrap();
            assert_eq!(transaction.currency, charge.currency, "MONEY-1: {transaction:?}");
        }
        for payment in self.books().await {
            let order = Some(payment.order_id);
            let kept: u64 = self
                .books()
                .await
                .iter()
                .filter(|it| Some(it.order_id) == order)
                .map(|it| it.kept)
                .sum();
            assert_eq!(
                balance(Account::Psp, order),
                i64::try_from(kept).unwrap(),
                "MONEY-1: {payment:?}"
            );
        }
        for order in self.orders.all() {
            let net = i64::from(order.amount.minor()) - order.fees.buyer - order.fees.seller;
            let (of_order, total) = (Some(order.id), i64::from(order.amount.minor()));
            let is_sold = order.status == OrderStatus::Completed;
            let kept = if is_sold { balance(Account::Psp, of_order) } else { 0 };
            // A refund takes from everybody their share, and each is rounded once.
            let refunds = ledger.iter().filter(|it| Some(it.order_id) == of_order).count();
            let rounded = if kept == 0 || kept == total { 0 } else { refunds };
            let off = balance(Account::OrderHeld(order.id), None) + net * kept / total;
            assert!(off.unsigned_abs() <= rounded as u64, "MONEY-1: {off} off: {order:?}");
            assert_eq!(balance(Account::Unmatched, Some(order.id)), 0, "MONEY-1: {order:?}");
        }
    }

    /// EVT-1: no gap in the versions, one event for each change, and the last one tells what is stored.
    async fn check_events(&self, charges: &[Charge]) {
        let mut by_charge: BTreeMap<ChargeId, Vec<Arc<Envelope>>> = BTreeMap::new();
        for envelope in self.store.history(SERVICE, None, usize::MAX).await.unwrap() {
            by_charge.entry(ChargeId(envelope.aggregate_id)).or_default().push(envelope);
        }
        for charge in charges {
            let told = &by_charge[&charge.id];
            let versions: Vec<_> = told.iter().map(|envelope| envelope.version).collect();
            assert_eq!(versions, (1..=told.len() as u64).collect::<Vec<_>>(), "{charge:?}");
            let mut kinds: Vec<_> = told.iter().map(|it| it.event.event_type().as_str()).collect();
            let known = charge.refunds.iter().filter(|it| it.provider_id.is_some()).count();
            let failed = charge.refunds.iter().filter(|it| it.has_failed()).count();
            let last = match charge.status() {
                ChargeStatus::Completed => "CHARGE_COMPLETED",
                ChargeStatus::Failed => "CHARGE_FAILED",
                ChargeStatus::Created => "CHARGE_CREATED",
            };
            let count = |kind: &str| kinds.iter().filter(|it| **it == kind).count();
            assert_eq!(
                (count("CHARGE_REFUNDED"), count("CHARGE_REFUND_FAILED")),
                (known, failed),
                "each refund is told once: {kinds:?}"
            );
            kinds.retain(|it| !it.starts_with("CHARGE_REFUND"));
            let told = kinds.len();
            assert_eq!(kinds.last(), Some(&last), "{charge:?}");
            kinds.dedup();
            assert_eq!(kinds.len(), told, "told twice: {kinds:?}");
        }
    }

    /// Drains and checks with a service that has no faults.
    pub(crate) async fn recover_and_check(&self) {
        let service = self.start();
        self.drain(&service).await;
        self.check().await;
    }
}

#[async_trait]
impl PaymentGateway for Watched {
    async fn authorise(&self, request: &AuthoriseRequest) -> Result<Payment, GatewayError> {
        let mut request = request.clone();
        if self.0.browser {
            request.payment_method.get_or_insert(AUTHENTICATES.to_owned());
        }
        self.0.sandbox.authorise(&request).await
    }

    async fn capture(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        let held = self.payment(payment_id).await?.state == PaymentState::Authorised;
        if held && !self.0.orders.is_secured_for(charge_id) {
            self.0.early.lock().unwrap().push(charge_id);
        }
        self.0.sandbox.capture(charge_id, payment_id).await
    }

    async fn void(
        &self,
        charge_id: ChargeId,
        payment_id: &str,
    ) -> Result<PaymentState, GatewayError> {
        self.0.sandbox.void(charge_id, payment_id).await
    }

    async fn refund(&self, request: &RefundRequest) -> Result<PaymentState, GatewayError> {
        self.0.sandbox.refund(request).await
    }

    async fn payment(&self, payment_id: &str) -> Result<Payment, GatewayError> {
        self.0.sandbox.payment(payment_id).await
    }

    async fn payment_of(&self, charge_id: ChargeId) -> Result<Option<Payment>, GatewayError> {
        self.0.sandbox.payment_of(charge_id).await
    }

    /// Takes what is signed `good`, and names an intent or none.
    fn notice(&self, signature: &str, body: &[u8], _: Timestamp) -> Result<Notice, BadNotice> {
        if signature != "good" {
            return Err(BadNotice::Signature);
        }
        let malformed = |error: serde_json::Error| BadNotice::Malformed(error.to_string());
        let body: Value = serde_json::from_slice(body).map_err(malformed)?;
        Ok(Notice {
            id: body["id"].as_str().unwrap_or("evt_1").to_owned(),
            kind: "payment_intent.succeeded".to_owned(),
            at: Timestamp::EPOCH,
            payment_id: body["paymentId"].as_str().map(ToOwned::to_owned),
            charge_id: body["chargeId"].as_str().and_then(|id| id.parse().ok()),
        })
    }

    async fn undelivered_notices(&self, _: Timestamp) -> Result<Vec<Notice>, GatewayError> {
        Ok(Vec::new())
    }
}

/// An answer: its status and its body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub(crate) fn is(&self, status: u16, code: &str) -> bool {
        self.status.as_u16() == status && self.code() == code
    }

    /// The client secret of an answer that tells the buyer to authenticate.
    pub(crate) fn secret(&self) -> Option<String> {
        self.body["nextAction"]["clientSecret"].as_str().map(ToOwned::to_owned)
    }

    pub(crate) fn client_secret(&self) -> String {
        self.secret().unwrap()
    }
}

impl Service {
    pub(crate) async fn send(&self, user: Option<UserId>, request: Sent) -> Answer {
        let mut builder = Request::builder().method(request.method).uri(request.path);
        if let Some(user) = user {
            builder = builder.header(header::AUTHORIZATION, format!("Bearer {user}"));
        }
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let body = match request.body {
            Some(body) => {
                builder = builder.header(header::CONTENT_TYPE, "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let response = self.app.clone().oneshot(builder.body(body).unwrap()).await.unwrap();
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) }
    }

    pub(crate) async fn post(&self, user: UserId, path: &str, body: Value) -> Answer {
        self.send(Some(user), Sent::post(path, body)).await
    }

    pub(crate) async fn pay(&self, order: &(UserId, OrderId), card: &str) -> Answer {
        self.post(order.0, "/api/payments", payment(order.1, card)).await
    }

    /// Pays with an idempotency key.
    pub(crate) async fn pay_as(&self, key: &str, order: &(UserId, OrderId), card: &str) -> Answer {
        let request = Sent::post("/api/payments", payment(order.1, card));
        self.send(Some(order.0), request.header("Idempotency-Key", key)).await
    }

    pub(crate) async fn authenticate(&self, user: UserId, secret: &str, succeed: bool) -> Answer {
        let body = json!({"clientSecret": secret, "succeed": succeed});
        self.post(user, "/api/payments/sandbox/authenticate", body).await
    }

    /// The order's charges, as its buyer reads them.
    pub(crate) async fn charges(&self, order: &(UserId, OrderId)) -> Value {
        self.list(order.0, &format!("?orderId={}", order.1)).await.body
    }

    pub(crate) async fn list(&self, user: UserId, query: &str) -> Answer {
        let path = format!("/api/payments{query}");
        self.send(Some(user), Sent::get(&path)).await
    }
}

/// A request.
pub(crate) struct Sent {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Value>,
}

impl Sent {
    pub(crate) fn post(path: &str, body: Value) -> Self {
        Self { method: Method::POST, path: path.to_owned(), headers: Vec::new(), body: Some(body) }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self { method: Method::GET, path: path.to_owned(), headers: Vec::new(), body: None }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

pub(crate) fn payment(order_id: OrderId, card: &str) -> Value {
    json!({"orderId": order_id, "paymentMethod": card})
}
