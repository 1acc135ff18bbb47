//! The payment provider: the sandbox's payments over this world, with idempotency keys that are forgotten
//! after hours, and somebody at the dashboard.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use stubmart_contract::{ChargeId, OrderId, Timestamp, api::OrderStatus};
use stubmart_kernel::{
    aggregate::{Aggregate as _, Decision},
    mark,
};
use stubmart_ports::gateway::{
    AuthoriseRequest, GatewayError, Payment, PaymentRecord, PaymentState,
};
use stubmart_sandbox::payment::{Authorise, Command, Refusal, SandboxPayment, SlowBank, Status};
use stubmart_suite::host::Seeded;
use uuid::Uuid;

use crate::{
    exec::{WORLD, lock},
    notices,
    world::{Violation, World},
};

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

/// The provider.
#[derive(Debug)]
pub struct Provider {
    books: Mutex<Books>,
}

#[derive(Debug)]
struct Books {
    random: Seeded,
    /// Each charge's payments.
    payments: BTreeMap<ChargeId, SandboxPayment>,
    /// The charge of each payment.
    charges: BTreeMap<String, ChargeId>,
    /// The money that was moved for each charge, counted as it happened.
    moved: BTreeMap<ChargeId, Moved>,
    notices: u64,
    /// What was done without the answer having arrived: the step and the charge.
    unheard: BTreeSet<(&'static str, Uuid)>,
}

/// Money that was moved, in minor units.
#[derive(Debug, Clone, Copy, Default)]
struct Moved {
    captured: u64,
    refunded: u64,
}

/// What a command did.
struct Done {
    payment: Payment,
    order_id: OrderId,
    amount: u64,
    changed: bool,
}

fn no_such_payment(id: &str) -> GatewayError {
    Refusal::NoSuchPayment(id.to_owned()).into()
}

impl Provider {
    /// A provider without payments.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let books = Books {
            random: Seeded::new(seed),
            payments: BTreeMap::new(),
            charges: BTreeMap::new(),
            moved: BTreeMap::new(),
            notices: 0,
            unheard: BTreeSet::new(),
        };
        Self { books: Mutex::new(books) }
    }

    /// What was captured for a charge.
    #[must_use]
    pub fn captured(&self, charge_id: ChargeId) -> u64 {
        lock(&self.books).moved.get(&charge_id).map_or(0, |moved| moved.captured)
    }

    /// What the books say of every payment.
    #[must_use]
    pub fn records(&self, now: Timestamp) -> Vec<PaymentRecord> {
        lock(&self.books).payments.values().flat_map(|it| it.records(now)).collect()
    }

    /// The charge of a payment.
    pub(crate) fn charge_of(&self, payment_id: &str) -> Option<ChargeId> {
        lock(&self.books).charges.get(payment_id).copied()
    }

    /// The payment with this id.
    pub(crate) fn payment(&self, id: &str, now: Timestamp) -> Result<Payment, GatewayError> {
        let books = lock(&self.books);
        let newest = books.charges.get(id).and_then(|charge_id| books.payments.get(charge_id));
        let found = newest.and_then(|it| it.find(id)).ok_or_else(|| no_such_payment(id))?;
        Ok(found.to_payment(now))
    }

    /// The newest payment of a charge.
    pub(crate) fn payment_of(&self, charge_id: ChargeId, now: Timestamp) -> Option<Payment> {
        lock(&self.books).payments.get(&charge_id).map(|it| it.to_payment(now))
    }

    /// Numbers a notice.
    pub(crate) fn number_notice(&self) -> u64 {
        let mut books = lock(&self.books);
        books.notices += 1;
        books.notices
    }

    pub(crate) fn authorise(
        &self,
        world: &Arc<World>,
        request: &AuthoriseRequest,
    ) -> Result<Payment, GatewayError> {
        world.check(|checker| checker.asked(request));
        let now = world.now();
        let command = {
            let mut books = lock(&self.books);
            let payment_id = format!("pi_{:016x}", books.random.draw());
            let secret = format!("{:016x}", books.random.draw());
            // The bank takes a while, and then agrees, mostly.
            let slow = Duration::from_secs(books.random.below(90));
            let slow_bank =
                SlowBank { decides_at: now.after(slow), approves: books.random.happens(800) };
            let (request, key_kept) = (request.clone(), world.scenario.key_kept);
            Command::Authorise(Authorise { request, payment_id, secret, slow_bank, key_kept })
        };
        let Done { payment, changed, .. } = self.apply(world, request.charge_id, None, &command)?;
        if changed && let Some(at) = self.decides_at(request.charge_id) {
            let id = payment.id.clone();
            world.later(at.since(now), move |world| notices::tell(world, &id));
        }
        Ok(payment)
    }

    /// When a bank decides about a charge's newest payment, if it takes its time.
    fn decides_at(&self, charge_id: ChargeId) -> Option<Timestamp> {
        match lock(&self.books).payments.get(&charge_id)?.status {
            Status::Processing(bank) => Some(bank.decides_at),
            _ => None,
        }
    }

    /// Does what is asked for a charge, and sends a notice of a change. The answer is about the payment
    /// with this id, or about the newest.
    fn apply(
        &self,
        world: &Arc<World>,
        charge_id: ChargeId,
        payment_id: Option<&str>,
        command: &Command,
    ) -> Result<Done, GatewayError> {
        let done = self.write(charge_id, payment_id, command, world.now()).inspect_err(|refusal| {
            if *refusal == Refusal::KeyReused {
                let text = format!(
                    "the idempotency key of charge {charge_id} comes with two different requests"
                );
                let documents = vec![charge_id.0];
                world.violate(Violation { invariant: "PAY-2", text, documents });
            }
        })?;
        if done.changed {
            world.note(WORLD, "provider", "payment changed", charge_id.0);
            notices::tell(world, &done.payment.id);
        }
        Ok(done)
    }

    fn write(
        &self,
        charge_id: ChargeId,
        payment_id: Option<&str>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Done, Refusal> {
        let missing = || Refusal::NoSuchPayment(payment_id.unwrap_or_default().to_owned());
        let mut books = lock(&self.books);
        let current = books.payments.get(&charge_id);
        let (after, changed) = match SandboxPayment::decide(current, command, now)? {
            Decision::Unchanged => (current.cloned().ok_or_else(missing)?, false),
            Decision::Changed { state, .. } => (state, true),
        };
        let payment = payment_id.map_or(Some(&after), |id| after.find(id)).ok_or_else(missing)?;
        let done = Done {
            payment: payment.to_payment(now),
            order_id: payment.order_id,
            amount: u64::from(payment.amount.minor()),
            changed,
        };
        books.charges.insert(after.id.clone(), charge_id);
        books.payments.insert(charge_id, after);
        Ok(done)
    }

    /// As [`Self::apply`], for a payment of which only the id is known.
    fn step(
        &self,
        world: &Arc<World>,
        id: &str,
        command: impl FnOnce(String) -> Command,
    ) -> Result<Done, GatewayError> {
        let charge_id = self.charge_of(id).ok_or_else(|| no_such_payment(id))?;
        self.apply(world, charge_id, Some(id), &command(id.to_owned()))
    }

    /// Counts money that was moved for a charge.
    fn count(&self, charge_id: ChargeId, count: impl FnOnce(&mut Moved)) -> Moved {
        let mut books = lock(&self.books);
        let moved = books.moved.entry(charge_id).or_default();
        count(moved);
        *moved
    }

    pub(crate) fn capture(
        &self,
        world: &Arc<World>,
        id: &str,
        by_human: bool,
    ) -> Result<PaymentState, GatewayError> {
        let done = self.step(world, id, |payment_id| Command::Capture { payment_id })?;
        if done.changed {
            let charge_id = done.payment.charge_id;
            self.count(charge_id, |moved| moved.captured += done.amount);
            if !by_human {
                world.check(|checker| checker.captured(charge_id, done.order_id));
            }
        }
        Ok(done.payment.state)
    }

    pub(crate) fn void(&self, world: &Arc<World>, id: &str) -> Result<PaymentState, GatewayError> {
        let done = self.step(world, id, |payment_id| Command::Void { payment_id })?;
        Ok(done.payment.state)
    }

    pub(crate) fn refund(
        &self,
        world: &Arc<World>,
        id: &str,
    ) -> Result<PaymentState, GatewayError> {
        let refund_id = format!("re_{id}");
        let done = self.step(world, id, |payment_id| Command::Refund { payment_id, refund_id })?;
        if done.changed {
            let charge_id = done.payment.charge_id;
            let moved = self.count(charge_id, |moved| moved.refunded += done.amount);
            let left = moved.captured.checked_sub(moved.refunded);
            world.check(|checker| checker.refunded(charge_id, done.order_id, left));
        }
        Ok(done.payment.state)
    }

    /// What a buyer does at the provider's form or at the bank's page. `method` is for a payment that
    /// has none yet.
    pub fn confirm(&self, world: &Arc<World>, client_secret: &str, method: &str, succeed: bool) {
        let id = client_secret.split("_secret_").next().unwrap_or_default();
        let payment_method = method.to_owned();
        let confirmed = self.step(world, id, |payment_id| Command::Confirm {
            payment_id,
            payment_method,
            succeed,
        });
        drop(confirmed);
    }

    /// Something was done whose answer nobody has heard yet.
    pub(crate) fn did(&self, step: &'static str, charge_id: Uuid) {
        lock(&self.books).unheard.insert((step, charge_id));
    }

    /// Its answer was heard.
    pub(crate) fn heard(&self, step: &'static str, charge_id: Uuid) {
        lock(&self.books).unheard.remove(&(step, charge_id));
    }

    /// A service asks, or looks, after the answer of what it had asked for before was lost.
    pub(crate) fn asked_again(&self, step: &'static str, charge_id: Uuid) {
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
            "payment" | "payment of" => {
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

    /// Somebody at the dashboard captures or cancels a payment that is held.
    pub fn meddle(&self, world: &Arc<World>) {
        let held = {
            let mut books = lock(&self.books);
            let now = world.now();
            let records = books.payments.values().flat_map(|it| it.records(now));
            let held: Vec<_> = records.filter(|it| it.held > 0).map(|it| it.id).collect();
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
        let records = self.records(world.now());
        let order_id = records.into_iter().find(|it| it.id == id).map(|it| it.order_id);
        let status =
            order_id.and_then(|id| lock(&world.checker).orders.get(&id).map(|order| order.status));
        if status == Some(OrderStatus::Cancelled) {
            mark!("somebody refunded a payment at the dashboard");
            drop(self.refund(world, id));
        }
    }

    /// Somebody at the dashboard captures everything that is held.
    pub fn capture_all(&self, world: &Arc<World>) {
        let ids: Vec<_> = lock(&self.books).charges.keys().cloned().collect();
        for id in ids {
            drop(self.capture(world, &id, true));
        }
    }
}
