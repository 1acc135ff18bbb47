//! The reconciler: settles what no answer and no webhook settled.

use std::time::Duration;

use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use stubmart_contract::ChargeId;
use stubmart_kernel::{
    repo::RepoError,
    worker::{Next, Wake, Worker},
};
use stubmart_ports::{Cause, key::Key, store::Scan};

use crate::{
    Payments,
    charge::{CHARGES, Command, DUE},
    settle::Unsettled,
};

/// How many charges are looked at at once.
const AT_ONCE: usize = 32;

/// How many are looked for at once. One that takes long keeps only a place of the others.
const BATCH: usize = 500;

/// The smallest step of time.
const INSTANT: Duration = Duration::from_millis(1);

/// Looks at charges that are due.
pub(crate) struct Reconciler(pub(crate) Payments);

#[async_trait]
impl Worker for Reconciler {
    fn name(&self) -> &'static str {
        "payments-reconcile"
    }

    async fn step(&self) -> Result<Next, Cause> {
        let now = self.0.0.host.now();
        let mut due = Scan::prefix(&CHARGES, DUE, &Key::new()).limit(BATCH);
        due.to = Some(Key::new().time(now.after(INSTANT)).into_bytes());
        let mut looked_at = false;
        let mut next = Some(due.clone());
        while let Some(scan) = next.take() {
            let keys = self.0.0.charges.keys(scan).await?;
            next = keys.get(BATCH - 1).map(|last| due.clone().behind(&last.key));
            // One charge that can not be settled keeps no other waiting, but a store that fails does.
            let looks = stream::iter(keys).map(|found| self.look(ChargeId(found.id)));
            let looks: Vec<_> = looks.buffer_unordered(AT_ONCE).collect().await;
            for looked in looks {
                looked_at |= looked?;
            }
        }
        if looked_at {
            return Ok(Next::Again);
        }
        let mut later = Scan::prefix(&CHARGES, DUE, &Key::new()).limit(1);
        later.from = Key::new().time(now.after(INSTANT)).into_bytes();
        let Some(first) = self.0.0.charges.keys(later).await?.into_iter().next() else {
            return Ok(Next::Idle);
        };
        let due_at = match self.0.charge(ChargeId(first.id)).await {
            Ok(charge) => charge.and_then(|charge| charge.doc.due_at),
            Err(RepoError::Corrupt(_)) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(due_at.map_or(Next::Idle, |at| Next::At(at.max(now))))
    }

    fn wake(&self) -> Option<Wake> {
        Some(self.0.0.reconcile.clone())
    }
}

impl Reconciler {
    /// Looks at a charge, unless another instance came first. False when it can not be read: that is
    /// for a human to see to, and keeps no other waiting.
    async fn look(&self, id: ChargeId) -> Result<bool, Cause> {
        let looked = match self.0.apply(id, &Command::LookIfDue).await {
            Ok(looked) if looked.refused.is_none() => looked.charge,
            Ok(_) => return Ok(true),
            Err(RepoError::Corrupt(error)) => {
                tracing::error!(charge.id = %id, %error, "a charge that is due can not be read");
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        let looks = looked.doc.looks;
        match self.0.settle(looked).await {
            Ok(_) => Ok(true),
            Err(Unsettled::Repo(error)) => Err(error.into()),
            Err(error) => {
                if looks.is_power_of_two() {
                    tracing::info!(charge.id = %id, looks, %error, "charge not settled, will look again");
                }
                Ok(true)
            }
        }
    }
}
