//! A payment at the provider, as a pure state machine: a model of Stripe's `PaymentIntents` with manual
//! capture (<https://docs.stripe.com/payments/paymentintents/lifecycle>) and of its idempotency keys
//! (<https://docs.stripe.com/api/idempotent_requests>).
//!
//! ```text
//!                             ┌─▶ processing ─┐
//!  authorise ─▶ requires_payment_method ◀─────┤ declined
//!                │       ▲                    ▼
//!                │       └─ requires_action ─▶ requires_capture ─▶ succeeded ─▶ succeeded, less
//!                └───────────────┴────────────────────┴──▶ canceled
//! ```
//! What succeeded is refunded in as many parts as one likes. The sandbox keeps it in a store; the simulation keeps it in its world and adds faults.

mod refund;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stubmart_contract::{ChargeId, Currency, OrderId, Price, Timestamp};
use stubmart_kernel::{
    aggregate::{Aggregate, Collection, Decision, Index, Key},
    mutant,
};
use stubmart_ports::gateway::{
    AuthoriseRequest, GatewayError, Payment, PaymentRecord, PaymentState,
};

pub use self::refund::{NewRefund, SandboxRefund};
use crate::methods::{Decline, Outcome, outcome};

/// The payments. A document has the id of the charge that its payment was made for, so that there is one
/// for each charge, however often it is asked for.
pub static PAYMENTS: Collection =
    Collection { name: "sandbox.intent", indexes: &[Index { name: PAYMENT, unique: true }] };

/// By the payment's own id.
pub const PAYMENT: &str = "intent";

/// A payment of some charge: the newest, with the earlier ones of that charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxPayment {
    /// Its id: `pi_…`.
    pub id: String,
    /// The charge it was made for.
    pub charge_id: ChargeId,
    /// The order that the charge pays for.
    pub order_id: OrderId,
    /// The amount that is held, captured or given back: always all of it.
    pub amount: Price,
    /// Its currency.
    pub currency: Currency,
    /// The payment method that was asked for; `None` for a payment that a browser confirms.
    pub payment_method: Option<String>,
    /// Opens the payment to the buyer's browser: `pi_…_secret_…`. Kept where the buyer has to act.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// Its status when it was last written.
    pub status: Status,
    /// When it was made.
    pub created_at: Timestamp,
    /// Payments of the same charge whose idempotency keys were forgotten, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Self>,
}

/// The status of a payment, by Stripe's names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// No card yet, or the last one was declined.
    RequiresPaymentMethod {
        /// Why the last card was declined.
        error: Option<Decline>,
    },
    /// The buyer has to authenticate.
    RequiresAction,
    /// The bank takes its time.
    Processing(SlowBank),
    /// The amount is held.
    RequiresCapture,
    /// The amount was captured.
    Succeeded {
        /// What was given back of it, oldest first.
        #[serde(default, alias = "refund_id", deserialize_with = "refund::read")]
        refunds: Vec<SandboxRefund>,
    },
    /// Voided.
    Canceled,
}

impl Status {
    /// What a payment comes to with this payment method.
    fn with(payment_method: &str, slow_bank: SlowBank) -> Result<Self, Refusal> {
        Ok(match outcome(payment_method) {
            Some(Outcome::Succeeds) => Self::RequiresCapture,
            Some(Outcome::Authenticates(_)) => Self::RequiresAction,
            Some(Outcome::Declined(decline)) => {
                Self::RequiresPaymentMethod { error: Some(decline) }
            }
            Some(Outcome::TakesTime) => Self::Processing(slow_bank),
            None => return Err(Refusal::NoSuchMethod(payment_method.to_owned())),
        })
    }
}

/// A bank that takes its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SlowBank {
    /// When it decides.
    pub decides_at: Timestamp,
    /// Whether it agrees.
    pub approves: bool,
}

/// A request to authorise, and what a new payment is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorise {
    /// What is asked for.
    pub request: AuthoriseRequest,
    /// The id of the charge's first payment; later ones are numbered.
    pub payment_id: String,
    /// The secret part of the client secret.
    pub secret: String,
    /// How a bank that takes its time decides.
    pub slow_bank: SlowBank,
    /// How long the request's idempotency key is kept.
    pub key_kept: Duration,
}

/// What the provider can be asked to do with a charge's payment, and what its buyer can do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Makes a payment, unless one was made under the same idempotency key.
    Authorise(Authorise),
    /// Takes the held amount.
    Capture {
        /// The payment.
        payment_id: String,
    },
    /// Gives up the hold, or the attempt to get one.
    Void {
        /// The payment.
        payment_id: String,
    },
    /// Gives captured money back.
    Refund(NewRefund),
    /// The money of a refund did not reach the buyer.
    FailRefund {
        /// The payment.
        payment_id: String,
        /// The refund's id at the provider.
        id: String,
    },
    /// The bank is satisfied that the buyer is who they say they are, or it is not.
    Authenticate {
        /// The payment.
        payment_id: String,
        /// Whether it is satisfied.
        succeed: bool,
    },
    /// A payment method is given to a payment that waits for one.
    Enter {
        /// The payment.
        payment_id: String,
        /// The payment method.
        payment_method: String,
        /// How a bank that takes its time decides.
        slow_bank: SlowBank,
    },
    /// The buyer pays at the provider's form in the browser, authentication included.
    Confirm {
        /// The payment.
        payment_id: String,
        /// The payment method that the buyer enters.
        payment_method: String,
        /// Whether the bank is satisfied.
        succeed: bool,
    },
}

/// Why the provider refuses. Nothing changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// No payment of the charge has this id.
    NoSuchPayment(String),
    /// It takes no such payment method.
    NoSuchMethod(String),
    /// The idempotency key was used for another request.
    KeyReused,
}

impl From<Refusal> for GatewayError {
    fn from(refusal: Refusal) -> Self {
        let (code, message) = match refusal {
            Refusal::NoSuchPayment(id) => {
                ("resource_missing", format!("No such payment_intent: '{id}'"))
            }
            Refusal::NoSuchMethod(id) => {
                ("resource_missing", format!("No such PaymentMethod: '{id}'"))
            }
            Refusal::KeyReused => (
                "idempotency_error",
                "The idempotency key belongs to a request with other parameters".to_owned(),
            ),
        };
        Self::Refused { code: code.to_owned(), message }
    }
}

impl Aggregate for SandboxPayment {
    type Id = ChargeId;
    type Command = Command;
    type Refusal = Refusal;

    fn id(&self) -> ChargeId {
        self.charge_id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        vec![(PAYMENT, Key::new().text(self.first_id()))]
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Refusal> {
        match command {
            Command::Authorise(authorise) => Self::authorise(current, authorise, now),
            Command::Capture { payment_id } => {
                Self::step(current, payment_id, |it| it.captured(now))
            }
            Command::Void { payment_id } => Self::step(current, payment_id, |it| it.voided(now)),
            Command::Refund(new) => Self::step(current, &new.payment_id, |it| {
                let (amount, method) = (it.amount, it.payment_method.as_deref());
                it.refunds(|refunds| refund::with(refunds, new, amount, method, now))
            }),
            Command::FailRefund { payment_id: payment, id } => {
                Self::step(current, payment, |it| it.refunds(|all| refund::failed(all, id, now)))
            }
            Command::Authenticate { payment_id, succeed } => {
                Self::step(current, payment_id, |it| it.authenticated(*succeed))
            }
            Command::Enter { payment_id, payment_method, slow_bank } => {
                let status = Status::with(payment_method, *slow_bank)?;
                let entered = Self::step(current, payment_id, |it| it.entered(&status))?;
                Ok(match entered {
                    Decision::Changed { mut state, event } => {
                        state.payment_method = Some(payment_method.clone());
                        Decision::Changed { state, event }
                    }
                    Decision::Unchanged => Decision::Unchanged,
                })
            }
            Command::Confirm { payment_id, payment_method, succeed } => {
                Self::step(current, payment_id, |it| it.confirmed(payment_method, *succeed))
            }
        }
    }
}

impl SandboxPayment {
    fn authorise(
        current: Option<&Self>,
        authorise: &Authorise,
        now: Timestamp,
    ) -> Result<Decision<Self>, Refusal> {
        let Authorise { request, payment_id, secret, slow_bank, key_kept } = authorise;
        let is_kept =
            |it: &&Self| now.since(it.created_at) < *key_kept && !mutant!("a new key for each try");
        if let Some(same_key) = current.filter(is_kept) {
            return if same_key.is_of(request) {
                Ok(Decision::Unchanged)
            } else {
                Err(Refusal::KeyReused)
            };
        }
        let status = match request.payment_method.as_deref() {
            None => Status::RequiresPaymentMethod { error: None },
            Some(method) => Status::with(method, *slow_bank)?,
        };
        let earlier = current.map(Self::all).unwrap_or_default();
        let id = match current {
            None => payment_id.clone(),
            Some(current) => {
                format!("{}_{}", current.first_id(), earlier.len().saturating_add(1))
            }
        };
        let is_for_the_buyer = matches!(
            status,
            Status::RequiresAction | Status::RequiresPaymentMethod { error: None }
        );
        Ok(Decision::silent(Self {
            client_secret: is_for_the_buyer.then(|| format!("{id}_secret_{secret}")),
            id,
            charge_id: request.charge_id,
            order_id: request.order_id,
            amount: request.amount,
            currency: request.currency,
            payment_method: request.payment_method.clone(),
            status,
            created_at: now,
            earlier,
        }))
    }

    /// Takes a step with one of the charge's payments; `next` is `None` where it stays as it is.
    fn step(
        current: Option<&Self>,
        payment_id: &str,
        next: impl Fn(&Self) -> Option<Status>,
    ) -> Result<Decision<Self>, Refusal> {
        let missing = || Refusal::NoSuchPayment(payment_id.to_owned());
        let current = current.ok_or_else(missing)?;
        let Some(status) = next(current.find(payment_id).ok_or_else(missing)?) else {
            return Ok(Decision::Unchanged);
        };
        let mut after = current.clone();
        match after.earlier.iter_mut().find(|it| it.id == payment_id) {
            Some(earlier) => earlier.status = status,
            None => after.status = status,
        }
        Ok(Decision::silent(after))
    }

    /// What a capture makes of it.
    fn captured(&self, now: Timestamp) -> Option<Status> {
        match self.status_at(now) {
            Status::RequiresCapture => Some(Status::Succeeded { refunds: Vec::new() }),
            _ => None,
        }
    }

    /// What a void makes of it. A bank that takes its time is not called off.
    fn voided(&self, now: Timestamp) -> Option<Status> {
        match self.status_at(now) {
            Status::RequiresPaymentMethod { .. }
            | Status::RequiresAction
            | Status::RequiresCapture => Some(Status::Canceled),
            Status::Processing(_) | Status::Succeeded { .. } | Status::Canceled => None,
        }
    }

    /// What its refunds become, where it has any.
    fn refunds(
        &self,
        next: impl FnOnce(&[SandboxRefund]) -> Option<Vec<SandboxRefund>>,
    ) -> Option<Status> {
        let Status::Succeeded { refunds } = &self.status else { return None };
        next(refunds).map(|refunds| Status::Succeeded { refunds })
    }

    /// What was captured and not given back at `now`, in minor units.
    #[must_use]
    pub fn kept(&self, now: Timestamp) -> u64 {
        match &self.status {
            Status::Succeeded { refunds } => refund::left(refunds, self.amount, now),
            _ => 0,
        }
    }

    /// What the bank's answer about its buyer makes of it.
    fn authenticated(&self, succeed: bool) -> Option<Status> {
        if self.status != Status::RequiresAction {
            return None;
        }
        let then = match self.payment_method.as_deref().and_then(outcome) {
            Some(Outcome::Authenticates(then)) => then,
            Some(Outcome::Succeeds | Outcome::Declined(_) | Outcome::TakesTime) | None => None,
        };
        Some(match (succeed, then) {
            (true, None) => Status::RequiresCapture,
            (true, Some(decline)) => Status::RequiresPaymentMethod { error: Some(decline) },
            (false, _) => {
                let error = Decline::of("payment_intent_authentication_failure", None);
                Status::RequiresPaymentMethod { error: Some(error) }
            }
        })
    }

    /// What a payment method makes of it.
    fn entered(&self, status: &Status) -> Option<Status> {
        matches!(self.status, Status::RequiresPaymentMethod { .. }).then(|| status.clone())
    }

    /// What its buyer makes of it at the provider's form. Another card can follow a declined one.
    fn confirmed(&self, payment_method: &str, succeed: bool) -> Option<Status> {
        let entered = Self {
            status: Status::RequiresAction,
            payment_method: Some(payment_method.to_owned()),
            ..self.clone()
        };
        match (&self.status, outcome(payment_method)) {
            (Status::RequiresAction, _) => self.authenticated(succeed),
            (Status::RequiresPaymentMethod { .. }, Some(Outcome::Declined(decline))) => {
                Some(Status::RequiresPaymentMethod { error: Some(decline) })
            }
            (Status::RequiresPaymentMethod { .. }, Some(_)) => entered.authenticated(succeed),
            _ => None,
        }
    }

    /// Its status at `now`: a bank that takes its time has decided, or not yet.
    #[must_use]
    pub fn status_at(&self, now: Timestamp) -> Status {
        match &self.status {
            Status::Processing(SlowBank { decides_at, approves }) if *decides_at <= now => {
                if *approves {
                    Status::RequiresCapture
                } else {
                    let decline = Decline::of("card_declined", Some("generic_decline"));
                    Status::RequiresPaymentMethod { error: Some(decline) }
                }
            }
            status => status.clone(),
        }
    }

    /// Whether it was made by this request.
    fn is_of(&self, request: &AuthoriseRequest) -> bool {
        let AuthoriseRequest { charge_id, order_id, amount, currency, payment_method } = request;
        (self.charge_id, self.order_id) == (*charge_id, *order_id)
            && (self.amount, self.currency) == (*amount, *currency)
            && self.payment_method == *payment_method
    }

    /// The charge's payments, oldest first.
    fn all(&self) -> Vec<Self> {
        let mut all = self.earlier.clone();
        all.push(Self { earlier: Vec::new(), ..self.clone() });
        all
    }

    fn first_id(&self) -> &str {
        self.earlier.first().map_or(&self.id, |first| &first.id)
    }

    /// The charge's payment with this id.
    #[must_use]
    pub fn find(&self, payment_id: &str) -> Option<&Self> {
        self.earlier.iter().chain([self]).find(|it| it.id == payment_id)
    }

    /// Its state at `now`, as the gateway answers it.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> PaymentState {
        match self.status_at(now) {
            Status::RequiresPaymentMethod { error: Some(decline) } => PaymentState::Declined {
                code: decline.code.into_owned(),
                decline_code: decline.decline_code.map(Into::into),
            },
            Status::RequiresPaymentMethod { error: None } | Status::RequiresAction => {
                let client_secret = self.client_secret.clone().unwrap_or_default();
                PaymentState::RequiresAction { client_secret }
            }
            Status::Processing(_) => PaymentState::Processing,
            Status::RequiresCapture => PaymentState::Authorised,
            Status::Succeeded { refunds } => PaymentState::Captured {
                refunds: refunds.iter().map(|it| it.to_refund(self.amount, now)).collect(),
            },
            Status::Canceled => PaymentState::Voided,
        }
    }

    /// The payment at `now`, as the gateway answers it.
    #[must_use]
    pub fn to_payment(&self, now: Timestamp) -> Payment {
        Payment {
            id: self.id.clone(),
            charge_id: self.charge_id,
            order_id: self.order_id,
            amount: self.amount,
            currency: self.currency,
            state: self.state(now),
        }
    }

    /// What the books say at `now` of the charge's payments.
    #[must_use]
    pub fn records(&self, now: Timestamp) -> Vec<PaymentRecord> {
        self.earlier.iter().chain([self]).map(|it| it.record(now)).collect()
    }

    fn record(&self, now: Timestamp) -> PaymentRecord {
        let amount = u64::from(self.amount.minor());
        let status = self.status_at(now);
        PaymentRecord {
            id: self.id.clone(),
            charge_id: self.charge_id,
            order_id: self.order_id,
            amount: self.amount,
            currency: self.currency,
            is_open: !matches!(status, Status::Succeeded { .. } | Status::Canceled),
            held: if status == Status::RequiresCapture { amount } else { 0 },
            kept: self.kept(now),
        }
    }
}

#[cfg(test)]
mod tests;
