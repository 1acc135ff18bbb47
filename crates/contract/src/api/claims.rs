//! Claims: a buyer says that something was wrong with what was bought.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ids::{ClaimId, OrderId},
    time::Timestamp,
};

/// What was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimKind {
    /// The ticket did not come.
    NotReceived,
    /// It did not open the gate.
    Invalid,
    /// It was not what was offered.
    NotAsDescribed,
    /// The event did not take place.
    Cancelled,
}

/// Where a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimStatus {
    /// The seller is to answer by `answerBy`.
    Open,
    /// The seller has answered; the market decides.
    Answered,
    /// It is decided.
    Decided,
}

/// How a claim was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClaimOutcome {
    /// The buyer gets all of the money back.
    Refund,
    /// The claim was not founded: the seller keeps the sale.
    Rejected,
}

/// A claim, as buyer and seller see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The claim's id.
    pub id: ClaimId,
    /// The order that it is about.
    pub order_id: OrderId,
    /// What was wrong.
    pub kind: ClaimKind,
    /// Where it stands.
    pub status: ClaimStatus,
    /// What happened, in the buyer's words.
    pub text: String,
    /// By when the seller is to answer: without an answer the buyer gets the money back.
    pub answer_by: Timestamp,
    /// What the seller says.
    pub answer: Option<String>,
    /// How it was decided.
    pub outcome: Option<ClaimOutcome>,
    /// Why.
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// `POST /api/orders/{id}/claims`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateClaimRequest {
    /// What was wrong.
    pub kind: ClaimKind,
    /// What happened: when, where, what the staff at the gate said.
    #[schema(min_length = 1, max_length = 2000)]
    pub text: String,
}

/// `POST /api/orders/{id}/claims/answer`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AnswerClaimRequest {
    /// What the seller says.
    #[schema(min_length = 1, max_length = 2000)]
    pub text: String,
}
