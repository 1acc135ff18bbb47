//! Money that is given back.

use serde::{Deserialize, Deserializer, Serialize};
use stubmart_contract::{Price, RefundId, Timestamp, api::RefundStatus};
use stubmart_kernel::mutant;
use stubmart_ports::gateway::Refund;

use crate::methods::{RefundOutcome, SLOW, refund_outcome};

/// What to give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    /// The payment.
    pub payment_id: String,
    /// The id that the provider gives it.
    pub id: String,
    /// The refund that it is made for; `None` for one that somebody makes at the dashboard.
    pub refund_id: Option<RefundId>,
    /// How much; `None` for what is left.
    pub amount: Option<Price>,
    /// When the bank sends the money back; until then it is pending. `None` as the payment method says.
    pub bounces_at: Option<Timestamp>,
}

/// A refund of a payment, or of a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxRefund {
    /// Its id: `re_…`.
    pub id: String,
    /// The refund that it was made for; `None` for one that somebody made at the dashboard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refund_id: Option<RefundId>,
    /// How much; `None` for all of the payment, which is all that earlier versions gave back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Price>,
    /// Whether the money comes back once the bank has decided.
    #[serde(default)]
    pub fails: bool,
    /// When the bank decides; until then it is pending.
    pub decided_at: Timestamp,
}

impl SandboxRefund {
    fn status(&self, now: Timestamp) -> RefundStatus {
        match (self.decided_at <= now, self.fails) {
            (false, _) => RefundStatus::Pending,
            (true, false) => RefundStatus::Succeeded,
            (true, true) => RefundStatus::Failed,
        }
    }

    /// How much, of a payment of `all`.
    fn minor(&self, all: Price) -> u64 {
        self.amount.unwrap_or(all).minor().into()
    }

    /// Whether the money came back.
    fn has_failed(&self, now: Timestamp) -> bool {
        self.status(now) == RefundStatus::Failed
    }

    /// The refund at `now`, as the gateway answers it; `all` is the payment's amount.
    pub(super) fn to_refund(&self, all: Price, now: Timestamp) -> Refund {
        Refund {
            id: self.id.clone(),
            refund_id: self.refund_id,
            amount: self.amount.unwrap_or(all),
            status: self.status(now),
        }
    }
}

/// What is left of a payment of `all`, in minor units.
pub(super) fn left(refunds: &[SandboxRefund], all: Price, now: Timestamp) -> u64 {
    let standing = refunds.iter().filter(|it| !it.has_failed(now));
    u64::from(all.minor()).saturating_sub(standing.map(|it| it.minor(all)).sum())
}

/// The refunds with a new one; `None` where it was made before, or not so much is left.
pub(super) fn with(
    refunds: &[SandboxRefund],
    new: &NewRefund,
    all: Price,
    payment_method: Option<&str>,
    now: Timestamp,
) -> Option<Vec<SandboxRefund>> {
    let NewRefund { id, refund_id, amount, bounces_at, .. } = new.clone();
    let is_known = refund_id.is_some() && refunds.iter().any(|it| it.refund_id == refund_id);
    let left = left(refunds, all, now);
    let left = if mutant!("refund twice") { u64::from(all.minor()) } else { left };
    let left = i64::try_from(left).ok().and_then(|left| Price::try_from(left).ok())?;
    let amount = amount.unwrap_or(left);
    if (is_known && !mutant!("refund twice")) || amount > left {
        return None;
    }
    let outcome = payment_method.and_then(refund_outcome);
    let new = SandboxRefund {
        id,
        refund_id,
        amount: Some(amount),
        fails: bounces_at.is_some() || outcome == Some(RefundOutcome::Fails),
        decided_at: bounces_at.unwrap_or(outcome.map_or(now, |_| now.after(SLOW))),
    };
    Some(refunds.iter().cloned().chain([new]).collect())
}

/// The refunds after the money of one came back; `None` where there is no such money.
pub(super) fn failed(
    refunds: &[SandboxRefund],
    id: &str,
    now: Timestamp,
) -> Option<Vec<SandboxRefund>> {
    let mut refunds = refunds.to_vec();
    let refund = refunds.iter_mut().find(|it| it.id == id && !it.has_failed(now))?;
    (refund.fails, refund.decided_at) = (true, now);
    Some(refunds)
}

/// Reads the refunds of a payment. Earlier versions kept the id of one, of everything, or none.
pub(super) fn read<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<SandboxRefund>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Parts(Vec<SandboxRefund>),
        Whole(Option<String>),
    }
    Ok(match Stored::deserialize(deserializer)? {
        Stored::Parts(refunds) => refunds,
        Stored::Whole(id) => {
            let (refund_id, amount, fails, decided_at) = (None, None, false, Timestamp::EPOCH);
            let whole = |id| SandboxRefund { id, refund_id, amount, fails, decided_at };
            id.map(whole).into_iter().collect()
        }
    })
}
