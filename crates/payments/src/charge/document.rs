//! The charge's document.

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    ChargeId, Currency, DomainEvent, OrderId, Price, Timestamp, UserId, api::ChargeStatus,
    event::ChargeState,
};
use stubmart_kernel::aggregate::{Collection, Decision, Index, Key};

use super::failure::Failure;

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
    /// How far it has come.
    pub stage: Stage,
    /// The provider's id of the payment, once it is known.
    #[serde(alias = "stripeId")]
    pub payment_id: Option<String>,
    /// The provider's id of the refund, when the money was given back.
    #[serde(alias = "stripeRefundId")]
    pub refund_id: Option<String>,
    /// Why an operator gives the money back, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_request: Option<RefundRequest>,
    /// When the reconciler works on it next; `None` when it is at rest.
    pub due_at: Option<Timestamp>,
    /// How often it was claimed in this stage.
    #[serde(alias = "looks")]
    pub claims: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// An operator's decision to give a charge's money back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefundRequest {
    /// Why, in the operator's words.
    pub reason: String,
    /// Names the request: asked again with it, it is the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When it was decided.
    pub requested_at: Timestamp,
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

    /// Whether its money was taken and not given back.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.stage == Stage::Completed && self.refund_id.is_none()
    }

    /// Whether an operator gave the money of a sale back. Its order stays completed.
    #[must_use]
    pub fn was_given_back(&self) -> bool {
        self.stage == Stage::Completed && self.refund_id.is_some() && self.refund_request.is_some()
    }

    /// Whether the buyer has to authenticate the payment method they chose.
    #[must_use]
    pub fn requires_authentication(&self) -> bool {
        self.stage == Stage::RequiresAction && self.payment_method.is_some()
    }

    /// Whether nothing is left to do for it, whatever happens to its order.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        match self.stage {
            Stage::Failed(_) => self.due_at.is_none(),
            Stage::Completed => self.refund_id.is_some(),
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
            stripe_refund_id: self.refund_id.clone(),
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
