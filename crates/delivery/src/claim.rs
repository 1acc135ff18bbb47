//! A claim of one buyer about one order, as a pure state machine.
//!
//! ```text
//!     open            answer              decide
//!  ∅ ──────▶ open ──────────────▶ answered ──────▶ decided
//!              └──── decide, or the seller is silent ──▶
//! ```

#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use stubmart_contract::{
    ClaimId, DomainEvent, OrderId, Timestamp, UserId,
    api::{ClaimKind, ClaimOutcome, ClaimStatus},
    event::ClaimState,
};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Index, Key},
};

/// Where claims are kept.
pub static CLAIMS: Collection = Collection {
    name: "delivery.claim",
    indexes: &[
        Index { name: index::ORDER, unique: true },
        Index { name: index::SILENT, unique: false },
    ],
};

/// The indexes of [`CLAIMS`].
pub mod index {
    /// The order: at most one claim for each.
    pub const ORDER: &str = "order";
    /// When a seller who has not answered has been silent for too long.
    pub const SILENT: &str = "silent";
}

/// How long a seller has to answer.
const ANSWER: Duration = Duration::from_secs(48 * 3600);

/// Why a claim is decided whose seller does not answer.
const SILENT: &str = "The seller did not answer in time.";

/// A stored claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Names it.
    pub id: ClaimId,
    /// The order that it is about.
    pub order_id: OrderId,
    /// The buyer, who makes it.
    pub buyer_id: UserId,
    /// The seller, who answers it.
    pub seller_id: UserId,
    /// What was wrong.
    pub kind: ClaimKind,
    /// Where it stands.
    pub status: ClaimStatus,
    /// What happened, in the buyer's words.
    pub text: String,
    /// By when the seller is to answer.
    pub answer_by: Timestamp,
    /// What the seller says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// How it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ClaimOutcome>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// A claim that is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewClaim {
    /// Its id.
    pub id: ClaimId,
    /// The order.
    pub order_id: OrderId,
    /// The buyer.
    pub buyer_id: UserId,
    /// The seller.
    pub seller_id: UserId,
    /// What was wrong.
    pub kind: ClaimKind,
    /// What happened.
    pub text: String,
}

/// What can be done to a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The buyer makes it. One that exists stays as it is.
    Open(Box<NewClaim>),
    /// A user, who must be the seller, answers it.
    Answer {
        /// The user.
        by: UserId,
        /// What they say.
        text: String,
    },
    /// The time to answer may be over: a seller who is silent has nothing to say against it.
    Watch,
    /// An operator decides.
    Decide {
        /// How.
        outcome: ClaimOutcome,
        /// Why.
        reason: String,
    },
}

/// Why a command was refused. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such claim, or the user has no part in it.
    NotFound,
    /// The seller does this.
    OtherSide,
    /// It was answered before.
    Answered,
    /// It was decided, in this way.
    Decided(ClaimOutcome),
}

impl Aggregate for Claim {
    type Id = ClaimId;
    type Command = Command;
    type Refusal = Refusal;

    fn id(&self) -> ClaimId {
        self.id
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        let silent = self.silent_at().map(|at| (index::SILENT, Key::new().time(at)));
        [(index::ORDER, of_order(self.order_id))].into_iter().chain(silent).collect()
    }

    fn decide(
        current: Option<&Self>,
        command: &Command,
        now: Timestamp,
    ) -> Result<Decision<Self>, Refusal> {
        let after = match (current, command) {
            (None, Command::Open(claim)) => Some(Self::open(claim, now)),
            (None, _) => return Err(Refusal::NotFound),
            (Some(_), Command::Open(_)) => None,
            (Some(it), Command::Answer { by, text }) => it.answered(*by, text, now)?,
            (Some(it), Command::Watch) => it.watched(now),
            (Some(it), Command::Decide { outcome, reason }) => it.decided(*outcome, reason, now)?,
        };
        let Some(after) = after else { return Ok(Decision::Unchanged) };
        let state = after.state();
        let event = match after.status {
            ClaimStatus::Open => DomainEvent::ClaimOpened(state),
            ClaimStatus::Answered => DomainEvent::ClaimAnswered(state),
            ClaimStatus::Decided => DomainEvent::ClaimDecided(state),
        };
        Ok(Decision::changed(after, event))
    }
}

/// The key of an order's claim in [`index::ORDER`].
#[must_use]
pub fn of_order(id: OrderId) -> Key {
    Key::new().id(id.0)
}

/// The transitions. Each answers with the claim after the change, or `None` when the command changes nothing.
impl Claim {
    fn open(claim: &NewClaim, now: Timestamp) -> Self {
        let NewClaim { id, order_id, buyer_id, seller_id, kind, text } = claim.clone();
        Self {
            id,
            order_id,
            buyer_id,
            seller_id,
            kind,
            status: ClaimStatus::Open,
            text,
            answer_by: now.after(ANSWER),
            answer: None,
            outcome: None,
            reason: None,
            created_at: now,
            updated_at: now,
        }
    }

    fn answered(&self, by: UserId, text: &str, now: Timestamp) -> Result<Option<Self>, Refusal> {
        if by != self.seller_id {
            let is_buyer = by == self.buyer_id;
            return Err(if is_buyer { Refusal::OtherSide } else { Refusal::NotFound });
        }
        if self.answer.as_deref() == Some(text) {
            return Ok(None);
        }
        if let Some(outcome) = self.outcome {
            return Err(Refusal::Decided(outcome));
        }
        if self.answer.is_some() {
            return Err(Refusal::Answered);
        }
        let (status, answer) = (ClaimStatus::Answered, Some(text.to_owned()));
        Ok(Some(Self { status, answer, updated_at: now, ..self.clone() }))
    }

    fn watched(&self, now: Timestamp) -> Option<Self> {
        let is_silent = self.silent_at().is_some_and(|at| at <= now);
        is_silent.then(|| self.with(ClaimOutcome::Refund, SILENT, now))
    }

    fn decided(
        &self,
        outcome: ClaimOutcome,
        reason: &str,
        now: Timestamp,
    ) -> Result<Option<Self>, Refusal> {
        match self.outcome {
            Some(decided) if decided == outcome => Ok(None),
            Some(decided) => Err(Refusal::Decided(decided)),
            None => Ok(Some(self.with(outcome, reason, now))),
        }
    }

    fn with(&self, outcome: ClaimOutcome, reason: &str, now: Timestamp) -> Self {
        Self {
            status: ClaimStatus::Decided,
            outcome: Some(outcome),
            reason: Some(reason.to_owned()),
            updated_at: now,
            ..self.clone()
        }
    }
}

impl Claim {
    /// When a seller who has not answered has been silent for too long.
    #[must_use]
    pub fn silent_at(&self) -> Option<Timestamp> {
        (self.status == ClaimStatus::Open).then_some(self.answer_by)
    }

    /// What its events say: nothing that anybody wrote.
    fn state(&self) -> ClaimState {
        ClaimState {
            id: self.id,
            order_id: self.order_id,
            buyer_id: self.buyer_id,
            seller_id: self.seller_id,
            kind: self.kind,
            status: self.status,
            answer_by: self.answer_by,
            outcome: self.outcome,
        }
    }
}
