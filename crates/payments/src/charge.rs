//! The charge: its document. How it changes: [`decide`].

mod rules;

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    ChargeId, Currency, OrderId, Price, Timestamp, UserId,
    api::{Charge as ApiCharge, ChargeStatus},
    event::ChargeState,
};
use stubmart_kernel::repo::Document;
use stubmart_ports::{
    gateway::AuthoriseRequest,
    key::Key,
    store::{Collection, Index},
};
use uuid::Uuid;

pub use rules::{Change, Command, Open, Refusal, Verdict, decide};

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
    /// How often it was looked at in this stage.
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
    /// The provider ended the payment: it was voided, or the capture was refused.
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
        self.ends_order || matches!(self.reason, Reason::Declined | Reason::Lost)
    }
}

impl Charge {
    /// Whether its outcome is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Asked | Stage::Waiting | Stage::Held)
    }

    /// Whether the buyer has to authenticate the payment method they chose.
    #[must_use]
    pub fn waits_for_bank(&self) -> bool {
        self.stage == Stage::Waiting && self.payment_method.is_some()
    }

    /// Whether no money can have to be given back for it any more, whatever becomes of its order.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        match self.stage {
            Stage::Failed(_) => self.due_at.is_none(),
            Stage::Completed => self.stripe_refund_id.is_some(),
            Stage::Asked | Stage::Waiting | Stage::Held => false,
        }
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
