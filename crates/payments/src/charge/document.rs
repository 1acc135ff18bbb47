//! The charge's document.

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    ChargeId, Currency, DomainEvent, OrderId, Price, Timestamp, UserId, api::ChargeStatus,
    event::ChargeState,
};
use stubmart_kernel::aggregate::{Collection, Decision, Index, Key};

use super::{
    failure::Failure,
    refund::{Cause, Refund, RefundStage},
};

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

/// By order and number of the attempt. A failed attempt that does not count gives its number back, and
/// the next number is used only after the one before has counted. So an order has at most one open
/// charge, and no more attempts than it is allowed.
pub const ATTEMPT: &str = "attempt";

/// By buyer, oldest first.
pub const BUYER: &str = "buyer";

/// By when the charge is due. Charges at rest are not in it.
pub const DUE: &str = "due";

/// By order and buyer, oldest first.
pub const ORDER: &str = "order";

/// One attempt to pay for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "Stored")]
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
    /// How far it has come.
    pub stage: Stage,
    /// The provider's id of the payment, once it is known.
    pub payment_id: Option<String>,
    /// What is given back of it, oldest first. None is ever taken out, and each keeps its place.
    pub refunds: Vec<Refund>,
    /// When the reconciler works on it next; `None` when it is at rest.
    pub due_at: Option<Timestamp>,
    /// How often it was claimed in this stage.
    pub claims: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// How far a charge has come. The aliases are the names in documents of earlier versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The provider is asked to hold the money, or will be. Nothing else is known: the money may be
    /// held or captured by now, and the order secured.
    #[serde(alias = "asked")]
    Requested,
    /// The buyer has to act: authenticate with the bank, or pay in the browser. The order is not
    /// secured.
    #[serde(alias = "waiting")]
    RequiresAction,
    /// After the buyer has acted, the provider holds the money. The order may be secured, and the
    /// money captured.
    #[serde(alias = "held")]
    Authorised,
    /// It ended and took nothing that is not, or will not be, given back.
    Failed(Failure),
    /// The money was captured. It may have been given back since.
    Completed,
}

impl Charge {
    /// Whether its outcome is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Requested | Stage::RequiresAction | Stage::Authorised)
    }

    /// Whether money was captured for it, whatever became of that.
    #[must_use]
    pub fn was_captured(&self) -> bool {
        self.stage == Stage::Completed || self.refunds.iter().any(|it| it.provider_id.is_some())
    }

    /// What was captured and neither went back to the buyer nor is on its way there, in minor units. It is
    /// zero where nothing was captured for a sale.
    #[must_use]
    pub fn kept(&self) -> u64 {
        if self.stage == Stage::Completed { self.without(Refund::stands) } else { 0 }
    }

    /// What can still be given back, in minor units: everything but what is decided already.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.without(|it| !it.has_failed())
    }

    /// The amount without the refunds that `counts` says.
    fn without(&self, counts: impl Fn(&Refund) -> bool) -> u64 {
        let amounts = self.refunds.iter().filter(|it| counts(it));
        let given_back: u64 = amounts.map(|it| u64::from(it.amount.minor())).sum();
        u64::from(self.amount.minor()).saturating_sub(given_back)
    }

    /// Whether its money was taken and not all of it given back.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.kept() > 0
    }

    /// Whether all the money of a sale was given back by somebody who may: an operator, or at the
    /// provider's dashboard. Its order stays completed.
    #[must_use]
    pub fn was_given_back(&self) -> bool {
        let is_complete = self.stage == Stage::Completed && self.kept() == 0;
        is_complete && self.refunds.iter().any(|it| it.stands() && it.is_decided_by_people())
    }

    /// Whether the provider is still to be asked for a refund, or has not sent its money yet.
    #[must_use]
    pub fn has_open_refund(&self) -> bool {
        self.refunds.iter().any(|it| it.is_requested() || it.is_pending())
    }

    /// The provider's id of the refund that gave back all of it, or the last part.
    #[must_use]
    pub fn last_refund_id(&self) -> Option<&str> {
        let last = self.refunds.iter().rev().find(|it| it.stands())?;
        (self.without(Refund::stands) == 0).then_some(last.provider_id.as_deref()).flatten()
    }

    /// Whether the buyer has to authenticate the payment method they chose.
    #[must_use]
    pub fn requires_authentication(&self) -> bool {
        self.stage == Stage::RequiresAction && self.payment_method.is_some()
    }

    /// Whether nothing is left to do for it, whatever happens to its order or to its refunds.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        match self.stage {
            Stage::Failed(_) => self.due_at.is_none() && self.refunds.is_empty(),
            Stage::Completed | Stage::Requested | Stage::RequiresAction | Stage::Authorised => {
                false
            }
        }
    }

    /// Whether nothing is left to do for it once its order has ended: no money of it is held or kept.
    #[must_use]
    pub fn is_cleared(&self) -> bool {
        match self.stage {
            Stage::Failed(_) => self.due_at.is_none(),
            Stage::Completed => self.left() == 0,
            Stage::Requested | Stage::RequiresAction | Stage::Authorised => false,
        }
    }

    /// Why it failed, if it did.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        match &self.stage {
            Stage::Failed(failure) => Some(failure),
            Stage::Requested | Stage::RequiresAction | Stage::Authorised | Stage::Completed => None,
        }
    }

    /// The status that clients and other services see.
    #[must_use]
    pub const fn status(&self) -> ChargeStatus {
        match self.stage {
            Stage::Requested | Stage::RequiresAction | Stage::Authorised => ChargeStatus::Created,
            Stage::Failed(_) => ChargeStatus::Failed,
            Stage::Completed => ChargeStatus::Completed,
        }
    }

    /// The charge in the form that events carry.
    #[must_use]
    pub fn to_event(&self) -> ChargeState {
        ChargeState {
            id: self.id,
            order_id: self.order_id,
            user_id: self.user_id,
            status: self.status(),
            amount: self.amount,
            currency: self.currency,
            stripe_id: self.payment_id.clone(),
            stripe_refund_id: self.last_refund_id().map(ToOwned::to_owned),
            refunds: self.refunds.iter().map(Refund::to_event).collect(),
            failure_code: self.failure().map(|failure| failure.code.clone()),
            ends_order: self.failure().is_some_and(|failure| failure.ends_order),
        }
    }

    /// The change to this charge, with its event.
    pub(super) fn changed(self, event: fn(ChargeState) -> DomainEvent) -> Decision<Self> {
        let event = event(self.to_event());
        Decision::changed(self, event)
    }

    /// Its index entries.
    pub(super) fn keys(&self) -> Vec<(&'static str, Key)> {
        let (order, buyer) = (Key::new().id(self.order_id.0), Key::new().id(self.user_id.0));
        let mut keys = vec![
            (BUYER, buyer.time(self.created_at)),
            (ORDER, order.clone().id(self.user_id.0).time(self.created_at)),
        ];
        if self.failure().is_none_or(Failure::is_counted) {
            keys.push((ATTEMPT, order.number(self.attempt)));
        }
        if let Some(due_at) = self.due_at {
            keys.push((DUE, Key::new().time(due_at)));
        }
        keys
    }
}

/// A charge as this version and earlier ones store it. Those knew one refund, of everything.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    id: ChargeId,
    order_id: OrderId,
    user_id: UserId,
    attempt: u32,
    amount: Price,
    currency: Currency,
    payment_method: Option<String>,
    stage: Stage,
    #[serde(alias = "stripeId")]
    payment_id: Option<String>,
    #[serde(default)]
    refunds: Vec<Refund>,
    #[serde(default, alias = "stripeRefundId")]
    refund_id: Option<String>,
    refund_request: Option<Requested>,
    due_at: Option<Timestamp>,
    #[serde(alias = "looks")]
    claims: u32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// An operator's decision to give everything back.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Requested {
    reason: String,
    key: Option<String>,
    requested_at: Timestamp,
}

impl From<Stored> for Charge {
    fn from(stored: Stored) -> Self {
        let whole = stored.whole();
        let refunds = stored.refunds.into_iter().chain(whole).collect();
        Self {
            id: stored.id,
            order_id: stored.order_id,
            user_id: stored.user_id,
            attempt: stored.attempt,
            amount: stored.amount,
            currency: stored.currency,
            payment_method: stored.payment_method,
            stage: stored.stage,
            payment_id: stored.payment_id,
            refunds,
            due_at: stored.due_at,
            claims: stored.claims,
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }
    }
}

impl Stored {
    /// The one refund of a charge of an earlier version.
    fn whole(&self) -> Option<Refund> {
        if self.refund_id.is_none() && self.refund_request.is_none() {
            return None;
        }
        let request = self.refund_request.as_ref();
        let cause = request.map_or(Cause::OrderEnded, |it| Cause::Operator {
            reason: it.reason.clone(),
            key: it.key.clone(),
        });
        let is_done = self.refund_id.is_some();
        Some(Refund {
            id: Refund::id_at(self.id, 0),
            amount: self.amount,
            cause,
            stage: if is_done { RefundStage::Succeeded } else { RefundStage::Requested },
            provider_id: self.refund_id.clone(),
            created_at: request.map_or(self.updated_at, |it| it.requested_at),
            updated_at: self.updated_at,
        })
    }
}
