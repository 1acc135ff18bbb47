//! A refund: money of a charge that is given back, all of it or a part.
//!
//! It is decided and saved first, and the provider is asked after that. Money that somebody gives back at the
//! provider's dashboard is noted when it is seen.

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    ChargeId, Price, RefundId, Timestamp,
    api::{self, RefundStatus},
    event::RefundState,
};
use uuid::Uuid;

/// How many refunds a charge takes, those that failed and those from the dashboard included. The provider
/// shows so many with a payment.
pub(crate) const REFUNDS_MAX: usize = 10;

/// How often the money of an order that has ended is tried to be given back. The rest is for people.
pub(crate) const TRIES_MAX: usize = 5;

/// A refund of a charge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refund {
    /// Its id, made of the charge's and of its place among the charge's refunds.
    pub id: RefundId,
    /// How much.
    pub amount: Price,
    /// Why.
    pub cause: Cause,
    /// How far it has come.
    pub stage: RefundStage,
    /// The provider's id of it, once the provider has it.
    pub provider_id: Option<String>,
    /// When it was decided.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// Why money is given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The order had ended when the money was captured.
    OrderEnded,
    /// An operator decided so.
    Operator {
        /// Why, in the operator's words.
        reason: String,
        /// Names the request: asked again with it, it is the same one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// Somebody gave it back at the provider's dashboard.
    Dashboard,
}

/// How far a refund has come. It never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundStage {
    /// It is decided. The provider is asked, or will be.
    Requested,
    /// The provider has it, and has not sent the money yet.
    Pending,
    /// The money is on its way to the buyer.
    Succeeded,
    /// The money did not reach the buyer, or the provider refused.
    Failed,
}

/// What the provider says of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidOfRefund {
    /// Its id at the provider.
    pub id: String,
    /// The refund that it was made for, where it was made for one.
    pub refund_id: Option<RefundId>,
    /// How much.
    pub amount: Price,
    /// Where it stands.
    pub status: RefundStatus,
}

impl RefundStage {
    /// The stage of a refund that the provider says this of.
    pub(crate) const fn of(status: RefundStatus) -> Self {
        match status {
            RefundStatus::Pending => Self::Pending,
            RefundStatus::Succeeded => Self::Succeeded,
            RefundStatus::Failed => Self::Failed,
        }
    }
}

impl Refund {
    /// The id of a charge's refund by its place. The first has the id of the charge, as the one refund had
    /// that earlier versions knew.
    #[must_use]
    pub fn id_at(charge: ChargeId, place: usize) -> RefundId {
        let place = u128::try_from(place).unwrap_or(0);
        RefundId(Uuid::from_u128(charge.0.as_u128() ^ (place << 16)))
    }

    /// Whether its money goes back to the buyer, or has.
    #[must_use]
    pub fn stands(&self) -> bool {
        matches!(self.stage, RefundStage::Pending | RefundStage::Succeeded)
    }

    /// Whether its money stays, or is back.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.stage == RefundStage::Failed
    }

    /// Whether the provider is still to be asked.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.stage == RefundStage::Requested
    }

    /// Whether the provider has it, and has not sent the money yet.
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.stage == RefundStage::Pending
    }

    /// Whether somebody decided it who may, of a sale that stands.
    #[must_use]
    pub fn is_decided_by_people(&self) -> bool {
        self.cause != Cause::OrderEnded
    }

    /// Whether an operator gave it this key.
    #[must_use]
    pub fn has_key(&self, wanted: &str) -> bool {
        matches!(&self.cause, Cause::Operator { key: Some(key), .. } if key == wanted)
    }

    /// Where it stands, for clients and other services.
    #[must_use]
    pub fn status(&self) -> RefundStatus {
        match self.stage {
            RefundStage::Requested | RefundStage::Pending => RefundStatus::Pending,
            RefundStage::Succeeded => RefundStatus::Succeeded,
            RefundStage::Failed => RefundStatus::Failed,
        }
    }

    pub(crate) fn to_event(&self) -> RefundState {
        RefundState {
            id: self.id,
            amount: self.amount,
            status: self.status(),
            stripe_id: self.provider_id.clone(),
        }
    }

    /// As its buyer sees it.
    pub(crate) fn to_public(&self) -> api::Refund {
        api::Refund {
            id: self.id,
            amount: self.amount,
            status: self.status(),
            stripe_id: self.provider_id.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}
