//! The rules by which a charge changes.
//!
//! ```text
//!                        ┌─▶ requires action ─▶ authorised ─┐
//!  open ──▶ requested ───┴──────────────────────────────────┴──▶ completed ──▶ completed, and refunded
//!
//!  any of these but completed ──▶ failed ──▶ (what the provider holds is voided or refunded)
//! ```
//! A charge that needs nothing from its buyer is saved twice: before the provider is asked, and when the
//! money is captured. In between the order's own document decides. Where the buyer has to act, they may
//! take another card at the same moment, so there the charge is saved as authorised before the order is
//! secured, and is not replaced any more.
//!
//! A refund is saved before the provider is asked for it, and again when the provider has it. It may fail
//! after it succeeded: then its money is there again.
//!
//! The reconciler works on a failed charge until the provider holds no money for it and its order can no
//! longer be secured for it. So a request that wakes up late and goes on with an old decision leaves
//! nothing behind.

use std::time::Duration;

use stubmart_contract::{
    ChargeId, Currency, DomainEvent, OrderId, Price, RefundId, Timestamp, UserId,
};
use stubmart_kernel::{
    aggregate::{Aggregate, Decision, Key},
    mark, mutant,
};

use super::{
    document::{Charge, Stage},
    failure::{Failure, FailureReason},
    refund::{Cause, REFUNDS_MAX, Refund, RefundStage, SaidOfRefund, TRIES_MAX},
};

/// How long a request that asks the provider is left alone before the reconciler takes over. Longer
/// than a request may take.
const TAKEOVER: Duration = Duration::from_secs(30);

/// How long the first claim in a stage lasts; each further one lasts twice as long.
const CLAIM_MIN: Duration = Duration::from_secs(1);

/// How long a claim lasts at the most while the buyer is at the bank's page, or pays in the browser: the
/// hold of the order runs on after the buyer is done.
const CLAIM_ACTION_MAX: Duration = Duration::from_secs(10);

/// How long a claim lasts at the most where a buyer waits for an answer.
const CLAIM_OPEN_MAX: Duration = Duration::from_secs(30);

/// How long a claim lasts at the most where only clearing up is left.
const CLAIM_MAX: Duration = Duration::from_secs(300);

/// What a new charge is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCharge {
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

/// A change of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The buyer wants to pay. A charge that failed because the provider could not be reached is
    /// opened again: the same request with the same idempotency key means the same charge.
    Open(NewCharge),
    /// The provider waits for the buyer.
    RequireAction {
        /// The payment.
        payment_id: String,
    },
    /// The buyer has acted, and the provider holds the money.
    Authorise {
        /// The payment.
        payment_id: String,
    },
    /// The order was secured and the money captured.
    Complete {
        /// The payment.
        payment_id: String,
    },
    /// It cannot be paid for any more.
    Fail {
        /// Why.
        failure: Failure,
        /// The payment, if one is known.
        payment_id: Option<String>,
    },
    /// Money is given back: by an operator, of a sale; or of an order that has ended, all that is left. The
    /// provider is asked next.
    RequestRefund {
        /// How much; `None` for all that is left.
        amount: Option<Price>,
        /// Why.
        cause: Cause,
    },
    /// What the provider says of one refund.
    NoteRefund {
        /// The payment.
        payment_id: String,
        /// What it says.
        said: SaidOfRefund,
    },
    /// The provider refuses a refund, or has not so much left. It gave nothing back.
    FailRefund {
        /// The refund.
        refund_id: RefundId,
    },
    /// The caller works on it now. If the caller is killed, the reconciler takes over when the claim ends.
    Claim,
    /// The same, unless another claim has not ended yet.
    ClaimIfDue,
    /// The reconciler works on it at this time at the latest.
    ScheduleBy {
        /// When.
        at: Timestamp,
    },
    /// The reconciler works on a failed charge again at this time, and not before.
    Postpone {
        /// When.
        until: Timestamp,
    },
    /// Nothing is left to do for it, unless a refund is not decided yet.
    Rest {
        /// The payment, if there is one.
        payment_id: Option<String>,
    },
}

/// Why a command was refused. Nothing changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// There is no such charge.
    #[error("no such charge")]
    Missing,
    /// It failed already: what the provider holds has to be given back.
    #[error("the charge has failed")]
    Failed,
    /// All of its money was given back already, or is about to be.
    #[error("the money was given back already")]
    GivenBack,
    /// Not so much is left of it.
    #[error("only {left} is left to be given back")]
    TooMuch {
        /// What is left, in minor units.
        left: u64,
    },
    /// The key names a refund of another amount.
    #[error("the key names a refund of another amount")]
    KeyReused,
    /// It has as many refunds as it takes.
    #[error("a charge takes {REFUNDS_MAX} refunds")]
    TooManyRefunds,
    /// It is not in a stage in which this may happen.
    #[error("the charge is in progress")]
    InProgress,
    /// Another claim has not ended yet, or nothing is left to do for it.
    #[error("the charge is not due")]
    NotDue,
}

type Decided = Result<Decision<Charge>, Refusal>;

impl Aggregate for Charge {
    type Id = ChargeId;
    type Command = Command;
    type Refusal = Refusal;

    fn id(&self) -> ChargeId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        self.keys()
    }

    fn decide(current: Option<&Self>, command: &Command, now: Timestamp) -> Decided {
        if let Command::Open(new) = command {
            return Ok(open(current, new, now));
        }
        let current = current.ok_or(Refusal::Missing)?;
        match command {
            Command::Open(_) => Ok(Decision::Unchanged),
            Command::RequireAction { payment_id } => require_action(current, payment_id, now),
            Command::Authorise { payment_id } => authorise(current, payment_id, now),
            Command::Complete { payment_id } => complete(current, payment_id, now),
            Command::Fail { failure, payment_id } => {
                fail(current, failure, payment_id.as_ref(), now)
            }
            Command::RequestRefund { amount, cause } => {
                request_refund(current, *amount, cause, now)
            }
            Command::NoteRefund { payment_id, said } => note_refund(current, payment_id, said, now),
            Command::FailRefund { refund_id } => fail_refund(current, *refund_id, now),
            Command::Claim => Ok(claim(current, now)),
            Command::ClaimIfDue => match current.due_at {
                Some(due_at) if due_at <= now => Ok(claim(current, now)),
                Some(_) | None => Err(Refusal::NotDue),
            },
            Command::ScheduleBy { at } => Ok(schedule_by(current, *at)),
            Command::Postpone { until } => Ok(postpone(current, *until)),
            Command::Rest { payment_id } => rest(current, payment_id.as_ref()),
        }
    }
}

fn open(current: Option<&Charge>, new: &NewCharge, now: Timestamp) -> Decision<Charge> {
    if let Some(current) = current {
        match current.failure().map(|failure| failure.reason) {
            Some(FailureReason::ProviderUnavailable) => {
                mark!("a payment was tried again after the provider was down");
            }
            Some(FailureReason::Declined) if mutant!("the same key after a decline") => {}
            Some(_) | None => return Decision::Unchanged,
        }
    }
    let charge = Charge {
        id: new.id,
        order_id: new.order_id,
        user_id: new.user_id,
        attempt: new.attempt,
        amount: new.amount,
        currency: new.currency,
        payment_method: new.payment_method.clone(),
        stage: Stage::Requested,
        payment_id: None,
        refunds: Vec::new(),
        due_at: Some(now.after(TAKEOVER)),
        claims: current.map_or(0, |charge| charge.claims),
        created_at: current.map_or(now, |charge| charge.created_at),
        updated_at: now,
    };
    charge.changed(DomainEvent::ChargeCreated)
}

/// The charge in its next stage, in which nobody has claimed it yet.
fn enter(current: &Charge, stage: Stage, payment_id: Option<&String>, now: Timestamp) -> Charge {
    Charge {
        stage,
        payment_id: current.payment_id.as_ref().or(payment_id).cloned(),
        claims: 0,
        updated_at: now,
        ..current.clone()
    }
}

fn require_action(current: &Charge, payment_id: &String, now: Timestamp) -> Decided {
    match current.stage {
        Stage::Requested => {
            let charge = enter(current, Stage::RequiresAction, Some(payment_id), now);
            Ok(Decision::silent(charge))
        }
        Stage::RequiresAction | Stage::Authorised | Stage::Completed => Ok(Decision::Unchanged),
        Stage::Failed(_) => Err(Refusal::Failed),
    }
}

fn authorise(current: &Charge, payment_id: &String, now: Timestamp) -> Decided {
    match current.stage {
        Stage::Requested | Stage::RequiresAction => {
            let charge = enter(current, Stage::Authorised, Some(payment_id), now);
            Ok(Decision::silent(charge))
        }
        Stage::Authorised | Stage::Completed => Ok(Decision::Unchanged),
        Stage::Failed(_) => Err(Refusal::Failed),
    }
}

fn complete(current: &Charge, payment_id: &String, now: Timestamp) -> Decided {
    match current.stage {
        Stage::Requested | Stage::RequiresAction | Stage::Authorised => {
            let charge = enter(current, Stage::Completed, Some(payment_id), now);
            let charge = Charge { payment_method: None, due_at: None, ..charge };
            Ok(charge.changed(DomainEvent::ChargeCompleted))
        }
        Stage::Completed => Ok(Decision::Unchanged),
        Stage::Failed(_) => Err(Refusal::Failed),
    }
}

fn fail(
    current: &Charge,
    failure: &Failure,
    payment_id: Option<&String>,
    now: Timestamp,
) -> Decided {
    if !current.is_open() {
        return Ok(Decision::Unchanged);
    }
    // Each further request to the provider is made under a claim. So where there was none, the first
    // request is the only one, and an answer that nothing happened is the whole truth.
    let asked_once = current.stage == Stage::Requested && current.claims == 0;
    let may_fail = match failure.reason {
        FailureReason::ProviderUnavailable => asked_once,
        FailureReason::InvalidRequest => current.stage == Stage::Requested,
        FailureReason::Replaced => current.stage == Stage::RequiresAction,
        // An answer from before the money was held. The capture of a held amount is not declined, but
        // its authorisation lost.
        FailureReason::Declined => current.stage != Stage::Authorised,
        _ => true,
    };
    if !may_fail {
        return Err(Refusal::InProgress);
    }
    let nothing_happened = asked_once
        && matches!(
            failure.reason,
            FailureReason::InvalidRequest | FailureReason::ProviderUnavailable
        );
    let mut failure = failure.clone();
    // The order may be secured for this charge, and then it can end in no other way than with it.
    failure.ends_order |= current.stage == Stage::Authorised && !failure.reason.is_of_the_order();
    if mutant!("a failure that does not end its order") {
        failure.ends_order = false;
    }
    let charge = Charge {
        payment_method: None,
        due_at: (!nothing_happened).then_some(now),
        ..enter(current, Stage::Failed(failure), payment_id, now)
    };
    Ok(charge.changed(DomainEvent::ChargeFailed))
}

fn request_refund(
    current: &Charge,
    amount: Option<Price>,
    cause: &Cause,
    now: Timestamp,
) -> Decided {
    let is_operators = matches!(cause, Cause::Operator { .. });
    if current.is_open() || (is_operators && current.stage != Stage::Completed) {
        return Err(Refusal::InProgress);
    }
    if let Some(same) = current.refunds.iter().find(|it| is_same_request(&it.cause, cause)) {
        let agrees = amount.is_none_or(|amount| amount == same.amount);
        return if agrees { Ok(Decision::Unchanged) } else { Err(Refusal::KeyReused) };
    }
    let left = current.left();
    if left == 0 {
        return Err(Refusal::GivenBack);
    }
    let all = i64::try_from(left).ok().and_then(|left| Price::try_from(left).ok());
    let amount = amount.or(all).filter(|amount| u64::from(amount.minor()) <= left);
    let Some(amount) = amount else { return Err(Refusal::TooMuch { left }) };
    let tries = current.refunds.iter().filter(|it| it.cause == Cause::OrderEnded).count();
    if current.refunds.len() >= REFUNDS_MAX || (!is_operators && tries >= TRIES_MAX) {
        return Err(Refusal::TooManyRefunds);
    }
    let (cause, stage) = (cause.clone(), RefundStage::Requested);
    let mut charge = with_refund(current, amount, cause, stage, None, now);
    // Of one that failed, the order is still to be looked at: it is due already.
    if is_operators {
        (charge.due_at, charge.claims) = (Some(now), 0);
    }
    Ok(Decision::silent(charge))
}

/// Whether two requests are one: an operator gave both the same key.
fn is_same_request(one: &Cause, other: &Cause) -> bool {
    match (one, other) {
        (Cause::Operator { key: Some(one), .. }, Cause::Operator { key: Some(other), .. }) => {
            one == other
        }
        _ => false,
    }
}

/// The charge with one more refund.
fn with_refund(
    current: &Charge,
    amount: Price,
    cause: Cause,
    stage: RefundStage,
    provider_id: Option<String>,
    now: Timestamp,
) -> Charge {
    let mut charge = Charge { updated_at: now, ..current.clone() };
    charge.refunds.push(Refund {
        id: Refund::id_at(current.id, current.refunds.len()),
        amount,
        cause,
        stage,
        provider_id,
        created_at: now,
        updated_at: now,
    });
    charge
}

/// What the provider says of a refund counts only as far as it goes on: an answer may be old.
fn note_refund(current: &Charge, payment_id: &str, said: &SaidOfRefund, now: Timestamp) -> Decided {
    if current.is_open() {
        return Err(Refusal::InProgress);
    }
    let is_it = |it: &Refund| {
        it.provider_id.as_ref() == Some(&said.id)
            || (it.provider_id.is_none() && Some(it.id) == said.refund_id)
    };
    let stage = RefundStage::of(said.status);
    let place = current.refunds.iter().position(is_it);
    let before = place.and_then(|place| current.refunds.get(place)).map(|it| it.stage);
    if before.is_some_and(|before| stage <= before) && !mutant!("tell a refund twice") {
        return Ok(Decision::Unchanged);
    }
    let mut charge = match place {
        Some(_) => Charge { updated_at: now, ..current.clone() },
        None => {
            let id = Some(said.id.clone());
            with_refund(current, said.amount, Cause::Dashboard, stage, id, now)
        }
    };
    if let Some(refund) = place.and_then(|place| charge.refunds.get_mut(place)) {
        refund.provider_id = Some(said.id.clone());
        (refund.stage, refund.amount, refund.updated_at) = (stage, said.amount, now);
    }
    charge.payment_id.get_or_insert_with(|| payment_id.to_owned());
    let was_known = matches!(before, Some(RefundStage::Pending | RefundStage::Succeeded));
    Ok(match stage {
        RefundStage::Failed => charge.changed(DomainEvent::ChargeRefundFailed),
        _ if was_known && !mutant!("tell a refund twice") => Decision::silent(charge),
        _ => charge.changed(DomainEvent::ChargeRefunded),
    })
}

fn fail_refund(current: &Charge, id: RefundId, now: Timestamp) -> Decided {
    let mut charge = Charge { updated_at: now, ..current.clone() };
    let refund = charge.refunds.iter_mut().find(|it| it.id == id && it.is_requested());
    let Some(refund) = refund else { return Ok(Decision::Unchanged) };
    (refund.stage, refund.updated_at) = (RefundStage::Failed, now);
    Ok(charge.changed(DomainEvent::ChargeRefundFailed))
}

fn claim(current: &Charge, now: Timestamp) -> Decision<Charge> {
    let longest = match current.stage {
        Stage::RequiresAction => CLAIM_ACTION_MAX,
        Stage::Requested | Stage::Authorised => CLAIM_OPEN_MAX,
        Stage::Failed(_) | Stage::Completed => CLAIM_MAX,
    };
    let lasts = CLAIM_MIN.saturating_mul(1 << current.claims.min(16)).min(longest);
    Decision::silent(Charge {
        due_at: Some(now.after(lasts)),
        claims: current.claims.saturating_add(1),
        ..current.clone()
    })
}

fn schedule_by(current: &Charge, at: Timestamp) -> Decision<Charge> {
    if current.is_settled() || current.due_at.is_some_and(|due_at| due_at <= at) {
        return Decision::Unchanged;
    }
    Decision::silent(Charge { due_at: Some(at), ..current.clone() })
}

fn postpone(current: &Charge, until: Timestamp) -> Decision<Charge> {
    if current.failure().is_none() || current.due_at.is_none_or(|due_at| due_at >= until) {
        return Decision::Unchanged;
    }
    Decision::silent(Charge { due_at: Some(until), ..current.clone() })
}

fn rest(current: &Charge, payment_id: Option<&String>) -> Decided {
    if current.is_open() {
        return Err(Refusal::InProgress);
    }
    // Until a refund is decided, the charge is looked at again and again.
    if current.due_at.is_none() || current.has_open_refund() {
        return Ok(Decision::Unchanged);
    }
    Ok(Decision::silent(Charge {
        payment_id: current.payment_id.as_ref().or(payment_id).cloned(),
        due_at: None,
        ..current.clone()
    }))
}

#[cfg(test)]
mod tests;
