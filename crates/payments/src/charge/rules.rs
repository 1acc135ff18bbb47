//! The rules by which a charge changes.
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

use stubmart_contract::{
    ChargeId, Currency, DomainEvent, OrderId, Price, Timestamp, UserId, event::ChargeState,
};
use stubmart_kernel::{mark, mutant};

use super::{Charge, Failure, Reason, Stage};

/// How long whoever asks the provider is left alone before the reconciler takes over. Longer than a
/// request may take.
const TAKEOVER: Duration = Duration::from_secs(30);

/// How long the reconciler waits after its first look at a stage; twice as long after each further one.
const LOOK_MIN: Duration = Duration::from_secs(1);

/// How long it waits at the most while the buyer is at the bank's page, or pays in the browser: the
/// hold of the order runs on after the buyer is done.
const LOOK_WAITING_MAX: Duration = Duration::from_secs(10);

/// How long it waits at the most for an answer that a buyer waits for.
const LOOK_OPEN_MAX: Duration = Duration::from_secs(30);

/// How long it waits at the most where only clearing up is left.
const LOOK_MAX: Duration = Duration::from_secs(300);

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
        payment_id: String,
    },
    /// The provider holds the money.
    Hold {
        /// The intent.
        payment_id: String,
    },
    /// The money was captured.
    Complete,
    /// It can not be paid for any more.
    Fail {
        /// Why.
        failure: Failure,
        /// The intent, if one is known.
        payment_id: Option<String>,
    },
    /// The money was given back.
    Refund {
        /// The intent.
        payment_id: String,
        /// The refund.
        refund_id: String,
    },
    /// Somebody looks at it now: if they are killed, somebody else does, later.
    Look,
    /// The same, unless somebody else looks at it already.
    LookIfDue,
    /// Somebody should look at it by then.
    LookBy {
        /// When.
        at: Timestamp,
    },
    /// The provider holds nothing of it that must be given back.
    Rest {
        /// The intent, if there is one.
        payment_id: Option<String>,
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
        Command::Wait { payment_id } => wait(current, payment_id, now),
        Command::Hold { payment_id } => hold(current, payment_id, now),
        Command::Complete => complete(current, now),
        Command::Fail { failure, payment_id } => fail(current, failure, payment_id.as_deref(), now),
        Command::Refund { payment_id, refund_id } => refund(current, payment_id, refund_id, now),
        Command::Look => look(current, now),
        Command::LookIfDue => match current.due_at {
            Some(due_at) if due_at <= now => look(current, now),
            Some(_) | None => Err(Refusal::InProgress),
        },
        Command::LookBy { at } => look_by(current, *at),
        Command::Rest { payment_id } => rest(current, payment_id.as_deref()),
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
        Some(Stage::Failed(Failure { reason: Reason::Declined, .. }))
            if mutant!("the same key after a decline") =>
        {
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

fn wait(current: &Charge, payment_id: &str, now: Timestamp) -> Verdict {
    match current.stage {
        Stage::Asked => {
            let mut charge = current.clone();
            charge.stage = Stage::Waiting;
            charge.looks = 0;
            charge.stripe_id = Some(payment_id.to_owned());
            charge.updated_at = now;
            changed(charge, None)
        }
        Stage::Waiting | Stage::Held | Stage::Completed => Ok(None),
        Stage::Failed(_) => Err(Refusal::Failed),
    }
}

fn hold(current: &Charge, payment_id: &str, now: Timestamp) -> Verdict {
    match current.stage {
        Stage::Asked | Stage::Waiting => {
            let mut charge = current.clone();
            charge.stage = Stage::Held;
            charge.stripe_id = Some(payment_id.to_owned());
            charge.looks = 0;
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
            charge.looks = 0;
            charge.updated_at = now;
            changed(charge, Some(DomainEvent::ChargeCompleted))
        }
        Stage::Completed => Ok(None),
        Stage::Asked | Stage::Waiting => Err(Refusal::InProgress),
        Stage::Failed(_) => Err(Refusal::Failed),
    }
}

fn fail(current: &Charge, failure: &Failure, payment_id: Option<&str>, now: Timestamp) -> Verdict {
    let may_be_secured = match current.stage {
        Stage::Asked | Stage::Waiting => false,
        Stage::Held => true,
        Stage::Failed(_) | Stage::Completed => return Ok(None),
    };
    // Whoever asks the provider again has looked at the charge before. So where nobody has, the first
    // question is the only one, and an answer that nothing happened is the whole truth.
    let asked_once = current.stage == Stage::Asked && current.looks == 0;
    let in_place = match failure.reason {
        Reason::Unavailable => asked_once,
        Reason::Refused => current.stage == Stage::Asked,
        Reason::Replaced => current.stage == Stage::Waiting,
        // A decline that was asked for before the money was held; one at the capture is `Lost`.
        Reason::Declined => current.stage != Stage::Held,
        _ => true,
    };
    if !in_place {
        return Err(Refusal::InProgress);
    }
    let nothing_happened =
        asked_once && matches!(failure.reason, Reason::Refused | Reason::Unavailable);
    let mut failure = failure.clone();
    // An order that may be secured for this charge can end in no other way than with it.
    failure.ends_order |= may_be_secured && !failure.reason.is_of_the_order();
    if mutant!("a failure that does not end its order") {
        failure.ends_order = false;
    }
    let mut charge = current.clone();
    charge.stage = Stage::Failed(failure);
    charge.stripe_id = charge.stripe_id.or_else(|| payment_id.map(ToOwned::to_owned));
    charge.payment_method = None;
    charge.due_at = (!nothing_happened).then_some(now);
    charge.looks = 0;
    charge.updated_at = now;
    changed(charge, Some(DomainEvent::ChargeFailed))
}

fn refund(current: &Charge, payment_id: &str, refund_id: &str, now: Timestamp) -> Verdict {
    if current.is_open() {
        return Err(Refusal::InProgress);
    }
    if current.stripe_refund_id.is_some() && !mutant!("tell a refund twice") {
        return rest(current, Some(payment_id));
    }
    let mut charge = current.clone();
    charge.stripe_id = charge.stripe_id.or_else(|| Some(payment_id.to_owned()));
    charge.stripe_refund_id = Some(refund_id.to_owned());
    charge.due_at = None;
    charge.updated_at = now;
    changed(charge, Some(DomainEvent::ChargeRefunded))
}

fn look(current: &Charge, now: Timestamp) -> Verdict {
    let mut charge = current.clone();
    let longest = match charge.stage {
        Stage::Waiting => LOOK_WAITING_MAX,
        Stage::Asked | Stage::Held => LOOK_OPEN_MAX,
        Stage::Failed(_) | Stage::Completed => LOOK_MAX,
    };
    let wait = LOOK_MIN.saturating_mul(1 << charge.looks.min(16)).min(longest);
    charge.due_at = Some(now.after(wait));
    charge.looks = charge.looks.saturating_add(1);
    changed(charge, None)
}

fn look_by(current: &Charge, at: Timestamp) -> Verdict {
    if current.is_settled() || current.due_at.is_some_and(|due_at| due_at <= at) {
        return Ok(None);
    }
    let mut charge = current.clone();
    charge.due_at = Some(at);
    changed(charge, None)
}

fn rest(current: &Charge, payment_id: Option<&str>) -> Verdict {
    if current.is_open() {
        return Err(Refusal::InProgress);
    }
    if current.due_at.is_none() {
        return Ok(None);
    }
    let mut charge = current.clone();
    charge.stripe_id = charge.stripe_id.or_else(|| payment_id.map(ToOwned::to_owned));
    charge.due_at = None;
    changed(charge, None)
}

#[cfg(test)]
mod tests;
