//! Which fees every listing on offer has: what the last start had to apply.

use std::{convert::Infallible, sync::Arc};

use serde::{Deserialize, Serialize};
use stubmart_contract::{Timestamp, fees::FeeSchedule};
use stubmart_kernel::{
    Aggregate, Decision,
    aggregate::{Collection, Key},
};
use uuid::Uuid;

/// Where it is kept which fees every listing has.
pub(crate) static APPLIED_FEES: Collection = Collection { name: "tickets.fees", indexes: &[] };

/// The fees that every listing on offer has.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct AppliedFees {
    pub(crate) schedule: FeeSchedule,
}

/// Names the one [`AppliedFees`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct TheFees;

impl From<TheFees> for Uuid {
    fn from(TheFees: TheFees) -> Self {
        Self::nil()
    }
}

impl Aggregate for AppliedFees {
    type Id = TheFees;
    type Command = Arc<FeeSchedule>;
    type Refusal = Infallible;

    fn id(&self) -> TheFees {
        TheFees
    }

    fn index_entries(&self) -> Vec<(&'static str, Key)> {
        Vec::new()
    }

    fn decide(
        current: Option<&Self>,
        schedule: &Arc<FeeSchedule>,
        _: Timestamp,
    ) -> Result<Decision<Self>, Infallible> {
        Ok(if current.is_some_and(|it| it.schedule == **schedule) {
            Decision::Unchanged
        } else {
            Decision::silent(Self { schedule: FeeSchedule::clone(schedule) })
        })
    }
}
