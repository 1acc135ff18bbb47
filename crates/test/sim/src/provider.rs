//! The books of the payment provider: the sandbox's payments, and the money that was moved.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use stubmart_contract::{ChargeId, OrderId, Timestamp};
use stubmart_kernel::{
    aggregate::{Aggregate as _, Decision},
    mark,
};
use stubmart_ports::gateway::{GatewayError, Payment, PaymentRecord};
use stubmart_sandbox::payment::{Command, Refusal, SandboxPayment, Status};
use stubmart_suite::host::Seeded;
use uuid::Uuid;

use crate::exec::lock;

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
    pub(crate) books: Mutex<Books>,
}

#[derive(Debug)]
pub(crate) struct Books {
    pub(crate) random: Seeded,
    /// Each charge's payments.
    pub(crate) payments: BTreeMap<ChargeId, SandboxPayment>,
    /// The charge of each payment.
    pub(crate) charges: BTreeMap<String, ChargeId>,
    /// The money that was moved for each charge, counted as it happened.
    moved: BTreeMap<ChargeId, Moved>,
    notices: u64,
    /// What was done without the answer having arrived: the step and the charge.
    unheard: BTreeSet<(&'static str, Uuid)>,
}

/// Money that was moved, in minor units.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Moved {
    pub(crate) captured: u64,
    pub(crate) refunded: u64,
}

/// What a command did.
pub(crate) struct Done {
    pub(crate) payment: Payment,
    pub(crate) order_id: OrderId,
    pub(crate) amount: u64,
    pub(crate) changed: bool,
}

pub(crate) fn no_such_payment(id: &str) -> GatewayError {
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

    /// When a bank decides about a charge's newest payment, if it takes its time.
    pub(crate) fn decides_at(&self, charge_id: ChargeId) -> Option<Timestamp> {
        match lock(&self.books).payments.get(&charge_id)?.status {
            Status::Processing(bank) => Some(bank.decides_at),
            _ => None,
        }
    }

    /// Does what is asked for a charge. The answer is about the payment with this id, or about the newest.
    pub(crate) fn write(
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

    /// Counts money that was moved for a charge.
    pub(crate) fn count(&self, charge_id: ChargeId, count: impl FnOnce(&mut Moved)) -> Moved {
        let mut books = lock(&self.books);
        let moved = books.moved.entry(charge_id).or_default();
        count(moved);
        *moved
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
}
