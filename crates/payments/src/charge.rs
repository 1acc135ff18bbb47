//! The charge: its document, and the rules by which it changes.
//!
//! ```text
//!                     ┌──────────► Waiting ─┐
//!  Open ──► Asked ────┤                     ├──► Held ──► Completed ──► refunded
//!                     └─────────────────────┘
//!  any of these but Completed ──► Failed ──► (what the provider holds is voided or refunded)
//! ```
//! `Held` is saved before the order is asked to be secured. So whoever finds a charge in an earlier
//! stage knows that its order is not secured for it, however long some request was asleep.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    ChargeId, Currency, DomainEvent, OrderId, Price, Timestamp, UserId,
    api::{Charge as ApiCharge, ChargeStatus},
    event::ChargeState,
};
use stubmart_ports::{
    gateway::AuthoriseRequest,
    key::Key,
    mark, mutant,
    repo::Document,
    store::{Collection, Index},
};
use uuid::Uuid;

/// The charges.
pub static CHARGES: Collection = Collection {
    name: "payments.charge",
    indexes: &[
        Index { name: ATTEMPT, unique: true },
        Index { name: BUYER, unique: false },
        Index { name: DUE, unique: false },
        Index { name: ORDER, unique: false },
    ],
};

/// By order and number of the attempt. An attempt gives its number back when it is not to be counted;
/// the next number is used only when the one before was counted. So an order has at most one charge
/// that is open, and no more tries than it is allowed.
pub const ATTEMPT: &str = "attempt";

/// By buyer, oldest first.
pub const BUYER: &str = "buyer";

/// By when the charge is to be looked at next. Charges at rest are not in it.
pub const DUE: &str = "due";

/// By order and buyer, oldest first.
pub const ORDER: &str = "order";

/// How long whoever asks the provider is left alone before the reconciler takes over. Longer than a
/// request may take.
const TAKEOVER: Duration = Duration::from_secs(30);

/// How long the reconciler waits after its first look; twice as long after each further one.
const LOOK_MIN: Duration = Duration::from_secs(1);

/// How long it waits at the most.
const LOOK_MAX: Duration = Duration::from_secs(300);

/// One attempt to pay for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    /// The charge's id.
    pub id: ChargeId,
    /// The order it pays for.
    pub order_id: OrderId,
    /// The buyer.
    pub user_id: UserId,
    /// 1 for the order's first attempt that counts, and so on.
    pub attempt: u32,
    /// The order's price.
    pub amount: Price,
    /// Its currency.
    pub currency: Currency,
    /// The payment method's id at the provider, while the charge is open. `None` is also a payment
    /// that the buyer's browser confirms.
    pub payment_method: Option<String>,
    /// Where it stands.
    pub stage: Stage,
    /// The provider's id of the payment, once it is known.
    pub stripe_id: Option<String>,
    /// The provider's id of the refund, when the money was given back.
    pub stripe_refund_id: Option<String>,
    /// When to look at it next; `None` when it is at rest.
    pub due_at: Option<Timestamp>,
    /// How often it was looked at.
    pub looks: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Where a charge stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The provider is asked to authorise it, or will be; no answer is known.
    Asked,
    /// The buyer has to act: authenticate with the bank, or pay in the browser.
    Waiting,
    /// The provider holds the money. The order may be secured for it, and the money captured.
    Held,
    /// It ended and took nothing that is not, or will not be, given back.
    Failed(Failure),
    /// The money was captured. It may have been given back since.
    Completed,
}

/// Why a charge failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// What kind of failure it is.
    pub reason: Reason,
    /// The provider's error code, or ours.
    pub code: String,
    /// The bank's reason, where it tells.
    pub decline_code: Option<String>,
    /// What the provider said, fit for the buyer.
    pub message: Option<String>,
    /// Whether the order ends with it.
    pub ends_order: bool,
}

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The card was declined.
    Declined,
    /// The provider does not take the request as it stands: a payment method it does not know.
    Refused,
    /// The provider could not be reached, and nothing happened.
    Unavailable,
    /// The buyer took another payment method before this one was held.
    Replaced,
    /// The hold was lost after it was granted: it was voided, or the capture was refused.
    Lost,
    /// The order's time ran out before the money was held.
    OrderExpired,
    /// The order was cancelled before the money was held.
    OrderCancelled,
    /// The order is paid for by another charge.
    OrderCompleted,
    /// The order is secured for another charge.
    OrderSecured,
    /// There is no such order.
    OrderMissing,
}

impl Reason {
    /// Whether the order itself refused the charge, so that it is not secured for it.
    #[must_use]
    pub const fn is_of_the_order(self) -> bool {
        match self {
            Self::OrderExpired
            | Self::OrderCancelled
            | Self::OrderCompleted
            | Self::OrderSecured
            | Self::OrderMissing => true,
            Self::Declined | Self::Refused | Self::Unavailable | Self::Replaced | Self::Lost => {
                false
            }
        }
    }

    /// The failure code, where the provider gives none.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Declined => "card_declined",
            Self::Refused => "invalid_request",
            Self::Unavailable => "provider_unavailable",
            Self::Replaced => "replaced",
            Self::Lost => "authorisation_lost",
            Self::OrderExpired => "order_expired",
            Self::OrderCancelled => "order_cancelled",
            Self::OrderCompleted => "order_completed",
            Self::OrderSecured => "payment_in_progress",
            Self::OrderMissing => "order_not_found",
        }
    }
}

impl Failure {
    /// A failure with our own code, after which the order goes on, unless the rules say otherwise.
    #[must_use]
    pub fn of(reason: Reason) -> Self {
        Self {
            reason,
            code: reason.code().to_owned(),
            decline_code: None,
            message: None,
            ends_order: false,
        }
    }

    /// The same failure with the provider's code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = code.into();
        self
    }

    /// Whether the attempt counts, so that its number is used up.
    #[must_use]
    pub fn is_counted(&self) -> bool {
        self.ends_order || self.reason == Reason::Declined
    }
}

impl Charge {
    /// Whether its outcome is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Asked | Stage::Waiting | Stage::Held)
    }

    /// Why it failed, if it did.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        match &self.stage {
            Stage::Failed(failure) => Some(failure),
            Stage::Asked | Stage::Waiting | Stage::Held | Stage::Completed => None,
        }
    }

    /// Whether its order ends with it: the money was taken and kept, or no further try is allowed.
    #[must_use]
    pub fn ends_order(&self) -> bool {
        match &self.stage {
            Stage::Completed => self.stripe_refund_id.is_none(),
            Stage::Failed(failure) => failure.ends_order,
            Stage::Asked | Stage::Waiting | Stage::Held => false,
        }
    }

    /// Its status, as the world sees it.
    #[must_use]
    pub const fn status(&self) -> ChargeStatus {
        match self.stage {
            Stage::Asked | Stage::Waiting | Stage::Held => ChargeStatus::Created,
            Stage::Failed(_) => ChargeStatus::Failed,
            Stage::Completed => ChargeStatus::Completed,
        }
    }

    /// What the provider is asked, the same at every retry.
    #[must_use]
    pub fn request(&self) -> AuthoriseRequest {
        AuthoriseRequest {
            charge_id: self.id,
            order_id: self.order_id,
            amount: self.amount,
            currency: self.currency,
            payment_method: self.payment_method.clone(),
        }
    }

    /// The charge, as its buyer sees it.
    #[must_use]
    pub fn to_api(&self) -> ApiCharge {
        ApiCharge {
            id: self.id,
            order_id: self.order_id,
            status: self.status(),
            amount: self.amount,
            currency: self.currency,
            stripe_id: self.stripe_id.clone(),
            stripe_refund_id: self.stripe_refund_id.clone(),
            failure_code: self.failure().map(|failure| failure.code.clone()),
            created_at: self.created_at,
            updated_at: self.updated_at,
            next_action: None,
        }
    }

    /// The charge, as its events carry it.
    #[must_use]
    pub fn to_event(&self) -> ChargeState {
        ChargeState {
            id: self.id,
            order_id: self.order_id,
            user_id: self.user_id,
            status: self.status(),
            amount: self.amount,
            currency: self.currency,
            stripe_id: self.stripe_id.clone(),
            stripe_refund_id: self.stripe_refund_id.clone(),
            failure_code: self.failure().map(|failure| failure.code.clone()),
            ends_order: self.failure().is_some_and(|failure| failure.ends_order),
        }
    }
}

impl Document for Charge {
    const COLLECTION: &'static Collection = &CHARGES;

    fn id(&self) -> Uuid {
        self.id.0
    }

    fn entries(&self) -> Vec<(&'static str, Key)> {
        let (order, buyer) = (Key::new().id(self.order_id.0), Key::new().id(self.user_id.0));
        let mut entries = vec![
            (BUYER, buyer.time(self.created_at)),
            (ORDER, order.clone().id(self.user_id.0).time(self.created_at)),
        ];
        if self.failure().is_none_or(Failure::is_counted) {
            entries.push((ATTEMPT, order.number(self.attempt)));
        }
        if let Some(due_at) = self.due_at {
            entries.push((DUE, Key::new().time(due_at)));
        }
        entries
    }
}

/// What a new charge is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// The charge's id.
    pub id: ChargeId,
    /// The order it pays for.
    pub order_id: OrderId,
    /// The buyer.
    pub user_id: UserId,
    /// Which attempt it is.
    pub attempt: u32,
    /// The order's price.
    pub amount: Price,
    /// Its currency.
    pub currency: Currency,
    /// The payment method's id at the provider.
    pub payment_method: Option<String>,
}

/// What can happen to a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The buyer wants to pay. A charge that failed because the provider could not be reached is
    /// opened again: the same request with the same idempotency key means the same charge.
    Open(Open),
    /// The provider waits for the buyer.
    Wait {
        /// The intent.
        intent_id: String,
    },
    /// The provider holds the money.
    Hold {
        /// The intent.
        intent_id: String,
    },
    /// The money was captured.
    Complete,
    /// It can not be paid for any more.
    Fail {
        /// Why.
        failure: Failure,
        /// The intent, if one is known.
        intent_id: Option<String>,
    },
    /// The money was given back.
    Refund {
        /// The intent.
        intent_id: String,
        /// The refund.
        refund_id: String,
    },
    /// Somebody looks at it now: if they are killed, somebody else does, later.
    Look,
    /// Somebody should look at it by then.
    LookBy {
        /// When.
        at: Timestamp,
    },
    /// The provider holds nothing of it that must be given back.
    Rest {
        /// The intent, if there is one.
        intent_id: Option<String>,
    },
}

/// What becomes of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The charge after the change.
    pub charge: Charge,
    /// What to publish.
    pub event: Option<DomainEvent>,
}

/// What a command leads to: nothing when it has happened already, or means nothing here.
pub type Verdict = Result<Option<Change>, Refusal>;

/// Why a command was refused. Nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such charge.
    #[error("no such charge")]
    Missing,
    /// It failed already: what the provider holds has to be given back.
    #[error("the charge has failed")]
    Failed,
    /// It is not in a stage in which this may happen.
    #[error("the charge is in progress")]
    InProgress,
}

/// What `command` makes of a charge.
///
/// # Errors
/// [`Refusal`].
pub fn decide(current: Option<&Charge>, command: &Command, now: Timestamp) -> Verdict {
    if let Command::Open(open) = command {
        return opened(current, open, now);
    }
    let current = current.ok_or(Refusal::Missing)?;
    match command {
        Command::Open(open) => opened(Some(current), open, now),
        Command::Wait { intent_id } => wait(current, intent_id, now),
        Command::Hold { intent_id } => hold(current, intent_id, now),
        Command::Complete => complete(current, now),
        Command::Fail { failure, intent_id } => fail(current, failure, intent_id.as_deref(), now),
        Command::Refund { intent_id, refund_id } => refund(current, intent_id, refund_id, now),
        Command::Look => look(current, now),
        Command::LookBy { at } => look_by(current, *at),
        Command::Rest { intent_id } => rest(current, intent_id.as_deref()),
    }
}

fn changed(charge: Charge, event: Option<fn(ChargeState) -> DomainEvent>) -> Verdict {
    let event = event.map(|event| event(charge.to_event()));
    Ok(Some(Change { charge, event }))
}

fn opened(current: Option<&Charge>, open: &Open, now: Timestamp) -> Verdict {
    let again = match current.map(|charge| &charge.stage) {
        None => None,
        Some(Stage::Failed(Failure { reason: Reason::Unavailable, .. })) => {
            mark!("a payment was tried again after the provider was down");
            current
        }
        Some(_) => return Ok(None),
    };
    let charge = Charge {
        id: open.id,
        order_id: open.order_id,
        user_id: open.user_id,
        attempt: open.attempt,
        amount: open.amount,
        currency: open.currency,
        payment_method: open.payment_method.clone(),
        stage: Stage::Asked,
        stripe_id: None,
        stripe_refund_id: None,
        due_at: Some(now.after(TAKEOVER)),
        looks: again.map_or(0, |charge| charge.looks),
        created_at: again.map_or(now, |charge| charge.created_at),
        updated_at: now,
    };
    changed(charge, Some(DomainEvent::ChargeCreated))
}

fn wait(current: &Charge, intent_id: &str, now: Timestamp) -> Verdict {
    match current.stage {
        Stage::Asked => {
            let mut charge = current.clone();
            charge.stage = Stage::Waiting;
            charge.stripe_id = Some(intent_id.to_owned());
            charge.updated_at = now;
            changed(charge, None)
        }
        Stage::Waiting | Stage::Held | Stage::Completed => Ok(None),
        Stage::Failed(_) => Err(Refusal::Failed),
    }
}

fn hold(current: &Charge, intent_id: &str, now: Timestamp) -> Verdict {
    match current.stage {
        Stage::Asked | Stage::Waiting => {
            let mut charge = current.clone();
            charge.stage = Stage::Held;
            charge.stripe_id = Some(intent_id.to_owned());
            charge.due_at = Some(now.after(TAKEOVER));
            charge.updated_at = now;
            changed(charge, None)
        }
        Stage::Held | Stage::Completed => Ok(None),
        Stage::Failed(_) => Err(Refusal::Failed),
    }
}

fn complete(current: &Charge, now: Timestamp) -> Verdict {
    match current.stage {
        Stage::Held => {
            let mut charge = current.clone();
            charge.stage = Stage::Completed;
            charge.payment_method = None;
            charge.due_at = None;
            charge.updated_at = now;
            changed(charge, Some(DomainEvent::ChargeCompleted))
        }
        Stage::Completed => Ok(None),
        Stage::Asked | Stage::Waiting => Err(Refusal::InProgress),
        Stage::Failed(_) => Err(Refusal::Failed),
    }
}

fn fail(current: &Charge, failure: &Failure, intent_id: Option<&str>, now: Timestamp) -> Verdict {
    let may_be_secured = match current.stage {
        Stage::Asked | Stage::Waiting => false,
        Stage::Held => true,
        Stage::Failed(_) | Stage::Completed => return Ok(None),
    };
    let in_place = match failure.reason {
        Reason::Refused | Reason::Unavailable => current.stage == Stage::Asked,
        Reason::Replaced => current.stage == Stage::Waiting,
        _ => true,
    };
    if !in_place {
        return Err(Refusal::InProgress);
    }
    let nothing_happened = matches!(failure.reason, Reason::Refused | Reason::Unavailable);
    let mut failure = failure.clone();
    // An order that may be secured for this charge can end in no other way than with it.
    failure.ends_order |= may_be_secured && !failure.reason.is_of_the_order();
    if mutant!("a failure that does not end its order") {
        failure.ends_order = false;
    }
    let mut charge = current.clone();
    charge.stage = Stage::Failed(failure);
    charge.stripe_id = charge.stripe_id.or_else(|| intent_id.map(ToOwned::to_owned));
    charge.payment_method = None;
    charge.due_at = (!nothing_happened).then_some(now);
    charge.updated_at = now;
    changed(charge, Some(DomainEvent::ChargeFailed))
}

fn refund(current: &Charge, intent_id: &str, refund_id: &str, now: Timestamp) -> Verdict {
    if current.is_open() {
        return Err(Refusal::InProgress);
    }
    if current.stripe_refund_id.is_some() && !mutant!("tell a refund twice") {
        return rest(current, Some(intent_id));
    }
    let mut charge = current.clone();
    charge.stripe_id = charge.stripe_id.or_else(|| Some(intent_id.to_owned()));
    charge.stripe_refund_id = Some(refund_id.to_owned());
    charge.due_at = None;
    charge.updated_at = now;
    changed(charge, Some(DomainEvent::ChargeRefunded))
}

fn look(current: &Charge, now: Timestamp) -> Verdict {
    let mut charge = current.clone();
    let wait = LOOK_MIN.saturating_mul(1 << charge.looks.min(16)).min(LOOK_MAX);
    charge.due_at = Some(now.after(wait));
    charge.looks = charge.looks.saturating_add(1);
    changed(charge, None)
}

fn look_by(current: &Charge, at: Timestamp) -> Verdict {
    let is_settled = match current.stage {
        Stage::Failed(_) => current.due_at.is_none(),
        Stage::Completed => current.stripe_refund_id.is_some(),
        Stage::Asked | Stage::Waiting | Stage::Held => false,
    };
    if is_settled || current.due_at.is_some_and(|due_at| due_at <= at) {
        return Ok(None);
    }
    let mut charge = current.clone();
    charge.due_at = Some(at);
    changed(charge, None)
}

fn rest(current: &Charge, intent_id: Option<&str>) -> Verdict {
    if current.is_open() {
        return Err(Refusal::InProgress);
    }
    if current.due_at.is_none() {
        return Ok(None);
    }
    let mut charge = current.clone();
    charge.stripe_id = charge.stripe_id.or_else(|| intent_id.map(ToOwned::to_owned));
    charge.due_at = None;
    changed(charge, None)
}

#[cfg(test)]
mod tests;
