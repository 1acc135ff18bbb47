//! The payment provider: a model of Stripe's `PaymentIntents` with manual capture, its idempotency keys
//! (kept for hours, at the most for 24), and its signed notices, which come early, late, twice, shuffled or never.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use stubmart_contract::{ChargeId, OrderId, Timestamp, api::OrderStatus};
use stubmart_kernel::{mark, mutant};
use stubmart_node::Service;
use stubmart_ports::gateway::{
    AuthoriseRequest, BadNotice, GatewayError, Intent, IntentState, Notice, PaymentGateway,
};
use stubmart_suite::{
    fault::{Fault, injected},
    host::Seeded,
};
use uuid::Uuid;

use crate::{
    exec::{WORLD, lock},
    http::Request,
    port::Port,
    scenario::Kind,
    world::{Violation, World},
};

/// How old a notice's signature may be.
const TOLERANCE: Duration = Duration::from_secs(300);

/// What signs the notices.
const SECRET: &str = "whsec_simulated";

/// A payment method that authorises.
pub const GOOD: &str = "pm_card_visa";
/// One that is declined.
pub const DECLINED: &str = "pm_card_visa_chargeDeclined";
/// One that wants authentication.
pub const AUTHENTICATES: &str = "pm_card_threeDSecure2Required";
/// One whose outcome takes the bank a while.
pub const SLOW: &str = "pm_card_slow";
/// One that does not exist.
pub const UNKNOWN: &str = "pm_no_such_card";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Status {
    RequiresMethod { error: bool },
    RequiresAction,
    Processing,
    RequiresCapture,
    Succeeded,
    Canceled,
}

/// A payment, as the provider keeps it.
#[derive(Debug, Clone)]
struct Payment {
    id: String,
    secret: String,
    charge_id: ChargeId,
    order_id: OrderId,
    amount: u64,
    status: Status,
    captured: u64,
    refunded: u64,
    refund_id: Option<String>,
}

impl Payment {
    fn state(&self) -> IntentState {
        match self.status {
            Status::RequiresMethod { error: true } => IntentState::Declined {
                code: "card_declined".to_owned(),
                decline_code: Some("generic_decline".to_owned()),
            },
            Status::RequiresMethod { error: false } | Status::RequiresAction => {
                IntentState::NeedsAction { client_secret: self.secret.clone() }
            }
            Status::Processing => IntentState::Processing,
            Status::RequiresCapture => IntentState::Authorised,
            Status::Succeeded => IntentState::Captured { refund_id: self.refund_id.clone() },
            Status::Canceled => IntentState::Voided,
        }
    }

    fn intent(&self) -> Intent {
        Intent { id: self.id.clone(), charge_id: self.charge_id, state: self.state() }
    }
}

/// The provider.
#[derive(Debug)]
pub struct Provider {
    books: Mutex<Books>,
}

#[derive(Debug)]
struct Books {
    random: Seeded,
    payments: BTreeMap<String, Payment>,
    keys: BTreeMap<String, (Timestamp, String, String)>,
    tries: u64,
    notices: u64,
    /// What was done and not heard of by whoever asked for it: the step and the charge.
    unheard: BTreeSet<(&'static str, Uuid)>,
}

/// What a payment came to, for the check at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// For which charge.
    pub charge_id: ChargeId,
    /// For which order.
    pub order_id: OrderId,
    /// Whether money is held, or may yet be.
    pub is_open: bool,
    /// What was taken and not given back.
    pub kept: u64,
}

fn refused(code: &str) -> GatewayError {
    GatewayError::Refused { code: code.to_owned(), message: "is refused".to_owned() }
}

impl Provider {
    /// A provider without payments.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let books = Books {
            random: Seeded::new(seed),
            payments: BTreeMap::new(),
            keys: BTreeMap::new(),
            tries: 0,
            notices: 0,
            unheard: BTreeSet::new(),
        };
        Self { books: Mutex::new(books) }
    }

    /// What was captured for a charge.
    #[must_use]
    pub fn captured(&self, charge_id: ChargeId) -> u64 {
        let books = lock(&self.books);
        books.payments.values().filter(|it| it.charge_id == charge_id).map(|it| it.captured).sum()
    }

    /// Every payment's account.
    #[must_use]
    pub fn accounts(&self) -> Vec<Account> {
        let books = lock(&self.books);
        let account = |it: &Payment| Account {
            charge_id: it.charge_id,
            order_id: it.order_id,
            is_open: !matches!(it.status, Status::Succeeded | Status::Canceled),
            kept: it.captured.saturating_sub(it.refunded),
        };
        books.payments.values().map(account).collect()
    }

    fn authorise(
        &self,
        world: &Arc<World>,
        request: &AuthoriseRequest,
    ) -> Result<Intent, GatewayError> {
        let amount = u64::from(request.amount.minor());
        world.check(|checker| checker.asked(request.charge_id, amount));
        let key = self.key(request);
        let print = format!("{request:?}");
        let now = world.now();
        if let Some(known) = self.replay(world, &key, &print, now) {
            return Ok(known);
        }
        let status = match request.payment_method.as_deref() {
            None => Status::RequiresMethod { error: false },
            Some(GOOD) => Status::RequiresCapture,
            Some(DECLINED) => Status::RequiresMethod { error: true },
            Some(AUTHENTICATES) => Status::RequiresAction,
            Some(SLOW) => Status::Processing,
            Some(_) => return Err(refused("resource_missing")),
        };
        let payment = {
            let mut books = lock(&self.books);
            let id = format!("pi_{:016x}", books.random.draw());
            let payment = Payment {
                secret: format!("{id}_secret_{:016x}", books.random.draw()),
                id: id.clone(),
                charge_id: request.charge_id,
                order_id: request.order_id,
                amount,
                status,
                captured: 0,
                refunded: 0,
                refund_id: None,
            };
            books.keys.insert(key, (now, print, id.clone()));
            books.payments.insert(id, payment.clone());
            payment
        };
        self.tell(world, &payment.id);
        if payment.status == Status::Processing {
            self.process(world, payment.id.clone());
        }
        Ok(payment.intent())
    }

    /// The key of a request, as the adapter of this provider derives it.
    fn key(&self, request: &AuthoriseRequest) -> String {
        if mutant!("a new key for each try") {
            let mut books = lock(&self.books);
            books.tries += 1;
            return format!("{}:{}", request.charge_id, books.tries);
        }
        format!("{}:authorise", request.charge_id)
    }

    /// The payment that was made under this key, as it stands.
    fn replay(&self, world: &World, key: &str, print: &str, now: Timestamp) -> Option<Intent> {
        let (intent, same) = {
            let books = lock(&self.books);
            let (at, known, id) = books.keys.get(key)?;
            if now.since(*at) >= world.scenario.key_kept {
                return None;
            }
            (books.payments.get(id)?.intent(), known == print)
        };
        if !same {
            let text = format!("the idempotency key {key} comes with two different requests");
            world.violate(Violation {
                invariant: "PAY-2",
                text,
                documents: vec![intent.charge_id.0],
            });
        }
        Some(intent)
    }

    /// Something was done whose answer nobody has heard yet.
    fn did(&self, step: &'static str, charge_id: Uuid) {
        lock(&self.books).unheard.insert((step, charge_id));
    }

    /// Its answer was heard.
    fn heard(&self, step: &'static str, charge_id: Uuid) {
        lock(&self.books).unheard.remove(&(step, charge_id));
    }

    /// A service asks, or looks, after the answer of what it had asked for before was lost.
    fn asked_again(&self, step: &'static str, charge_id: Uuid) {
        let books = lock(&self.books);
        let lost = |step| books.unheard.contains(&(step, charge_id));
        match step {
            "authorise" if lost(step) => {
                mark!("the provider was asked again with the same key");
            }
            "capture" if lost(step) => {
                mark!("a capture was asked for again after its answer was lost");
            }
            "void" if lost(step) => {
                mark!("a void was asked for again after its answer was lost");
            }
            "intent" | "intent of" => {
                if lost("void") {
                    mark!("a void whose answer was lost was found");
                }
                if lost("refund") {
                    mark!("a refund whose answer was lost was found");
                }
            }
            _ => {}
        }
    }

    /// The charge of a payment.
    fn charge_of(&self, intent_id: &str) -> Uuid {
        lock(&self.books).payments.get(intent_id).map_or(Uuid::nil(), |it| it.charge_id.0)
    }

    /// The bank takes a while, and then agrees, mostly.
    fn process(&self, world: &Arc<World>, id: String) {
        let (delay, agrees) = {
            let mut books = lock(&self.books);
            (Duration::from_secs(books.random.below(90)), books.random.happens(800))
        };
        world.later(delay, move |world| {
            world.provider.change(world, &id, |payment| {
                if payment.status != Status::Processing {
                    return false;
                }
                payment.status = if agrees {
                    Status::RequiresCapture
                } else {
                    Status::RequiresMethod { error: true }
                };
                true
            });
        });
    }

    /// Changes a payment, and tells of it; `None` when there is no such payment.
    fn change(
        &self,
        world: &Arc<World>,
        id: &str,
        change: impl FnOnce(&mut Payment) -> bool,
    ) -> Option<Payment> {
        let (payment, changed) = {
            let mut books = lock(&self.books);
            let payment = books.payments.get_mut(id)?;
            let changed = change(payment);
            (payment.clone(), changed)
        };
        if changed {
            world.note(WORLD, "provider", "payment changed", payment.charge_id.0);
            self.tell(world, id);
        }
        Some(payment)
    }

    fn capture(
        &self,
        world: &Arc<World>,
        id: &str,
        by_human: bool,
    ) -> Result<IntentState, GatewayError> {
        let mut took = false;
        let payment = self.change(world, id, |payment| {
            took = payment.status == Status::RequiresCapture;
            if took {
                payment.status = Status::Succeeded;
                payment.captured = payment.amount;
            }
            took
        });
        let payment = payment.ok_or_else(|| refused("resource_missing"))?;
        if took && !by_human {
            world.check(|checker| checker.captured(payment.charge_id, payment.order_id));
        }
        Ok(payment.state())
    }

    fn void(&self, world: &Arc<World>, id: &str) -> Result<IntentState, GatewayError> {
        let payment = self.change(world, id, |payment| {
            let voids = !matches!(
                payment.status,
                Status::Succeeded | Status::Canceled | Status::Processing
            );
            if voids {
                payment.status = Status::Canceled;
            }
            voids
        });
        Ok(payment.ok_or_else(|| refused("resource_missing"))?.state())
    }

    fn refund(&self, world: &Arc<World>, id: &str) -> Result<IntentState, GatewayError> {
        let mut gave = false;
        let payment = self.change(world, id, |payment| {
            let twice = mutant!("refund twice");
            gave = payment.status == Status::Succeeded && (payment.refund_id.is_none() || twice);
            if gave {
                payment.refunded += payment.amount;
                payment.refund_id = Some(format!("re_{}", payment.id));
            }
            gave
        });
        let payment = payment.ok_or_else(|| refused("resource_missing"))?;
        if gave {
            let left = payment.captured.checked_sub(payment.refunded);
            world.check(|checker| checker.refunded(payment.charge_id, payment.order_id, left));
        }
        Ok(payment.state())
    }

    /// What a buyer does at the provider's form or at the bank's page. `method` is for a payment that
    /// has none yet.
    pub fn confirm(&self, world: &Arc<World>, client_secret: &str, method: &str, succeed: bool) {
        let id = client_secret.split("_secret_").next().unwrap_or_default();
        self.change(world, id, |payment| {
            let next = match (&payment.status, method) {
                (Status::RequiresAction, _)
                | (Status::RequiresMethod { .. }, GOOD | AUTHENTICATES | SLOW)
                    if succeed =>
                {
                    Status::RequiresCapture
                }
                (Status::RequiresAction | Status::RequiresMethod { .. }, _) => {
                    Status::RequiresMethod { error: true }
                }
                _ => return false,
            };
            payment.status = next;
            true
        });
    }

    /// Somebody at the dashboard captures or cancels a payment that is held.
    pub fn meddle(&self, world: &Arc<World>) {
        let held = {
            let mut books = lock(&self.books);
            let held: Vec<_> = books
                .payments
                .values()
                .filter(|it| it.status == Status::RequiresCapture)
                .map(|it| it.id.clone())
                .collect();
            let place = books.random.below(u64::try_from(held.len()).unwrap_or(0));
            held.into_iter().nth(usize::try_from(place).unwrap_or(0))
        };
        let Some(id) = held else { return };
        if world.below(2) == 0 {
            mark!("somebody captured a payment at the dashboard");
            drop(self.capture(world, &id, true));
            // They notice, and give it back by themselves when nothing is sold for it.
            world.later(world.time_below(Duration::from_secs(20)), move |world| {
                world.provider.give_back_by_hand(world, &id);
            });
        } else {
            mark!("somebody cancelled a payment at the dashboard");
            drop(self.void(world, &id));
        }
    }

    /// Somebody at the dashboard refunds a payment whose order is cancelled.
    fn give_back_by_hand(&self, world: &Arc<World>, id: &str) {
        let order_id = lock(&self.books).payments.get(id).map(|payment| payment.order_id);
        let status =
            order_id.and_then(|id| lock(&world.checker).orders.get(&id).map(|order| order.status));
        if status == Some(OrderStatus::Cancelled) {
            mark!("somebody refunded a payment at the dashboard");
            drop(self.refund(world, id));
        }
    }

    /// Somebody at the dashboard captures everything that is held.
    pub fn capture_all(&self, world: &Arc<World>) {
        let ids: Vec<_> = lock(&self.books).payments.keys().cloned().collect();
        for id in ids {
            drop(self.capture(world, &id, true));
        }
    }

    /// Sends a notice about a payment, as well as it can.
    fn tell(&self, world: &Arc<World>, id: &str) {
        if !world.scenario.notices {
            return;
        }
        let (number, charge_id) = {
            let mut books = lock(&self.books);
            books.notices += 1;
            let charge_id = books.payments.get(id).map(|payment| payment.charge_id);
            (books.notices, charge_id)
        };
        let body = json!({ "id": format!("evt_{number}"), "intent": id, "charge": charge_id });
        let mut copies = 1;
        let mut bound = Duration::from_millis(500);
        if world.happens(Kind::Notice, "notice") {
            match world.below(4) {
                0 => return,
                1 => bound = Duration::from_secs(1200),
                2 => copies = 3,
                _ => self.forge(world, &body),
            }
        }
        for _ in 0..copies {
            send(world, world.time_below(bound), body.clone(), 0);
        }
    }

    /// Sends notices that must be refused: one that nobody signed, one about somebody else's payment.
    fn forge(&self, world: &Arc<World>, body: &Value) {
        let payment = json!({ "id": "evt_x", "intent": "pi_x", "charge": Uuid::from_u128(7) });
        let signed =
            Request::new("POST", "/api/payments/webhook").signed(payment, world.now(), SECRET);
        let forged = Request::new("POST", "/api/payments/webhook").signed(
            body.clone(),
            world.now(),
            "whsec_guessed",
        );
        let world = Arc::clone(world);
        world.exec.clone().spawn(WORLD, async move {
            for (request, right) in [(forged, 400), (signed, 404)] {
                let answer = world.request(Service::Payments, request).await;
                let status = answer.map_or(right, |answer| answer.status);
                if status != right && status != 503 {
                    let text =
                        format!("a notice that must be answered {right} was answered {status}");
                    world.violate(Violation { invariant: "PAY-2", text, documents: Vec::new() });
                }
            }
        });
    }
}

/// Sends a notice, and again while it is not taken.
fn send(world: &Arc<World>, delay: Duration, body: Value, tries: u32) {
    world.later(delay, move |world| {
        let sender = Arc::clone(world);
        world.exec.spawn(WORLD, async move {
            let request = Request::new("POST", "/api/payments/webhook").signed(
                body.clone(),
                sender.now(),
                SECRET,
            );
            let answer = sender.request(Service::Payments, request).await;
            let taken = answer.is_some_and(|answer| answer.status < 300);
            if !taken && tries < 4 {
                send(&sender, Duration::from_secs(10 << tries), body, tries + 1);
            }
        });
    });
}

/// The signature header of a notice.
pub(crate) fn signature(body: &[u8], at: Timestamp, secret: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(format!("{secret}.{}.", at.millis()));
    hash.update(body);
    let digest: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}.{digest}", at.millis())
}

/// The provider, as one instance sees it.
#[derive(Debug, Clone)]
pub(crate) struct SimGateway(pub(crate) Port);

impl SimGateway {
    async fn call<T: Send>(
        &self,
        what: &'static str,
        subject: Uuid,
        work: impl Fn(&Arc<World>) -> Result<T, GatewayError> + Clone + Send + Sync + 'static,
    ) -> Result<T, GatewayError> {
        let world = &self.0.world;
        let fault = self.0.begin(Kind::Provider, what, subject).await;
        if fault != Fault::Fail {
            world.provider.asked_again(what, subject);
        }
        let work = move |world: &Arc<World>| {
            let done = work(world);
            world.provider.did(what, subject);
            done
        };
        let answer = match fault {
            Fault::None | Fault::Forget => work(world),
            Fault::Fail => Err(GatewayError::Unavailable(injected())),
            Fault::LoseAnswer => {
                drop(work(world));
                Err(GatewayError::Indeterminate(injected()))
            }
            Fault::Late => {
                world.later(self.0.lateness(), move |world| drop(work(world)));
                Err(GatewayError::Indeterminate(injected()))
            }
            Fault::Twice => {
                drop(work(world));
                work(world)
            }
        };
        self.0.end(what, subject).await;
        // Who is killed before this has not heard of it.
        if matches!(fault, Fault::None | Fault::Twice) {
            world.provider.heard(what, subject);
        }
        answer
    }
}

#[async_trait]
impl PaymentGateway for SimGateway {
    async fn authorise(&self, request: &AuthoriseRequest) -> Result<Intent, GatewayError> {
        let request = request.clone();
        let subject = request.charge_id.0;
        self.call("authorise", subject, move |world| world.provider.authorise(world, &request))
            .await
    }

    async fn capture(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
    ) -> Result<IntentState, GatewayError> {
        let id = intent_id.to_owned();
        self.call("capture", charge_id.0, move |world| world.provider.capture(world, &id, false))
            .await
    }

    async fn void(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
    ) -> Result<IntentState, GatewayError> {
        let id = intent_id.to_owned();
        self.call("void", charge_id.0, move |world| world.provider.void(world, &id)).await
    }

    async fn refund(
        &self,
        charge_id: ChargeId,
        intent_id: &str,
    ) -> Result<IntentState, GatewayError> {
        let id = intent_id.to_owned();
        self.call("refund", charge_id.0, move |world| world.provider.refund(world, &id)).await
    }

    async fn intent(&self, intent_id: &str) -> Result<Intent, GatewayError> {
        let id = intent_id.to_owned();
        let find = move |world: &Arc<World>| {
            let books = lock(&world.provider.books);
            books.payments.get(&id).map(Payment::intent).ok_or_else(|| refused("resource_missing"))
        };
        let charge_id = self.0.world.provider.charge_of(intent_id);
        self.call("intent", charge_id, find).await
    }

    async fn intent_of(&self, charge_id: ChargeId) -> Result<Option<Intent>, GatewayError> {
        let find = move |world: &Arc<World>| {
            let books = lock(&world.provider.books);
            Ok(books.payments.values().find(|it| it.charge_id == charge_id).map(Payment::intent))
        };
        self.call("intent of", charge_id.0, find).await
    }

    fn publishable_key(&self) -> Option<&str> {
        Some("pk_simulated")
    }

    fn notice(&self, given: &str, body: &[u8], now: Timestamp) -> Result<Notice, BadNotice> {
        let at = given.split('.').next().and_then(|millis| millis.parse().ok());
        let at = Timestamp::from_millis(at.ok_or(BadNotice::Signature)?);
        if signature(body, at, SECRET) != given
            || now.since(at) > TOLERANCE
            || at.since(now) > TOLERANCE
        {
            return Err(BadNotice::Signature);
        }
        let body: Value = serde_json::from_slice(body)
            .map_err(|error| BadNotice::Malformed(error.to_string()))?;
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        Ok(Notice {
            id: text("id").unwrap_or_default(),
            intent_id: text("intent"),
            charge_id: text("charge").and_then(|id| id.parse().ok()),
        })
    }
}
